"""The agent's own desk behind the real socket: one story from the first code to a broken hold."""

import asyncio
import contextlib
import json
import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.front_desk import FrontDesk
from agent.keeper import Keeper
from agent.store.memory import MemoryStore
from agent.supply.access import Policy
from agent.supply.feed import Feed
from agent.supply.server import Server
from tests.supply.house import DEADLINE, Answer, eventually, read_answer, request
from tests.test_keeper import RULES
from tests.virtual import TestServer, VirtualClock

SECRETS = (b"access-", b"refresh-", b"device-", b"code1")  # how those of the TestServer begin


@dataclass(kw_only=True)
class Terminal:
    """A whole agent without its daemon, and somebody who follows its events."""

    clock: VirtualClock
    server: TestServer
    desk: FrontDesk
    keeper: Keeper
    token: str
    admin: str
    reader: asyncio.StreamReader
    heard: list[bytes] = field(default_factory=list)

    async def until(self, state: str) -> None:
        await self.clock.pass_until(lambda: self.keeper.status()["state"] == state)

    async def event(self) -> dict[str, object]:
        """The next one, with its data."""
        async with asyncio.timeout(DEADLINE):
            self.heard.append(await self.reader.readuntil(b"\n\n"))
        fields = dict(line.split(": ", 1) for line in self.heard[-1].decode().split("\n") if line)
        return {"event": fields["event"], **json.loads(fields["data"])}

    async def get(self, target: str, *, admin: bool = False) -> Answer:
        return await self.ask(request("GET", target), admin=admin)

    async def ask(self, data: bytes, *, admin: bool = False) -> Answer:
        async with asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_unix_connection(self.admin if admin else self.token)
            writer.write(data)
            answer = read_answer(await reader.read())
            writer.close()
            await writer.wait_closed()
            return answer


async def _no_store() -> None:
    raise AssertionError


@contextlib.asynccontextmanager
async def terminal(folder: Path) -> AsyncIterator[Terminal]:
    """Its keeper lives, but the desk has not been handed over yet."""
    clock, feed = VirtualClock(), Feed(name="feed")
    server = TestServer(clock)
    desk = FrontDesk(clock=clock, health={}, rekey=_no_store)
    keeper = Keeper(
        server=server,
        storage=MemoryStore(),
        rules=RULES,
        clock=clock,
        rng=random.Random(1),
        on_situation=lambda situation: setattr(desk, "situation", situation),
        on_event=feed.append,
    )
    token, admin = str(folder / "token.sock"), str(folder / "admin.sock")
    policy = Policy(own_uid=os.getuid())
    supply = Server(desk=desk, socket=token, admin_socket=admin, policy=policy, events=feed)
    await supply.start()
    reader, writer = await asyncio.open_unix_connection(token)
    writer.write(request("GET", "/v1/events"))
    await reader.readuntil(b"\r\n\r\n")
    running = asyncio.create_task(keeper.run())
    try:
        yield Terminal(
            clock=clock,
            server=server,
            desk=desk,
            keeper=keeper,
            token=token,
            admin=admin,
            reader=reader,
        )
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        writer.close()
        await supply.aclose()


async def test_what_happens_is_told_without_a_secret(folder: Path) -> None:
    async with terminal(folder) as one:
        assert (await one.event())["state"] == "starting"
        one.desk.hand_over(one.keeper)
        await pair(one)
        await hold_and_break(one)
        answers = [
            await one.get("/v1/status"),
            await one.get("/v1/status", admin=True),
            await one.get("/v1/holds", admin=True),
            await one.get("/metrics", admin=True),
        ]
        told = b"".join(one.heard + [answer.body for answer in answers])
    assert [secret for secret in SECRETS if secret in told] == []


async def test_no_token_is_renewed_for_somebody_who_is_gone(folder: Path) -> None:
    """It waited for another hold to end, and would have had the token renewed then."""
    async with terminal(folder) as one:
        one.desk.hand_over(one.keeper)
        one.server.approved = True
        await one.until("serving")
        await one.clock.advance(850)
        first = (await one.get("/v1/token?hold=20")).json["hold"]
        assert isinstance(first, dict)
        before = one.server.refreshes
        wish = request("GET", "/v1/token?hold=300&ends_with=connection", "Prefer: wait=25")
        _, writer = await asyncio.open_unix_connection(one.token)
        writer.write(wish)
        await eventually(lambda: waiting(one) == 1)
        writer.close()
        await writer.wait_closed()
        await eventually(lambda: waiting(one) == 0)
        released = await one.ask(request("DELETE", f"/v1/holds/{first['id']}"))
        assert released.status == 204
        await one.clock.advance(30)
        assert (waiting(one), one.server.refreshes) == (0, before)


def waiting(one: Terminal) -> int:
    """How many clients are in the line for a newer token."""
    line = one.keeper.status()["holds"]["waiting"]  # type: ignore[index]
    return len(line)


async def pair(one: Terminal) -> None:
    """The code is for the administrator; everybody else hears that there is one."""
    await one.until("pairing")
    assert (await one.event())["state"] == "pairing"
    assert (await one.get("/v1/pairing")).status == 403
    assert (await one.get("/v1/pairing", admin=True)).json["user_code"] == "code1"
    assert (await one.get("/v1/token?hold=60")).kind == "pairing-required"
    one.server.approved = True
    await one.until("serving")
    heard = [await one.event() for _ in range(3)]
    assert [told.get("state", told["event"]) for told in heard] == ["paired", "token", "serving"]


async def hold_and_break(one: Terminal) -> None:
    """The server revokes a token that somebody holds, and the client reports it."""
    taken = (await one.get("/v1/token?hold=60")).json
    hold, fingerprint = taken["hold"], taken["fingerprint"]
    assert isinstance(hold, dict)
    granted = await one.event()
    assert (granted["change"], granted["id"]) == ("granted", hold["id"])
    assert granted["fingerprint"] == fingerprint
    shown = await one.get(f"/v1/holds/{hold['id']}", admin=True)
    assert (shown.status, shown.json["expires_in"]) == (200, 60)
    report = json.dumps({"fingerprint": fingerprint}).encode()
    successor = await one.ask(request("POST", "/v1/token/rejected", body=report))
    assert successor.json["fingerprint"] != fingerprint
    assert "hold" not in successor.json
    broken, renewed = [await one.event() for _ in range(2)]
    assert (broken["change"], broken["reason"]) == ("broken", "refused")
    assert renewed["fingerprint"] == successor.json["fingerprint"]
    assert (await one.ask(request("DELETE", f"/v1/holds/{hold['id']}"))).kind == "no-such-hold"
