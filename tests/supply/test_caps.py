"""What one client may ask in a time, what is remembered of it, and who still finds a place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.supply.caps import CAPS, Buckets, Caps, Places
from agent.supply.house import Limits

TILL = Caps(requests=10.0, burst=5)


def test_a_burst_goes_through_and_then_the_rate_counts() -> None:
    buckets = Buckets()
    assert [buckets.take("a", TILL, 100.0) for _ in range(5)] == [0.0] * 5
    assert buckets.take("a", TILL, 100.0) == pytest.approx(0.1)
    assert buckets.take("a", TILL, 100.05) == pytest.approx(0.05)
    assert buckets.take("a", TILL, 100.1) == 0.0
    assert buckets.take("a", TILL, 100.1) > 0.0


def test_a_pause_fills_the_bucket_up_and_not_beyond() -> None:
    buckets = Buckets()
    for _ in range(5):
        buckets.take("a", TILL, 0.0)
    assert [buckets.take("a", TILL, 1e6) > 0 for _ in range(6)] == [False] * 5 + [True]


def test_one_client_does_not_use_up_what_is_anothers() -> None:
    buckets = Buckets()
    while not buckets.take("a", TILL, 0.0):
        pass
    assert buckets.take("b", TILL, 0.0) == 0.0


def test_the_defaults_are_those_of_the_docs() -> None:
    buckets = Buckets()
    assert sum(buckets.take("a", CAPS, 0.0) == 0.0 for _ in range(1000)) == 400
    assert sum(buckets.take("a", CAPS, 1.0) == 0.0 for _ in range(1000)) == 200


@given(
    rate=st.floats(0.1, 10_000),
    burst=st.integers(1, 1000),
    pauses=st.lists(st.floats(0.0, 3.0), max_size=200),
    start=st.floats(0, 1e8),  # s: three years since boot
)
def test_no_span_of_time_gives_more_than_burst_and_rate(
    rate: float, burst: int, pauses: list[float], start: float
) -> None:
    buckets, caps = Buckets(), Caps(requests=rate, burst=burst)
    taken, now = [], start
    for pause in pauses:
        now += pause
        while not buckets.take("a", caps, now):
            taken.append(now)
            if len(taken) > 3000:
                break
    for first, since in enumerate(taken[:20]):
        within = len(taken) - first
        assert within <= burst + rate * (taken[-1] - since) + 1e-4 * rate + 1e-6


@given(rate=st.floats(0.1, 10_000), burst=st.integers(1, 1000), start=st.floats(0, 1e8))
def test_whoever_waits_as_long_as_told_is_served(rate: float, burst: int, start: float) -> None:
    buckets, caps = Buckets(), Caps(requests=rate, burst=burst)
    now = start
    while not (wait := buckets.take("a", caps, now)):
        pass
    for _ in range(3):
        assert wait <= 1 / rate + 1e-5
        now += wait
        assert buckets.take("a", caps, now) == 0.0
        wait = buckets.take("a", caps, now)


def test_memory_is_bounded_and_who_asked_too_much_stays_known() -> None:
    buckets = Buckets(most=8)
    while not buckets.take("greedy", TILL, 0.0):
        pass
    for number in range(1000):
        assert buckets.take(f"client {number}", TILL, 0.0) == 0.0
        assert len(buckets) <= 8
    assert buckets.take("greedy", TILL, 0.0) > 0.0


def test_full_buckets_are_forgotten_first() -> None:
    buckets = Buckets(most=8)
    for number in range(8):
        buckets.take(f"client {number}", TILL, 0.0)
    buckets.take("late", TILL, 10.0)
    assert len(buckets) == 1


# -- places ---------------------------------------------------------------------------------------

NAMES = [f"client {number}" for number in range(9)]  # one more than can have all of the spare


def places() -> Places:
    limits = Limits()
    return Places(most=limits.connections, spare=limits.spare, few=limits.few)


def test_a_client_has_its_own_limit() -> None:
    taken = places()
    assert [taken.take("a", 2) for _ in range(3)] == [None, None, "client"]
    assert taken.take("b", 2) is None
    taken.give_back("a")
    assert len(taken) == 2
    assert taken.take("a", 2) is None


def test_the_spare_places_are_for_those_that_have_few() -> None:
    taken = Places(most=6, spare=3, few=2)
    assert [taken.take("greedy", 9) for _ in range(4)] == [None] * 3 + ["all"]
    assert [taken.take("till", 9) for _ in range(3)] == [None, None, "all"]
    assert taken.take("kiosk", 9) is None
    assert taken.take("late", 9) == "all"
    for _ in range(3):
        taken.give_back("greedy")
    assert taken.take("till", 9) == "all"
    taken.give_back("kiosk")
    assert taken.take("till", 9) is None


@given(st.lists(st.tuples(st.sampled_from(NAMES[:-1]), st.integers(-3, 40)), max_size=60))
def test_a_client_finds_its_first_places_whatever_the_others_do(
    moves: list[tuple[str, int]],
) -> None:
    """They come and go: so many connections more, or less."""
    taken = places()
    have = dict.fromkeys(NAMES, 0)
    for name, change in moves:
        for _ in range(change):
            have[name] += taken.take(name, 1000) is None
        for _ in range(min(-change, have[name])):
            taken.give_back(name)
            have[name] -= 1
    assert len(taken) == sum(have.values()) <= Limits().connections
    assert [taken.take(NAMES[-1], 1000) for _ in range(Limits().few)] == [None] * Limits().few
