"""Answers clients from the first moment on, also while there is no keeper yet.

The sockets open before the serial number is read and the store is unlocked: payment software that
starts earlier than everything else gets an honest "not yet" instead of a refused connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from agent import __version__, telling
from agent.clock import Clock, within
from agent.errors import StoreError
from agent.situation import Situation, Starting
from agent.supply.interface import Asker, Handout, HoldView, NotHeld, Unavailable
from agent.supply.operations import DEFAULT_WAIT, HoldWish

if TYPE_CHECKING:  # both bring the machines along, which come after the sockets are open
    from agent.desk import Desk
    from agent.keeper import Keeper

_DEAD: Final = Unavailable(
    kind="offline",
    detail="the API refused the token there is, and the server cannot be asked for another",
    retry_after=5.0,
)

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
        lend_display: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._health = dict(health)
        self._rekey = rekey
        self._lend_display = lend_display
        self._since = clock.now()
        self.situation: Situation = Starting()
        self.keeper: Keeper | None = None
        self._opened = asyncio.Event()

    def add_health(self, health: Mapping[str, Health]) -> None:
        """More members of the status."""
        self._health.update(health)

    def hand_over(self, keeper: "Keeper") -> None:
        """From now on the keeper answers."""
        self.keeper = keeper
        self._opened.set()

    def now(self) -> float:
        return self._clock.now()

    async def token(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        desk = await self._arrival(wait)
        if desk is None:
            return telling.unavailable(self.situation)
        return await desk.token(min_ttl=min_ttl, wait=wait)

    async def token_to_keep(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        """For somebody who cannot ask again: none that the API refused. Who can ask is served it,
        marked `degraded`, while no other can be had (docs/decisions/0006).
        """
        answer = await self.token(min_ttl=min_ttl, wait=wait)
        if self.keeper is None or isinstance(answer, Unavailable):
            return answer
        return _DEAD if self.keeper.known_dead(answer.token) else answer

    def cached(self, *, min_ttl: float) -> Handout | None:
        return None if self.keeper is None else self.keeper.desk.cached(min_ttl=min_ttl)

    async def hold(
        self, wish: HoldWish, asker: Asker, *, min_ttl: float, wait: float
    ) -> Handout | Unavailable | NotHeld:
        desk = await self._arrival(wait)
        if desk is None:
            return telling.unavailable(self.situation)
        return await desk.hold(wish, asker, min_ttl=min_ttl, wait=wait)

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        desk = await self._arrival(DEFAULT_WAIT)
        if desk is None:
            return telling.unavailable(self.situation)
        return await desk.rejected(fingerprint)

    async def _arrival(self, wait: float) -> "Desk | None":
        """A payment that comes while the agent starts waits a moment; one that comes while the
        start is stuck is told so at once."""
        if self.keeper is None and isinstance(self.situation, Starting):
            await within(self._clock, wait, self._opened.wait())
        return None if self.keeper is None else self.keeper.desk

    def holds(self, asker: Asker) -> Sequence[HoldView]:
        return () if self.keeper is None else self.keeper.desk.holds(asker)

    def release(self, hold_id: str, asker: Asker) -> bool:
        return self.keeper is not None and self.keeper.desk.release(hold_id, asker)

    def ended(self, bound_to: str) -> None:
        if self.keeper is not None:
            self.keeper.desk.ended(bound_to)

    def pairing(self) -> dict[str, object]:
        return telling.pairing_status(self.situation, self._clock.now())

    def pair(self) -> None:
        if self.keeper is not None:
            self.keeper.pair()

    def lend_display(self, lent: bool) -> None:
        self._lend_display(lent)

    async def unpair(self) -> None:
        if self.keeper is None:  # the store may not be open: nothing would have been forgotten
            raise StoreError("the agent is still starting, so nothing was forgotten; try again")
        await self.keeper.unpair()

    async def rekey(self) -> None:
        await self._rekey()

    def status(self) -> dict[str, object]:
        if self.keeper is None:
            now = self._clock.now()
            told = telling.status(self.situation, now)
            told["since_seconds"] = round(now - self._since)
        else:
            told = self.keeper.status()
        return {
            **told,
            "version": __version__,
            **{name: look() for name, look in self._health.items()},
        }
