"""Shows the newest situation on the display, from a thread of its own.

Displays are late, unplugged, in somebody else's hands or stuck in the middle of a write. None of
that may reach the agent: `show` puts the situation into a slot and returns, and every blocking
call happens here. What to do is decided in `agent.display.presentation`.
"""

import logging
import math
import threading
from typing import Final, Literal, Protocol

from agent import log
from agent.display import language as languages
from agent.display.layout import Geometry
from agent.display.presentation import (
    GiveBack,
    Glass,
    Paint,
    Rest,
    Slot,
    lost,
    newest,
    painted,
    turn,
)
from agent.display.screens import Paper
from agent.situation import Situation
from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, LineDisplay, NoHardware

_LOG: Final = logging.getLogger(__name__)
_LONGEST_NAP: Final = 20.0  # s; timers stand still in suspend, so look at the clock this often
_CLOSING: Final = 3.0  # s to give the display back when the agent ends; then it stays as it is

Health = Literal["released", "lent", "unknown", "absent", "busy", "stalled", "unusable"]
"""`released`: nothing to say, the port is not ours. `lent`: left to somebody else by order.
`unknown`: written to; displays do not answer, so nobody knows what the glass shows. The others say
why the screen is not up: not plugged in, held by another program, does not take its text, may not
be opened."""


class Instants(Protocol):
    """The part of `agent.clock.Clock` needed here."""

    def now(self) -> float: ...


class Presenter:
    """One display's presenter; its thread starts with it and ends with `close`.

    Raises ConfigError when there are no texts in `language`.
    """

    def __init__(self, *, display: LineDisplay, language: str, clock: Instants) -> None:
        self._display = display
        self._clock = clock
        self._paper = Paper(
            geometry=Geometry(rows=display.device_rows, columns=display.device_columns),
            language=languages.load(language),
            as_shown=display.as_shown,
        )
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._lent = False
        self._slot: Slot | None = None
        self._glass = Glass()
        self._health: Health = "released"
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()

    @property
    def health(self) -> Health:
        return self._health

    def show(self, situation: Situation) -> None:
        """Never blocks, never raises; newest wins."""
        with self._lock:
            self._slot = newest(self._slot, situation, self._clock.now())
        self._wake.set()

    def lend(self, lent: bool) -> None:
        """Leave the display to somebody else until it is said otherwise; never blocks."""
        self._lent = lent
        self._wake.set()

    def close(self) -> None:
        """Clear the display, give it back, end the thread; at most a few seconds."""
        self._closing = True
        self._wake.set()
        self._thread.join(_CLOSING)

    def _run(self) -> None:
        while not self._closing:
            try:
                until = self._turn()
            except Exception:  # a bug must not leave the terminal without a display for good
                _LOG.exception("display.bug")
                until = self._trouble("unusable", "a fault of this program")
            self._wake.wait(min(max(until - self._clock.now(), 0.0), _LONGEST_NAP))
            self._wake.clear()
        self._display.release()

    def _turn(self) -> float:
        """One look at the slot; returns when to look again."""
        with self._lock:
            slot = self._slot
        if self._lent:
            if self._health != "lent":
                self._give_back("lent")
            return math.inf
        if slot is None:
            return math.inf
        match turn(slot, self._glass, self._paper, self._clock.now()):
            case GiveBack(until=until):
                self._give_back()
                return until
            case Rest(until=until):
                return until
            case Paint() as paint:
                return self._paint(paint)

    def _paint(self, paint: Paint) -> float:
        started = self._clock.now()  # what happens to the display from now on, we may not know
        try:
            if not self._glass.claimed:
                self._display.claim()
            for row in paint.changed:
                self._display.display_text_at(row, 0, paint.rows[row])
        except HardwareError as exc:
            return self._trouble(_health(exc), str(exc))
        self._glass = painted(self._glass, paint, started)
        self._report("unknown")
        return paint.until

    def _give_back(self, health: Health = "released") -> None:
        self._display.release()
        self._glass = Glass()
        self._report(health)

    def _trouble(self, health: Health, reason: str) -> float:
        self._display.release()
        self._glass = lost(self._glass, self._clock.now())
        self._report(health, reason)
        return self._glass.retry_at

    def _report(self, health: Health, reason: str = "") -> None:
        """Say it once, not at every attempt."""
        if health != self._health:
            self._health = health
            if reason:
                log.event(_LOG, f"display.{health}", level=logging.WARNING, reason=reason)
            else:
                log.event(_LOG, "display.claimed" if health == "unknown" else "display.released")


def _health(exc: HardwareError) -> Health:
    match exc:
        case NoHardware():
            return "absent"
        case DeviceBusy():
            return "busy"
        case DeviceTimeout():
            return "stalled"
        case _:
            return "unusable"
