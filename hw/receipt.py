"""A receipt printer that understands ESC/POS, by python-escpos.

The library makes the bytes, the QR code included, which the printer draws itself; they are sent by
`hw.receipt_port`, because the library would wait for ever for a printer that takes nothing. It is
an extra and imported with the first slip: with its imaging library it is larger than the agent.
"""

import importlib
import importlib.util
from typing import Any, Final

from hw.contract import HardwareError, Slip
from hw.display.code_pages import as_shown
from hw.receipt_port import send

INSTALL: Final = "pip install 'secucard-pos-agent[receipt]'"

_CELLS: Final = "cp437"  # what every ESC/POS printer has; python-escpos selects it
_LEVEL_M: Final = 1  # python-escpos' number of the level that survives 15 % of damage
_LARGEST: Final = 8  # dots a module; more only takes paper
_PAPER: Final = 384  # dots of 58 mm paper, the narrowest
_QUIET: Final = 8  # modules around the code that stay white
_CAPACITY_M: Final = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331)
"""Bytes a QR code of version 1, 2, … holds at level M (ISO/IEC 18004, table 7)."""


class EscPosPrinter:
    """Implements `hw.contract.ReceiptPrinter`. Nothing is touched before the first slip."""

    def __init__(self, *, port: str, baudrate: int = 9600, profile: str = "default") -> None:
        """`profile`: the printer's in python-escpos. Raises HardwareError where python-escpos
        is missing."""
        if importlib.util.find_spec("escpos") is None:
            raise HardwareError(
                f"the receipt printer needs python-escpos, which is not installed; {INSTALL}"
            )
        self._port = port
        self._baudrate = baudrate
        self._profile = profile

    def print_slip(self, slip: Slip) -> None:
        send(self._port, self._bytes(slip), baudrate=self._baudrate)

    def _bytes(self, slip: Slip) -> bytes:
        paper = self._paper()
        paper.hw("INIT")
        paper.set(align="center", bold=True)
        _line(paper, slip.title)
        paper.set(bold=False)
        if slip.qr is not None:
            paper.text("\n")
            paper.qr(slip.qr, native=True, ec=_LEVEL_M, size=dots_a_module(len(slip.qr)))
            paper.text("\n")
        for line in slip.above:
            _line(paper, line)
        paper.set(double_width=True, double_height=True)
        _line(paper, slip.code)
        paper.set(normal_textsize=True)
        for line in slip.below:
            _line(paper, line)
        paper.cut()
        return bytes(paper.output)

    def _paper(self) -> Any:
        printer = importlib.import_module("escpos.printer")
        try:
            return printer.Dummy(profile=self._profile)
        except KeyError:
            raise HardwareError(
                f"python-escpos knows no printer {self._profile!r}; set receipt_printer.profile to"
                ' one it lists, or to "default"'
            ) from None


def dots_a_module(length: int) -> int:
    """The largest dots with which a code of so many bytes fits the narrowest paper.

    Raises ValueError for more than any paper has room for.
    """
    for version, capacity in enumerate(_CAPACITY_M, start=1):
        if length <= capacity:
            return min(_PAPER // (17 + 4 * version + _QUIET), _LARGEST)
    raise ValueError(f"a QR code of {length} bytes does not fit; at most {_CAPACITY_M[-1]}")


def _line(paper: Any, text: str) -> None:
    """No control byte of anybody's text reaches the printer."""
    paper.text(as_shown(text, _CELLS) + "\n")
