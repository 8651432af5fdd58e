"""An authorization server that remembers when each token died and what killed it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from agent.clock import Clock
from agent.oauth.events import (
    AccessToken,
    CodeEvent,
    PollEvent,
    RefreshEvent,
    TokenResponse,
    TransportFailed,
)
from agent.secret import Secret

_PATIENCE = 20.0  # s a transport waits for an answer that never comes

Cause = Literal["renewal", "server"]


@dataclass(slots=True, kw_only=True)
class Issued:
    """One access token. `killed_by` is None while the server takes it."""

    fingerprint: str
    killed_by: Cause | None = None


@dataclass(kw_only=True)
class Witness:
    """Creating a token ends the one before, whatever `renewal_ends_old_token` tells the agent.

    `life` and `latency` in seconds; `latency` is one request's, there and back. `loses` is the
    share of answers that are lost on the way back. `on_death` hears of each token that dies.
    """

    clock: Clock
    dice: random.Random
    on_death: Callable[[Issued, Cause], None]
    life: float = 1200.0
    latency: float = 0.2
    loses: float = 0.0
    rotates: bool = False
    down: bool = False
    renewal_ends_old_token: bool = True
    issuer: str = "https://as.example/token"
    renewals: int = 0
    _tokens: dict[str, Issued] = field(default_factory=dict)
    _current: Issued | None = None

    def issued(self, token: AccessToken) -> Issued:
        return self._tokens[token.value.fingerprint()]

    def kill(self) -> None:
        """By its own doing: it restarted, say, and lost its sessions."""
        self._end("server")

    async def refresh_token(self, refresh_token: Secret) -> RefreshEvent:
        asked_at = self.clock.now()
        await asyncio.sleep(self.latency / 2)
        if self.down:
            return TransportFailed(kind="network", reason="no route to as.example")
        answer = self._renew(asked_at)
        if self.dice.random() < self.loses:
            await asyncio.sleep(_PATIENCE)
            return TransportFailed(kind="network", reason="no answer in time", answer_lost=True)
        await asyncio.sleep(self.latency / 2)
        return answer

    def _renew(self, asked_at: float) -> TokenResponse:
        self._end("renewal")
        self.renewals += 1
        value = Secret(f"access-{self.renewals}")
        self._current = Issued(fingerprint=value.fingerprint())
        self._tokens[self._current.fingerprint] = self._current
        return TokenResponse(
            access_token=value,
            expires_in=self.life,
            refresh_token=Secret(f"refresh-{self.renewals}") if self.rotates else None,
            scope=None,
            asked_at=asked_at,
        )

    def _end(self, cause: Cause) -> None:
        token, self._current = self._current, None
        if token is not None:
            token.killed_by = cause
            self.on_death(token, cause)

    async def request_code(self) -> CodeEvent:
        raise AssertionError("this terminal is paired for good")

    async def poll_token(self, device_code: Secret) -> PollEvent:
        raise AssertionError("this terminal is paired for good")

    async def request_token(self) -> RefreshEvent:
        raise AssertionError("this terminal has a grant")

    async def owner_of(self, token: AccessToken) -> str | None:
        return None
