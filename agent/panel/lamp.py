"""What one lamp and one buzzer say: pure.

The lamp has one colour, or nobody relies on it: the rhythms differ in how long the lamp is on, and
in how many flashes come together. Nothing flashes more than three times a second (WCAG 2.3.1).
"""

from math import inf
from typing import Final

from agent.situation import (
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)

Pattern = tuple[tuple[bool, float], ...]
"""(on, seconds), over and over. One that lasts for ever wakes nobody."""

STARTING: Final[Pattern] = ((True, 0.25), (False, 0.25))
PAIRING: Final[Pattern] = ((True, 1.0), (False, 1.0))
SERVING: Final[Pattern] = ((True, inf),)
DEGRADED: Final[Pattern] = ((True, 2.7), (False, 0.3))
OFFLINE: Final[Pattern] = ((True, 0.3), (False, 2.7))
PERSON: Final[Pattern] = (*((True, 0.2), (False, 0.2)) * 2, (True, 0.2), (False, 1.4))

BEEP: Final[Pattern] = ((True, 0.1), (False, 0.1))


def pattern(situation: Situation) -> Pattern:
    """The lamp's rhythm."""
    match situation:
        case Starting():
            return STARTING
        case Pairing():
            return PAIRING
        case Paired() | Serving(degraded=None):
            return SERVING
        case Serving():
            return DEGRADED
        case Offline():
            return OFFLINE
        case Denied() | Refused() | Paused() | Failed():
            return PERSON


def beeps(before: Situation | None, after: Situation) -> Pattern:
    """What the buzzer says once about a change, ending in silence: one beep when there is a code
    to be typed, two when that worked. A code that replaces an older one does not beep: nobody
    wants to hear a terminal all night."""
    if type(before) is type(after):
        return ()
    match after:
        case Pairing(renewed=False):
            return BEEP
        case Paired():
            return BEEP * 2
        case _:
            return ()
