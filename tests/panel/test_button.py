"""What a press means, whatever the contacts and the kernel make of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.panel.button import (
    GAP,
    HOLD,
    SETTLE,
    SHORT,
    STUCK,
    Contact,
    Down,
    Gesture,
    Held,
    Holding,
    LetGo,
    Look,
    Pressed,
    Spent,
    State,
    Stuck,
    Up,
    look_by,
    start,
    step,
)

NOW = 1000.0
KERNEL_BUFFER = 16  # events; the rest is lost
CALM, LATE = 0.01, 0.015  # s from an edge to the look; s that a busy machine adds at most
POLL = 0.05

Waveform = list[tuple[float, bool]]
"""Instants at which the level changes, and to what. It starts released."""


def gestures(looks: Iterable[tuple[float, bool]], *, pressed: bool = False) -> list[Gesture]:
    """Looks without edges, at seconds after the first."""
    state, found = start(pressed, NOW), []
    for at, level in looks:
        state, gesture = step(state, Look(pressed=level), NOW + at)
        if gesture is not None:
            found.append(gesture)
    return found


def every(seconds: float, *, until: float, start: float = 0.0) -> Iterator[float]:
    for n in range(round((until - start) / seconds)):
        yield start + n * seconds


def held(until: float) -> list[tuple[float, bool]]:
    return [(at, True) for at in every(POLL, until=until, start=1.0)]


def holding(until: float) -> Holding:
    return Holding(until=pytest.approx(NOW + until))  # type: ignore[arg-type]


def released(at: float) -> list[tuple[float, bool]]:
    return [(at, False), (at + POLL, False)]


def test_a_short_press_asks_who_this_is() -> None:
    assert gestures([*held(1.5), *released(1.5)]) == [Pressed()]


def test_a_long_press_counts_down_and_pairs_at_the_end() -> None:
    assert gestures(held(6.3)) == [holding(1.05 + HOLD), Held()]


def test_letting_go_in_time_means_nothing() -> None:
    looks = [*held(5.9), *released(5.9)]
    assert gestures(looks) == [holding(1.05 + HOLD), LetGo()]


def test_a_stuck_button_pairs_once_and_is_remarked_once() -> None:
    found = gestures(held(600))
    assert [type(one) for one in found] == [Holding, Held, Stuck]
    (stuck,) = (one for one in found if isinstance(one, Stuck))
    assert stuck.seconds == pytest.approx(STUCK, abs=POLL + 0.01)
    again = [*held(600), *released(600), *((at + 600, level) for at, level in held(7))]
    assert [type(one) for one in gestures(again)].count(Held) == 2


def test_a_button_that_is_down_at_the_start_does_nothing_until_it_was_let_go() -> None:
    assert gestures(held(50), pressed=True) == []
    assert [type(one) for one in gestures(held(600), pressed=True)] == [Stuck]
    afterwards = [*held(50), *released(50), *((at + 50, level) for at, level in held(1.3))]
    assert gestures([*afterwards, *released(52)], pressed=True) == [Pressed()]


def test_a_glitch_shorter_than_contacts_bounce_is_none() -> None:
    assert gestures([(1.0, True), (1.02, False), (2.0, True), (2.02, False), (3, False)]) == []
    flicker = [*held(3.0), (3.0, False), (3.02, True)]
    still_held = [(at, True) for at in every(POLL, until=6.3, start=3.05)]
    assert [type(one) for one in gestures([*flicker, *still_held])] == [Holding, Held]


def test_a_button_let_go_at_the_last_moment_does_not_pair() -> None:
    """The level at the deadline counts, not the one that has settled."""
    looks = [*held(6.03), (6.04, False), (6.06, False), (6.1, False)]
    assert [type(one) for one in gestures(looks)] == [Holding, LetGo]


def test_time_that_nobody_watched_is_not_held_time() -> None:
    """A suspend: CLOCK_BOOTTIME goes on, the button is down at its end as at its beginning."""
    before, hour = held(2.0), 3600.0
    asleep = [(at + hour, level) for at, level in held(5.0)]
    found = gestures([*before, *asleep])
    assert [type(one) for one in found] == [Holding, LetGo, Holding]
    assert found[-1] == holding(hour + 1.0 + HOLD)
    assert gestures([*before, *released(hour)])[1:] == [LetGo()]
    assert gestures([*held(1.3), (hour, False), (hour + 0.04, False)]) == []


def test_a_busy_machine_is_no_suspend() -> None:
    looks = [(1.0, True), (1.04, True), (1.04 + GAP, True), (6.05, True), (7.0, True)]
    assert Held() not in gestures(looks)  # 6.05 is more than GAP later: once more from there
    looks.insert(3, (4.9, True))
    assert Held() in gestures(looks)


UP = Up(contact=Contact(pressed=False))
RISING = Up(contact=Contact(pressed=False, other_since=NOW))
DOWN = Down(contact=Contact(pressed=True), since=NOW, looked_at=NOW)
FALLING = Contact(pressed=True, other_since=NOW)


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (UP, float("inf")),
        (RISING, SETTLE),
        (DOWN, 0.5),
        (Down(contact=Contact(pressed=True), since=NOW, looked_at=NOW + 0.5), SHORT),
        (Down(contact=Contact(pressed=True), since=NOW, looked_at=NOW + 4.8, told=True), HOLD),
        (Down(contact=FALLING, since=NOW - HOLD, looked_at=NOW), SETTLE),
        (Spent(contact=Contact(pressed=True), since=NOW), STUCK),
        (Spent(contact=Contact(pressed=True), since=NOW, remarked=True), float("inf")),
        (Spent(contact=FALLING, since=NOW), SETTLE),
        (Spent(contact=FALLING, since=NOW, remarked=True), SETTLE),
    ],
)
def test_when_to_look_again_without_an_edge(state: State, seconds: float) -> None:
    assert look_by(state) == pytest.approx(NOW + seconds)


# -- any waveform ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """The level stands for `seconds` after the contacts have bounced: `edges` pairs of them,
    `apart` seconds each."""

    seconds: float
    edges: int
    apart: float


def segments(*lengths: tuple[float, float]) -> st.SearchStrategy[Segment]:
    return st.builds(
        Segment,
        seconds=st.one_of(*(st.floats(low, high) for low, high in lengths)),
        edges=st.integers(0, 20),
        apart=st.sampled_from([0.0, 0.0003, 0.001, 0.002]),
    )


SHORT_PRESS, LONG_PRESS, HOLDS, STICKS = (0.2, 0.5), (0.9, 4.7), (5.2, 59.0), (61.0, 75.0)
PRESSES = segments(SHORT_PRESS, LONG_PRESS, HOLDS, STICKS)
STORM = Segment(seconds=0.2, edges=20, apart=0.0)


def waveform(story: list[tuple[Segment, Segment]]) -> tuple[Waveform, float]:
    changes: Waveform = []
    at = NOW
    for pair in story:
        for segment, level in zip(pair, (False, True), strict=True):
            changes.append((at, level))
            for _ in range(segment.edges):
                changes += [(at + segment.apart, not level), (at + 2 * segment.apart, level)]
                at += 2 * segment.apart
            at += segment.seconds
    return [*changes, (at, False)], at + 1.0


def meant(story: list[tuple[Segment, Segment]]) -> list[type[Gesture]]:
    found: list[type[Gesture]] = []
    for _, press in story:
        if press.seconds <= SHORT_PRESS[1]:
            found += [Pressed]
        elif press.seconds <= LONG_PRESS[1]:
            found += [Holding, LetGo]
        else:
            found += [Holding, Held]
            found += [Stuck] if press.seconds >= STICKS[0] else []
    return found


def watched(changes: Waveform, end: float, late: Iterator[float], *, edges: bool) -> list[Gesture]:
    """A watcher by edges or by looking, with the kernel's small buffer between it and the wire."""
    state, now, level, queued, found = start(False, NOW), NOW, False, 0, []
    wire = iter([*changes, (float("inf"), False)])
    upcoming = next(wire)

    def pass_until(instant: float) -> None:
        nonlocal now, level, queued, upcoming
        while upcoming[0] <= instant:
            queued = min(queued + (upcoming[1] != level), KERNEL_BUFFER)
            level = upcoming[1]
            upcoming = next(wire)
        now = instant

    while now < end:
        if edges:
            wake = now if queued else min(upcoming[0], look_by(state), end)
            pass_until(max(wake, now))
            moved = queued > 0
            pass_until(now + (CALM if moved else 0.0) + next(late))
        else:
            pass_until(now + POLL + next(late))
            moved = False
        queued = 0
        state, gesture = step(state, Look(pressed=level, moved=moved), now)
        if gesture is not None:
            found.append(gesture)
    return found


@pytest.mark.parametrize("edges", [True, False])
@settings(max_examples=80, deadline=None)
@given(
    story=st.lists(st.tuples(segments((0.2, 3.0)), PRESSES), min_size=1, max_size=4),
    late=st.lists(st.floats(0.0001, LATE), min_size=1, max_size=7),
)
@example(story=[(STORM, STORM), (STORM, STORM)], late=[LATE])
@example(story=[(STORM, Segment(seconds=6.0, edges=20, apart=0.0))], late=[0.001])
def test_whatever_the_contacts_do_the_gestures_are_those_of_the_finger(
    edges: bool, story: list[tuple[Segment, Segment]], late: list[float]
) -> None:
    changes, end = waveform(story)
    delays = (late[n % len(late)] for n in range(10**9))
    found = watched(changes, end, delays, edges=edges)
    assert [type(one) for one in found] == meant(story)
