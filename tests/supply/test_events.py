"""Server-sent events on the real socket: order, taking up again, signs of life, and an end to what
a client can cost."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.supply.caps import Caps
from agent.supply.feed import Feed
from agent.supply.house import Limits
from agent.supply.stream import BACKLOG
from tests.supply.desk import USER_CODE, Desk
from tests.supply.house import (
    DEADLINE,
    House,
    eventually,
    read_answer,
    request,
    serving,
    till,
)

KEPT = b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIVELY = Limits(request=0.2, heartbeat=0.02)  # the sweep looks at it four times a `request`


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event, as an EventSource in a browser would read it."""

    id: str
    kind: str
    data: object


class Follower:
    """Reads a stream by the rules of the WHATWG, as far as the agent uses them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def block(self) -> bytes:
        """An event or a comment, without the empty line that ends it."""
        return (await self.reader.readuntil(b"\n\n"))[:-2]

    async def next(self) -> Told:
        while (block := await self.block()).startswith(b":"):
            pass
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
        assert set(fields) == {"id", "event", "data"}
        return Told(id=fields["id"], kind=fields["event"], data=json.loads(fields["data"]))

    async def over(self) -> bool:
        return await self.reader.read() == b""


@contextlib.asynccontextmanager
async def following(house: House, *headers: str) -> AsyncIterator[Follower]:
    async with asyncio.timeout(DEADLINE), house.connection() as (reader, writer):
        writer.write(request("GET", "/v1/events", *headers))
        follower = Follower(reader, writer)
        assert (await follower.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        yield follower


async def test_the_first_event_is_the_state_as_it_is(house: House) -> None:
    async with following(house) as follower:
        assert await follower.next() == Told(id="feed-0", kind="state", data=house.desk.status())


async def test_the_head_says_that_it_is_a_stream_that_nobody_keeps(house: House) -> None:
    async with house.connection() as (reader, writer):
        writer.write(request("GET", "/v1/events"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    assert {"content-type: text/event-stream", "cache-control: no-store"} < set(head)
    assert "connection: close" in head
    assert not any(line.startswith(("content-length", "transfer-encoding")) for line in head)


async def test_what_happens_is_told_to_everybody_in_order(house: House) -> None:
    async with following(house) as one, following(house) as other:
        for follower in (one, other):
            assert (await follower.next()).kind == "state"
        house.feed.append("token", {"fingerprint": "sha256:0123456789abcdef", "expires_in": 1200})
        house.feed.append("hold", {"change": "granted", "id": "0000000000000001"})
        house.feed.append("state", {"state": "offline", "reason": 'Zoë said "no"\n'})
        for follower in (one, other):
            assert [await follower.next() for _ in range(3)] == [
                Told(
                    id="feed-1",
                    kind="token",
                    data={"fingerprint": "sha256:0123456789abcdef", "expires_in": 1200},
                ),
                Told(
                    id="feed-2", kind="hold", data={"change": "granted", "id": "0000000000000001"}
                ),
                Told(
                    id="feed-3",
                    kind="state",
                    data={"state": "offline", "reason": 'Zoë said "no"\n'},
                ),
            ]


async def test_whoever_lost_its_connection_misses_nothing_and_is_told_nothing_twice(
    house: House,
) -> None:
    seen: list[object] = []
    last = None
    for number in range(12):
        house.feed.append("token", {"n": number})
        if number % 3 == 2:  # away for three events, back for as long as it takes to read them
            headers = () if last is None else (f"Last-Event-ID: {last}",)
            async with following(house, *headers) as follower:
                told = [await follower.next() for _ in range(1 if last is None else 3)]
            last = told[-1].id
            seen += [
                event.data["n"]
                for event in told
                if isinstance(event.data, dict) and "n" in event.data
            ]
    assert seen == [3, 4, 5, 6, 7, 8, 9, 10, 11]


async def test_whoever_missed_nothing_is_told_only_what_comes(house: House) -> None:
    house.feed.append("token", {})
    async with following(house, "Last-Event-ID: feed-1") as follower:
        house.feed.append("hold", {})
        assert (await follower.next()).id == "feed-2"


@pytest.mark.parametrize("last", ["feed-1", "other-5", "feed-99", "rubbish"])
async def test_what_cannot_be_told_any_more_is_admitted(
    folder: Path, desk: Desk, last: str
) -> None:
    """Too long ago, before a restart, or never ours; then comes the state as it is."""
    feed = Feed(name="feed", kept=4)
    for _ in range(6):
        feed.append("token", {})
    async with serving(folder, desk, feed=feed) as house:
        async with following(house, f"Last-Event-ID: {last}") as follower:
            assert await follower.next() == Told(id="feed-6", kind="missed", data={})
            assert await follower.next() == Told(id="feed-6", kind="state", data=desk.status())
            feed.append("hold", {})
            assert (await follower.next()).id == "feed-7"


async def test_a_restarted_agent_knows_ids_of_before_for_what_they_are(
    folder: Path, desk: Desk
) -> None:
    """The name of the feed is another one each time, as in the daemon."""
    last = ""
    for kinds in (["state"], ["missed", "state"]):
        feed = Feed(name=os.urandom(4).hex())
        feed.append("token", {})
        async with serving(folder, desk, feed=feed) as house:
            headers = (f"Last-Event-ID: {last}",) if last else ()
            async with following(house, *headers) as follower:
                told = [await follower.next() for _ in kinds]
                assert [event.kind for event in told] == kinds
                last = told[-1].id


async def test_silence_has_a_heartbeat(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, limits=LIVELY) as house, following(house) as follower:
        await follower.next()
        for _ in range(3):
            assert (await follower.block()).startswith(b":")
        house.feed.append("token", {})
        assert (await follower.next()).kind == "token"


async def test_head_gets_the_head_and_an_end(house: House) -> None:
    data = await house.exchange(request("HEAD", "/v1/events"))
    assert data.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
    assert data.endswith(b"\r\n\r\n")
    assert not house.feed._followers


async def test_a_client_that_shuts_its_end_is_told_all_the_same(house: House) -> None:
    """`curl` and shells do that. Also over a heartbeat."""
    async with following(house) as follower:
        await follower.next()
        follower.writer.write_eof()
        [connection] = house.server._connections()
        await eventually(lambda: connection._ended)
        house.feed.append("token", {})
        assert (await follower.next()).kind == "token"


async def test_whoever_follows_has_nothing_more_to_say(house: House) -> None:
    async with following(house) as follower:
        await follower.next()
        follower.writer.write(KEPT * 1000)
        await follower.writer.drain()
        house.feed.append("token", {})
        assert (await follower.next()).kind == "token"
    assert house.desk.asked == []


async def test_a_stream_may_follow_other_answers_on_the_connection(house: House) -> None:
    house.desk.gate.clear()
    async with asyncio.timeout(DEADLINE), house.connection() as (reader, writer):
        writer.write(KEPT + request("GET", "/v1/events"))
        await eventually(lambda: house.desk.asked)
        house.feed.append("token", {})
        house.desk.gate.set()
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        assert b"access_token" in await reader.readexactly(size)
        follower = Follower(reader, writer)
        assert b"text/event-stream" in await follower.head()
        assert (await follower.next()).id == "feed-1"


async def test_a_client_that_leaves_is_not_followed_any_more(house: House) -> None:
    """At once, and not at the next heartbeat only: its place is free for its next try."""
    async with following(house):
        assert len(house.feed._followers) == 1
    await eventually(lambda: not house.feed._followers)
    await eventually(lambda: not house.server._connections())


async def test_a_client_that_shut_its_end_and_leaves_is_found_out_by_the_heartbeat(
    folder: Path, desk: Desk
) -> None:
    async with serving(folder, desk, limits=LIVELY) as house:
        async with following(house) as follower:
            follower.writer.write_eof()
            [connection] = house.server._connections()
            await eventually(lambda: connection._ended)
        await eventually(lambda: not house.feed._followers)
        await eventually(lambda: not house.server._connections())


async def test_a_client_that_does_not_read_is_cut_off_and_costs_the_others_nothing(
    house: House,
) -> None:
    """What waits for it stays below the bound, however much happens."""
    event = {"text": "x" * 2000}
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(house.token)
        deaf.sendall(request("GET", "/v1/events"))
        await eventually(lambda: house.feed._followers)
        [connection] = house.server._connections()
        async with following(house) as good:
            await good.next()
            most = sent = 0
            while len(house.feed._followers) == 2:
                house.feed.append("token", event)
                sent += 1
                most = max(most, connection._transport.get_write_buffer_size())
                assert (await good.next()).data == event
                assert sent < 10_000
        assert BACKLOG < most < BACKLOG + 4096
        await eventually(lambda: not house.server._connections())
        assert (await house.get()).status == 200


async def test_a_client_that_reads_slowly_is_told_everything(house: House) -> None:
    """As long as it stays within the bound: the kernel holds some, the agent the rest."""
    async with following(house) as follower:
        await follower.next()
        [connection] = house.server._connections()
        sent = 0
        while connection._transport.get_write_buffer_size() < BACKLOG // 2:
            house.feed.append("token", {"n": sent, "text": "x" * 2000})
            sent += 1
        assert connection._held_up
        for number in range(sent):
            told = await follower.next()
            assert isinstance(told.data, dict)
            assert told.data["n"] == number
        await eventually(lambda: not connection._held_up)


async def test_a_follower_that_is_stuck_at_a_heartbeat_is_cut_off(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, limits=LIVELY) as house:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(house.token)
            deaf.sendall(request("GET", "/v1/events"))
            await eventually(lambda: house.feed._followers)
            [connection] = house.server._connections()
            while not connection._held_up:
                house.feed.append("token", {"text": "x" * 2000})
            await eventually(lambda: not house.feed._followers)


async def test_a_follower_counts_as_a_connection(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=till(Caps(connections=2))) as house:
        async with following(house), following(house):
            assert (await house.get()).kind == "too-many-connections"
        await eventually(lambda: not house.server._connections())
        assert (await house.get()).status == 200


async def test_the_end_of_the_agent_ends_the_streams_at_once(folder: Path, desk: Desk) -> None:
    limits = Limits(drain=DEADLINE * 10)
    async with serving(folder, desk, limits=limits) as house:
        async with following(house) as one, following(house) as other:
            await one.next()
            await other.next()
            await house.server.aclose()
            assert await one.over()
            assert await other.over()
    assert not house.feed._followers


async def test_the_end_of_the_agent_does_not_wait_for_a_stuck_follower(
    folder: Path, desk: Desk
) -> None:
    async with serving(folder, desk, limits=Limits(drain=DEADLINE * 10)) as house:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(house.token)
            deaf.sendall(request("GET", "/v1/events"))
            await eventually(lambda: house.feed._followers)
            [connection] = house.server._connections()
            while not connection._held_up:
                house.feed.append("token", {"text": "x" * 2000})
            async with asyncio.timeout(DEADLINE):
                await house.server.aclose()


async def test_a_bug_of_the_desk_is_a_500_and_no_half_a_stream(house: House) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: reported.append(context["exception"])
    )
    house.desk.bug = AgentError("bug")
    answer = await house.get("/v1/events")
    assert (answer.status, answer.kind) == (500, "internal")
    assert reported == [house.desk.bug]
    house.desk.bug = None
    async with following(house) as follower:
        assert (await follower.next()).kind == "state"


async def test_the_stream_begins_without_a_secret(house: House) -> None:
    """The code is for clients with permission; a token is for whoever asks for one."""
    await house.ask(request("DELETE", "/v1/grant"), admin=True)
    async with following(house) as follower:
        told = json.dumps((await follower.next()).data)
    assert '"pairing"' in told
    assert USER_CODE not in told
    assert house.desk.current.value.reveal() not in told


async def test_unknown_parameters_are_refused_before_a_stream_begins(house: House) -> None:
    assert read_answer(await house.exchange(request("GET", "/v1/events?since=1"))).status == 400
