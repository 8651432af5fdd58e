"""The demo's picture: the display's glass in a frame, and a log beside it. Pure.

Rows in, rows out; no escape sequences. `agent.demo.window` brings them to the terminal.
"""

import textwrap
from collections.abc import Sequence

from hw.display.emulator import draw

_GAP = "   "


def frame(cells: Sequence[str]) -> tuple[str, ...]:
    """The glass as a person in front of it sees it, one string of equal length per row."""
    return tuple(draw.text(tuple(cells)).split("\n"))


def side_by_side(left: Sequence[str], right: Sequence[str], *, width: int) -> tuple[str, ...]:
    """Two columns, the right one cut to fit into `width` characters altogether."""
    left_width = max((len(row) for row in left), default=0)
    height = max(len(left), len(right))
    rows = []
    for index in range(height):
        first = left[index] if index < len(left) else ""
        second = right[index] if index < len(right) else ""
        rows.append((first.ljust(left_width) + _GAP + second)[:width].rstrip())
    return tuple(rows)


def picture(
    *, cells: Sequence[str], log: Sequence[str], advice: str, width: int, height: int
) -> tuple[str, ...]:
    """Display left, the newest of the log right, and what the person can do now below; exactly
    `height` rows."""
    glass = ("customer display", *frame(cells))
    right = max(20, width - max(map(len, glass)) - len(_GAP))
    told = [row for line in log for row in _wrapped(line, right)]
    body = side_by_side(glass, told[-(height - 2) :], width=width)
    padded = [*body, *[""] * (height - 2 - len(body))]
    return (*padded, "", advice[:width])


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False) or [""]
