"""Which character a byte shows as: code page, then the national set that replaces some ASCII cells.

Numbers and replacements as the manuals of ESC/POS displays print them (Bixolon BCD-1000,
kunif/EscPosUtils); only code pages that every maker numbers alike. Those of IBM's set are from the
SurePOS 4810/4840 manual, those of NCR's from the 5972 guide.
"""

import codecs
import functools
from typing import Final

CODE_PAGES: Final = {
    0: "cp437",
    1: "cp932",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    16: "cp1252",
    19: "cp858",
}
IBM_CODE_PAGES: Final = (
    *("cp437", "cp897", "cp858", "cp852", "cp855", "cp857"),
    *("cp862", "cp863", "cp864", "cp865", "cp808", "cp869"),
)
NCR_CODE_PAGES: Final = ("cp858", "cp932", "cp866")
"""By the offset from 20h: international, Katakana, Cyrillic."""

_CONTROLS: Final = "·☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
_SPANISH: Final = "á¡Ñ¿é´íñóú"


def _national(cells: str, shown: str) -> dict[int, str]:
    return dict(zip(cells.encode("ascii"), shown, strict=True))


INTERNATIONAL: Final = {
    0: {},  # USA
    1: _national("@[\\]{|}~", "à°ç§éùè¨"),  # France
    2: _national("@[\\]{|}~", "§ÄÖÜäöüß"),  # Germany
    3: _national("#", "£"),  # United Kingdom
    4: _national("[\\]{|}", "ÆØÅæøå"),  # Denmark I
    5: _national("$@[\\]^`{|}~", "¤ÉÄÖÅÜéäöåü"),  # Sweden
    6: _national("[]`{|}~", "°éùàòèì"),  # Italy
    7: _national("#[\\]`{|", "₧¡Ñ¿´¨ñ"),  # Spain I
    8: _national("\\", "¥"),  # Japan
    9: _national("$@[\\]^`{|}~", "¤ÉÆØÅÜéæøåü"),  # Norway
    10: _national("@[\\]^`{|}~", "ÉÆØÅÜéæøåü"),  # Denmark II
    11: _national("@[\\]^`{|}~", _SPANISH),  # Spain II
    12: _national("@[\\]^`{|}~", _SPANISH.replace("´", "ü")),  # Latin America
    13: _national("\\", "₩"),  # Korea
    14: _national("@[\\]^`{|}~", "ŽŠĐĆČžšđćč"),  # Slovenia
    15: _national("$", "¥"),  # China
    16: _national("#", "₫"),  # Vietnam
    17: _national("%*", "٪٭"),  # Arabia
}


def character(byte: int, page: str, international: int) -> str:
    """One cell. A byte the page leaves undefined shows as a block, never as nothing."""
    national = INTERNATIONAL[international].get(byte)
    if national is not None:
        return national
    if byte < 0x20:
        return _CONTROLS[byte]
    return _page(page)[byte]


@functools.cache
def _page(name: str) -> str:
    """All 256 cells of a code page. Python knows no cp808 and cp897: only their ASCII shows."""
    try:
        codec = codecs.lookup(name)
    except LookupError:
        codec = codecs.lookup("ascii")
    cells = (codec.decode(bytes((byte,)), "replace")[0] for byte in range(256))
    return "".join(_cell(cell) for cell in cells)


def _cell(text: str) -> str:
    if text == "\N{REPLACEMENT CHARACTER}":
        return "█"
    return text if text.isprintable() or text == "\N{NO-BREAK SPACE}" else "█"
