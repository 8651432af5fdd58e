"""What does not wait for the keeper, and what is decided before it is asked."""

import asyncio

import pytest

from agent.errors import StoreError
from agent.front_desk import FrontDesk
from agent.situation import Failed, Serving
from agent.supply.interface import Handout, Unavailable
from tests.test_keeper import OFFLINE, life
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


async def test_nothing_is_forgotten_before_the_store_is_open_and_nobody_is_told_so() -> None:
    desk = FrontDesk(clock=VirtualClock(), health={}, rekey=_nothing)
    with pytest.raises(StoreError, match="still starting"):
        await desk.unpair()


async def test_a_token_the_api_refused_goes_to_those_who_can_ask_again_and_to_nobody_else() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        desk = FrontDesk(clock=terminal.clock, health={}, rekey=_nothing)
        desk.hand_over(terminal.keeper)
        first = await desk.token_to_keep(min_ttl=60.0, wait=5.0)
        assert isinstance(first, Handout)
        await terminal.clock.advance(20)
        terminal.server.trouble = [OFFLINE] * 20
        await terminal.keeper.rejected(first.token.value.fingerprint())
        asked = await desk.token(min_ttl=60.0, wait=0.0)
        assert isinstance(asked, Handout)
        assert asked.token == first.token
        assert asked.degraded
        kept = await desk.token_to_keep(min_ttl=60.0, wait=0.0)
        assert isinstance(kept, Unavailable)
        assert "the API refused" in kept.detail
