"""One terminal's day on leaping time: the real keeper, desk and holder, and whoever asks them.

Clients come at random, take tokens and holds, extend, release, report, forget and die, while the
server goes away, slows down, loses answers and sessions, and the agent is restarted.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeVar

from agent.desk import Desk
from agent.keeper import Keeper
from agent.store.memory import MemoryStore
from agent.supply.holds_state import LIMITS
from agent.supply.interface import Asker, Handout, NotHeld, Unavailable
from agent.supply.operations import DEFAULT_WAIT, HoldWish
from tests.crash.rotation_time import BootClock, SlowWork
from tests.load.judge import Judge, Promised
from tests.load.witness import Witness
from tests.test_keeper import GRANT, RULES, Keeping

DAY: Final = 2400.0  # s within which all clients come
_PATIENT: Final = 25.0  # s a client lets the agent wait for a renewal or another's hold
# s of a server that is well, within which everybody gets a hold. More than one of the longest: who
# waits longer may have its round before, and places in the line are lost in a restart.
_STARVED: Final = 3 * LIMITS.longest

_ENDS: Final[tuple[Literal["connection", "process"] | None, ...]] = ("connection", "process", None)

T = TypeVar("T")


class CutOff(Exception):
    """The agent went away while a client was waiting for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """`kills_quietly`: the agent is told that former tokens live on, so it respects no hold."""

    clients: int
    life: float
    rotates: bool
    loses: float
    kills_quietly: bool = False


class Shop:
    """`play` is the whole day; what went wrong is in `judge.wrongs`."""

    def __init__(self, knobs: Knobs, dice: random.Random) -> None:
        self._knobs = knobs
        self._dice = dice
        self._clock = BootClock()
        self.judge = Judge(now=self._clock.now)
        self._server = Witness(
            clock=self._clock,
            dice=dice,
            on_death=self.judge.died,
            life=knobs.life,
            loses=knobs.loses,
            rotates=knobs.rotates,
            renewal_ends_old_token=not knobs.kills_quietly,
        )
        self._storage = MemoryStore()
        self._storage.save(GRANT)
        self._kept = Keeping()
        self._calls: set[asyncio.Task[Any]] = set()
        self._bound: list[Promised] = []  # to a connection, which a restart cuts
        self._on = asyncio.Event()
        self._ill = 0.0  # s that the server was down so far
        self._ill_since: float | None = None

    async def play(self) -> None:
        nothing = lambda: None  # noqa: E731 - three times in one call
        executor = SlowWork(latency=lambda: 0.0, arrives=nothing, begins=nothing, ends=nothing)
        asyncio.get_running_loop().set_default_executor(executor)
        self._switch_on()
        async with asyncio.TaskGroup() as day:
            troubles = [day.create_task(self._weather()), day.create_task(self._restarts())]
            clients = [
                day.create_task(_Client(self, number, self._dice).live())
                for number in range(self._knobs.clients)
            ]
            await asyncio.gather(*clients)
            for trouble in troubles:
                trouble.cancel()
        await asyncio.sleep(LIMITS.longest + 1.0)
        self._look(most=0)
        await self._switch_off()

    # -- the agent --------------------------------------------------------------------------------

    def _switch_on(self) -> None:
        self.keeper = Keeper(
            server=self._server,
            storage=self._storage,
            rules=RULES,
            clock=self._clock,
            rng=self._dice,
            token_keep=self._kept,
        )
        self._running = asyncio.ensure_future(self.keeper.run())
        self._on.set()

    async def _switch_off(self) -> None:
        self._on.clear()
        for hold in self._bound:
            hold.over = True
        self._bound.clear()
        for task in (*self._calls, self._running):
            task.cancel()
        ends = await asyncio.gather(*self._calls, self._running, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def _look(self, most: int) -> None:
        """The state is bounded: so many holds and wishes, at most."""
        status = self.keeper.status()["holds"]
        assert isinstance(status, dict)
        found = len(status["holds"]) + len(status["waiting"])
        if found > most:
            self.judge.wrongs.append(f"{found} holds and wishes, and {most} were possible")

    async def call(self, what: str, ask: Callable[[Desk], Awaitable[T]], at_most: float) -> T:
        """One request of a client, as soon as there is an agent. Raises CutOff if that goes away
        under it."""
        await self._on.wait()
        task = asyncio.ensure_future(ask(self.keeper.desk))
        self._calls.add(task)
        began = self._clock.now()
        try:
            await asyncio.wait([task])
        finally:
            self._calls.discard(task)
        if task.cancelled():
            await self._on.wait()
            raise CutOff
        self.judge.waited(what, self._clock.now() - began, at_most)
        return task.result()

    def bind(self, hold: Promised) -> None:
        self._bound.append(hold)

    def handed_out(self, handout: Handout) -> Promised | None:
        return self.judge.handed_out(handout, self._server)

    def refuses(self, handout: Handout) -> bool:
        """What the API would say now."""
        return self._server.issued(handout.token).killed_by is not None

    def well(self) -> float:
        """Seconds so far in which the server could be reached."""
        now = self._clock.now()
        return now - self._ill - (0.0 if self._ill_since is None else now - self._ill_since)

    # -- trouble ----------------------------------------------------------------------------------

    async def _weather(self) -> None:
        dice, server = self._dice, self._server
        while True:
            await asyncio.sleep(dice.uniform(20.0, 200.0))
            match dice.choice(("down", "slow", "slow", "kills")):
                case "down":
                    self._ill_since, server.down = self._clock.now(), True
                    await asyncio.sleep(dice.uniform(1.0, 120.0))
                    server.down = False
                    self._ill += self._clock.now() - self._ill_since
                    self._ill_since = None
                case "slow":
                    server.latency = dice.uniform(1.0, 15.0)
                    await asyncio.sleep(dice.uniform(10.0, 120.0))
                    server.latency = 0.2
                case _:
                    server.kill()

    async def _restarts(self) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(100.0, 900.0))
            self._look(most=LIMITS.in_all)
            await self._switch_off()
            await asyncio.sleep(self._dice.uniform(0.0, 3.0))
            self._switch_on()


class _Client:
    """One client's life: it comes, does a few things in any order, and is gone."""

    def __init__(self, shop: Shop, number: int, dice: random.Random) -> None:
        self._shop = shop
        self._dice = dice
        self._connections = 0
        self._name = f"till-{number}"

    async def live(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.0, DAY))
        for _ in range(self._dice.randint(1, 4)):
            act = self._dice.choice((self._fetch, self._pay, self._pay, self._accuse))
            try:
                await act()
            except CutOff:
                continue
            await asyncio.sleep(self._dice.expovariate(1 / 30.0))

    def _asker(self) -> Asker:
        self._connections += 1
        name = f"{self._name}.{self._connections}"
        return Asker(key=self._name, connection=f"connection:{name}", process=f"process:{name}")

    async def _fetch(self) -> None:
        min_ttl = self._dice.choice((0.0, 60.0, 300.0, 5000.0))
        wait = self._dice.choice((0.0, 1.0, DEFAULT_WAIT, _PATIENT))
        answer = await self._shop.call(
            "a token", lambda desk: desk.token(min_ttl=min_ttl, wait=wait), wait
        )
        if isinstance(answer, Handout):
            self._shop.handed_out(answer)
            if self._shop.refuses(answer):
                await self._report(answer)

    async def _accuse(self) -> None:
        """Now and then somebody reports a token that is perfectly well."""
        answer = await self._shop.call(
            "a token", lambda desk: desk.token(min_ttl=0.0, wait=1.0), 1.0
        )
        if isinstance(answer, Handout) and self._dice.random() < 0.02:
            await self._report(answer)

    async def _report(self, refused: Handout) -> None:
        fingerprint = refused.token.value.fingerprint()
        self._shop.judge.reported(fingerprint)
        await self._shop.call("a report", lambda desk: desk.rejected(fingerprint), DEFAULT_WAIT)

    async def _pay(self) -> None:
        asker = self._asker()
        seconds = self._dice.choice((5, 30, 90, 180, 300, 900))
        ends_with = self._dice.choice(_ENDS)
        wish = HoldWish(seconds=seconds, ends_with=ends_with)
        handout = await self._insist(wish, asker)
        hold = None if handout is None else self._shop.handed_out(handout)
        if handout is None or hold is None:
            return
        if ends_with == "connection":
            self._shop.bind(hold)
        await asyncio.sleep(self._dice.uniform(0.0, seconds * 1.2))
        if self._shop.refuses(handout):
            hold.over = True
            await self._report(handout)
            return
        if self._dice.random() < 0.3:
            await self._extend(hold, asker)
        self._end(hold, asker, ends_with)

    async def _insist(self, wish: HoldWish, asker: Asker) -> Handout | None:
        began = self._shop.well()
        while True:
            wait = self._dice.choice((0.0, DEFAULT_WAIT, _PATIENT))
            answer = await self._shop.call("a hold", partial(_hold, wish, asker, wait), wait)
            if isinstance(answer, Handout):
                return answer
            if (pause := answer.retry_after) is None:
                return None
            if (waited := self._shop.well() - began) > _STARVED:
                self._shop.judge.starved(asker.key, waited)
                return None
            await asyncio.sleep(pause)

    async def _extend(self, hold: Promised, asker: Asker) -> None:
        wish = HoldWish(seconds=self._dice.choice((5, 60, 300)), extends=hold.id)
        answer = await self._shop.call("an extension", partial(_hold, wish, asker, 1.0), 1.0)
        if isinstance(answer, Handout) and answer.promise is not None and not hold.over:
            hold.until = answer.promise.until
            await asyncio.sleep(self._dice.uniform(0.0, wish.seconds))

    def _end(self, hold: Promised, asker: Asker, ends_with: str | None) -> None:
        """Released, ended with its client, or left to run out."""
        match self._dice.choice(("release", "die", "forget")):
            case "release":
                hold.over = True
                self._shop.keeper.desk.release(hold.id, asker)
            case "die":
                self._shop.keeper.desk.ended(str(asker.connection))
                self._shop.keeper.desk.ended(str(asker.process))
                hold.over = hold.over or ends_with is not None
            case _:
                pass


def _hold(
    wish: HoldWish, asker: Asker, wait: float, desk: Desk
) -> Awaitable[Handout | Unavailable | NotHeld]:
    return desk.hold(wish, asker, min_ttl=0.0, wait=wait)


def day(shop_of: Knobs, seed: int) -> Coroutine[Any, Any, Judge]:
    """One shop's day, repeatable from its seed."""

    async def played() -> Judge:
        shop = Shop(shop_of, random.Random(seed))
        await shop.play()
        return shop.judge

    return played()
