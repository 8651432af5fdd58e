"""What an emulated display has besides its glass: lines to the host, a printer behind, a record.

Memory is bounded whatever arrives: the record keeps its first 1000 errors, the printer's bytes the
last 64 KiB.
"""

from typing import Final

from hw.display.emulator.glass import Glass

_ERRORS_KEPT: Final = 1000
_PASSED_ON_KEPT: Final = 0x10000

PRINTER_OF: Final = {2: 1, 1: 2}
"""The bit of `ESC =` that selects the printer, by the one that selects the display. The usual
numbering has the display at 2, Digipos has it at 1."""


class Unit:
    """A display whose power may be cut; what was printed or harmed outlasts that."""

    def __init__(
        self, rows: int, columns: int, *, display_target: int, selected_at_start: bool
    ) -> None:
        self._geometry = rows, columns
        self._display_target = display_target
        self._printer_target = PRINTER_OF[display_target]
        self._selected_at_start = selected_at_start
        self.harmed: dict[str, None] = {}
        self.passed_on = bytearray()
        self.power_on()

    def power_on(self) -> None:
        self.glass = Glass(*self._geometry)
        self.errors: list[str] = []
        self._answers = bytearray()
        self._ready()

    def initialise(self) -> None:
        """As `ESC @`: power-on values and a blank glass; only the receive buffer is untouched."""
        self.glass.initialise()
        self._ready()

    def _ready(self) -> None:
        self.dsr = True
        self.selected = self._selected_at_start
        self._printing = not self._selected_at_start

    # -- record -----------------------------------------------------------------------------------

    def error(self, what: str) -> None:
        """A real unit would ignore this or show it as junk."""
        if len(self.errors) < _ERRORS_KEPT:
            self.errors.append(what)

    def harm(self, what: str) -> None:
        """A real unit may be changed for good, or busy with itself from here on."""
        self.error(what)
        self.harmed[what] = None

    # -- lines ------------------------------------------------------------------------------------

    def answer(self, data: bytes) -> None:
        self._answers += data

    def take_answers(self) -> bytes:
        answers = bytes(self._answers)
        self._answers.clear()
        return answers

    def arrive(self, byte: int) -> None:
        """The printer behind gets its copy, if it is selected."""
        if self._printing:
            self.pass_on(byte)

    def pass_on(self, byte: int) -> None:
        self.passed_on.append(byte)
        del self.passed_on[:-_PASSED_ON_KEPT]

    def select(self, target: int) -> None:
        """`ESC = n`, its three bytes just received. They are the display's own.

        An ASCII digit or 0 selects nothing we know of: ignored, and the bytes go where they went.
        """
        if self._printing:
            del self.passed_on[-3:]
        if target not in (1, 2, 3):
            self.error(f"1B3D{target:02X}: 1, 2 or 3, in binary")
            return
        self.selected = bool(target & self._display_target)
        self._printing = bool(target & self._printer_target)
