"""Repeating one request through small troubles: a few times, within seconds.

The machines hear of trouble that stays, and then count in minutes. Full jitter, because a town's
terminals lose their server at the same moment; Retry-After is obeyed, or left to the machines when
it is longer than anybody should wait here.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_exponential

from agent.clock import Clock
from agent.oauth.events import CodeEvent, RefreshEvent, TransportFailed

TRIES: Final = 3
BUDGET: Final = 20.0  # s; no further try starts later than this

_E = TypeVar("_E", CodeEvent, RefreshEvent)
_CEILING: Final = wait_exponential(multiplier=1.0)  # s of the pause: 1, 2, ...


async def patiently(once: Callable[[], Awaitable[_E]], *, clock: Clock, rng: random.Random) -> _E:
    """The first event that is not passing trouble, or the last trouble."""
    patience = _Patience(clock=clock, rng=rng, started=clock.now())
    retrying = AsyncRetrying(
        retry=retry_if_result(_passes_by_itself),
        stop=patience.is_over,
        wait=patience.pause,
        sleep=clock.sleep,
        retry_error_callback=_trouble,
    )
    event: _E = await retrying(once)
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    """tenacity's questions about one request, answered with our clock and our dice."""

    clock: Clock
    rng: random.Random
    started: float

    def pause(self, state: RetryCallState) -> float:
        return (_trouble(state).retry_after or 0.0) + self.rng.uniform(0.0, _CEILING(state))

    def is_over(self, state: RetryCallState) -> bool:
        trouble = _trouble(state)
        left = max(0.0, BUDGET - (self.clock.now() - self.started))
        if state.attempt_number >= TRIES or (trouble.retry_after or 0.0) > left:
            return True
        # A lost answer is asked for once more however long it took: the server may have rotated
        # the refresh token, and the sooner it sees the old one again, the likelier it is lenient.
        asks_once_more = trouble.answer_lost and state.attempt_number == 1
        return left == 0.0 and not asks_once_more


def _passes_by_itself(event: object) -> bool:
    """Not `tls`, `clock` or `credentials`: nothing about those changes within seconds."""
    return isinstance(event, TransportFailed) and event.kind in ("network", "name", "server")


def _trouble(state: RetryCallState) -> TransportFailed:
    assert state.outcome is not None  # noqa: S101  # tenacity asks only after a try
    event: TransportFailed = state.outcome.result()
    return event
