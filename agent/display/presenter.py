"""Shows the newest situation on the display, from a thread of its own.

Displays are late, unplugged, in somebody else's hands or stuck in the middle of a write. None of
that may reach the agent: `show` puts the situation into a slot and returns, and every blocking
call happens here. What to do is decided in `agent.display.presentation`.
"""

import logging
import math
import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from agent import log
from agent.display import language as languages
from agent.display.paper import paper_for
from agent.display.presentation import (
    PLUG,
    Ask,
    Claim,
    GiveBack,
    Glass,
    Paint,
    Rest,
    Slot,
    asked,
    found,
    lost,
    newest,
    overlaid,
    painted,
    turn,
    without,
)
from agent.display.screens_pairing import MANY_PAGES, address_page_count
from agent.situation import Overlay, Pairing, Situation
from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, LineDisplay, NoHardware

_LOG: Final = logging.getLogger(__name__)
_LONGEST_NAP: Final = 20.0  # s; timers stand still in suspend, so look at the clock this often
_LOOK: Final = math.ceil(PLUG * 1000)  # ms
_CLOSING: Final = 3.0  # s to give the display back when the agent ends; then it stays as it is
_SHORTER: Final = "ask the operator of the server for a short address that leads there"
_SILENT: Final = "it answered before and does not now; check its cable and power"

Health = Literal[
    "released", "lent", "unknown", "confirmed", "absent", "busy", "stalled", "unusable"
]
"""`released`: nothing to say, the port is not ours. `lent`: left to somebody else by order.
`unknown`: written to; it does not answer, so nobody knows what the glass shows. `confirmed`: the
same, and it answered just now. The others say why the screen is not up: not plugged in or silent
all of a sudden, held by another program, does not take its text, may not be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the display is; `reason` in words, where it is not as it should be."""

    health: Health = "released"
    reason: str = ""


class Instants(Protocol):
    """The part of `agent.clock.Clock` needed here."""

    def now(self) -> float: ...


class Presenter:
    """One display's presenter; its thread starts with it and ends with `close`.

    `always` keeps the display, blank, when there is nothing to say. `texts`: directory of the
    integrator's own languages. Raises ConfigError when there are no texts in `language`, or the
    display cannot show them.
    """

    def __init__(
        self,
        *,
        display: LineDisplay,
        language: str,
        clock: Instants,
        always: bool = False,
        texts: str | None = None,
    ) -> None:
        self._display = display
        self._clock = clock
        self._always = always
        self._paper = paper_for(display, languages.load(language, texts))
        if missing := self._paper.language.missing:
            log.event(_LOG, "display.texts_missing", language=language, texts=" ".join(missing))
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = False
        self._lent = False
        self._advised = ""
        self._slot = Slot()
        self._glass = Glass()
        self._standing = Standing()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()

    @property
    def standing(self) -> Standing:
        return self._standing

    @property
    def health(self) -> Health:
        return self._standing.health

    def status(self) -> dict[str, str]:
        """JSON-ready; the reason only where there is one."""
        standing = self._standing
        return {
            "health": standing.health,
            **({"reason": standing.reason} if standing.reason else {}),
        }

    def show(self, situation: Situation) -> None:
        """Never blocks, never raises; newest wins."""
        self._put(lambda slot, now: newest(slot, situation, now))
        self._advise(situation)

    def overlay(self, overlay: Overlay | None) -> None:
        """Show this over the situation until its time is over or it is taken off with None. Where
        nothing else is shown the display is claimed for it, unless somebody has it."""
        self._put(lambda slot, now: overlaid(slot, overlay, now))

    def lend(self, lent: bool) -> None:
        """Leave the display to somebody else until it is said otherwise; never blocks. It is
        theirs when the health says `lent`."""
        self._lent = lent
        self._rouse()

    def close(self) -> None:
        """Clear the display, give it back, end the thread; at most a few seconds."""
        self._closing = True
        self._rouse()
        self._thread.join(_CLOSING)

    def _put(self, change: Callable[[Slot, float], Slot]) -> None:
        with self._lock:
            self._slot = change(self._slot, self._clock.now())
        self._rouse()

    def _rouse(self) -> None:
        with self._lock:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def _advise(self, situation: Situation) -> None:
        """Once an address: nobody likes to type what takes so many pages."""
        if not isinstance(situation, Pairing) or situation.verification_uri == self._advised:
            return
        self._advised = situation.verification_uri
        if (pages := address_page_count(situation, self._paper)) >= MANY_PAGES:
            log.event(_LOG, "display.long_address", level=logging.WARNING, pages=pages, do=_SHORTER)

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            try:
                until, port = self._turn(), self._display.fd
            except Exception:  # a bug must not leave the terminal without a display for good
                _LOG.exception("display.bug")
                until, port = self._trouble("unusable", "a fault of this program"), None
            self._nap(until, port)
        self._display.release()
        with self._lock:
            os.close(self._wake)
            self._wake = -1

    def _nap(self, until: float, port: int | None) -> None:
        """Until then, or something is put up, or the port vanishes or comes."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if port is not None:
            poll.register(port, 0)  # hang-up and error are told unasked
        seconds = min(max(until - self._clock.now(), 0.0), _LONGEST_NAP)
        longest = math.ceil(seconds * 1000)
        stirred = self._watch(poll, longest) if self._glass.missing else poll.poll(longest)
        told = {fd for fd, _ in stirred}
        if self._wake in told:
            os.eventfd_read(self._wake)
        if port in told:
            self._display.release()
            self._glass = lost(self._glass, self._clock.now(), there=False)

    def _watch(self, poll: select.poll, milliseconds: int) -> list[tuple[int, int]]:
        """A port that comes tells nobody, so look for its name. Only that, since it is most of what
        a terminal without a display ever does."""
        there = self._display.plugged()
        for _ in range(math.ceil(milliseconds / _LOOK)):
            if told := poll.poll(_LOOK):
                return told
            before, there = there, self._display.plugged()
            if there and not before:
                self._glass = found(self._glass)
                break
        return []

    def _turn(self) -> float:
        """One look at the slot; returns when to look again."""
        with self._lock:
            slot = self._slot
        now = self._clock.now()
        if self._lent:
            if self.health != "lent":
                self._give_back("lent")
            return math.inf
        match turn(slot, self._glass, self._paper, now, always=self._always):
            case GiveBack(until=until):
                self._give_back()
                return until
            case Rest(until=until):
                return until
            case Claim(may_skip=may_skip):
                return self._claim(slot.overlay if may_skip else None)
            case Ask():
                return self._ask()
            case Paint() as paint:
                return self._paint(paint)

    def _claim(self, unimportant: Overlay | None) -> float:
        """Somebody who has the display has it rightly: no overlay is worth waiting for it."""
        try:
            self._display.claim()
        except DeviceBusy as exc:
            if unimportant is None:
                return self._trouble("busy", str(exc))
            log.event(_LOG, "display.skipped", reason=str(exc))
            self._put(lambda slot, now: without(slot, unimportant, now))
            return math.inf
        except HardwareError as exc:
            return self._trouble(_health(exc), str(exc))
        self._glass = replace(self._glass, claimed=True, missing=False)
        return self._clock.now()

    def _ask(self) -> float:
        """One that is back has to be claimed anew."""
        try:
            presence = self._display.presence()
        except HardwareError as exc:
            return self._trouble(_health(exc), str(exc))
        now = self._clock.now()
        self._glass = asked(self._glass, presence, now)
        if self._glass.claimed:
            reason = _SILENT if presence == "absent" else ""
            self._report(Standing(health=presence, reason=reason))
        return now

    def _paint(self, paint: Paint) -> float:
        started = self._clock.now()  # what happens to the display from now on, we may not know
        try:
            self._display.display_rows({row: paint.rows[row] for row in paint.changed})
        except HardwareError as exc:
            return self._trouble(_health(exc), str(exc))
        self._glass = painted(self._glass, paint, started)
        return paint.until

    def _give_back(self, health: Health = "released") -> None:
        self._display.release()
        self._glass = Glass()
        self._report(Standing(health=health))

    def _trouble(self, health: Health, reason: str) -> float:
        self._display.release()
        self._glass = lost(self._glass, self._clock.now(), there=health != "absent")
        self._report(Standing(health=health, reason=reason))
        return self._glass.retry_at

    def _report(self, standing: Standing) -> None:
        """Say it once, not at every attempt."""
        before, self._standing = self._standing.health, standing
        if standing.health == before:
            return
        if standing.reason:
            event = f"display.{standing.health}"
            log.event(_LOG, event, level=logging.WARNING, reason=standing.reason)
        elif standing.health in ("unknown", "confirmed"):
            log.event(_LOG, "display.claimed", presence=standing.health)
        else:
            log.event(_LOG, "display.released")


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
