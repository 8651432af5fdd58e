"""What somebody wants who presses the button: pure.

`step(state, look, now) -> (state, gesture)`. A look is the level as it is, never a count of edges:
the kernel drops edges silently when there are many. Three rules beyond that:

- A level counts once it has stood for `SETTLE` without an edge: contacts bounce.
- Only time somebody watched counts as held. CLOCK_BOOTTIME goes on in suspend, so a gap between two
  looks starts the count again, and a button that is down when the agent starts means nothing until
  it was let go: a stuck one must not pair the terminal again at every restart.
- What a press can cause, it causes once.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final

SETTLE: Final = 0.03  # s; mechanical contacts bounce for 1 to 10 ms
SHORT: Final = 0.7  # s; longer is no short press any more, and people are told what is coming
HOLD: Final = 5.0  # s to pair again
LOOK: Final = 0.5  # s between looks while it is down, edges or not
GAP: Final = 2.0  # s between two looks in which nobody knows what the button did
STUCK: Final = 60.0  # s down, and somebody should look after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The level at a moment. `moved`: an edge woke us, so it has not stood still until now."""

    pressed: bool
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The level that counts, and since when another one stands (None: none does)."""

    pressed: bool
    other_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    contact: Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """Held, and watched, from `since` to `looked_at`. `told`: people see the seconds count."""

    contact: Contact
    since: float
    looked_at: float
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Still down, and nothing comes of it until it was let go, but one remark that it is stuck."""

    contact: Contact
    since: float
    remarked: bool = False


State = Up | Down | Spent


@dataclass(frozen=True, slots=True)
class Pressed:
    """A short press, let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """No short press any more: unless it is let go, `Held` follows at `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class LetGo:
    """Let go before `until`, or nobody knows: nothing is meant."""


@dataclass(frozen=True, slots=True)
class Held:
    """Held to the end, on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Down for `seconds` now."""

    seconds: float


Gesture = Pressed | Holding | LetGo | Held | Stuck


def start(pressed: bool, now: float) -> State:
    """The state after the very first look."""
    contact = Contact(pressed=pressed)
    return Spent(contact=contact, since=now) if pressed else Up(contact=contact)


def step(state: State, look: Look, now: float) -> tuple[State, Gesture | None]:
    """What follows. `now` is CLOCK_BOOTTIME."""
    contact = _settled(state.contact, look, now)
    match state:
        case Up():
            if contact.pressed:
                return Down(contact=contact, since=now, looked_at=now), None
            return Up(contact=contact), None
        case Down():
            return _down(replace(state, contact=contact), now)
        case Spent():
            if not contact.pressed:
                return Up(contact=contact), None
            stuck = not state.remarked and now >= state.since + STUCK
            after = replace(state, contact=contact, remarked=state.remarked or stuck)
            return after, Stuck(seconds=now - state.since) if stuck else None


def look_by(state: State) -> float:
    """When to look again though no edge wakes us; infinite where only an edge matters."""
    other_since = state.contact.other_since
    settled = inf if other_since is None else other_since + SETTLE
    match state:
        case Up():
            return settled
        case Down():
            if other_since is None:  # else nothing is decided before that has settled
                settled = state.since + (HOLD if state.told else SHORT)
            return min(settled, state.looked_at + LOOK)
        case Spent():
            return settled if state.remarked else min(settled, state.since + STUCK)


def _settled(contact: Contact, look: Look, now: float) -> Contact:
    if look.pressed == contact.pressed:
        return replace(contact, other_since=None)
    if contact.other_since is None or look.moved:
        return replace(contact, other_since=now)
    if now >= contact.other_since + SETTLE:
        return Contact(pressed=look.pressed)
    return contact


def _down(state: Down, now: float) -> tuple[State, Gesture | None]:
    contact, seen = state.contact, replace(state, looked_at=now)
    if now - state.looked_at > GAP:
        again: State = Up(contact=Contact(pressed=False))
        if contact == Contact(pressed=True):
            again = Down(contact=contact, since=now, looked_at=now)
        return again, LetGo() if state.told else None
    if not contact.pressed:
        return Up(contact=contact), LetGo() if state.told else Pressed()
    if contact.other_since is not None:
        return seen, None  # perhaps let go this moment: decide when that has settled
    if now >= state.since + HOLD:
        return Spent(contact=contact, since=state.since), Held()
    if now >= state.since + SHORT and not state.told:
        return replace(seen, told=True), Holding(until=state.since + HOLD)
    return seen, None
