"""Prints a slip for each code, from a thread of its own.

Receipt printers are switched off, out of paper, or busy with a receipt. None of that may reach the
agent: `show` notes the newest code and returns. A printer that is away or in other hands is waited
for as long as the code lives; one that stopped in mid-slip gets no second try with that code,
because nobody wants a metre of halves.
"""

import logging
import threading
from typing import Final, Protocol

from agent import log
from agent.display import language
from agent.display.texts import Language
from agent.settings import Settings
from agent.situation import Pairing, Situation
from agent.slip import slip_for
from hw.contract import DeviceBusy, HardwareError, NoHardware, ReceiptPrinter

_LOG: Final = logging.getLogger(__name__)
_RETRY: Final = 5.0  # s between looks for a printer that is away or busy
_CLOSING: Final = 3.0  # s for a slip that is being printed when the agent ends


class Instants(Protocol):
    """The part of `agent.clock.Clock` needed here."""

    def now(self) -> float: ...


class Driver(Protocol):
    """Makes a printer. Raises HardwareError where its library is not installed."""

    def __call__(self, *, port: str, baudrate: int, profile: str) -> ReceiptPrinter: ...


def open_receipts(settings: Settings, driver: Driver, *, clock: Instants) -> "Receipts | None":
    """None, and a warning, without the library: the code is on the display all the same. Raises
    ConfigError when there are no texts in the language."""
    wanted = settings.receipt_printer
    if wanted is None:
        return None
    texts = language.load(settings.language, settings.languages)
    try:
        printer = driver(port=wanted.port, baudrate=wanted.baudrate, profile=wanted.profile)
    except HardwareError as exc:
        log.event(_LOG, "receipt.not_printed", level=logging.WARNING, reason=str(exc))
        return None
    return Receipts(printer=printer, language=texts, clock=clock)


class Receipts:
    """One printer's thread; it starts with it and ends with `close`."""

    def __init__(
        self,
        *,
        printer: ReceiptPrinter,
        language: Language,
        clock: Instants,
        retry: float = _RETRY,
    ) -> None:
        self._printer = printer
        self._language = language
        self._clock = clock
        self._retry = retry
        self._wake = threading.Event()
        self._closing = False
        self._wanted: Pairing | None = None
        self._settled: str | None = None  # the code that is printed, or given up
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="receipt", daemon=True)
        self._thread.start()

    def show(self, situation: Situation) -> None:
        """Never blocks, never raises; newest wins. Whatever is no code ends the wish for one."""
        self._wanted = situation if isinstance(situation, Pairing) else None
        self._wake.set()

    def close(self) -> None:
        """End the thread; at most a few seconds."""
        self._closing = True
        self._wake.set()
        self._thread.join(_CLOSING)

    def _run(self) -> None:
        again: float | None = None
        while not self._closing:
            self._wake.wait(again)
            self._wake.clear()
            try:
                again = self._retry if self._owes_a_slip() else None
            except Exception as exc:  # a bug, perhaps of the library: its words may hold the code
                log.event(_LOG, "receipt.bug", level=logging.ERROR, error=type(exc).__name__)
                again = None

    def _owes_a_slip(self) -> bool:
        """Print if there is something to print; whether to try once more later."""
        pairing, now = self._wanted, self._clock.now()
        if self._closing or pairing is None or pairing.user_code == self._settled:
            return False
        if pairing.expires_at <= now:
            return False
        self._settled = pairing.user_code
        try:
            self._printer.print_slip(slip_for(pairing, self._language, now))
        except (NoHardware, DeviceBusy) as exc:
            self._settled = None
            self._report(str(exc))
            return True
        except HardwareError as exc:
            self._report(str(exc))
            return False
        self._trouble = ""
        log.event(_LOG, "receipt.printed")
        return False

    def _report(self, trouble: str) -> None:
        """Say it once, not at every attempt."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.event(_LOG, "receipt.not_printed", level=logging.WARNING, reason=trouble)
