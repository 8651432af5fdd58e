"""How much one client may ask, and how many connections it may have. Pure.

Each client has a token bucket. It is one number, the instant at which it is full again (the generic
cell rate algorithm of ITU-T I.371): no counters, and nothing to do while nobody asks.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

_SLACK: Final = 1e-6  # s; who comes back after exactly the time told must not fail by a rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """`requests` a second in the long run, `burst` at once; `connections` and `holds` at a time."""

    requests: float = 200.0  # a till asks before each of its calls; what gets here is a loop
    burst: int = 400
    connections: int = 32
    holds: int = 4


CAPS: Final = Caps()


class Buckets:
    """The bucket of every client that asked lately, at most `most` of them.

    When there are more, those that are nearest to full go first, and half stay: who has asked too
    much stays known, and a newcomer begins with a full bucket anyway.
    """

    def __init__(self, *, most: int = 1024) -> None:
        self._most = most
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, client: str, caps: Caps, now: float) -> float:
        """Take one request out: 0.0; or the seconds until there is one to take, and take none.

        `now` is CLOCK_BOOTTIME in seconds.
        """
        full_at = max(now, self._full_at.get(client, now)) + 1 / caps.requests
        wait = full_at - now - caps.burst / caps.requests
        if wait > _SLACK:
            return wait
        self._full_at[client] = full_at
        if len(self._full_at) > self._most:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        emptier = sorted(self._full_at.items(), key=lambda item: item[1])[-(self._most // 2) :]
        self._full_at = {client: full_at for client, full_at in emptier if full_at > now}


class Places:
    """Who has how many connections, of `most` in all.

    The last `spare` places are for clients that have fewer than `few`. So a client finds its first
    few however many connections the others have, unless `spare` / `few` of them conspire with those
    that have all the rest.
    """

    def __init__(self, *, most: int, spare: int, few: int) -> None:
        self._most = most
        self._spare = spare
        self._few = few
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._taken.total()

    def take(self, client: str, limit: int) -> Literal["client", "all"] | None:
        """None: there is one more for this client. Or whose limit it would be over; `limit` is the
        client's own."""
        has = self._taken[client]
        if has >= limit:
            return "client"
        if len(self) >= self._most - (self._spare if has >= self._few else 0):
            return "all"
        self._taken[client] += 1
        return None

    def give_back(self, client: str) -> None:
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]
