"""What "pair again" does in a terminal's life: the real keeper and machines on a virtual clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.oauth.events import AccessDenied, Fault, Refused, TransportFailed
from agent.situation import Offline, Pairing, Paused, Serving
from agent.situation import Refused as RefusedSituation
from agent.supply.interface import Handout, Unavailable
from tests.test_desk import TILL, held
from tests.test_keeper import GRANT, FailingStore, Life, life

OFFLINE = TransportFailed(kind="network", reason="no route to as.example")


@asynccontextmanager
async def serving(**knobs: object) -> AsyncIterator[Life]:
    async with life(**knobs) as terminal:  # type: ignore[arg-type]
        await terminal.until(Serving)
        yield terminal


async def wanted(terminal: Life) -> Pairing:
    assert terminal.keeper.pair_again() is None
    code = await terminal.until(Pairing, limit=10)
    assert isinstance(code, Pairing)
    return code


async def test_a_serving_terminal_shows_a_code_and_is_paired_anew() -> None:
    async with serving() as terminal:
        code = await wanted(terminal)
        assert not code.renewed
        terminal.server.approved, terminal.server.known = True, "refresh-of-another-shop"
        await terminal.until(Serving, limit=10)
        saved = terminal.storage.load()
        assert saved is not None
        assert saved.refresh_token.reveal() == "refresh-of-another-shop"
        assert "grant.set_aside" in terminal.events()
        assert "grant.taken_up_again" not in terminal.events()


async def test_a_child_that_leans_on_the_button_costs_the_shop_nothing() -> None:
    async with serving(life=3600.0) as terminal:
        token = (await terminal.token()).token
        await wanted(terminal)
        assert terminal.storage.load() == GRANT
        during = await terminal.token()
        assert during.token == token
        assert "being paired again" in str(during.degraded)
        await terminal.until(Serving, limit=310)
        after = await terminal.token()
        assert (after.token, after.degraded) == (token, None)
        assert (terminal.storage.load(), terminal.server.codes) == (GRANT, 1)
        assert "grant.taken_up_again" in terminal.events()
        await terminal.clock.advance(4000)
        assert (await terminal.token()).token != token


async def test_a_token_that_ended_meanwhile_is_renewed_at_once() -> None:
    async with serving(life=200.0) as terminal:
        await wanted(terminal)
        await terminal.clock.advance(250)
        assert isinstance(await terminal.keeper.token(min_ttl=0), Unavailable)
        await terminal.until(Serving, limit=100)
        assert (await terminal.token()).degraded is None


async def test_a_person_who_refuses_leaves_the_terminal_as_it_was() -> None:
    async with serving(poll_trouble=[AccessDenied(description="no")]) as terminal:
        await wanted(terminal)
        await terminal.until(Serving, limit=10)
        assert terminal.storage.load() == GRANT


async def test_without_a_network_there_is_no_code_and_the_terminal_goes_on() -> None:
    async with serving(code_trouble=[OFFLINE] * 9) as terminal:
        assert terminal.keeper.pair_again() is None
        await terminal.until(Offline, limit=10)
        await terminal.until(Serving, limit=60)
        assert terminal.server.codes == 3
        assert (await terminal.token()).degraded is None


async def test_it_can_be_wanted_again_and_again() -> None:
    async with serving() as terminal:
        for codes in (1, 2, 3):
            await wanted(terminal)
            assert terminal.keeper.pair_again() is None, "the code that stands is the code"
            await terminal.until(Serving, limit=310)
            await terminal.clock.advance(10)
            assert terminal.server.codes == codes


async def test_a_payment_under_way_is_left_alone() -> None:
    async with serving() as terminal:
        handout = await held(terminal, 60)
        assert terminal.keeper.pair_again() == "a payment is under way"
        await terminal.clock.advance(30)
        assert isinstance(terminal.now_seen(), Serving)
        assert (await terminal.token()).token == handout.token
        assert handout.promise is not None
        terminal.keeper.desk.release(handout.promise.id, TILL)
        await wanted(terminal)


async def test_a_grant_the_server_refuses_is_not_gone_back_to() -> None:
    refused = Refused(error="account_closed", description="", fault=Fault.SERVER)
    async with life(always=refused) as terminal:
        await terminal.until(RefusedSituation)
        await wanted(terminal)
        await terminal.until(Paused)
        assert terminal.server.codes == 6


async def test_clearing_the_store_meanwhile_counts_more_than_going_back() -> None:
    async with serving() as terminal:
        await wanted(terminal)
        terminal.storage.clear()
        await terminal.until(Serving, limit=310)
        await terminal.until(Pairing, limit=10)
        assert isinstance(await terminal.keeper.token(min_ttl=0), Unavailable)
        await terminal.until(Paused)
        assert terminal.server.codes == 1 + 6, "there is nothing to go back to any more"


async def test_a_grant_that_is_in_memory_only_is_gone_back_to_and_saved() -> None:
    storage = FailingStore()
    async with life(grant=None, approved=True, storage=storage) as terminal:
        await terminal.until(Serving)
        terminal.server.approved = False
        await wanted(terminal)
        await terminal.until(Serving, limit=310)
        assert "memory only" in str((await terminal.token()).degraded)
        storage.refuses = False
        await terminal.clock.pass_until(storage.holds_grant, 400)


async def test_a_terminal_that_is_not_paired_gets_a_code_now() -> None:
    async with life(grant=None) as terminal:
        await terminal.until(Paused)
        await wanted(terminal)
        assert terminal.server.codes == 7
        terminal.server.approved = True
        await terminal.until(Serving, limit=10)


async def test_where_nobody_pairs_it_only_ends_a_wait() -> None:
    async with life(grant=None, pairs=False, trouble=[OFFLINE]) as terminal:
        await terminal.until(Offline)
        assert terminal.keeper.pair_again() is None
        await terminal.until(Serving, limit=1)
        assert isinstance(await terminal.keeper.token(min_ttl=0), Handout)
        assert terminal.server.codes == 0


@pytest.mark.parametrize("approved", [True, False])
async def test_a_restart_in_the_middle_begins_with_the_grant_that_works(approved: bool) -> None:
    async with serving() as terminal:
        await wanted(terminal)
    async with life(storage=terminal.storage, grant=None, approved=approved) as again:
        await again.until(Serving)
        assert again.server.codes == 0
