"""The authorization server as the runner sees it: one coroutine per ask, answers as events."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from agent.oauth.events import AccessToken, CodeEvent, PollEvent, RefreshEvent
from agent.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """RFC 6749 section 2.3.1."""

    client_id: str
    client_secret: Secret


CredentialSource = Callable[[], Awaitable[ClientCredentials]]
"""The run-time callback: asked before every request, so credentials may change while running.

Raises ConfigError or OSError when there are none; that is an event to the machines
(`TransportFailed(kind="credentials")`), never a crash.
"""


class AuthorizationServer(Protocol):
    """One server, one dialect, one client. No method raises for what a server or network does."""

    @property
    def issuer(self) -> str:
        """Identifies the server in stored grants: the issuer (RFC 8414) or the token endpoint."""
        ...

    @property
    def renewal_ends_old_token(self) -> bool:
        """Whether a new access token voids the one before, in whoever's hand it is."""
        ...

    async def request_code(self) -> CodeEvent: ...

    async def poll_token(self, device_code: Secret) -> PollEvent: ...

    async def refresh_token(self, refresh_token: Secret) -> RefreshEvent: ...

    async def request_token(self) -> RefreshEvent: ...

    async def owner_of(self, token: AccessToken) -> str | None:
        """The name of whoever this terminal was paired to, when the server tells; never waits
        longer than a few seconds."""
        ...
