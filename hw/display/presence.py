"""Whether a display is there, as far as its command set and wires can tell.

A USB bridge proves a USB bridge. What counts is an answer, DSR that follows a command, or, where a
handshake is configured, the wire by which the display says that it takes bytes.

A display that has never answered proves nothing either: many cables have no return wire. So its
silence is `unknown`; only that of one that has answered before on this port is `absent`.
"""

import time
from typing import Final, Protocol

from hw.contract import Presence
from hw.display.profile import AnswerProbe, DsrProbe

_ALTOGETHER: Final = 0.45  # s; the contract says 0.5
_QUIET: Final = 0.02  # s without a byte: adapters hand on what they hold within 0.016
_FOLLOWS: Final = 0.15  # s for DSR to follow a command; adapters report a change within 0.02
_STALL: Final = 0.08  # s in which a question has to leave
_POLL: Final = 0.005  # s between looks at a wire
_LONGEST: Final = 256  # bytes of an answer worth reading


class ProbedPort(Protocol):
    """What asking takes of a port; each call may raise HardwareError."""

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None: ...

    def read(self, limit: int, seconds: float) -> bytes: ...

    def forget_input(self) -> None: ...

    def dsr(self) -> bool | None: ...

    def wire(self) -> bool | None: ...


class Prober:
    """Asks one display, and remembers whether it ever answered."""

    def __init__(self, *, port: ProbedPort, probe: AnswerProbe | DsrProbe | None) -> None:
        self._port = port
        self._probe = probe
        self._answered = False
        self._sent = False

    @property
    def unanswered(self) -> bool:
        """Whether the last look sent a question to a display that has never answered any: it may
        not know it, and show it."""
        return self._sent and not self._answered

    def forget(self) -> None:
        """What is plugged in next may be another display."""
        self._answered = False

    def ask(self) -> Presence:
        """Waits at most 0.5 s for an answer. Raises HardwareError."""
        self._sent = False
        end = time.monotonic() + _ALTOGETHER
        match self._probe:
            case AnswerProbe(ask=ask, answer=answer):
                return self._judged(self._answers(ask, answer, end))
            case DsrProbe(low=low, high=high) if self._port.wire() is None:
                return self._judged(self._follows(low, high))
            case _:
                return self._by_wire(end)

    def _answers(self, ask: bytes, answer: bytes, end: float) -> bool:
        self._forget(end)
        self._sent = True
        self._port.write(ask, stall=_STALL)
        heard = b""
        while len(heard) < _LONGEST and (left := end - time.monotonic()) > 0:
            heard += self._port.read(_LONGEST - len(heard), left)
            # A line that echoes is no display, and its echo comes in pieces.
            said = heard.replace(ask, b"")
            if said and not ask.startswith(said) and answer in said:
                return True
        return False

    def _forget(self, end: float) -> None:
        """What was said before, and what is still on its way: the echo of a text just written."""
        self._port.forget_input()
        while (left := end - time.monotonic()) > 0 and self._port.read(_LONGEST, min(_QUIET, left)):
            pass

    def _follows(self, low: bytes, high: bytes) -> bool | None:
        """None where nobody can read DSR: then nothing is sent either."""
        if self._port.dsr() is None:
            return None
        self._sent = True
        try:
            self._port.write(low, stall=_STALL)
            fell = self._becomes(False)
        finally:
            self._port.write(high, stall=_STALL)
        return fell and self._becomes(True)

    def _becomes(self, level: bool) -> bool:
        end = time.monotonic() + _FOLLOWS
        while self._port.dsr() is not level:
            if time.monotonic() > end:
                return False
            time.sleep(_POLL)
        return True

    def _by_wire(self, end: float) -> Presence:
        """A full display says for a moment that it is not ready, one that is not there for ever."""
        while (ready := self._port.wire()) is False and time.monotonic() < end:
            time.sleep(_POLL)
        if ready is None:
            return "unknown"
        return "confirmed" if ready else "absent"

    def _judged(self, answered: bool | None) -> Presence:
        if answered:
            self._answered = True
            return "confirmed"
        return "absent" if self._answered and answered is False else "unknown"
