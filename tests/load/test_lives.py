"""10,000 clients' lives: no renewal inside a hold, nobody starves, all are answered in time."""

from collections import Counter

from tests.crash.rotation_time import leap_through
from tests.load.shop import Knobs, day

_SHOPS = 50
_CLIENTS = 200


def _knobs(number: int, *, kills_quietly: bool = False) -> Knobs:
    """Lives as Secucard's and half of it; every other server rotates, some lose answers."""
    return Knobs(
        clients=_CLIENTS,
        life=(1200.0, 900.0, 600.0)[number % 3],
        rotates=number % 2 == 1,
        loses=(0.0, 0.1)[number // 2 % 2],
        kills_quietly=kills_quietly,
    )


def test_ten_thousand_lives_and_no_promise_is_broken() -> None:
    counted: Counter[str] = Counter()
    wrongs: list[str] = []
    for number in range(_SHOPS):
        judge = leap_through(day(_knobs(number), seed=number))
        counted += judge.counted
        wrongs += [f"shop {number} {wrong}" for wrong in judge.wrongs]
    assert not wrongs
    assert counted["held"] > _SHOPS * _CLIENTS / 2
    assert counted["renewed"] > 2 * _SHOPS


def test_a_day_is_the_same_each_time() -> None:
    first, again = (leap_through(day(_knobs(3), seed=3)).counted for _ in range(2))
    assert first == again


def test_an_agent_that_ignores_holds_is_found_out() -> None:
    judge = leap_through(day(_knobs(0, kills_quietly=True), seed=0))
    assert any("before the end of hold" in wrong for wrong in judge.wrongs)
