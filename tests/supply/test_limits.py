"""What a hostile or broken client can do: nothing to the others."""

import asyncio
import contextlib
import socket
import time
from pathlib import Path

import pytest

from agent.supply.connection import Limits
from tests.supply.desk import Desk
from tests.supply.house import DEADLINE, eventually, read_answer, request, serving

QUICK = Limits(request=0.3, idle=0.3, answer=0.3, drain=0.2)


@pytest.mark.parametrize("start", [b"", b"G", b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_a_slow_request_is_dropped_at_the_deadline(
    folder: Path, desk: Desk, start: bytes
) -> None:
    """Each byte in time does not help: the clock runs from the first."""
    async with serving(folder, desk, limits=QUICK) as house:
        async with asyncio.timeout(DEADLINE), house.connection() as (reader, writer):
            writer.write(start)
            begun = time.monotonic()
            reading = asyncio.create_task(reader.read())
            while not reading.done() and start:
                with contextlib.suppress(ConnectionError):
                    writer.write(b"x")
                    await writer.drain()
                await asyncio.wait([reading], timeout=0.05)
            answer = await reading
            assert 0.25 <= time.monotonic() - begun < 3
            if start:
                assert read_answer(answer).kind == "too-slow"
            else:
                assert answer == b""
        assert (await house.get()).status == 200


async def test_an_idle_connection_is_closed_without_a_word(folder: Path, desk: Desk) -> None:
    limits = Limits(request=0.3, idle=0.3)
    async with serving(folder, desk, limits=limits) as house:
        async with asyncio.timeout(DEADLINE), house.connection() as (reader, writer):
            writer.write(request("GET", "/livez").replace(b"Connection: close\r\n", b""))
            await reader.readuntil(b'{"live":true}')
            assert await reader.read() == b""


async def test_a_client_that_never_reads_is_dropped(folder: Path, desk: Desk) -> None:
    """Its answers are not piled up either."""
    data = request("GET", "/livez").replace(b"Connection: close\r\n", b"") * 100
    async with serving(folder, desk, limits=QUICK) as house:
        with socket.socket(socket.AF_UNIX) as rude:
            rude.setblocking(False)
            rude.connect(house.token)
            async with asyncio.timeout(DEADLINE):
                with pytest.raises(ConnectionError):
                    await _send_for_ever(rude, data)
        assert (await house.get()).status == 200


async def _send_for_ever(client: socket.socket, data: bytes) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(client, data)


async def test_requests_sent_ahead_are_not_hoarded(folder: Path, desk: Desk) -> None:
    """While one request waits for the desk, the kernel's buffer holds the rest back."""
    desk.gate.clear()
    data = request("GET", "/v1/token").replace(b"Connection: close\r\n", b"") * 100
    async with serving(folder, desk) as house, house.connection() as (_reader, writer):
        for _ in range(1000):
            writer.write(data)
        await eventually(lambda: desk.asked)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await writer.drain()
        [connection] = house.server._connections()
        assert connection._reader.buffered <= 24 * 1024
        writer.transport.abort()
        desk.gate.set()


async def test_a_desk_that_hangs_costs_the_client_no_more_than_the_limit(
    folder: Path, desk: Desk
) -> None:
    desk.gate.clear()
    async with serving(folder, desk, limits=QUICK) as house:
        answer = await house.get()
        assert (answer.status, answer.kind) == (503, "busy")
        assert answer.headers["retry-after"] == "5"
        desk.gate.set()
        assert (await house.get()).status == 200


async def test_shutdown_does_not_wait_for_a_desk_that_hangs(folder: Path, desk: Desk) -> None:
    desk.gate.clear()
    async with serving(folder, desk, limits=Limits(drain=0.1)) as house:
        waiting = asyncio.create_task(house.exchange(request("GET", "/v1/token")))
        await eventually(lambda: desk.asked)
        async with asyncio.timeout(DEADLINE):
            await house.server.aclose()
        await waiting


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 300_000, 414),
        (request("GET", "/" + "x" * 3000), 414),
        (request("POST", "/v1/token/rejected", body=b"x" * 5000), 413),
        (request("POST", "/v1/token/rejected", body=b"x" * 500_000), 413),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    ],
)
async def test_too_much_or_rubbish_is_refused_and_the_refusal_arrives(
    folder: Path, desk: Desk, data: bytes, status: int
) -> None:
    """Also to a client that is still sending: the pipe does not break under it."""
    async with serving(folder, desk) as house:
        answer = await house.ask(data)
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert (await house.get()).status == 200


async def test_one_user_cannot_have_all_connections(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, limits=Limits(per_uid=3)) as house:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(house.connection())
            await eventually(lambda: len(house.server._served) == 3)
            answer = await house.get()
            assert (answer.status, answer.kind) == (429, "too-many-connections")
            assert answer.headers["retry-after"] == "1"
        await eventually(lambda: not house.server._served)
        assert (await house.get()).status == 200


async def test_connections_in_all_have_a_limit(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, limits=Limits(connections=2)) as house:
        async with house.connection(), house.connection():
            await eventually(lambda: len(house.server._served) == 2)
            assert (await house.get()).kind == "busy"
        await eventually(lambda: not house.server._served)
        assert (await house.get()).status == 200


async def test_even_refusals_have_a_limit(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, limits=Limits(per_uid=1, refused=2)) as house:
        async with house.connection(), house.connection(), house.connection():
            await eventually(lambda: len(house.server._refused) == 2)
            assert await house.exchange(b"") == b""
        await eventually(lambda: not house.server._connections())


@pytest.mark.parametrize("unread", [b"", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_a_client_that_leaves_while_waiting_keeps_its_place_until_the_desk_is_done(
    folder: Path, desk: Desk, unread: bytes
) -> None:
    """Otherwise connecting and leaving in a loop would pile up waiting tasks. A client that leaves
    an answer unread is seen as a reset, others as an end."""
    desk.gate.clear()
    async with serving(folder, desk) as house:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(house.token)
            client.sendall(unread + request("GET", "/v1/token"))
            await eventually(lambda: desk.asked)
        [connection] = house.server._connections()
        await eventually(lambda: connection._lost if unread else connection._ended)
        assert house.server._served
        desk.gate.set()
        await eventually(lambda: not house.server._served)
        assert (await house.get()).status == 200
