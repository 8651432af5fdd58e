"""What to do with the display now, and when to look again. Pure: the presenter carries it out.

The display belongs to the payment software except while the agent has something to say. What is
on the glass is only ever believed: a row is written when it should differ, the whole glass every
so often in case the display lost its power unseen, and after trouble nothing is believed at all.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from agent.display.screens import Paper, screen
from agent.situation import Offline, Paired, Pairing, Serving, Situation

PAIRED: Final = 10.0  # s to read whom the terminal was paired to, before the display is given back
REPAINT: Final = 45.0  # s after which the glass is written again, changed or not
RETRY_FIRST: Final = 0.25  # s; a display plugged in late shows its code almost at once
RETRY_CAP: Final = 5.0  # s; looking for an absent port costs next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The newest situation and when it came up. One place: what is older is never shown."""

    situation: Situation
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """What we believe of the display. `rows` is empty when that is nothing."""

    claimed: bool = False
    rows: tuple[str, ...] = ()
    painted_at: float = -math.inf
    failures: int = 0
    retry_at: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Claim the display if need be, and write these rows of `rows`."""

    rows: tuple[str, ...]
    changed: tuple[int, ...]
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """Nothing to say: release the display if it is claimed."""

    until: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Leave everything as it is."""

    until: float


Turn = Paint | GiveBack | Rest


def newest(slot: Slot | None, situation: Situation, now: float) -> Slot:
    """Put a situation up. A screen that says the same goes on where it is, and nobody is hurried
    off the screen that names who they were paired to."""
    if slot is not None and _same_screen(slot.situation, situation):
        return replace(slot, situation=situation)
    if (
        slot is not None
        and isinstance(slot.situation, Paired)
        and isinstance(situation, Serving)
        and now < slot.since + PAIRED
    ):
        return slot
    return Slot(situation=situation, since=now)


def turn(slot: Slot, glass: Glass, paper: Paper, now: float) -> Turn:
    """What to do at this moment; `until` is when to ask again if nothing happens before."""
    elapsed = now - slot.since
    if isinstance(slot.situation, Paired) and elapsed >= PAIRED:
        return GiveBack()
    animation = screen(slot.situation, paper=paper, now=now)
    if animation is None:
        return GiveBack()
    if now < glass.retry_at:
        return Rest(until=glass.retry_at)
    frame, seconds = animation.at(elapsed)
    until = min(now + seconds, _next_change(slot, now))
    overdue = not glass.rows or now >= glass.painted_at + REPAINT
    changed = tuple(
        row for row, text in enumerate(frame.rows) if overdue or glass.rows[row] != text
    )
    if not changed:
        return Rest(until=min(until, glass.painted_at + REPAINT))
    return Paint(rows=frame.rows, changed=changed, until=until)


def painted(glass: Glass, paint: Paint, now: float) -> Glass:
    """After the rows were written. Only a complete repaint counts against the next one."""
    whole = len(paint.changed) == len(paint.rows)
    return Glass(claimed=True, rows=paint.rows, painted_at=now if whole else glass.painted_at)


def lost(glass: Glass, now: float) -> Glass:
    """After trouble: not ours any more, nothing known, try again later and later."""
    pause = min(RETRY_FIRST * 2.0 ** min(glass.failures, 10), RETRY_CAP)
    return Glass(failures=glass.failures + 1, retry_at=now + pause)


def _same_screen(old: Situation, new: Situation) -> bool:
    if isinstance(old, Offline) and isinstance(new, Offline):
        return old.kind == new.kind  # the reason is for the log
    return old == new


def _next_change(slot: Slot, now: float) -> float:
    """When the screen changes for another reason than paging."""
    match slot.situation:
        case Paired():
            return slot.since + PAIRED
        case Pairing(expires_at=expires_at) if expires_at > now:
            minutes = math.ceil((expires_at - now) / 60)
            return expires_at - 60 * (minutes - 1)
        case _:
            return math.inf
