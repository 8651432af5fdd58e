"""How long to wait after a failure: full jitter below a doubling ceiling.

Without jitter a fleet that lost its mains together never spreads out again. A server's Retry-After
is a floor with jitter on top. The bounds are computed here; the runner draws the time.
"""

from typing import Final

from agent.oauth.events import Wait

SHORTEST: Final = 1.0  # s
FIRST: Final = 5.0  # s, doubled with every further failure
LONGEST: Final = 300.0  # s
RETRY_AFTER_SPREAD: Final = 10.0  # s, at least; half of Retry-After where that is more


def backoff(failures: int, retry_after: float | None = None) -> Wait:
    """The wait after that many failures in a row (1 and up)."""
    if retry_after is not None:
        spread = max(RETRY_AFTER_SPREAD, retry_after / 2)
        return Wait(at_least=retry_after, at_most=retry_after + spread)
    return Wait(at_least=SHORTEST, at_most=min(FIRST * 2.0 ** min(failures - 1, 10), LONGEST))
