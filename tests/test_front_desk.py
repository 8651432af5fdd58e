"""Before there is a keeper: who comes then waits a moment for it, by the agent's clock."""

import asyncio

from agent.front_desk import FrontDesk
from agent.situation import Failed
from agent.supply.interface import Unavailable
from tests.virtual import VirtualClock


async def _nothing() -> None:
    return


async def test_a_client_that_comes_during_the_start_waits_as_long_as_it_said() -> None:
    clock = VirtualClock()
    desk = FrontDesk(clock=clock, health={}, rekey=_nothing)
    before = clock.now()
    asking = asyncio.ensure_future(desk.token(min_ttl=0.0, wait=5.0))
    await clock.pass_until(asking.done)
    assert clock.now() - before == 5.0
    answer = asking.result()
    assert isinstance(answer, Unavailable)
    assert answer.kind == "starting"


async def test_while_the_start_is_stuck_nobody_waits() -> None:
    clock = VirtualClock()
    desk = FrontDesk(clock=clock, health={}, rekey=_nothing)
    desk.situation = Failed(support_code="S201", reason="the medium cannot be read")
    before = clock.now()
    assert isinstance(await desk.token(min_ttl=0.0, wait=5.0), Unavailable)
    assert clock.now() == before
