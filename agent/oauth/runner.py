"""Carries out what the machines ask for. Decides nothing: a loop and a match.

Chance lives here, not in the rules: a `Wait` names two bounds and the runner draws between them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agent.clock import Clock
from agent.errors import InvalidTransition, StoreError
from agent.oauth import pairing, renewal
from agent.oauth.events import (
    Ask,
    Demanded,
    Grant,
    NewerWanted,
    PairingWanted,
    PersonActed,
    PollToken,
    RefreshToken,
    Rejected,
    RequestCode,
    RequestToken,
    SaveFailed,
    SaveToken,
    StoreCleared,
    TokenSaved,
    Wait,
    Waited,
)
from agent.oauth.interface import AuthorizationServer
from agent.store.interface import Storage

Knock = Demanded | Rejected | NewerWanted | PersonActed | PairingWanted | StoreCleared
"""What may shorten the wait for a renewal."""

S = TypeVar("S")
E = TypeVar("E")
K = TypeVar("K")


async def drive(
    step: Callable[[S, E, float], tuple[S, Ask | None]],
    first: tuple[S, Ask | None],
    *,
    carry_out: Callable[[Ask], Awaitable[E]],
    publish: Callable[[S], None],
    clock: Clock,
) -> S:
    """Run one machine to its end; every state is published once."""
    state, ask = first
    publish(state)
    while ask is not None:
        event = await carry_out(ask)
        state, ask = step(state, event, clock.now())
        publish(state)
    return state


class Doorbell(Generic[K]):
    """Events from outside that end a wait early. Ringing twice for the same thing counts once,
    so a flood of equal demands stays one event."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._rung: dict[K, None] = {}
        self._arrived = asyncio.Event()

    def ring(self, event: K) -> None:
        self._rung[event] = None
        self._arrived.set()

    def holds(self, event: K) -> bool:
        """Whether that event still waits to be delivered."""
        return event in self._rung

    def clear(self) -> None:
        """Forget what was rung for a machine that has ended."""
        self._rung.clear()

    async def wait(self, ask: Wait) -> K | Waited:
        """Whatever comes first: somebody rings, or the time between the bounds has passed."""
        if not self._rung:
            seconds = ask.at_least
            if ask.at_most > ask.at_least:
                seconds = self._rng.uniform(ask.at_least, ask.at_most)
            await self._sleep_or_ring(seconds)
        if not self._rung:
            return Waited()
        event = next(iter(self._rung))
        del self._rung[event]
        return event

    async def _sleep_or_ring(self, seconds: float) -> None:
        self._arrived.clear()
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        ring = asyncio.ensure_future(self._arrived.wait())
        try:
            await asyncio.wait((sleep, ring), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            ring.cancel()


class PairingRunner:
    """Carries out the pairing machine's asks."""

    def __init__(
        self, *, server: AuthorizationServer, storage: Storage, bell: Doorbell[PersonActed]
    ) -> None:
        self._server = server
        self._storage = storage
        self._bell = bell

    async def carry_out(self, ask: Ask) -> pairing.Event:
        match ask:
            case RequestCode():
                return await self._server.request_code()
            case PollToken(device_code=device_code):
                return await self._server.poll_token(device_code)
            case SaveToken(grant=grant):
                return await save(self._storage, grant)
            case Wait():
                return await self._bell.wait(ask)
            case RefreshToken() | RequestToken():
                raise InvalidTransition(f"pairing does not ask for {type(ask).__name__}")


class RenewalRunner:
    """Carries out the renewal machine's asks."""

    def __init__(
        self,
        *,
        server: AuthorizationServer,
        storage: Storage,
        bell: Doorbell[Knock],
    ) -> None:
        self._server = server
        self._storage = storage
        self._bell = bell

    async def carry_out(self, ask: Ask) -> renewal.Event:
        match ask:
            case RefreshToken(refresh_token=refresh_token):
                return await self._server.refresh_token(refresh_token)
            case RequestToken():
                return await self._server.request_token()
            case SaveToken(grant=grant):
                return await save(self._storage, grant)
            case Wait():
                return await self._bell.wait(ask)
            case RequestCode() | PollToken():
                raise InvalidTransition(f"renewal does not ask for {type(ask).__name__}")


async def save(storage: Storage, grant: Grant) -> TokenSaved | SaveFailed:
    """In a thread: a slow or broken medium must not hold up the sockets or the watchdog."""
    try:
        await asyncio.to_thread(storage.save, grant)
    except StoreError as exc:
        return SaveFailed(reason=str(exc))
    return TokenSaved()
