"""Payment programs: each pays one cardholder after the other, with a hold or without."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.sandbox.server import SandboxServer
from tests.load.wire import Line

_SALE: Final = {"basket_info": {"sum": 250, "currency": "EUR"}}


@dataclass(slots=True, kw_only=True)
class Book:
    """How payments ended, by the server's word. `failed` is what it said. `unprotected` outlasted
    what was promised, so that they prove nothing: this machine was busy elsewhere."""

    paid: int = 0
    failed: list[str] = field(default_factory=list)
    unprotected: int = 0

    def told(self) -> str:
        failed, unprotected = len(self.failed), self.unprotected
        return f"{self.paid} paid, {failed} failed, {unprotected} failed after their hold was over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """`hold`: seconds to ask for, None: pay without. `needs`: a shorter promise is given back.
    `speed`: of the agent's clock, against ours. `longest`: seconds a
    cardholder takes; `pause`: at most, until the next one comes."""

    hold: int | None
    needs: int = 1
    speed: float = 1.0
    longest: float = 0.04
    pause: float = 0.01


class Till:
    """One payment program. Every wait is drawn from `dice`."""

    def __init__(
        self,
        *,
        socket: str,
        sandbox: SandboxServer,
        manner: Manner,
        dice: random.Random,
        book: Book,
    ) -> None:
        self._agent = Line(socket)
        self._api = Line(("127.0.0.1", sandbox.port))
        self._sandbox = sandbox
        self._manner = manner
        self._dice = dice
        self._book = book

    async def pay(self, enough: Callable[[], bool]) -> None:
        with self._agent, self._api:
            while not enough():
                await self._pay_once()
                await asyncio.sleep(self._dice.uniform(0.0, self._manner.pause))

    async def _pay_once(self) -> None:
        token, hold, until = await self._token()
        made = await self._api.ask("POST", "/api/v2/Smart/Transactions", _SALE, bearer=token)
        ended, said = made.status, made.body
        if ended == 200:
            self._sandbox.set(cardholder_seconds=self._dice.uniform(0.0, self._manner.longest))
            path = f"/api/v2/Smart/Transactions/{made.body['id']}/start/cashless"
            paid = await self._api.ask("POST", path, bearer=token)
            ended, said = paid.status, paid.body
        in_time = until is None or asyncio.get_running_loop().time() < until
        if hold is not None:
            await self._agent.ask("DELETE", f"/v1/holds/{hold}")
        if ended == 200:
            self._book.paid += 1
        elif in_time:
            self._book.failed.append(f"{ended} {said.get('error')} {said.get('error_details')}")
        else:
            self._book.unprotected += 1

    async def _token(self) -> tuple[str, str | None, float | None]:
        """The token, the hold's id, and until when it stands by the event loop's clock."""
        while True:
            now = asyncio.get_running_loop().time()
            wish = "min_ttl=10" if self._manner.hold is None else f"hold={self._manner.hold}"
            answer = await self._agent.ask("GET", f"/v1/token?{wish}")
            if answer.status != 200:
                await asyncio.sleep((answer.retry_after or 1.0) / self._manner.speed)
                continue
            token = str(answer.body["access_token"])
            if self._manner.hold is None:
                return token, None, None
            hold = answer.body["hold"]
            if hold["expires_in"] >= self._manner.needs:
                return token, hold["id"], now + hold["expires_in"] / self._manner.speed
            await self._agent.ask("DELETE", f"/v1/holds/{hold['id']}")
            await asyncio.sleep(hold["expires_in"] / self._manner.speed)


async def demand(socket: str, min_ttl: int) -> None:
    """A third program that always wants a longer life than the token has, until cancelled."""
    with Line(socket) as agent:
        while True:
            await agent.ask("GET", f"/v1/token?min_ttl={min_ttl}")
            await asyncio.sleep(0.02)
