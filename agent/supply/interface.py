"""What the supply server asks of the keeper of tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.oauth.events import AccessToken
from agent.supply.feed import Event
from agent.supply.operations import HoldWish


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, as far as holds are concerned. `key` names the client as the policy does;
    `connection` and `process` name what a hold may end with, and never come again. `process` is
    None where the kernel cannot tell when it ends. `holds` is how many it may have."""

    key: str
    connection: str
    process: str | None = None
    holds: int | None = None
    admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A hold that was given: the token is not renewed before `until` (CLOCK_BOOTTIME). `less` says
    why that is sooner than was wanted, or is None."""

    id: str
    until: float
    less: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """A token with life left. `degraded` says in one sentence why it is less than was asked for
    (server down, grant not saved, shorter than `min_ttl`), or is None."""

    token: AccessToken
    degraded: str | None = None
    promise: Promise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """There is no valid token. `retry_after` in seconds is the agent's honest guess.

    `starting`: no answer from the server yet; `pairing`: a person has to approve; `offline`: the
    server cannot be reached and the last token is over; `refused`: the server refuses us.
    """

    kind: Literal["starting", "pairing", "offline", "refused"]
    detail: str
    retry_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHeld:
    """No hold, and so no token: a payment that relies on one must not begin without.

    `held`: a newer token is needed, and somebody's hold is in the way for `held_for` seconds, or
    the server did not give one; `impossible`: its tokens are too short; `limit`: too many holds;
    `never`: its policy lets this client have none; `unknown`: none of this client's to extend.
    """

    kind: Literal["held", "impossible", "limit", "never", "unknown"]
    detail: str
    retry_after: float | None = None
    held_for: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """A hold as its client and the administrator see it; times in seconds. `bound_to` is the
    connection or process of an `Asker` that it ends with; they are not shown that."""

    id: str
    client: str
    fingerprint: str
    expires_in: float
    since: float
    bound_to: str | None = None


class TokenDesk(Protocol):
    """The keeper, as the sockets see it."""

    async def token(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        """A cached token at once if it lives `min_ttl` seconds; otherwise one renewal, shared by
        everybody who asks, is waited for up to `wait` seconds. `min_ttl` is capped at what the
        server grants."""
        ...

    def cached(self, *, min_ttl: float) -> Handout | None:
        """What `token` would answer without any wait; None if it takes one."""
        ...

    async def hold(
        self, wish: HoldWish, asker: Asker, *, min_ttl: float, wait: float
    ) -> Handout | Unavailable | NotHeld:
        """A token with a promise; waits up to `wait` seconds for a renewal, or for other holds to
        end, where one has to come first."""
        ...

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        """A client's token was refused: renew, but only if it is still the current one."""
        ...

    def holds(self, asker: Asker) -> Sequence[HoldView]:
        """The client's own; for an administrator everybody's."""
        ...

    def release(self, hold_id: str, asker: Asker) -> bool:
        """False if there is no such hold, or it is somebody else's."""
        ...

    def ended(self, bound_to: str) -> None:
        """A connection or process is over: so are the holds that were to end with it."""
        ...

    def status(self) -> dict[str, object]:
        """JSON-ready and without a secret: state, reason, uuid, token (fingerprint, expires_in;
        None without one), holds, store, display, version, since_seconds; `degraded` while it
        serves. Clients ignore members they do not know."""
        ...

    def pairing(self) -> dict[str, object]:
        """JSON-ready: state, and while a person is waited for the code and where to enter it."""
        ...

    def pair(self) -> None:
        """A person wants a code now."""
        ...

    async def unpair(self) -> None:
        """Forget the grant, and pair again. Raises StoreError."""
        ...

    async def rekey(self) -> None:
        """Seal the stored grant with a new key and destroy the old. Raises StoreError."""
        ...

    def lend_display(self, lent: bool) -> None:
        """Leave the customer display to somebody else, or use it again."""
        ...

    def now(self) -> float:
        """CLOCK_BOOTTIME, the clock of `AccessToken.expires_at`."""
        ...


class EventSource(Protocol):
    """Where what changes is told; `agent.supply.feed` has the form."""

    def after(self, last_event_id: str | None) -> Sequence[Event] | None: ...

    def encode(self, event: Event) -> bytes: ...

    def follow(self, told: Callable[[Event], None]) -> Callable[[], None]:
        """`told` is called with each new event from now on; what is returned ends that."""
        ...
