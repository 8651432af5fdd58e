"""Text to cells: what a display's character set has, it shows; the rest stays readable.

NFC, then the code page, then a spelling in ASCII (`ß` becomes `ss`), then `?`. A text is measured
in cells after this, never before: spellings grow. Cells are never control bytes.
"""

import unicodedata
from collections.abc import Iterator

CHARACTER_SETS = frozenset(
    {"ascii"}
    | {f"cp{page}" for page in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863)}
    | {f"cp{page}" for page in (865, 866, 869, 1250, 1251, 1252, 1253, 1254, 1257, 1258)}
)
"""Python codecs with one byte a character whose lower half is ASCII (cp864's is not)."""

_SPELLED = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "œ": "oe",
    "ø": "oe",
    "å": "aa",
    "ð": "d",
    "þ": "th",
    "ł": "l",
    "đ": "d",
    "ı": "i",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "×": "x",
    "·": ".",
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
    "‘": "'",
    "’": "'",
    "‚": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
}
_BLANKS = frozenset("\t\n\r\v\f\u2028\u2029")


def encode(text: str, character_set: str) -> bytes:
    """The cells, one byte each, none below 20 and none 7F. `character_set` is one of
    CHARACTER_SETS."""
    composed = unicodedata.normalize("NFC", text)
    return b"".join(
        _cells(char, _shouted(composed, place), character_set)
        for place, char in enumerate(composed)
    )


def as_shown(text: str, character_set: str) -> str:
    """The text as the glass will have it, one character a cell."""
    return encode(text, character_set).decode(character_set)


def _cells(char: str, shouted: bool, character_set: str) -> bytes:
    for candidate in _candidates(char, shouted):
        try:
            cells = candidate.encode(character_set)
        except UnicodeEncodeError:
            continue
        if all(cell >= 0x20 and cell != 0x7F for cell in cells):
            return cells
    return b"?"


def _candidates(char: str, shouted: bool) -> Iterator[str]:
    """From the character itself to the plainest spelling that still reads."""
    if char in _BLANKS:
        yield " "
    yield char
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        yield ""  # marks and invisible marks have no cell of their own
    if char in _SPELLED:
        yield _SPELLED[char]
    if (lower := char.lower()) in _SPELLED:
        yield _SPELLED[lower].upper() if shouted else _SPELLED[lower].capitalize()
    parts = unicodedata.normalize("NFKD", char)
    yield "".join(part for part in parts if not unicodedata.combining(part)).replace("⁄", "/")


def _shouted(text: str, place: int) -> bool:
    """Whether a capital stands among capitals: MÜLLER becomes MUELLER, Ülle becomes Uelle."""
    neighbours = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    return any(char.isupper() for char in neighbours)
