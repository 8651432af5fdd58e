"""A server on a raw socket that does whatever a test tells it to: no HTTP library in between.

A behaviour is a coroutine over one connection; it is given the request as it came, or b"".
"""

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]

TOKEN = b'{"access_token":"at-0123456789abcdef","token_type":"bearer","expires_in":1200}'


@dataclass
class Hostile:
    """What a running server knows: where it is, what it was sent, how much it managed to send."""

    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/oauth/token"


@asynccontextmanager
async def serving(
    *behaviours: Behaviour, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Hostile]:
    """Serve requests with the behaviours in order; the last one stays."""
    state = Hostile(host=host, scheme="https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        state.connections += 1
        try:
            while not writer.is_closing():
                request = await _read_request(reader)
                if not request:
                    break
                behave = behaviours[min(len(state.requests), len(behaviours) - 1)]
                state.requests.append(request)
                state.arrived.set()
                await behave(request, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled only by `serving`, which waits for the end
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
            await task
        await server.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


# -- behaviours -----------------------------------------------------------------------------------


def answer(
    status: int = 200, body: bytes = TOKEN, *headers: str, content_type: str = "application/json"
) -> Behaviour:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}"]
    head += [f"Content-Length: {len(body)}", *headers]
    return raw("\r\n".join(head).encode() + b"\r\n\r\n" + body, close=False)


def error(status: int, name: str, *headers: str) -> Behaviour:
    return answer(status, json.dumps({"error": name}).encode(), *headers)


def raw(data: bytes, *, close: bool = True) -> Behaviour:
    async def behave(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return behave


def endless(prefix: bytes, block: bytes, pause: float = 0.0) -> Behaviour:
    """Send the prefix, then the block for ever (TCP pushes back when nobody reads)."""

    async def behave(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(prefix)
        while True:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def silent(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def reset(_: bytes, writer: asyncio.StreamWriter) -> None:
    """A TCP reset in place of an answer."""
    _reset(writer)


async def reset_halfway(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + TOKEN)
    await writer.drain()
    await asyncio.sleep(0.02)  # the half answer shall arrive before the reset overtakes it
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def gzip_bomb() -> Behaviour:
    body = gzip.compress(bytes(16 * 1024 * 1024))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    return raw(head.encode() + body)


DRIPPED_HEADERS = endless(b"HTTP/1.1 200 OK\r\nX-Drip: ", b".", pause=0.02)
DRIPPED_BODY = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{", b" ", pause=0.02)
ENDLESS_BODY = endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65_536)
ENDLESS_INTERIM = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
BIG_HEADER = raw(b"HTTP/1.1 200 OK\r\nX-Big: " + b"x" * 300_000 + b"\r\n\r\n" + TOKEN)
