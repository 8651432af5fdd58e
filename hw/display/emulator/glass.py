"""The glass of an emulated display: cells, cursor, and what happens at the edges.

Written from vendors' published command descriptions (POS-X EVO-RD1, Aures OLC-15, Bixolon
BCD-1000), never from our own profiles, so that a wrong byte there shows up as a wrong glass here.
Where the sources leave a choice, the glass takes the one that hurts a careless writer most: in
vertical mode the last cell scrolls at once.
"""

from enum import Enum

from hw.display.emulator.characters import CodePage, character

DEMO = ("*** HELLO ***", "V1.07 9600 8N1", "DEMO", "0123456789")
"""What the glass says after power-on: anything but nothing, as most units do."""


class Mode(Enum):
    """What a cell written past the end of a row does."""

    OVERWRITE = "overwrite"
    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"


class Glass:
    """Positions are 0-based (column, row) here; the wire counts from 1."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        self.columns = columns
        self.errors: list[str] = []
        self.power_on()
        demo = (DEMO * rows)[:rows]
        self._cells = [list(text.ljust(columns)[:columns]) for text in demo]

    def power_on(self) -> None:
        """Power-on values, as `ESC @` restores them: vertical mode, cursor on, blank cells."""
        self._cells = [[" "] * self.columns for _ in range(self.rows)]
        self.column = 0
        self.row = 0
        self.mode = Mode.VERTICAL
        self.cursor_visible = True
        self.brightness = 4
        self.blink = 0
        self.selected = True
        self.reverse = False
        self.international = 0
        self.code_page: CodePage = "cp437"

    def cells(self) -> tuple[str, ...]:
        return tuple("".join(row) for row in self._cells)

    def error(self, what: str) -> None:
        self.errors.append(what)

    # -- cells ------------------------------------------------------------------------------------

    def put(self, byte: int) -> None:
        """Show one cell and move on."""
        if self.mode is Mode.HORIZONTAL and self.column == self.columns:
            self._cells[self.row] = [*self._cells[self.row][1:], " "]
            self.column -= 1
        self._cells[self.row][self.column] = character(byte, self.code_page, self.international)
        if self.mode is Mode.HORIZONTAL:
            self.column += 1
        else:
            self.right()

    def write_line(self, row: int, line: bytes) -> None:
        """Replace a whole row, blanks after the text, as frame-style commands do."""
        for column, byte in enumerate(line[: self.columns].ljust(self.columns)):
            self._cells[row][column] = character(byte, self.code_page, self.international)

    def set_mode(self, mode: Mode) -> None:
        self.mode = mode
        self.column = min(self.column, self.columns - 1)

    def clear(self) -> None:
        self._cells = [[" "] * self.columns for _ in range(self.rows)]
        self.home()

    def clear_line(self) -> None:
        self._cells[self.row] = [" "] * self.columns
        self.column = 0

    # -- cursor -----------------------------------------------------------------------------------

    def home(self) -> None:
        self.column = self.row = 0

    def line_start(self) -> None:
        self.column = 0

    def line_end(self) -> None:
        self.column = self.columns - 1

    def bottom(self) -> None:
        """Sources disagree between first and last column; ours never sends it."""
        self.row = self.rows - 1
        self.column = self.columns - 1

    def go_to(self, x: int, y: int) -> None:
        """1-based; anything outside the glass is ignored and recorded."""
        if not (1 <= x <= self.columns and 1 <= y <= self.rows):
            self.error(f"go to column {x}, row {y}: outside {self.rows}x{self.columns}")
            return
        self.column, self.row = x - 1, y - 1

    def right(self) -> None:
        if self.column + 1 < self.columns:
            self.column += 1
        elif self.mode is not Mode.HORIZONTAL:
            self.column = 0
            self.down()

    def left(self) -> None:
        if self.column > 0:
            self.column -= 1
        elif self.mode is not Mode.HORIZONTAL:
            self.column = self.columns - 1
            self.row = (self.row - 1) % self.rows

    def down(self) -> None:
        if self.row + 1 < self.rows:
            self.row += 1
        elif self.mode is Mode.OVERWRITE:
            self.row = 0
        elif self.mode is Mode.VERTICAL:
            self._cells = [*self._cells[1:], [" "] * self.columns]

    def up(self) -> None:
        if self.row > 0:
            self.row -= 1
        elif self.mode is Mode.OVERWRITE:
            self.row = self.rows - 1
        elif self.mode is Mode.VERTICAL:
            self._cells = [[" "] * self.columns, *self._cells[:-1]]
