"""A kept connection may be idle for so long, or as long as a hold stands that ends with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.supply.house import Limits
from tests.supply.desk import Desk
from tests.supply.house import DEADLINE, House, request, serving


@pytest.fixture
async def brief(folder: Path, desk: Desk) -> AsyncIterator[House]:
    """Ends what is idle soon."""
    async with serving(folder, desk, limits=Limits(request=0.2, idle=0.1)) as house:
        yield house


@contextlib.asynccontextmanager
async def keeping(house: House, query: str) -> AsyncIterator[asyncio.StreamReader]:
    """A connection that got a token and stays open."""
    ask = request("GET", f"/v1/token?{query}").replace(b"Connection: close\r\n", b"")
    async with house.connection() as (reader, writer):
        writer.write(ask)
        await reader.readuntil(b'"less":null}}')
        yield reader


async def ended(connection: asyncio.StreamReader) -> None:
    async with asyncio.timeout(DEADLINE):
        assert await connection.read() == b""


async def idle_ones_are_ended(house: House) -> None:
    """All that are idle by now: one that begins to be so is ended."""
    async with house.connection() as (reader, _):
        await ended(reader)


async def test_a_connection_that_a_hold_relies_on_may_be_idle_until_the_hold_ends(
    brief: House,
) -> None:
    """A payment takes longer than the limit for idle connections; ending one would end its hold."""
    async with keeping(brief, "hold=60&ends_with=connection") as holder:
        await idle_ones_are_ended(brief)
        assert len(brief.desk.held) == 1
        brief.desk.clock += 61  # the desk's own time: the hold is over
        await ended(holder)


async def test_a_hold_may_be_extended_over_another_connection(brief: House) -> None:
    """What it ends with is the one it was made for, and that stays open until the new end."""
    async with keeping(brief, "hold=60&ends_with=connection") as holder:
        [own] = brief.desk.held
        brief.desk.clock += 50
        async with keeping(brief, f"hold=60&extend={own}") as other:
            brief.desk.clock += 20
            await ended(other)
        await idle_ones_are_ended(brief)
        assert list(brief.desk.held) == [own]
        brief.desk.clock += 41
        await ended(holder)


async def test_a_hold_that_was_released_over_another_connection_keeps_nothing_open(
    brief: House,
) -> None:
    async with keeping(brief, "hold=60&ends_with=connection") as holder:
        [own] = brief.desk.held
        await brief.ask(request("DELETE", f"/v1/holds/{own}"))
        await ended(holder)


@pytest.mark.parametrize("query", ["hold=60", "hold=60&ends_with=process"])
async def test_a_hold_that_ends_with_something_else_keeps_nothing_open(
    brief: House, query: str
) -> None:
    async with keeping(brief, query) as holder:
        await ended(holder)
        assert len(brief.desk.held) == 1


async def test_a_bug_of_the_desk_keeps_nothing_open_and_the_sweep_alive(brief: House) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: reported.append(context["exception"])
    )
    async with keeping(brief, "hold=60&ends_with=connection") as holder:
        brief.desk.bug = AgentError("bug")
        await ended(holder)
        assert brief.desk.bug in reported
        brief.desk.bug = None
        await idle_ones_are_ended(brief)
