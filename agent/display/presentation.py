"""What to do with the display now, and when to look again. Pure: the presenter carries it out.

The display belongs to the payment software except while the agent has something to say. What is
on the glass is only ever believed: a row is written when it should differ, the whole glass every
so often in case the display lost its power unseen, and after trouble nothing is believed at all.

A display that has answered understands the question and is asked every few seconds. One that
never has is asked once its first screen is up, so that its silence delays nothing, and then now and
then: it might show the question, and all of its glass is written again after it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from agent.display.layout import Animation, Frame
from agent.display.screens import Paper, overlay_screen, screen
from agent.situation import (
    About,
    HeldButton,
    Offline,
    Overlay,
    Paired,
    Pairing,
    Serving,
    Situation,
)
from hw.contract import Presence

PAIRED: Final = 10.0  # s to read whom the terminal was paired to, before the display is given back
REPAINT: Final = 45.0  # s after which the glass is written again, changed or not
ASK: Final = 3.0  # s between questions to a display that answers; one that is back is drawn then
ASK_SILENT: Final = 45.0  # s between questions to one that never has; its glass is written anew
PLUG: Final = 0.06  # s between looks for the name of a port that is not there
REOPEN: Final = 1.0  # s between tries to open it all the same
RETRY_FIRST: Final = 0.25  # s after other trouble, then twice as long each time
RETRY_CAP: Final = 5.0  # s


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The newest situation and when it came up, and what a person asked to see over it. One
    place: what is older is never shown."""

    situation: Situation | None = None
    since: float = -math.inf
    overlay: Overlay | None = None
    overlay_since: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """What we believe of the display. `rows` is empty when that is nothing; `presence` is what
    it said at `asked_at`. `missing`: there was no port to claim."""

    claimed: bool = False
    rows: tuple[str, ...] = ()
    painted_at: float = -math.inf
    presence: Presence = "unknown"
    asked_at: float = -math.inf
    failures: int = 0
    retry_at: float = -math.inf
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Claim the display, then look again. `may_skip`: a port in other hands is no matter, because
    only an overlay would be shown."""

    may_skip: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Write these rows of `rows`."""

    rows: tuple[str, ...]
    changed: tuple[int, ...]
    until: float

    @property
    def whole(self) -> bool:
        return len(self.changed) == len(self.rows)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the claimed display whether it is there, then look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """Nothing to say: release the display if it is claimed."""

    until: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Leave everything as it is."""

    until: float


Turn = Claim | Paint | Ask | GiveBack | Rest


def newest(slot: Slot, situation: Situation, now: float) -> Slot:
    """Put a situation up. A screen that says the same goes on where it is, and nobody is hurried
    off the screen that names who they were paired to."""
    if slot.situation is not None and _same_screen(slot.situation, situation):
        return replace(slot, situation=situation)
    if (
        isinstance(slot.situation, Paired)
        and isinstance(situation, Serving)
        and now < slot.since + PAIRED
    ):
        return slot
    return replace(slot, situation=situation, since=now)


def overlaid(slot: Slot, overlay: Overlay | None, now: float) -> Slot:
    """Put something over the situation's screen, or take it off."""
    if overlay == slot.overlay:
        return slot
    return replace(slot, overlay=overlay, overlay_since=now)


def without(slot: Slot, overlay: Overlay, now: float) -> Slot:
    """Take this overlay off, unless another has come in its place."""
    return overlaid(slot, None, now) if slot.overlay == overlay else slot


def turn(slot: Slot, glass: Glass, paper: Paper, now: float, *, always: bool = False) -> Turn:
    """What to do at this moment; `until` is when to ask again if nothing happens before.
    `always`: the display is kept, blank, when there is nothing to say.

    A screen is drawn only for a display that is claimed: looking for one has to be cheap.
    """
    below = _situation(slot, paper, now) or (_blank(paper, now) if always else None)
    shown = _overlay(slot, paper, now) or below
    if shown is None:
        return GiveBack()
    if now < glass.retry_at:
        return Rest(until=glass.retry_at)
    if not glass.claimed:
        return Claim(may_skip=below is None)
    ask_at = glass.asked_at + (ASK_SILENT if glass.presence == "unknown" else ASK)
    if glass.rows and now >= ask_at:
        return Ask()
    frame, seconds = shown.draw().at(now - shown.since)
    until = max(now, min(now + seconds, shown.changes_at, ask_at))
    overdue = not glass.rows or now >= glass.painted_at + REPAINT
    changed = tuple(
        row for row, text in enumerate(frame.rows) if overdue or glass.rows[row] != text
    )
    if not changed:
        return Rest(until=min(until, glass.painted_at + REPAINT))
    return Paint(rows=frame.rows, changed=changed, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What is up, since when, and when it changes for another reason than paging."""

    draw: Callable[[], Animation]
    since: float
    changes_at: float


def _overlay(slot: Slot, paper: Paper, now: float) -> _Shown | None:
    overlay = slot.overlay
    if overlay is None:
        return None
    ends, changes_at = _course(overlay, now)
    if now >= ends:
        return None
    return _Shown(
        draw=partial(overlay_screen, overlay, paper=paper, now=now),
        since=slot.overlay_since,
        changes_at=min(ends, changes_at),
    )


def _course(overlay: Overlay, now: float) -> tuple[float, float]:
    """When it is over, and when it changes."""
    match overlay:
        case HeldButton(pairs_at=ends):
            return ends, ends - math.ceil(ends - now - 1)  # it counts the seconds
        case About(until=ends, situation=situation):
            return ends, _next_minute(situation, now)


def _situation(slot: Slot, paper: Paper, now: float) -> _Shown | None:
    situation = slot.situation
    if situation is None or isinstance(situation, Serving):
        return None
    ends = slot.since + PAIRED if isinstance(situation, Paired) else math.inf
    if now >= ends:
        return None
    blank = _blank(paper, now)
    return _Shown(
        draw=lambda: screen(situation, paper=paper, now=now) or blank.draw(),
        since=slot.since,
        changes_at=min(ends, _next_minute(situation, now)),
    )


def _blank(paper: Paper, now: float) -> _Shown:
    rows = (" " * paper.geometry.columns,) * paper.geometry.rows
    animation = Animation(frames=(Frame(rows, REPAINT),))
    return _Shown(draw=lambda: animation, since=now, changes_at=math.inf)


def painted(glass: Glass, paint: Paint, now: float) -> Glass:
    """After the rows were written. Only a complete repaint counts against the next one."""
    return Glass(
        claimed=True,
        rows=paint.rows,
        painted_at=now if paint.whole else glass.painted_at,
        presence=glass.presence,
        asked_at=glass.asked_at,
    )


def asked(glass: Glass, presence: Presence, now: float) -> Glass:
    """After the display was asked. One that is back has forgotten everything: claim it anew."""
    if glass.presence == "absent" and presence == "confirmed":
        return Glass()
    return replace(glass, claimed=True, presence=presence, asked_at=now)


def lost(glass: Glass, now: float, *, there: bool = True) -> Glass:
    """After trouble: not ours any more, nothing known, try again later and later. A port that is
    not `there` is looked for all the time: plugged in, it shows its code at once."""
    if there:
        pause = min(RETRY_FIRST * 2.0 ** min(glass.failures, 10), RETRY_CAP)
    else:
        pause = REOPEN if glass.missing else PLUG
    return Glass(failures=glass.failures + there, retry_at=now + pause, missing=not there)


def found(glass: Glass) -> Glass:
    """After a port that was missing has come: claim it at once."""
    return replace(glass, retry_at=-math.inf)


def _same_screen(old: Situation, new: Situation) -> bool:
    if isinstance(old, Offline) and isinstance(new, Offline):
        return old.kind == new.kind  # the reason is for the log
    return old == new


def _next_minute(situation: Situation, now: float) -> float:
    """When the minutes left change on the screen."""
    if isinstance(situation, Pairing) and situation.expires_at > now:
        minutes = math.ceil((situation.expires_at - now) / 60)
        return situation.expires_at - 60 * (minutes - 1)
    return math.inf
