"""How pairing goes, for payment software with a screen of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent.supply.access import CLIENT, Policy, Rule, Scope
from agent.supply.client import AgentUnreachable, NotAllowed, PairingInfo, pairing, pairing_async
from agent.supply.interface import Unavailable
from tests.supply.desk import USER_CODE, Desk
from tests.supply.house import House, serving

Ask = Callable[[str], Awaitable[PairingInfo]]


async def blocking(socket: str) -> PairingInfo:
    return await asyncio.to_thread(pairing, socket)


both = pytest.mark.parametrize("ask", [blocking, pairing_async])


@pytest.fixture
async def shop(folder: Path, desk: Desk) -> AsyncIterator[House]:
    """The operator lets the till show the code."""
    till = Rule(name="till", uids=frozenset({os.getuid()}), scopes=CLIENT | {Scope.PAIRING})
    policy = Policy(own_uid=os.getuid() + 1, rules=(till,))
    async with serving(folder, desk, policy=policy) as house:
        yield house


@both
async def test_the_code_and_where_to_enter_it(shop: House, ask: Ask) -> None:
    shop.desk.missing = Unavailable(kind="pairing", detail="why", retry_after=5)
    found = await ask(shop.token)
    assert found == PairingInfo(
        state="pairing",
        user_code=USER_CODE,
        verification_uri="https://connect.example.com/device",
        expires_in=1200,
    )
    assert USER_CODE not in repr(found)


@both
async def test_a_paired_terminal_has_no_code(shop: House, ask: Ask) -> None:
    assert await ask(shop.token) == PairingInfo(state="serving")


@both
async def test_without_the_operators_leave_there_is_no_code(house: House, ask: Ask) -> None:
    with pytest.raises(NotAllowed):
        await ask(house.token)


@both
async def test_no_agent_is_said(folder: Path, ask: Ask) -> None:
    with pytest.raises(AgentUnreachable):
        await ask(str(folder / "none.sock"))


@both
async def test_an_answer_without_a_state_is_no_agents(folder: Path, ask: Ask) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    path = str(folder / "other.sock")
    server = await asyncio.start_unix_server(other, path)
    with pytest.raises(AgentUnreachable):
        await ask(path)
    server.close()
