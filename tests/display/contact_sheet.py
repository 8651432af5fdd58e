"""Draws many glasses into one small SVG: characters and rows are defined once, used often. Pure.

Distances are in dots of the glass. `hw.display.emulator.draw` draws single glasses; hundreds of
those would make a large repository.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from hw.display.emulator import font

_PITCH_X: Final = font.COLUMNS + 1
_PITCH_Y: Final = font.ROWS + 3
_MARGIN: Final = 5
_GAP: Final = 8  # between glasses
_HEADING: Final = 16  # above the glasses of a screen
_CAPTION: Final = 9  # below a glass
_WIDTH: Final = 556  # of the sheet: four glasses of 20 columns
_PIXELS: Final = 1.8  # of the picture, per dot
_STYLE: Final = (
    "<style>text{font:7px sans-serif;fill:#777}.h{font-weight:bold;font-size:8px}"
    ".c{fill:#202326}.g{fill:#04100d}.d{stroke:#0a241f;stroke-width:.8}"
    "use{stroke:#63f5d2;stroke-width:.8;fill:none}</style>"
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One glass and what stands below it."""

    cells: tuple[str, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The glasses of one screen, in order."""

    heading: str
    shots: tuple[Shot, ...]


def sheet(strips: Sequence[Strip], *, title: str) -> str:
    """The same strips give the same bytes. All glasses have the size of the first."""
    first = strips[0].shots[0].cells
    rows, columns = len(first), len(first[0])
    texts = dict.fromkeys(row for strip in strips for shot in strip.shots for row in shot.cells)
    names = {text: f"r{number}" for number, text in enumerate(texts) if text.strip()}
    body: list[str] = []
    top = 0
    for line in _lines(strips, _across(columns)):
        for place, strip in enumerate(line):
            body.append(_heading(strip.heading, place * (_size(rows, columns)[0] + _GAP), top))
        shots = [shot for strip in line for shot in strip.shots]
        drawn, height = _glasses(shots, rows, columns, top, names)
        body += drawn
        top += height
    size = f'width="{_WIDTH * _PIXELS:g}" height="{top * _PIXELS:g}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" {size} role="img">',
        f"<title>{escape(title)}</title>",
        _STYLE,
        "<defs>",
        *(_glyph(char) for char in sorted(set("".join(names)) - {" "})),
        *(_row(text, name) for text, name in names.items()),
        *_empty_glass(rows, columns),
        "</defs>",
    )
    return "\n".join((*head, *body, "</svg>", ""))


def _lines(strips: Sequence[Strip], across: int) -> Iterator[list[Strip]]:
    """Screens of a single glass stand side by side; every other has lines of its own."""
    line: list[Strip] = []
    for strip in strips:
        if line and (len(line) == across or len(strip.shots) > 1 or len(line[-1].shots) > 1):
            yield line
            line = []
        line.append(strip)
    yield line


def _heading(text: str, x: int, top: int) -> str:
    return f'<text class="h" x="{x}" y="{top + 11}">{escape(text)}</text>'


def _glasses(
    shots: Sequence[Shot], rows: int, columns: int, top: int, names: Mapping[str, str]
) -> tuple[list[str], int]:
    """Their lines of SVG and their height. `names`: where each row of cells is defined."""
    width, height = _size(rows, columns)
    across = _across(columns)
    lines: list[str] = []
    down = 0
    for number, shot in enumerate(shots):
        x = number % across * (width + _GAP)
        y = top + _HEADING + number // across * (height + _CAPTION)
        down = y + height + _CAPTION - top
        lines.append(f'<g transform="translate({x} {y})"><use href="#glass"/>')
        lines += [
            f'<use href="#{names[text]}" x="{_MARGIN}" y="{_MARGIN + row * _PITCH_Y}"/>'
            for row, text in enumerate(shot.cells)
            if text in names
        ]
        lines.append(f'<text x="1" y="{height + 7}">{escape(shot.caption)}</text></g>')
    return lines, down


def _across(columns: int) -> int:
    """How many glasses stand side by side."""
    return (_WIDTH + _GAP) // (_size(1, columns)[0] + _GAP)


def _size(rows: int, columns: int) -> tuple[int, int]:
    return columns * _PITCH_X - 1 + 2 * _MARGIN, rows * _PITCH_Y - 3 + 2 * _MARGIN


def _row(text: str, name: str) -> str:
    """A row of cells, its text in a comment so that a change can be read."""
    uses = (
        f'<use href="#{_name(char)}" x="{column * _PITCH_X}"/>'
        for column, char in enumerate(text)
        if char != " "
    )
    words = text.rstrip().replace("--", "- -")
    return f'<g id="{name}">{"".join(uses)}</g><!-- {words} -->'


def _name(char: str) -> str:
    return f"u{ord(char):x}"


def _glyph(char: str) -> str:
    """Raises ValueError for a character without dots: no screen of ours has one."""
    dots = font.dots(char)
    if dots is None:
        raise ValueError(f"no dots for {char!r}")
    return f'<path id="{_name(char)}" d="{"".join(f"M{x} {y}.5h.8" for x, y in dots)}"/>'


def _empty_glass(rows: int, columns: int) -> Iterable[str]:
    width, height = _size(rows, columns)
    length = columns * _PITCH_X - 1
    heights = (row * _PITCH_Y + dot for row in range(rows) for dot in range(font.ROWS))
    dark = "".join(f"M{_MARGIN} {_MARGIN + y}.5h{length}" for y in heights)
    yield '<g id="glass" stroke="none">'
    yield f'<rect class="c" width="{width}" height="{height}" rx="2"/>'
    yield f'<rect class="g" x="2" y="2" width="{width - 4}" height="{height - 4}" rx="1"/>'
    yield f'<path class="d" stroke-dasharray="{".8 .2 " * 4}.8 1.2" d="{dark}"/></g>'
