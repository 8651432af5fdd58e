"""What a hostile or broken client can do: nothing to the others."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.supply.caps import CAPS, Caps
from agent.supply.house import Limits
from tests.supply.desk import Desk
from tests.supply.house import (
    DEADLINE,
    House,
    eventually,
    read_answer,
    read_answers,
    request,
    serving,
    till,
)

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


async def test_one_client_cannot_have_all_connections(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=till(Caps(connections=3))) as house:
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
    policy, limits = till(Caps(connections=1)), Limits(refused=2)
    async with serving(folder, desk, policy=policy, limits=limits) as house:
        async with house.connection(), house.connection(), house.connection():
            await eventually(lambda: len(house.server._refused) == 2)
            assert await house.exchange(b"") == b""
        await eventually(lambda: not house.server._connections())


@pytest.mark.parametrize("unread", [b"", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_a_client_that_leaves_while_waiting_keeps_its_place_until_the_desk_is_done(
    folder: Path, desk: Desk, unread: bytes
) -> None:
    """A report is acted upon whoever has left; else connecting and leaving in a loop would pile up
    such tasks. A client that leaves an answer unread is seen as a reset, others as an end."""
    desk.gate.clear()
    old = desk.current
    report = json.dumps({"fingerprint": old.value.fingerprint()}).encode()
    async with serving(folder, desk) as house:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(house.token)
            client.sendall(unread + request("POST", "/v1/token/rejected", body=report))
            await eventually(lambda: desk.rejections)
        [connection] = house.server._connections()
        await eventually(lambda: connection._lost if unread else connection._ended)
        assert house.server._served
        desk.gate.set()
        await eventually(lambda: not house.server._served)
        assert desk.current != old
        assert (await house.get()).status == 200


@pytest.mark.parametrize("unread", [b"", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
@pytest.mark.parametrize("query", ["min_ttl=60", "hold=60", "hold=60&ends_with=connection"])
async def test_who_leaves_while_waiting_for_a_token_waits_no_longer(
    folder: Path, desk: Desk, unread: bytes, query: str
) -> None:
    """Nobody would read it, and a renewal for nobody can end another's payment."""
    desk.gate.clear()
    async with serving(folder, desk) as house:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(house.token)
            client.sendall(unread + request("GET", f"/v1/token?{query}"))
            await eventually(lambda: desk.waits)
            [connection] = house.server._connections()
        await eventually(lambda: not house.server._connections())
        assert connection._task is None
        assert "GetToken" not in house.server.metrics()
        desk.gate.set()
        assert (await house.get("/v1/holds")).json == {"holds": []}
        assert (await house.get()).status == 200


async def test_who_shut_its_end_and_then_left_waits_no_longer_either(
    folder: Path, desk: Desk
) -> None:
    """asyncio tells nothing of that: it has stopped to read."""
    desk.gate.clear()
    async with serving(folder, desk, limits=Limits(request=0.2)) as house:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(house.token)
            client.sendall(request("GET", "/v1/token"))
            client.shutdown(socket.SHUT_WR)
            await eventually(lambda: desk.asked)
            [connection] = house.server._connections()
            await eventually(lambda: connection._ended)
            assert not connection._lost
        await eventually(lambda: not house.server._connections())


# -- how often ------------------------------------------------------------------------------------


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(
    folder: Path, desk: Desk
) -> None:
    async with serving(folder, desk, policy=till(Caps(requests=0.1, burst=2))) as house:
        assert [(await house.get()).status for _ in range(3)] == [200, 200, 429]
        desk.clock += 2.5
        answer = await house.get("/livez")
        assert (answer.status, answer.kind) == (429, "too-many-requests")
        assert answer.json["detail"] == "the limit is 0.1 requests a second"
        assert answer.headers["retry-after"] == str(answer.json["retry_after"]) == "8"
        desk.clock += 7.4
        assert (await house.get()).status == 429  # and who does not wait does not wait longer
        desk.clock += 0.6
        assert (await house.get()).status == 200
        assert (await house.get()).status == 429
    assert len(desk.asked) == 3


async def test_the_limit_is_the_clients_not_the_connections(folder: Path, desk: Desk) -> None:
    kept = request("GET", "/livez").replace(b"Connection: close\r\n", b"")
    async with serving(folder, desk, policy=till(Caps(requests=1, burst=4))) as house:
        first = read_answers(await house.exchange(kept * 2 + request("GET", "/livez")))
        second = read_answers(await house.exchange(kept * 2 + request("GET", "/livez")))
    statuses = [answer.status for answer in (*first, *second)]
    assert statuses == [200, 200, 200, 200, 429, 429]


@pytest.mark.skipif(os.getuid() != 0, reason="the administrator is another client only as root")
async def test_a_client_that_asks_too_often_costs_the_others_nothing(
    folder: Path, desk: Desk
) -> None:
    async with serving(folder, desk, policy=till(Caps(requests=1, burst=1))) as house:
        assert [(await house.get("/livez")).status for _ in range(2)] == [200, 429]
        assert (await house.get("/livez", admin=True)).status == 200


async def test_the_administrator_may_ask_as_often_as_it_likes(house: House) -> None:
    kept = request("GET", "/livez").replace(b"Connection: close\r\n", b"")
    data = await house.exchange(kept * CAPS.burst + request("GET", "/livez"), admin=True)
    assert {answer.status for answer in read_answers(data)} == {200}


# -- no descriptors left --------------------------------------------------------------------------

_SERVER = """
import asyncio, os, resource, sys
from agent.supply.access import Policy
from agent.supply.server import Server
from tests.supply.desk import Desk

async def main(folder):
    said = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    server = Server(desk=Desk(), socket=folder + "/token.sock", admin_socket=folder + "/admin.sock",
                    policy=Policy(own_uid=os.getuid()))
    await server.start()
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 8, hard))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(any("out of system resource" in context["message"] for context in said), flush=True)
    await server.aclose()

asyncio.run(main(sys.argv[1]))
"""


def exchange(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(65536)


def test_without_descriptors_left_clients_are_served_and_later_the_others(folder: Path) -> None:
    """Some are accepted, the others wait in the backlog: nobody is refused, nothing ends."""
    kept = request("GET", "/v1/token").replace(b"Connection: close\r\n", b"")
    holding = kept.replace(b"token", b"token?hold=60&ends_with=process")
    command = [sys.executable, "-c", _SERVER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(16)]
            for client in clients:
                client.settimeout(DEADLINE)
                client.connect(str(folder / "token.sock"))
            assert exchange(clients[0], kept).startswith(b"HTTP/1.1 200")
            clients[-1].settimeout(0.2)
            with pytest.raises(TimeoutError):
                exchange(clients[-1], kept)
            assert exchange(clients[0], holding).startswith(b"HTTP/1.1 409")
            assert exchange(clients[0], kept).startswith(b"HTTP/1.1 200")
            for client in clients[:-1]:
                client.close()
            clients[-1].settimeout(DEADLINE)
            assert clients[-1].recv(65536).startswith(b"HTTP/1.1 200")
            assert exchange(clients[-1], holding).startswith(b"HTTP/1.1 200")
        out, _ = process.communicate("\n")
        assert (out, process.returncode) == ("True\n", 0)
