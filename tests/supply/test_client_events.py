"""Events in the hand of a payment program: in order, over restarts, and never stuck."""

import asyncio
import collections
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from agent.supply.client import (
    AgentUnreachable,
    Event,
    NotAllowed,
    Patience,
    SupplyError,
    TokenUnavailable,
    events,
    events_async,
)
from agent.supply.client_events import Decoder, _Following
from agent.supply.feed import Feed
from tests.supply.desk import Desk
from tests.supply.house import DEADLINE, House, eventually, serving

SOON = Patience(shortest=0.02, longest=0.1)
Next = Callable[[], Awaitable[Event]]
Following = Callable[..., AbstractAsyncContextManager[Next]]


@asynccontextmanager
async def blocking(
    socket: str, last_event_id: str | None = None, patience: Patience = SOON
) -> AsyncIterator[Next]:
    stream = events(socket, last_event_id, patience=patience)

    async def following() -> Event:
        async with asyncio.timeout(DEADLINE):
            return await asyncio.wrap_future(_in_thread(lambda: next(stream)))

    try:
        yield following
    finally:
        stream.close()


def _in_thread(call: Callable[[], Event]) -> Future[Event]:
    """In a thread that a test which fails need not wait for: the stream never ends by itself."""
    future: Future[Event] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as exc:
            future.set_exception(exc)

    threading.Thread(target=run, daemon=True).start()
    return future


@asynccontextmanager
async def waiting(
    socket: str, last_event_id: str | None = None, patience: Patience = SOON
) -> AsyncIterator[Next]:
    async with aclosing(events_async(socket, last_event_id, patience=patience)) as stream:

        async def following() -> Event:
            async with asyncio.timeout(DEADLINE):
                return await anext(stream)

        yield following


both = pytest.mark.parametrize("following", [blocking, waiting])


# -- what happens ---------------------------------------------------------------------------------


@both
async def test_first_the_state_then_what_happens(house: House, following: Following) -> None:
    async with following(house.token) as event:
        first = await event()
        assert (first.kind, first.data["state"]) == ("state", "serving")
        house.feed.append("token", {"fingerprint": "sha256:0"})
        house.feed.append("hold", {"change": "granted"})
        assert await event() == Event(kind="token", data={"fingerprint": "sha256:0"}, id="feed-1")
        assert await event() == Event(kind="hold", data={"change": "granted"}, id="feed-2")


@both
async def test_a_program_takes_up_where_it_was(house: House, following: Following) -> None:
    for number in range(3):
        house.feed.append("token", {"n": number})
    async with following(house.token, "feed-1") as event:
        assert [(await event()).data["n"] for _ in range(2)] == [1, 2]


@both
async def test_what_cannot_be_told_any_more_is_said_to_be_missed(
    house: House, following: Following
) -> None:
    async with following(house.token, "before-7") as event:
        assert [(await event()).kind for _ in range(2)] == ["missed", "state"]


@both
async def test_a_restart_of_the_server_loses_nothing(
    folder: Path, desk: Desk, following: Following
) -> None:
    feed = Feed(name="feed")
    async with serving(folder, desk, feed=feed) as house:
        async with following(house.token) as event:
            await event()
            feed.append("token", {"n": 1})
            assert (await event()).data == {"n": 1}
            await house.server.aclose()
            feed.append("token", {"n": 2})
            async with serving(folder, desk, feed=feed):
                assert (await event()).data == {"n": 2}
                feed.append("token", {"n": 3})
                assert (await event()).data == {"n": 3}


@both
async def test_an_agent_that_is_not_there_yet_is_waited_for(
    folder: Path, desk: Desk, following: Following
) -> None:
    async with following(str(folder / "token.sock")) as event:
        first = asyncio.ensure_future(event())
        await asyncio.sleep(0)
        async with serving(folder, desk):
            assert (await first).kind == "state"


async def test_a_follower_whose_scope_is_cancelled_leaves_no_connection(house: House) -> None:
    """In a cancelled scope of anyio (and trio) every further wait is cancelled, too."""
    with anyio.CancelScope() as scope:
        async with aclosing(events_async(house.token, patience=SOON)) as stream:
            await anext(stream)
            scope.cancel()
            await anext(stream)
    await eventually(lambda: not house.server._connections())


@both
async def test_the_environment_names_the_socket(
    house: House, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POS_AGENT_SOCKET", house.token)
    async with following(None) as event:
        assert (await event()).kind == "state"


# -- another at the socket ------------------------------------------------------------------------


class Impostor:
    """Answers each connection with the next of its answers, the last one for ever, and keeps the
    connection open. `heads` are the requests it saw, `at` when; `left` counts who has gone."""

    def __init__(self, folder: Path, *answers: bytes) -> None:
        self.path = str(folder / "other.sock")
        self.answers = list(answers)
        self.heads: list[bytes] = []
        self.at: list[float] = []
        self.left = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            self.at.append(time.monotonic())
            writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            await reader.read()
            self.left += 1
        finally:
            writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_unix_server(self._serve, self.path)
        try:
            yield
        finally:
            server.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
HELLO = b"id: a-1\nevent: hello\ndata: {}\n\n"


def refusal(status: int, kind: str, more: str = "") -> bytes:
    body = f'{{"type":"urn:pos-agent:problem:{kind}","title":"No","detail":"why"{more}}}'.encode()
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@both
async def test_a_connection_without_a_sign_of_life_is_dead(
    folder: Path, following: Following
) -> None:
    """The second connection is told from where the first was cut, inside an event."""
    cut = b'id: a-2\nevent: cut\ndata: {"n":2}\nda'
    other = Impostor(folder, HEAD + HELLO + cut, HEAD + b'data: {"n":3}\n\n')
    patience = Patience(silence=0.2, shortest=0.02)
    async with other.open(), following(other.path, patience=patience) as event:
        assert (await event()).kind == "hello"
        assert await event() == Event(kind="message", data={"n": 3}, id="a-1")
    assert b"last-event-id" not in other.heads[0].lower()
    assert b"last-event-id: a-1\r\n" in other.heads[1].lower()


@both
async def test_unknown_kinds_are_passed_on(folder: Path, following: Following) -> None:
    other = Impostor(folder, HEAD + b"event: later\nid: a-9\nnew: 1\ndata: [1]\n\n")
    async with other.open(), following(other.path) as event:
        assert await event() == Event(kind="later", data={}, id="a-9")


@both
async def test_closing_ends_the_connection(folder: Path, following: Following) -> None:
    other = Impostor(folder, HEAD + HELLO)
    async with other.open():
        async with following(other.path) as event:
            await event()
        await eventually(lambda: other.left == 1)


@both
async def test_who_may_not_know_is_told_so(folder: Path, following: Following) -> None:
    other = Impostor(folder, refusal(403, "not-permitted"))
    async with other.open(), following(other.path) as event:
        with pytest.raises(NotAllowed, match="why"):
            await event()


@both
async def test_an_agent_without_events_is_not_waited_for(
    folder: Path, following: Following
) -> None:
    other = Impostor(folder, refusal(404, "not-found"))
    async with other.open(), following(other.path) as event:
        with pytest.raises(SupplyError, match="older than its client"):
            await event()


@both
async def test_a_busy_agent_is_asked_again_when_it_says(folder: Path, following: Following) -> None:
    other = Impostor(folder, refusal(503, "busy", ',"retry_after":1'), HEAD + HELLO)
    async with other.open(), following(other.path) as event:
        assert (await event()).kind == "hello"
    first, second = other.at
    assert second - first > 0.9


@both
@pytest.mark.parametrize(
    "nonsense",
    [
        b"220 mail\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"data: " + b"x" * (1 << 18) + b"y",
    ],
)
async def test_something_else_at_the_path_is_left_again(
    folder: Path, following: Following, nonsense: bytes
) -> None:
    other = Impostor(folder, nonsense, HEAD + HELLO)
    async with other.open(), following(other.path) as event:
        assert (await event()).kind == "hello"


_AS_NOBODY = """
import asyncio, os, sys
from contextlib import aclosing
from agent.supply.client import NotAllowed, Patience, events, events_async
async def first():
    async with aclosing(events_async(sys.argv[1])) as stream:
        return await anext(stream)
for turn in ("as root", "as nobody"):
    for ask in (lambda: next(events(sys.argv[1])), lambda: asyncio.run(first())):
        try:
            print(turn, ask().kind)
        except NotAllowed as exc:
            print(turn, "NotAllowed:", exc)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_socket_that_may_not_be_opened_is_not_waited_for(house: House) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _AS_NOBODY, house.token), stdout=subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    lines = out.decode().splitlines()
    assert lines[:2] == ["as root state"] * 2
    assert [line.partition(" may not open")[0] for line in lines[2:]] == [
        "as nobody NotAllowed: this user"
    ] * 2


@both
async def test_an_id_that_is_none_is_the_programmers(house: House, following: Following) -> None:
    async with following(house.token, "a\r\nb") as event:
        with pytest.raises(ValueError, match="last_event_id"):
            await event()


# -- rules ----------------------------------------------------------------------------------------


def test_pauses_double_up_to_a_limit_and_chance_takes_away_half_at_most() -> None:
    full = Patience(shortest=1.0, longest=30.0, chance=lambda: 0.0)
    half = Patience(shortest=1.0, longest=30.0, chance=lambda: 1.0)
    failures = [0, 1, 2, 3, 4, 5, 6, 5000]
    assert [full.pause(count) for count in failures] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert [half.pause(count) for count in failures] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_whoever_fails_waits_longer_each_time_until_something_comes() -> None:
    following = _Following("/none", None, Patience(shortest=1.0, longest=30.0, chance=lambda: 0.0))
    pauses = [following.pause()]
    for _ in range(3):
        following.failed(AgentUnreachable("gone"))
        pauses.append(following.pause())
    following.failed(TokenUnavailable("busy", retry_after=60))
    pauses.append(following.pause())
    assert list(following.fed(b": \n\n")) == []
    pauses.append(following.pause())
    assert pauses == [1, 2, 4, 8, 60, 1]


STREAM = (
    ": hello\n\n"
    "id: a-1\nevent: state\ndata: {\"state\":\ndata:\"serving\"}\n\n"
    "event: ignored\n\n"
    "data: {\"é\": 1}\nid: a-2\nretry: 5\nunknown\n\n"
    "id: b\0d\nevent: odd\ndata\ndata: 5\n\n"
    "id: a-3\nevent: cut\ndata: {}\n"
)  # fmt: skip
EXPECTED = [
    Event(kind="state", data={"state": "serving"}, id="a-1"),
    Event(kind="message", data={"é": 1}, id="a-2"),
    Event(kind="odd", data={}, id="a-2"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_the_same_however_the_bytes_are_cut(end: str) -> None:
    stream = STREAM.replace("\n", end).encode()
    for size in (1, 2, 3, 7, len(stream)):
        decoder = Decoder()
        found: list[Event] = []
        for start in range(0, len(stream), size):
            found += decoder.feed(stream[start : start + size])
        assert found == EXPECTED
        assert decoder.last_id == "a-2"


@pytest.mark.parametrize("line", [b"data: " + b"x" * 1000 + b"\n", b"x" * 1000])
def test_an_event_that_never_ends_is_given_up(line: bytes) -> None:
    decoder = Decoder()
    with pytest.raises(ValueError, match="beyond"):
        collections.deque(event for _ in range(300) for event in decoder.feed(line))
