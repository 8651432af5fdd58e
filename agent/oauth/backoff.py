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
    ceiling = min(FIRST * 2.0 ** min(failures - 1, 10), LONGEST)
    if retry_after is None:
        return Wait(at_least=SHORTEST, at_most=ceiling)
    floor = max(retry_after, SHORTEST)
    spread = max(RETRY_AFTER_SPREAD, floor / 2)
    return Wait(at_least=floor, at_most=max(floor + spread, ceiling))
