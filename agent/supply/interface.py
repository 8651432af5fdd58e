"""What the supply server asks of the keeper of tokens."""

from dataclasses import dataclass
from typing import Literal, Protocol

from agent.oauth.events import AccessToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """A token with life left. `degraded` says in one sentence why it is less than was asked for
    (server down, grant not saved, shorter than `min_ttl`), or is None."""

    token: AccessToken
    degraded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """There is no valid token. `retry_after` in seconds is the agent's honest guess.

    `starting`: no answer from the server yet; `pairing`: a person has to approve; `offline`: the
    server cannot be reached and the last token is over; `refused`: the server refuses us.
    """

    kind: Literal["starting", "pairing", "offline", "refused"]
    detail: str
    retry_after: float


class TokenDesk(Protocol):
    """The keeper, as the sockets see it."""

    async def token(self, *, min_ttl: float) -> Handout | Unavailable:
        """A cached token at once if it lives `min_ttl` seconds; otherwise one renewal, shared by
        everybody who asks, is waited for briefly. `min_ttl` is capped at what the server grants."""
        ...

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        """A client's token was refused: renew, but only if it is still the current one."""
        ...

    def status(self) -> dict[str, object]:
        """JSON-ready and without a secret: state, reason, uuid, token (fingerprint, expires_in,
        degraded), store, display, version, since. Clients ignore members they do not know."""
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

    def now(self) -> float:
        """CLOCK_BOOTTIME, the clock of `AccessToken.expires_at`."""
        ...
