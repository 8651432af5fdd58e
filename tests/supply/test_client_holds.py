"""Holds in the hand of a payment program, blocking or not, against a server on real sockets."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from agent.supply.client import (
    AgentUnreachable,
    Held,
    HeldAsync,
    HeldByOther,
    HoldEnded,
    HoldImpossible,
    HoldRefused,
    PairingRequired,
    SupplyError,
    TooManyHolds,
    hold,
    hold_async,
)
from agent.supply.client_agent import Answer
from agent.supply.client_holds import _Hold, _Terms
from agent.supply.interface import NotHeld, Unavailable
from agent.supply.operations import HoldWish
from tests.supply.api import Api, Style, api
from tests.supply.desk import Desk
from tests.supply.house import House, eventually, serving

FIRST = "demo0access0token000000001"
SECOND = "demo0access0token000000002"


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A hold and an API client that pays with it, the same for both kinds of program."""

    held: Held | HeldAsync
    pay: Callable[[str], Awaitable[httpx.Response]]
    extend: Callable[[int], Awaitable[None]]


@asynccontextmanager
async def blocking(seconds: int = 180, **options: Any) -> AsyncIterator[Payment]:
    block = hold(seconds, **options)
    held = await asyncio.to_thread(block.__enter__)
    with httpx.Client(auth=held.auth) as client:

        async def pay(url: str) -> httpx.Response:
            return await asyncio.to_thread(client.post, url, json={"amount": 1})

        async def extend(seconds: int) -> None:
            await asyncio.to_thread(held.extend, seconds)

        try:
            yield Payment(held=held, pay=pay, extend=extend)
        finally:
            await asyncio.to_thread(block.__exit__, None, None, None)


@asynccontextmanager
async def waiting(seconds: int = 180, **options: Any) -> AsyncIterator[Payment]:
    async with hold_async(seconds, **options) as held:
        async with httpx.AsyncClient(auth=held.auth) as client:

            async def pay(url: str) -> httpx.Response:
                return await client.post(url, json={"amount": 1})

            yield Payment(held=held, pay=pay, extend=held.extend)


Holding = Callable[..., AbstractAsyncContextManager[Payment]]
both = pytest.mark.parametrize("holding", [blocking, waiting])
dead = pytest.mark.parametrize("style", ["401", "403-2003"])


@pytest.fixture
def style() -> Style:
    return "401"


@pytest.fixture
def shop(style: Style) -> Iterator[Api]:
    with api(style) as server:
        server.good = {FIRST, SECOND}
        yield server


# -- the block ------------------------------------------------------------------------------------


@both
async def test_the_block_holds_the_token_and_releases_it(house: House, holding: Holding) -> None:
    async with holding(180, socket=house.token) as payment:
        held = payment.held
        assert list(house.desk.held) == ["0000000000000001"]
        assert held.token.access_token == FIRST
        assert (held.less, held.expires_in in (179, 180)) == (None, True)
        assert FIRST not in repr(held) + repr(held.token)
    assert house.desk.held == {}


@both
async def test_what_is_wished_is_what_the_agent_is_asked(house: House, holding: Holding) -> None:
    async with holding(180, socket=house.token):
        pass
    async with holding(20, socket=house.token, min_ttl=30, wait=1.2, ends_with="process"):
        pass
    async with holding(20, socket=house.token, ends_with=None):
        pass
    assert [wish for wish, _ in house.desk.wishes] == [
        HoldWish(seconds=180, ends_with="connection"),
        HoldWish(seconds=20, ends_with="process"),
        HoldWish(seconds=20),
    ]
    assert house.desk.waits == [5.0, 2.0, 5.0]


@both
async def test_less_than_was_wanted_is_said(house: House, holding: Holding) -> None:
    async with holding(900, socket=house.token) as payment:
        assert payment.held.less == "a hold lasts at most 300 s"
        assert payment.held.expires_in in (299, 300)


@both
async def test_an_exception_releases_and_goes_on(house: House, holding: Holding) -> None:
    with pytest.raises(ZeroDivisionError):
        async with holding(180, socket=house.token, ends_with=None):
            raise ZeroDivisionError
    assert house.desk.held == {}


async def test_a_cancelled_payment_releases(house: House) -> None:
    entered = asyncio.Event()

    async def pay() -> None:
        async with hold_async(180, socket=house.token, ends_with=None):
            entered.set()
            await asyncio.sleep(3600)

    payment = asyncio.create_task(pay())
    await entered.wait()
    payment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await payment
    assert house.desk.held == {}


async def test_a_payment_whose_scope_is_cancelled_releases(house: House) -> None:
    """In a cancelled scope of anyio (and trio) every further wait is cancelled, too."""
    with anyio.CancelScope() as scope:
        async with hold_async(180, socket=house.token, ends_with=None):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancel_called
    assert house.desk.held == {}


@both
async def test_what_is_over_already_needs_no_release(house: House, holding: Holding) -> None:
    async with holding(180, socket=house.token):
        house.desk.held.clear()


@both
async def test_an_agent_that_is_gone_does_not_disturb_the_end(
    house: House, holding: Holding
) -> None:
    async with holding(180, socket=house.token):
        await house.server.aclose()


_CRASHES = """
import os, sys
from agent.supply.client import hold
with hold(180, socket=sys.argv[1], ends_with=sys.argv[2]) as held:
    print("holding", flush=True)
    sys.stdin.readline()
    os._exit(1)
"""


@pytest.mark.parametrize("ends_with", ["connection", "process"])
async def test_a_crash_of_the_program_ends_the_hold(house: House, ends_with: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CRASHES, house.token, ends_with),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"holding\n"
    assert len(house.desk.held) == 1
    process.stdin.write(b"\n")
    assert await process.wait() == 1
    await eventually(lambda: not house.desk.held)


# -- paying ---------------------------------------------------------------------------------------


@both
async def test_exactly_the_held_token_pays(house: House, shop: Api, holding: Holding) -> None:
    async with holding(180, socket=house.token) as payment:
        house.desk._issue()  # somebody has the token renewed all the same
        assert (await payment.pay(shop.url)).status_code == 200
        assert (await payment.pay(shop.url)).status_code == 200
    assert shop.bearers == [FIRST, FIRST]
    assert house.desk.asked == []


@both
@dead
async def test_a_refused_token_is_reported_the_next_one_held_and_the_request_sent_once_more(
    house: House, shop: Api, holding: Holding
) -> None:
    shop.good = {SECOND}
    async with holding(180, socket=house.token) as payment:
        await payment.extend(90)
        first = payment.held.token
        assert (await payment.pay(shop.url)).status_code == 200
        assert payment.held.token.access_token == SECOND
        assert payment.held.expires_in in (89, 90)
        (_, _), (_, _), (again, _) = house.desk.wishes
        assert again == HoldWish(seconds=90, ends_with="connection")
        assert "0000000000000003" in house.desk.held
    assert shop.bearers == [FIRST, SECOND]
    assert shop.seen[0][2] == shop.seen[1][2] != b""
    assert house.desk.rejections == [first.fingerprint]
    assert "0000000000000003" not in house.desk.held


@both
async def test_calls_refused_side_by_side_cost_one_report_and_one_hold(
    house: House, shop: Api, holding: Holding
) -> None:
    shop.good = {SECOND}
    async with holding(180, socket=house.token) as payment:
        answers = await asyncio.gather(*(payment.pay(shop.url) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(house.desk.rejections) == 1
    assert len(house.desk.wishes) == 2


@both
@dead
async def test_an_api_that_refuses_everything_sees_two_requests(
    house: House, shop: Api, holding: Holding, style: Style
) -> None:
    shop.good = set()
    async with holding(180, socket=house.token) as payment:
        assert (await payment.pay(shop.url)).status_code == int(style[:3])
    assert len(shop.seen) == 2
    assert len(house.desk.rejections) == 1


@both
async def test_without_another_token_nothing_is_sent_again(
    house: House, shop: Api, holding: Holding
) -> None:
    shop.good = set()
    house.desk.offline = True
    async with holding(180, socket=house.token) as payment:
        assert (await payment.pay(shop.url)).status_code == 401
    assert len(shop.seen) == 1
    assert len(house.desk.wishes) == 1


@both
async def test_a_restart_of_the_agent_in_between_costs_no_payment(
    folder: Path, desk: Desk, shop: Api, holding: Holding
) -> None:
    shop.good = {SECOND}
    async with serving(folder, desk) as house, holding(180, socket=house.token) as payment:
        await house.server.aclose()
        async with serving(folder, desk):
            assert (await payment.pay(shop.url)).status_code == 200
            assert len(desk.held) == 1


@both
async def test_where_the_next_token_cannot_be_held_nothing_is_paid(
    house: House, shop: Api, holding: Holding
) -> None:
    shop.good = {SECOND}
    async with holding(180, socket=house.token) as payment:
        house.desk.no_hold = NotHeld(kind="held", detail="why", retry_after=9, held_for=8)
        with pytest.raises(HeldByOther):
            await payment.pay(shop.url)
        assert payment.held.expires_in == 0
    assert shop.bearers == [FIRST]


async def test_each_kind_of_hold_goes_with_its_kind_of_client(house: House) -> None:
    async with blocking(180, socket=house.token) as payment:
        async with httpx.AsyncClient(auth=payment.held.auth) as client:
            with pytest.raises(RuntimeError, match="`hold_async` instead of `hold`"):
                await client.get("http://127.0.0.1:1/")
    async with waiting(180, socket=house.token) as payment:
        with httpx.Client(auth=payment.held.auth) as blocking_client:
            with pytest.raises(RuntimeError, match="`hold` instead of `hold_async`"):
                await asyncio.to_thread(blocking_client.get, "http://127.0.0.1:1/")


# -- longer ---------------------------------------------------------------------------------------


@both
async def test_a_hold_is_extended_and_stays_one_hold(house: House, holding: Holding) -> None:
    async with holding(60, socket=house.token) as payment:
        await payment.extend(240)
        assert payment.held.expires_in in (239, 240)
        assert len(house.desk.held) == 1
        await payment.extend(999)
        assert payment.held.less == "a hold lasts at most 300 s"
    assert house.desk.held == {}


@both
async def test_extending_changes_no_token(house: House, shop: Api, holding: Holding) -> None:
    """Where former tokens live on, the agent may have a newer one by then."""
    async with holding(60, socket=house.token) as payment:
        house.desk._issue()
        await payment.extend(240)
        await payment.pay(shop.url)
    assert shop.bearers == [FIRST]


@both
async def test_what_is_over_cannot_be_extended(house: House, holding: Holding) -> None:
    async with holding(60, socket=house.token) as payment:
        house.desk.held.clear()
        with pytest.raises(HoldEnded):
            await payment.extend(240)


def test_every_wish_has_its_place_in_the_request() -> None:
    terms = _Terms(min_ttl=30, wait=5, ends_with="process")
    wishes = "hold=20&min_ttl=30&extend=00ff&ends_with=process"
    assert terms.ask(20, "00ff").target == f"/v1/token?{wishes}"


def test_the_promise_runs_out_second_by_second() -> None:
    now = [100.0]
    members: dict[str, object] = {
        "access_token": "x",
        "token_type": "Bearer",
        "expires_in": 900,
        "fingerprint": "f",
        "hold": {"id": "0000000000000001", "expires_in": 60, "less": None},
    }
    answer = Answer(status=200, members=members, socket="/none")
    held = _Hold(_Terms(min_ttl=None, wait=5, ends_with=None), 60, answer, now=lambda: now[0])
    told = []
    for instant in (100.0, 100.5, 159.0, 160.0, 161.0):
        now[0] = instant
        told.append(held.left)
    assert told == [60, 59, 1, 0, 0]


# -- no hold --------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("no_hold", "error", "retry_after"),
    [
        (NotHeld(kind="held", detail="why", retry_after=9, held_for=8), HeldByOther, 9),
        (NotHeld(kind="held", detail="why", retry_after=9), HoldRefused, 9),
        (NotHeld(kind="limit", detail="why", retry_after=9), TooManyHolds, 9),
        (NotHeld(kind="impossible", detail="why"), HoldImpossible, None),
        (NotHeld(kind="unknown", detail="why"), HoldEnded, None),
    ],
)
async def test_each_refusal_has_its_error(
    house: House,
    holding: Holding,
    no_hold: NotHeld,
    error: type[HoldRefused],
    retry_after: float | None,
) -> None:
    house.desk.no_hold = no_hold
    with pytest.raises(HoldRefused, match="why") as caught:
        async with holding(180, socket=house.token):
            pytest.fail("the block must not be entered")
    assert type(caught.value) is error
    assert caught.value.retry_after == retry_after
    if isinstance(caught.value, HeldByOther):
        assert caught.value.held_for == 8


@both
async def test_no_token_is_still_said_as_that(house: House, holding: Holding) -> None:
    house.desk.missing = Unavailable(kind="pairing", detail="why", retry_after=7)
    with pytest.raises(PairingRequired) as caught:
        async with holding(180, socket=house.token):
            pass
    assert caught.value.retry_after == 7


@both
async def test_a_wish_that_is_none_is_the_programmers(house: House, holding: Holding) -> None:
    with pytest.raises(SupplyError, match="1 to 999999") as caught:
        async with holding(0, socket=house.token):
            pass
    assert type(caught.value) is SupplyError


_NO_PROMISE = b'{"access_token":"x","token_type":"Bearer","expires_in":9,"fingerprint":"f"}'


@both
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_NO_PROMISE) + _NO_PROMISE,
        b"220 mail\r\n\r\n",
        b"",
    ],
)
async def test_whoever_knows_no_holds_is_no_agent(
    folder: Path, holding: Holding, answer: bytes
) -> None:
    """Nothing may look promised that is not."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    path = str(folder / "other.sock")
    server = await asyncio.start_unix_server(other, path)
    with pytest.raises(AgentUnreachable):
        async with holding(180, socket=path):
            pass
    server.close()


@both
async def test_no_agent_is_said_with_the_path(folder: Path, holding: Holding) -> None:
    with pytest.raises(AgentUnreachable, match=r"none\.sock"):
        async with holding(180, socket=str(folder / "none.sock")):
            pass


@both
async def test_the_environment_names_the_socket(
    house: House, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POS_AGENT_SOCKET", house.token)
    async with holding(180) as payment:
        assert payment.held.token.access_token == FIRST
