"""Answers clients from the first moment on, also while there is no keeper yet.

The sockets open before the serial number is read and the store is unlocked: payment software that
starts earlier than everything else gets an honest "not yet" instead of a refused connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from agent import __version__, view
from agent.clock import Clock
from agent.keeper import LONGEST_WAIT, Keeper
from agent.situation import Situation, Starting
from agent.supply.interface import Handout, Unavailable

Health = Callable[[], object]


class FrontDesk:
    """A `TokenDesk` that passes on to the keeper as soon as there is one.

    `health` adds what the composition root knows to the status: name -> JSON-ready value. `rekey`
    raises StoreError.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        health: Mapping[str, Health],
        rekey: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._health = health
        self._rekey = rekey
        self._since = clock.now()
        self.situation: Situation = Starting()
        self.keeper: Keeper | None = None
        self._opened = asyncio.Event()

    def hand_over(self, keeper: Keeper) -> None:
        """From now on the keeper answers."""
        self.keeper = keeper
        self._opened.set()

    def now(self) -> float:
        return self._clock.now()

    async def token(self, *, min_ttl: float) -> Handout | Unavailable:
        keeper = await self._arrival()
        if keeper is None:
            return view.unavailable(self.situation)
        return await keeper.token(min_ttl=min_ttl)

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        keeper = await self._arrival()
        if keeper is None:
            return view.unavailable(self.situation)
        return await keeper.rejected(fingerprint)

    async def _arrival(self) -> Keeper | None:
        """A payment that comes while the agent starts waits a moment; one that comes while the
        start is stuck is told so at once."""
        if self.keeper is None and isinstance(self.situation, Starting):
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_WAIT):
                    await self._opened.wait()
        return self.keeper

    def pair(self) -> None:
        if self.keeper is not None:
            self.keeper.pair()

    async def unpair(self) -> None:
        if self.keeper is not None:
            await self.keeper.unpair()

    async def rekey(self) -> None:
        await self._rekey()

    def status(self) -> dict[str, object]:
        if self.keeper is None:
            now = self._clock.now()
            told = view.status(self.situation, now)
            told["since_seconds"] = round(now - self._since)
        else:
            told = self.keeper.status()
        return {
            **told,
            "version": __version__,
            **{name: look() for name, look in self._health.items()},
        }
