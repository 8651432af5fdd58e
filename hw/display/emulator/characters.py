"""Which character a byte shows as: code page, then the national set that replaces some ASCII cells.

Numbers and replacements as the manuals of ESC/POS displays print them (Bixolon BCD-1000,
kunif/EscPosUtils); only code pages that every maker numbers alike.
"""

from typing import Literal

CodePage = Literal["cp437", "cp850", "cp860", "cp863", "cp865", "cp1252", "cp858"]

CODE_PAGES: dict[int, CodePage] = {
    0: "cp437",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    16: "cp1252",
    19: "cp858",
}

_REPLACED = "#$@[\\]^`{|}~"
INTERNATIONAL = {
    0: "#$@[\\]^`{|}~",
    1: "#$à°ç§^`éùè¨",  # France
    2: "#$§ÄÖÜ^`äöüß",  # Germany
    3: "£$@[\\]^`{|}~",  # United Kingdom
    4: "#$@ÆØÅ^`æøå~",  # Denmark I
    5: "#¤ÉÄÖÅÜéäöåü",  # Sweden
    6: "#$@°\\é^ùàòèì",  # Italy
    7: "₧$@¡Ñ¿^´¨ñ}~",  # Spain I
    8: "#$@[¥]^`{|}~",  # Japan
}


def character(byte: int, page: CodePage, international: int) -> str:
    """One cell. A byte the page leaves undefined shows as a block, never as nothing."""
    text = bytes((byte,)).decode(page, errors="replace").replace("\ufffd", "█")
    place = _REPLACED.find(text)
    return INTERNATIONAL[international][place] if place >= 0 else text
