"""One lamp says six things, to everybody; a buzzer hardly anything."""

from itertools import accumulate, combinations
from math import inf, isinf

import pytest

from agent.oauth.events import Fault
from agent.panel import lamp
from agent.panel.lamp import BEEP, Pattern, beeps, pattern
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

CODE = Pairing(
    user_code="abcd1234", verification_uri="https://as.example", expires_at=2000.0, terminal="4711"
)
PATTERNS = {
    "starting": lamp.STARTING,
    "pairing": lamp.PAIRING,
    "serving": lamp.SERVING,
    "degraded": lamp.DEGRADED,
    "offline": lamp.OFFLINE,
    "person": lamp.PERSON,
}


@pytest.mark.parametrize(
    ("situation", "name"),
    [
        (Starting(), "starting"),
        (CODE, "pairing"),
        (Paired(owner="Café Müller"), "serving"),
        (Serving(), "serving"),
        (Serving(degraded="the grant is held in memory only"), "degraded"),
        (Offline(kind="network", reason="no route"), "offline"),
        (Denied(description="no"), "person"),
        (Refused(error="x", description="", fault=Fault.SERVER), "person"),
        (Paused(), "person"),
        (Failed(support_code="S201", reason="no store"), "person"),
    ],
)
def test_every_situation_has_a_rhythm(situation: Situation, name: str) -> None:
    assert pattern(situation) == PATTERNS[name]


def share_of_light(rhythm: Pattern) -> float:
    if rhythm == lamp.SERVING:
        return 1.0
    return sum(seconds for on, seconds in rhythm if on) / sum(seconds for _, seconds in rhythm)


def test_rhythms_differ_by_time_and_number_not_by_colour() -> None:
    """Two that have the lamp on for a like share of the time differ in their flashes by far."""
    for (name, one), (other_name, other) in combinations(PATTERNS.items(), 2):
        if abs(share_of_light(one) - share_of_light(other)) > 0.3:
            continue
        flashes, period = (
            {len(rhythm) for rhythm in (one, other)},
            [sum(seconds for _, seconds in rhythm) for rhythm in (one, other)],
        )
        distinct = len(flashes) == 2 or max(period) >= 3 * min(period)
        assert distinct, f"{name} looks like {other_name}"


def test_nothing_flashes_more_than_three_times_a_second() -> None:
    for rhythm in PATTERNS.values():
        if rhythm == lamp.SERVING:
            continue
        times = list(accumulate((seconds for _, seconds in rhythm * 12), initial=0.0))
        lit = [at for at, (on, _) in zip(times, rhythm * 12, strict=False) if on]
        for at in lit:
            assert sum(at <= other < at + 1.0 for other in lit) <= 3


def test_only_a_rhythm_that_stands_still_lasts_for_ever() -> None:
    assert ((True, inf),) == lamp.SERVING
    for rhythm in PATTERNS.values():
        assert any(isinf(seconds) for _, seconds in rhythm) == (len(rhythm) == 1)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Starting(), CODE, BEEP),
        (Paused(), CODE, BEEP),
        (CODE, Paired(owner=None), BEEP * 2),
        (CODE, Serving(), ()),
        (Starting(), Serving(), ()),
        (Serving(), Serving(degraded="x"), ()),
        (Serving(), Offline(kind="tls", reason="x"), ()),
        (CODE, Paused(), ()),
        (CODE, CODE, ()),
    ],
)
def test_the_buzzer_calls_only_for_a_code_and_when_it_worked(
    before: Situation, after: Situation, said: Pattern
) -> None:
    assert beeps(before, after) == said


def test_a_code_that_replaces_another_is_silent() -> None:
    renewed = Pairing(
        user_code="b", verification_uri="u", expires_at=1.0, terminal="4711", renewed=True
    )
    assert beeps(Starting(), renewed) == ()


def test_beeps_end_in_silence() -> None:
    assert BEEP[-1][0] is False
