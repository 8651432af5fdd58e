"""Who comes back when told gets its hold, however early others give theirs back and ask again."""

import random
from dataclasses import replace
from typing import Final

import pytest

from agent.supply.holds_state import LIMITS, Answer, Wish
from tests.supply.holds_rush import Rush

_SECONDS: Final = 300.0  # s; the longest there are
_TIMES: Final = 10
_LONG: Final = 20_000.0  # s
# One round for each that waits longer, and its own.
_ROUND: Final = LIMITS.longest + LIMITS.grace


class NoRegard(Rush):
    """Whom a replaced token leaves behind is forgotten."""

    def decide(self, wish: Wish) -> Answer:
        name = None if self._token is None else self._token.value.fingerprint()
        waiting = tuple(
            one if one.token == name else replace(one, token=None) for one in self._holds.waiting
        )
        self._holds = replace(self._holds, waiting=waiting)
        return super().decide(wish)


@pytest.mark.parametrize("life", [60.0, 200.0, 300.0, 400.0, 600.0, 1200.0])
@pytest.mark.parametrize(
    ("busy", "shares"), [(1, (0.8,)), (1, (0.7, 0.8, 0.9)), (3, (0.2, 0.8, 0.99, 1.0))]
)
@pytest.mark.parametrize("seed", range(5))
def test_a_shy_till_is_not_starved(
    life: float, busy: int, shares: tuple[float, ...], seed: int
) -> None:
    rush = Rush(life=life, seconds=_SECONDS, busy=busy, shares=shares, dice=random.Random(seed))
    rush.run(_TIMES, _LONG)
    assert len(rush.waits) > _TIMES
    assert max(rush.waits) <= (busy + 1) * _ROUND


@pytest.mark.parametrize("life", [200.0, 300.0, 400.0])
def test_without_regard_for_it_a_shy_till_starves(life: float) -> None:
    rushes = [
        NoRegard(life=life, seconds=_SECONDS, busy=1, shares=(0.8,), dice=random.Random(seed))
        for seed in range(20)
    ]
    for rush in rushes:
        rush.run(_TIMES, _LONG)
    assert max(max(rush.waits) for rush in rushes) > 0.9 * _LONG
