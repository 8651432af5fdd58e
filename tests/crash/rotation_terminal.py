"""A terminal that is switched on and dies, again and again, on one medium.

Real are the keeper with its machines, the store and its records. Payment software asks for a token
every few seconds, and once more while the store is at work, which is when a token that is not yet
durable could slip out.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

from agent.errors import StoreError
from agent.keeper import Keeper
from agent.oauth.pairing import Rules
from agent.secret import Secret
from agent.supply.interface import Handout
from tests.crash.rotation_judge import Judge
from tests.crash.rotation_power import Mains, MortalDisk, PowerCut
from tests.crash.rotation_server import RotatingServer
from tests.crash.rotation_time import BootClock, SlowWork
from tests.crash.rotation_wire import ISSUER, Weather, Wire
from tests.store.rig import UUID, flash

LONGEST: Final = 1800.0  # s to anything that is waited for, pauses after failures included
_RULES: Final = Rules(issuer=ISSUER, client_id="client", uuid=UUID)
_SALES: Final = 7.0  # s from one to the next
_SLOWEST_SAVE: Final = 0.5  # s


class Terminal:
    """Between two calls of `switch_on` there has to be one of `die`."""

    def __init__(
        self,
        *,
        path: str,
        server: RotatingServer,
        judge: Judge,
        weather: Weather,
        dice: random.Random,
    ) -> None:
        self.mains = Mains()
        self._path = path
        self._server = server
        self._judge = judge
        self._weather = weather
        self._dice = dice
        self._tasks: list[asyncio.Task[None]] = []

    def switch_on(self) -> None:
        self._judge.boots()
        self._look_at_the_medium()
        self.mains = Mains(on_cut=self._judge.news.set)
        keeper = self._keeper(self.mains)
        asyncio.get_running_loop().set_default_executor(
            SlowWork(
                latency=lambda: self._dice.uniform(0.0, _SLOWEST_SAVE),
                arrives=lambda: self._start(self._ask_once(keeper)),
                begins=lambda: self.mains.passes("work begins"),
                ends=self._work_is_done,
            )
        )
        self._start(keeper.run())
        self._start(self._sell(keeper))

    def _keeper(self, mains: Mains) -> Keeper:
        clock = BootClock()
        wire = Wire(
            server=self._server,
            judge=self._judge,
            mains=mains,
            clock=clock,
            dice=self._dice,
            weather=self._weather,
        )
        return Keeper(
            server=wire,
            storage=flash(self._path, disk=MortalDisk(mains, self._dice)),
            rules=_RULES,
            clock=clock,
            rng=self._dice,
            on_situation=lambda situation: self._judge.shows(repr(situation)),
            on_line=lambda line: self._judge.shows(repr(line)),
        )

    async def until(self, what: str, reached: Callable[[], bool]) -> None:
        """Wait for it; that it does not come is a loss. Any loss ends the wait."""
        try:
            async with asyncio.timeout(LONGEST):
                while not (reached() or self._judge.losses):
                    self._judge.news.clear()
                    await self._judge.news.wait()
        except TimeoutError:
            self._judge.loses(f"{what}: not within {LONGEST:.0f} s")

    async def die(self) -> None:
        """Cut the mains if they are on, and let nothing of the process go on."""
        self.mains.cut()
        for task in self._tasks:
            task.cancel()
        for end in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(end, Exception) and not _is_power_cut(end):
                self._judge.loses(f"crashed: {end!r}")
        self._tasks.clear()

    def _start(self, activity: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.ensure_future(activity))

    # -- payment software -------------------------------------------------------------------------

    async def _sell(self, keeper: Keeper) -> None:
        while True:
            answer = await keeper.token(min_ttl=0.0)
            if isinstance(answer, Handout):
                access = answer.token.value
                self._receive(access)
                if self._judge.uses(access.reveal()):
                    self.mains.passes("used")
                else:
                    await keeper.rejected(access.fingerprint())
            self._judge.shows(repr(keeper.status()))
            await asyncio.sleep(_SALES)

    async def _ask_once(self, keeper: Keeper) -> None:
        answer = await keeper.token(min_ttl=0.0)
        if isinstance(answer, Handout):
            self._receive(answer.token.value)

    def _receive(self, access: Secret) -> None:
        if not self.mains.on:
            raise PowerCut("handed out")
        if self._judge.has_seen(access.reveal()):
            return
        self._look_at_the_medium()
        self._judge.hands_out(access.reveal())
        self.mains.passes("handed out")

    # -- the medium -------------------------------------------------------------------------------

    def _work_is_done(self) -> None:
        self._look_at_the_medium()
        self.mains.passes("work is done")

    def _look_at_the_medium(self) -> None:
        """As a boot would find it if the mains went now."""
        try:
            self._judge.would_load(flash(self._path).load())
        except StoreError as error:
            self._judge.loses(f"the store would not load: {error}")


def _is_power_cut(end: Exception) -> bool:
    if isinstance(end, ExceptionGroup):
        return end.split(PowerCut)[1] is None
    return isinstance(end, PowerCut)
