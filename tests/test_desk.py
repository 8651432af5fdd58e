"""Holds in the life of a terminal: the real keeper and machines on a virtual clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agent.holder import not_held
from agent.oauth.events import TransportFailed
from agent.situation import Pairing, Serving
from agent.supply.holds_state import Queued
from agent.supply.interface import Asker, Handout, NotHeld, Unavailable
from agent.supply.operations import HoldWish
from tests.test_keeper import Keeping, Life, life

TILL = Asker(key="till", connection="connection:1", process="process:1")
OTHER = Asker(key="other", connection="connection:2", process="process:2")
ROOT = Asker(key="uid:0", connection="connection:3", admin=True)
OFFLINE = TransportFailed(kind="network", reason="no route to as.example")


@asynccontextmanager
async def serving(**knobs: object) -> AsyncIterator[Life]:
    async with life(**knobs) as terminal:  # type: ignore[arg-type]
        await terminal.until(Serving)
        yield terminal


async def hold(
    terminal: Life, seconds: int, asker: Asker = TILL, wait: float = 5.0, **more: object
) -> Handout | Unavailable | NotHeld:
    wish = HoldWish(seconds=seconds, **more)  # type: ignore[arg-type]
    asked = asyncio.ensure_future(terminal.keeper.desk.hold(wish, asker, min_ttl=0, wait=wait))
    await terminal.clock.pass_until(asked.done)
    return asked.result()


async def held(terminal: Life, seconds: int, asker: Asker = TILL, **more: str) -> Handout:
    answer = await hold(terminal, seconds, asker, 5.0, **more)
    assert isinstance(answer, Handout), answer
    assert answer.promise is not None
    return answer


def left(terminal: Life, handout: Handout) -> float:
    assert handout.promise is not None
    return handout.promise.until - terminal.clock.now()


async def test_a_hold_on_a_young_token_is_given_at_once() -> None:
    async with serving() as terminal:
        handout = await held(terminal, 180)
        assert left(terminal, handout) == pytest.approx(180)
        assert terminal.server.refreshes == 1
        assert [view.id for view in terminal.keeper.desk.holds(TILL)] == [handout.promise.id]  # type: ignore[union-attr]


async def test_a_token_too_old_for_a_hold_is_renewed_first() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(900)  # due at 1020
        handout = await held(terminal, 300)
        assert left(terminal, handout) == pytest.approx(300)
        assert terminal.server.refreshes == 2


async def test_no_client_can_have_a_held_token_renewed() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(800)
        handout = await held(terminal, 150)
        other = await terminal.token(min_ttl=900)
        assert other.token == handout.token
        assert "a hold keeps it for" in str(other.degraded)
        assert terminal.server.refreshes == 1
        await terminal.clock.advance(151)
        assert (await terminal.token(min_ttl=900)).token != handout.token


async def test_a_retry_after_a_failed_renewal_waits_for_a_hold() -> None:
    """The machine would try again every few seconds, and the first success would kill the token."""
    async with serving() as terminal:
        await terminal.clock.advance(800)
        terminal.server.trouble = [OFFLINE]
        await terminal.keeper.token(min_ttl=900)  # a client forces a renewal, which fails
        handout = await held(terminal, 100)
        refreshes = terminal.server.refreshes
        await terminal.clock.advance(99)
        assert terminal.server.refreshes == refreshes
        assert (await terminal.token()).token == handout.token
        await terminal.clock.pass_until(lambda: terminal.server.refreshes > refreshes, 30)


async def test_releasing_lets_the_renewal_go_on() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(800)
        handout = await held(terminal, 150)
        assert handout.promise is not None
        assert not terminal.keeper.desk.release(handout.promise.id, OTHER)
        assert terminal.keeper.desk.release(handout.promise.id, TILL)
        assert not terminal.keeper.desk.release(handout.promise.id, TILL)
        assert (await terminal.token(min_ttl=900)).token != handout.token


async def test_the_administrator_sees_and_releases_everybodys() -> None:
    async with serving() as terminal:
        first = await held(terminal, 100)
        await held(terminal, 100, OTHER)
        assert len(terminal.keeper.desk.holds(TILL)) == 1
        assert len(terminal.keeper.desk.holds(ROOT)) == 2
        assert first.promise is not None
        assert terminal.keeper.desk.release(first.promise.id, ROOT)


async def test_a_wish_behind_anothers_hold_waits_if_it_can_and_is_told_if_it_cannot() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(850)
        await held(terminal, 20, OTHER)
        answer = await hold(terminal, 300, wait=5)
        assert isinstance(answer, NotHeld)
        assert answer.kind == "held"
        assert answer.held_for == pytest.approx(20)
        patient = await hold(terminal, 300, wait=25)
        assert isinstance(patient, Handout)
        assert left(terminal, patient) == pytest.approx(300)
        assert terminal.server.refreshes == 2


async def test_a_hold_can_be_extended_by_its_owner_only() -> None:
    async with serving() as terminal:
        first = await held(terminal, 60)
        assert first.promise is not None
        again = await held(terminal, 200, extends=first.promise.id)
        assert again.promise is not None
        assert again.promise.id == first.promise.id
        assert left(terminal, again) == pytest.approx(200)
        answer = await hold(terminal, 200, OTHER, extends=first.promise.id)
        assert isinstance(answer, NotHeld)
        assert answer.kind == "unknown"


@pytest.mark.parametrize("ends_with", ["connection", "process"])
async def test_a_hold_ends_with_what_it_was_bound_to(ends_with: str) -> None:
    async with serving() as terminal:
        await held(terminal, 100, ends_with=ends_with)
        terminal.keeper.desk.ended("connection:2")
        assert terminal.keeper.desk.holds(TILL)
        terminal.keeper.desk.ended(f"{ends_with}:1")
        assert not terminal.keeper.desk.holds(TILL)


async def test_where_nobody_watches_the_process_that_is_said() -> None:
    async with serving() as terminal:
        answer = await hold(terminal, 100, ROOT, ends_with="process")
        assert isinstance(answer, NotHeld)
        assert answer.kind == "impossible"


async def test_too_many_holds_are_refused_and_others_still_get_theirs() -> None:
    async with serving() as terminal:
        for _ in range(4):
            await held(terminal, 100)
        answer = await hold(terminal, 100)
        assert isinstance(answer, NotHeld)
        assert answer.kind == "limit"
        await held(terminal, 100, OTHER)


async def test_who_may_have_no_hold_is_not_told_to_release_one() -> None:
    async with serving() as terminal:
        answer = await hold(terminal, 100, replace(TILL, holds=0))
        assert isinstance(answer, NotHeld)
        assert (answer.kind, answer.retry_after) == ("never", None)
        assert "policy allows no hold" in answer.detail


async def test_the_connection_or_process_a_hold_ends_with_is_known() -> None:
    async with serving() as terminal:
        await held(terminal, 100)
        await held(terminal, 100, ends_with="connection")
        await held(terminal, 100, ends_with="process")
        bound = [view.bound_to for view in terminal.keeper.desk.holds(TILL)]
        assert bound == [None, "connection:1", "process:1"]


async def test_a_refused_token_breaks_its_holds_and_is_never_held_again() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(20)
        handout = await held(terminal, 100)
        terminal.server.always = OFFLINE
        await terminal.keeper.rejected(handout.token.value.fingerprint())
        assert not terminal.keeper.desk.holds(ROOT)
        assert "hold.broken" in terminal.events()
        still = await terminal.token()
        assert "reports that it was refused" in str(still.degraded)
        answer = await hold(terminal, 100, OTHER, wait=2)
        assert isinstance(answer, NotHeld)
        assert "no route to as.example" in answer.detail


async def test_a_report_right_after_a_renewal_breaks_nobodys_hold() -> None:
    async with serving() as terminal:
        handout = await held(terminal, 100)
        await terminal.keeper.rejected(handout.token.value.fingerprint())
        assert terminal.keeper.desk.holds(TILL)
        assert terminal.server.refreshes == 1


async def test_with_the_server_down_there_is_a_reason_and_no_hold() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(900)
        terminal.server.always = OFFLINE
        answer = await hold(terminal, 300, wait=2)
        assert isinstance(answer, NotHeld)
        assert "no route to as.example" in answer.detail
        assert answer.retry_after is not None


async def test_an_unpaired_terminal_says_so() -> None:
    async with life(grant=None) as terminal:
        await terminal.until(Pairing)
        answer = await hold(terminal, 100)
        assert isinstance(answer, Unavailable)
        assert answer.kind == "pairing"


async def test_holds_survive_a_restart_of_the_agent_except_those_of_a_connection() -> None:
    kept = Keeping()
    async with serving(token_keep=kept) as terminal:
        stays = await held(terminal, 200)
        await held(terminal, 200, OTHER, ends_with="connection")
    async with life(token_keep=kept, clock=terminal.clock) as again:
        await again.until(Serving)
        (view,) = again.keeper.desk.holds(ROOT)
        assert stays.promise is not None
        assert (view.id, view.client) == (stays.promise.id, "till")
        other = await again.token(min_ttl=1100)
        assert other.token == stays.token


async def test_an_early_release_lets_the_next_in_at_once() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(850)
        first = await held(terminal, 20, OTHER)
        desk = terminal.keeper.desk
        asked = asyncio.ensure_future(desk.hold(HoldWish(seconds=300), TILL, min_ttl=0, wait=25))
        await terminal.clock.advance(2)
        assert not asked.done()
        assert first.promise is not None
        desk.release(first.promise.id, OTHER)
        await terminal.clock.pass_until(asked.done, 5)
        assert isinstance(asked.result(), Handout)


async def test_a_wish_without_patience_still_has_the_token_renewed() -> None:
    async with serving() as terminal:
        await terminal.clock.advance(900)
        assert isinstance(await hold(terminal, 300, wait=0), NotHeld | Handout)
        await terminal.clock.pass_until(lambda: terminal.server.refreshes == 2, 5)


async def test_a_hold_longer_than_the_limit_says_that_it_is_less() -> None:
    async with serving() as terminal:
        handout = await held(terminal, 900)
        assert handout.promise is not None
        assert left(terminal, handout) == pytest.approx(300)
        assert "300 s is the limit" in str(handout.promise.less)


async def test_a_token_that_a_renewal_may_have_killed_is_not_there_after_a_crash() -> None:
    kept = Keeping()
    async with serving(token_keep=kept) as terminal:
        terminal.server.slow = 10
        await terminal.clock.pass_until(lambda: terminal.server.refreshes == 2)
        assert kept.held is None
        await terminal.clock.advance(11)
        assert kept.held is not None
    async with life(token_keep=kept, clock=terminal.clock) as again:
        await again.until(Serving)
        again.server.trouble = [OFFLINE]
        await again.clock.pass_until(lambda: again.server.refreshes == 1)
        assert kept.held is not None  # it failed for certain, so the token is as good as before


async def test_events_tell_of_states_tokens_and_holds_and_of_no_secret() -> None:
    told: list[tuple[str, object]] = []
    async with life(on_event=lambda kind, data: told.append((kind, data))) as terminal:
        await terminal.until(Serving)
        handout = await held(terminal, 30)
        await terminal.clock.advance(31)
        assert terminal.keeper.desk.holds(TILL) == []
    kinds = [kind for kind, _ in told]
    assert kinds.count("token") == 1
    changes = [data["change"] for kind, data in told if kind == "hold"]  # type: ignore[index]
    assert changes == ["granted", "ended"]
    assert handout.token.value.reveal() not in str(told)
    assert "refresh-0" not in str(told)


@pytest.mark.parametrize("kills", [True, False])
async def test_where_the_old_token_lives_on_a_hold_delays_no_renewal(kills: bool) -> None:
    async with serving(renewal_ends_old_token=kills) as terminal:
        await terminal.clock.advance(800)
        first = await held(terminal, 150)
        other = await terminal.token(min_ttl=900)
        assert (other.token == first.token) is kills


@pytest.mark.parametrize(
    ("queued", "why"),
    [
        (Queued(retry_at=100.0, in_the_way=None, trouble=None), "the renewal takes its time"),
        (Queued(retry_at=137.0, in_the_way=None, trouble=None), "one can be had in 37 s"),
        (Queued(retry_at=137.0, in_the_way=None, trouble="no route"), "no route"),
    ],
)
def test_who_is_not_let_in_is_told_why(queued: Queued, why: str) -> None:
    told = not_held(queued, 100.0)
    assert told.detail.endswith(f": {why}")
    assert told.retry_after == max(1.0, queued.retry_at - 100.0)


async def test_who_was_told_when_is_let_in_then_though_the_token_was_replaced_before() -> None:
    async with serving(life=300.0) as terminal:
        taken = await hold(terminal, 300)
        assert isinstance(taken, Handout)
        assert taken.promise is not None
        await terminal.clock.advance(40)
        told = await hold(terminal, 300, OTHER, wait=0.0)
        assert isinstance(told, NotHeld)
        assert told.retry_after is not None
        comes = terminal.clock.now() + told.retry_after
        await terminal.clock.advance(100)
        terminal.keeper.desk.release(taken.promise.id, TILL)
        refused = await hold(terminal, 300)
        assert terminal.server.refreshes == 2
        assert isinstance(refused, NotHeld)
        assert refused.retry_after == pytest.approx(comes - terminal.clock.now(), abs=1.0)
        assert isinstance(await hold(terminal, 60), Handout)
        await terminal.clock.advance(comes - terminal.clock.now())
        assert isinstance(await hold(terminal, 300, OTHER), Handout)
        assert isinstance(await hold(terminal, 300), Handout)
        assert terminal.server.refreshes == 3
