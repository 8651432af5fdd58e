"""A server on real sockets, and a client that speaks bytes."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.supply.access import CLIENT, Peer, Policy, Rule, Scope
from agent.supply.caps import CAPS, Caps
from agent.supply.feed import Feed
from agent.supply.house import Limits
from agent.supply.server import Server
from tests.supply.desk import Desk

DEADLINE = 10.0  # s; generous, only a hang reaches it


@dataclass(kw_only=True)
class House:
    server: Server
    desk: Desk
    feed: Feed
    token: str
    admin: str
    audited: list[tuple[Peer, str, str, float]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    async def get(self, target: str = "/v1/token", *headers: str, admin: bool = False) -> "Answer":
        return await self.ask(request("GET", target, *headers), admin=admin)

    async def ask(self, data: bytes, *, admin: bool = False) -> "Answer":
        return read_answer(await self.exchange(data, admin=admin))

    async def exchange(self, data: bytes, *, admin: bool = False) -> bytes:
        """Send, and read until the server closes."""
        async with asyncio.timeout(DEADLINE), self.connection(admin=admin) as (reader, writer):
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
            return await reader.read()

    @contextlib.asynccontextmanager
    async def connection(
        self, *, admin: bool = False
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        path = self.admin if admin else self.token
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def till(caps: Caps = CAPS, scopes: frozenset[Scope] = CLIENT) -> Policy:
    """Whoever runs the tests is the client `till`, and not the agent's own user."""
    me = os.getuid()
    rule = Rule(name="till", uids=frozenset({me}), scopes=scopes, caps=caps)
    return Policy(own_uid=me + 1, rules=(rule,))


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    desk: Desk,
    *,
    limits: Limits | None = None,
    policy: Policy | None = None,
    group: str | None = None,
    feed: Feed | None = None,
) -> AsyncIterator[House]:
    token, admin = str(folder / "token.sock"), str(folder / "admin.sock")
    audited: list[tuple[Peer, str, str, float]] = []
    doubts: list[str] = []
    feed = feed or Feed(name="feed")
    server = Server(
        desk=desk,
        socket=token,
        admin_socket=admin,
        policy=policy or Policy(own_uid=os.getuid()),
        group=group,
        events=feed,
        audit=lambda peer, client, name, left: audited.append((peer, client, name, left)),
        on_doubt=doubts.append,
        limits=limits or Limits(),
    )
    await server.start()
    try:
        yield House(
            server=server,
            desk=desk,
            feed=feed,
            token=token,
            admin=admin,
            audited=audited,
            doubts=doubts,
        )
    finally:
        await server.aclose()


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def kind(self) -> object:
        """The last part of the problem's type."""
        return str(self.json["type"]).removeprefix("urn:pos-agent:problem:")


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def read_answers(data: bytes) -> list[Answer]:
    """Every answer in a byte stream, framed by Content-Length."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])
        }
        size = int(headers.get("content-length", "0"))
        answers.append(Answer(status=int(lines[0].split()[1]), headers=headers, body=data[:size]))
        data = data[size:]
    return answers


def read_answer(data: bytes) -> Answer:
    [answer] = read_answers(data)
    return answer


async def eventually(condition: object, why: str = "") -> None:
    """Poll a callable until it is true."""
    assert callable(condition)
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - conditions of the outside world
            await asyncio.sleep(0.01)
