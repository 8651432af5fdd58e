"""An emulated customer display: feed it bytes, look at its glass.

It shares nothing with the encoder and its profiles (an import contract sees to that), so a test
that compares the two compares two readings of the vendors' manuals.
"""

from hw.display.emulator import cd5220, escpos
from hw.display.emulator.glass import Glass, Mode

_DECODERS = {"escpos": escpos.decoder, "cd5220": cd5220.decoder}


class Emulator:
    """A display of `rows` x `columns` cells that understands one command set.

    Starts as after power-on: a demo text, cursor on, vertical scrolling. Raises ValueError for a
    command set it does not know.
    """

    def __init__(self, rows: int, columns: int, command_set: str) -> None:
        if command_set not in _DECODERS:
            known = ", ".join(sorted(_DECODERS))
            raise ValueError(f"command set {command_set!r} is not emulated; these are: {known}")
        self.rows = rows
        self.columns = columns
        self._decode = _DECODERS[command_set]
        self.power_cycle()

    def power_cycle(self) -> None:
        """Lose everything, half-received commands included."""
        self._glass = Glass(self.rows, self.columns)
        self._decoder = self._decode(self._glass)
        next(self._decoder)

    def feed(self, data: bytes) -> None:
        for byte in data:
            self._decoder.send(byte)

    def cells(self) -> tuple[str, ...]:
        """One string of exactly `columns` characters a row."""
        return self._glass.cells()

    @property
    def errors(self) -> tuple[str, ...]:
        """Every sequence so far that a real unit would ignore or show as junk."""
        return tuple(self._glass.errors)

    def forget_errors(self) -> None:
        self._glass.errors.clear()

    @property
    def cursor(self) -> tuple[int, int]:
        """(column, row), from 0."""
        return self._glass.column, self._glass.row

    @property
    def cursor_visible(self) -> bool:
        return self._glass.cursor_visible

    @property
    def mode(self) -> Mode:
        return self._glass.mode

    @property
    def brightness(self) -> int:
        """1 dim to 4 bright."""
        return self._glass.brightness

    @property
    def code_page(self) -> str:
        return self._glass.code_page
