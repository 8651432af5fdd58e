"""Draws a glass: as a small SVG picture for a page, or as framed text for a terminal window. Pure.

The same cells give the same bytes. Distances are in dots; a cell is 5 x 7 of them, one apart.
"""

from html import escape
from typing import Final

from hw.display.emulator import font

_PITCH_X: Final = font.COLUMNS + 1
_PITCH_Y: Final = font.ROWS + 3
_MARGIN: Final = 5
_PIXELS: Final = 3.5  # of the picture, per dot
_DOT: Final = ".8"
_DARK_DOTS: Final = ".8 .2 .8 .2 .8 .2 .8 .2 .8 1.2"  # dots and gaps of one cell, one row of it

_CASE: Final = "#202326"
_GLASS: Final = "#04100d"
_DARK: Final = "#0a241f"
_LIT: Final = "#63f5d2"
_UNPRINTABLE: Final = "█"


def svg(cells: tuple[str, ...], *, title: str) -> str:
    """One glass in the blue-green of a vacuum fluorescent display; `cells` is a string a row."""
    shown = _even(cells)
    columns = len(shown[0])
    width = columns * _PITCH_X + 2 * _MARGIN - 1
    height = len(shown) * _PITCH_Y + 2 * _MARGIN - 3
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width * _PIXELS:g}" height="{height * _PIXELS:g}" role="img">',
        f"<title>{_text(title)}</title>",
        f"<desc>{_text(' | '.join(row.rstrip() for row in shown))}</desc>",
        f'<rect width="{width}" height="{height}" rx="2" fill="{_CASE}"/>',
        f'<rect x="2" y="2" width="{width - 4}" height="{height - 4}" rx="1" fill="{_GLASS}"/>',
        f'<g transform="translate({_MARGIN} {_MARGIN})" fill="none" stroke-width="{_DOT}">',
        f'<path stroke="{_DARK}" stroke-dasharray="{_DARK_DOTS}" '
        f'd="{_dark(len(shown), columns)}"/>',
        f'<path stroke="{_LIT}" d="{_lit(shown)}"/>',
        "</g>",
        *_undotted(shown),
        "</svg>",
        "",
    )
    return "\n".join(lines)


def text(cells: tuple[str, ...]) -> str:
    """The glass in a frame of box-drawing characters, every line of the same length."""
    shown = _even(cells)
    bar = "─" * (len(shown[0]) + 2)
    return "\n".join((f"┌{bar}┐", *(f"│ {row} │" for row in shown), f"└{bar}┘"))


def _even(cells: tuple[str, ...]) -> tuple[str, ...]:
    """At least one row, all as long as the longest, of nothing but characters one can see."""
    rows = cells or ("",)
    width = max(map(len, rows))
    return tuple("".join(map(_seen, row.ljust(width))) for row in rows)


def _seen(shown: str) -> str:
    if shown.isspace():
        return " "
    return shown if shown.isprintable() else _UNPRINTABLE


def _text(words: str) -> str:
    """Fit for XML, which has no way to write most control characters."""
    return escape("".join(map(_seen, words)))


def _dark(rows: int, columns: int) -> str:
    """A line through every row of dots; the dashes make dots of it."""
    length = columns * _PITCH_X - 1
    heights = (row * _PITCH_Y + dot for row in range(rows) for dot in range(font.ROWS))
    return "".join(f"M0 {height + 0.5:g}h{length}" for height in heights)


def _lit(shown: tuple[str, ...]) -> str:
    return "".join(
        f"M{column * _PITCH_X + x} {row * _PITCH_Y + y + 0.5:g}h{_DOT}"
        for row, cells in enumerate(shown)
        for column, cell in enumerate(cells)
        for x, y in font.dots(cell) or ()
    )


def _undotted(shown: tuple[str, ...]) -> list[str]:
    """Characters without dots of ours, as text over their cells. What XML reserves has dots."""
    return [
        f'<text x="{_MARGIN + column * _PITCH_X + font.COLUMNS / 2:g}" '
        f'y="{_MARGIN + row * _PITCH_Y + font.ROWS}" font-family="monospace" font-size="8" '
        f'text-anchor="middle" fill="{_LIT}">{cell}</text>'
        for row, cells in enumerate(shown)
        for column, cell in enumerate(cells)
        if font.dots(cell) is None
    ]
