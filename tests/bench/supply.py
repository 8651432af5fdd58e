"""How long a token takes: over the socket against a bare asyncio Unix echo, and on the command
line against starting Python.

Server and floor each run in a process of their own, as the agent does; the client is the same
few lines of blocking sockets for both and sends and receives as many bytes. Batches of each
alternate, so that what else the machine does meets both; within a batch the server stays warm, as
under a program that polls. Medians of all calls.
"""

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from agent.supply.access import Policy, Rule
from agent.supply.caps import Caps
from agent.supply.server import Server
from tests.supply.desk import Desk

_REQUEST = b"GET /v1/token?min_ttl=60 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
_ROUNDS = 40
_BATCH = 100
_STARTS = 25


def run() -> dict[str, dict[str, float | bool]]:
    """Values and floors in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        agent, echo = f"{folder}/token.sock", f"{folder}/echo.sock"
        with _process("agent", agent, "0"):
            size = len(_exchange(agent))
            with _process("echo", echo, str(size)):
                new = _interleaved(
                    lambda: _exchange(agent), lambda: _exchange(echo), _ROUNDS, _BATCH
                )
                kept = _kept(agent, echo)
            command = _command(agent)
    return {
        "supply.new_connection_ms": _figure(new, 2.0),
        # The echo reads and decides nothing; where the kernel wakes it in 10 us, that is all it is.
        "supply.kept_connection_ms": _figure(kept, 4.0),
        "supply.pos_agent_token_ms": _figure(command, 2.5),
    }


def _figure(medians: tuple[float, float], target: float) -> dict[str, float | bool]:
    value, floor = medians
    ratio = value / floor
    return {
        "value": round(value * 1000, 4),
        "floor": round(floor * 1000, 4),
        "ratio": round(ratio, 2),
        "target": target,
        "ok": ratio <= target,
    }


def _interleaved(
    one: Callable[[], object], other: Callable[[], object], rounds: int, batch: int
) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, into in zip((one, other), times, strict=True):
            for _ in range(batch):
                begun = time.perf_counter()
                call()
                into.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def _exchange(path: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(_REQUEST)
        return connection.recv(65536)


def _kept(agent: str, echo: str) -> tuple[float, float]:
    with contextlib.ExitStack() as stack:
        ends = []
        for path in (agent, echo):
            end = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            end.connect(path)
            ends.append(end)

        def ask(end: socket.socket) -> bytes:
            end.sendall(_REQUEST)
            return end.recv(65536)

        return _interleaved(lambda: ask(ends[0]), lambda: ask(ends[1]), _ROUNDS, _BATCH)


def _command(agent: str) -> tuple[float, float]:
    command = [os.path.join(os.path.dirname(sys.executable), "pos-agent"), "token"]
    environment = {**os.environ, "POS_AGENT_SOCKET": agent}

    def token() -> None:
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    def nothing() -> None:
        subprocess.run([sys.executable, "-c", "pass"], env=environment, check=True)

    return _interleaved(token, nothing, _STARTS, 1)


# -- the two servers ------------------------------------------------------------------------------


@contextlib.contextmanager
def _process(kind: str, path: str, size: str) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-m", __spec__.name, kind, path, size], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        try:
            yield
        finally:
            server.terminate()


async def _serve_tokens(path: str) -> None:
    unlimited = Caps(requests=1e9, burst=1_000_000)
    rule = Rule(name="bench", uids=frozenset({os.getuid()}), caps=unlimited)
    policy = Policy(own_uid=-1, rules=(rule,))
    server = Server(desk=Desk(), socket=path, admin_socket=path + ".admin", policy=policy)
    await server.start()
    print("listening", flush=True)
    await asyncio.Event().wait()


async def _serve_echo(path: str, size: int) -> None:
    answer = bytes(size)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(answer)
            await writer.drain()
        writer.close()

    await asyncio.start_unix_server(echo, path)
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    _kind, _path, _size = sys.argv[1:]
    asyncio.run(_serve_tokens(_path) if _kind == "agent" else _serve_echo(_path, int(_size)))
