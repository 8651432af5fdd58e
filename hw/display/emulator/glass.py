"""The glass of an emulated display: cells, cursor, and what happens at the edges.

Written from vendors' published command descriptions (POS-X EVO-RD1, Aures OLC-15, Bixolon
BCD-1000, UTC Retail 3190), never from our own profiles, so that a wrong byte there shows up as a
wrong glass here. Where the sources leave a choice, the glass takes the one that hurts a careless
writer most: in vertical mode the last cell scrolls at once.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from hw.display.emulator.characters import character

DEMO: Final = ("*** HELLO ***", "V1.07 9600 8N1", "DEMO", "0123456789")
"""What the glass says after power-on: anything but nothing, as most units do."""

Cell = tuple[int, str]
"""The byte that was written and the character it showed as at that time."""

_BLANK: Final[Cell] = (0x20, " ")


class Mode(Enum):
    """What a cell written past the end of a row does."""

    OVERWRITE = "overwrite"
    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"


class Glass:
    """Positions are 0-based (column, row) here; most wires count from 1."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns
        self.waits_at_row_end = False
        """The cursor stays on the last cell of a row until one more cell is written."""
        self.only_top_row_shifts = False
        """Horizontal mode is for the top row; the others overwrite."""
        self.column = self.row = 0
        self.row_is_full = False
        """The last cell of the row is written, and the cursor is still on it."""
        self.initialise()
        for row, text in enumerate((DEMO * rows)[:rows]):
            self.write(row * columns, text[:columns].encode("ascii"))

    def initialise(self) -> None:
        """Power-on values, as `ESC @` restores them: vertical mode, cursor on, blank cells."""
        self._cells = [[_BLANK] * self.columns for _ in range(self.rows)]
        self.mode = Mode.VERTICAL
        self.cursor_visible = True
        self.brightness = 4
        self.blink = 0
        self.reverse = False
        self.international = 0
        self.code_page = "cp437"
        self._marquee: int | None = None
        self.home()

    def cells(self) -> tuple[str, ...]:
        return tuple("".join(shown for _, shown in row) for row in self._cells)

    def text(self) -> bytes:
        """The bytes behind the cells, row by row."""
        return bytes(byte for row in self._cells for byte, _ in row)

    # -- cells ------------------------------------------------------------------------------------

    def put(self, byte: int) -> None:
        """Show one cell and move on."""
        if self.row_is_full and self._mode is Mode.HORIZONTAL:
            self._cells[self.row] = [*self._cells[self.row][1:], _BLANK]
        self._cells[self.row][self.column] = self._cell(byte)
        if self.column + 1 < self.columns:
            self.column += 1
        elif self.waits_at_row_end or self._mode is Mode.HORIZONTAL:
            self.row_is_full = True
        else:
            self.right()

    def write(self, start: int, text: bytes) -> None:
        """Replace cells from the index `start` on, wherever the cursor is."""
        for cell, byte in enumerate(text[: max(0, self.rows * self.columns - start)], start):
            self._cells[cell // self.columns][cell % self.columns] = self._cell(byte)

    def erase(self, cells: Iterable[int]) -> None:
        """Blank the cells of these indices."""
        for cell in cells:
            self._cells[cell // self.columns][cell % self.columns] = _BLANK

    def clear(self) -> None:
        self.erase(range(self.rows * self.columns))
        self.home()

    def clear_line(self) -> None:
        self._cells[self.row] = [_BLANK] * self.columns
        self._move(0, self.row)

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode
        self.row_is_full = False

    def start_marquee(self, row: int, text: bytes) -> None:
        """Its first picture; it does not move here."""
        self.erase(range(row * self.columns, (row + 1) * self.columns))
        self.write(row * self.columns, text[: self.columns])
        self._marquee = row

    def end_marquee(self) -> None:
        """Whatever arrives while it runs ends it: its row is cleared, the cursor goes home."""
        if self._marquee is not None:
            row, self._marquee = self._marquee, None
            self.erase(range(row * self.columns, (row + 1) * self.columns))
            self.home()

    # -- cursor -----------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        return self.row * self.columns + self.column

    def home(self) -> None:
        self._move(0, 0)

    def line_start(self) -> None:
        self._move(0, self.row)

    def line_end(self) -> None:
        self._move(self.columns - 1, self.row)

    def bottom(self) -> None:
        """Sources disagree between first and last column; a careful writer never sends it."""
        self._move(self.columns - 1, self.rows - 1)

    def go_to(self, column: int, row: int) -> bool:
        """False, and no move, for anything outside the glass."""
        inside = 0 <= column < self.columns and 0 <= row < self.rows
        if inside:
            self._move(column, row)
        return inside

    def go_to_cell(self, index: int) -> bool:
        """Counted row by row. False, and no move, outside the glass."""
        return self.go_to(index % self.columns, index // self.columns)

    def right(self) -> None:
        if self.column + 1 < self.columns:
            self._move(self.column + 1, self.row)
        elif self._mode is not Mode.HORIZONTAL:
            self._move(0, self.row)
            self._to_next_row(self._mode)

    def left(self) -> None:
        if self.column > 0:
            self._move(self.column - 1, self.row)
        elif self._mode is not Mode.HORIZONTAL:
            self._move(self.columns - 1, (self.row - 1) % self.rows)

    def down(self) -> None:
        self._to_next_row(self.mode)

    def up(self) -> None:
        if self.row > 0:
            self._move(self.column, self.row - 1)
        elif self.mode is Mode.OVERWRITE:
            self._move(self.column, self.rows - 1)
        elif self.mode is Mode.VERTICAL:
            self._cells = [[_BLANK] * self.columns, *self._cells[:-1]]

    def scroll(self) -> None:
        """Every row moves up, the last one is blank; the cursor stays."""
        self._cells = [*self._cells[1:], [_BLANK] * self.columns]

    def copy_last_row_to_first(self) -> None:
        """What Wincor does instead of scrolling; the cursor stays."""
        self._cells[0] = self._cells[-1]
        self._cells[-1] = [_BLANK] * self.columns
        self.row_is_full = False

    # -- inside -----------------------------------------------------------------------------------

    def _to_next_row(self, mode: Mode) -> None:
        if self.row + 1 < self.rows:
            self._move(self.column, self.row + 1)
        elif mode is Mode.OVERWRITE:
            self._move(self.column, 0)
        elif mode is Mode.VERTICAL:
            self.scroll()

    @property
    def _mode(self) -> Mode:
        """The mode as it holds for cells of the cursor's row."""
        if self.mode is Mode.HORIZONTAL and self.only_top_row_shifts and self.row > 0:
            return Mode.OVERWRITE
        return self.mode

    def _move(self, column: int, row: int) -> None:
        self.column = column
        self.row = row
        self.row_is_full = False

    def _cell(self, byte: int) -> Cell:
        return byte, character(byte, self.code_page, self.international)
