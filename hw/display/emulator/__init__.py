"""An emulated customer display: feed it bytes, look at its glass.

It shares nothing with the encoder and its profiles (an import contract sees to that), so a test
that compares the two compares two readings of the vendors' manuals.
"""

from collections.abc import Callable
from typing import Final

from hw.display.emulator import (
    aedex,
    ba6x,
    cd5220,
    dsp800,
    escpos,
    logic_controls,
    ncr,
    plain,
    utc,
)
from hw.display.emulator.glass import Mode
from hw.display.emulator.parts import Decoder
from hw.display.emulator.unit import PRINTER_OF, Unit

_DECODERS: Final[dict[str, Callable[[Unit], Decoder]]] = {
    "aedex": aedex.decoder,
    "ascii": plain.decoder,
    "ba6x": ba6x.decoder,
    "cd5220": cd5220.decoder,
    "dsp800": dsp800.decoder,
    "emax": aedex.decoder,
    "escpos": escpos.decoder,
    "logic-controls": logic_controls.decoder,
    "ncr": ncr.decoder,
    "star": dsp800.star,
    "surepos": logic_controls.surepos,
    "utc": utc.decoder,
    "utc-enhanced": utc.enhanced,
}
COMMAND_SETS: Final = tuple(_DECODERS)


class Emulator:
    """A display of `rows` x `columns` cells that understands one command set.

    Starts as after power-on: a demo text, and mostly cursor on and vertical scrolling. One behind
    a printer is selected by bit `display_target` of `ESC = n` (2; Digipos 1) and may start with
    the printer selected. Raises ValueError for a command set or target it does not know.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        command_set: str,
        *,
        display_target: int = 2,
        selected_at_start: bool = True,
    ) -> None:
        if command_set not in _DECODERS:
            known = ", ".join(sorted(_DECODERS))
            raise ValueError(f"command set {command_set!r} is not emulated; these are: {known}")
        if display_target not in PRINTER_OF:
            raise ValueError(f"display_target {display_target} is neither 1 nor 2")
        self.rows = rows
        self.columns = columns
        self._decode = _DECODERS[command_set]
        self._unit = Unit(
            rows,
            columns,
            display_target=display_target,
            selected_at_start=selected_at_start,
        )
        self.power_on()

    # -- what happens to it -----------------------------------------------------------------------

    def feed(self, data: bytes) -> bytes:
        """Take bytes off the line. What it answers, mostly nothing; without power, always."""
        if not self._powered:
            return b""
        for byte in data:
            self._unit.arrive(byte)
            self._decoder.send(byte)
        return self._unit.take_answers()

    def power_off(self) -> None:
        """The glass goes dark, and bytes go nowhere."""
        self._powered = False

    def power_on(self) -> None:
        """Start anew: settings, errors and half-received commands are gone, harm is not."""
        self._powered = True
        self._unit.power_on()
        self._decoder = self._decode(self._unit)
        next(self._decoder)

    def power_cycle(self) -> None:
        """Lose everything, half-received commands included."""
        self.power_off()
        self.power_on()

    # -- what a person sees -----------------------------------------------------------------------

    def cells(self) -> tuple[str, ...]:
        """One string of exactly `columns` characters a row; dark cells are spaces."""
        if not self._powered:
            return (" " * self.columns,) * self.rows
        return self._unit.glass.cells()

    @property
    def cursor(self) -> tuple[int, int]:
        """(column, row), from 0."""
        return self._unit.glass.column, self._unit.glass.row

    @property
    def cursor_visible(self) -> bool:
        return self._powered and self._unit.glass.cursor_visible

    @property
    def mode(self) -> Mode:
        return self._unit.glass.mode

    @property
    def brightness(self) -> int:
        """1 dim to 4 bright."""
        return self._unit.glass.brightness

    @property
    def blinking(self) -> bool:
        return bool(self._unit.glass.blink)

    @property
    def reverse(self) -> bool:
        """New cells are dark on a lit ground."""
        return self._unit.glass.reverse

    @property
    def code_page(self) -> str:
        return self._unit.glass.code_page

    # -- what the host and the printer notice -----------------------------------------------------

    @property
    def powered(self) -> bool:
        return self._powered

    @property
    def dsr(self) -> bool:
        """The level of the host's DSR line: ready, unless `US v` or a lost power took it away."""
        return self._powered and self._unit.dsr

    @property
    def passed_on(self) -> bytes:
        """The last 64 KiB that went to the printer behind, since the beginning."""
        return bytes(self._unit.passed_on)

    # -- what went wrong --------------------------------------------------------------------------

    @property
    def errors(self) -> tuple[str, ...]:
        """The first 1000 sequences that a real unit would ignore or show as junk."""
        return tuple(self._unit.errors)

    def forget_errors(self) -> None:
        self._unit.errors.clear()

    @property
    def harmed(self) -> tuple[str, ...]:
        """Each thing that would have changed a real unit for good or kept it busy. Never forgotten,
        not even by a power cycle."""
        return tuple(self._unit.harmed)
