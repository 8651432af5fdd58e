"""`python -m tests.load.guests KIND UID SOCKET SEED`: clients of one user, until the input ends.

Prints "here" when they come, and at the end as JSON what honest ones saw: [begun, seconds, status,
what, token, life]; `begun` is CLOCK_MONOTONIC. Status 0: no answer; `what` says why. `token` is a
fingerprint or "", `life` the seconds it has left.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from agent.supply.house import Limits
from tests.load.wire import Answer, Line

HONEST: Final = "honest"
# Of an honest user: as many as it is promised places for, however many the others take.
CLIENTS: Final = Limits().few
_TOKEN: Final = b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n\r\n"

Seen = list[tuple[float, float, int, str, str, float]]
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


# -- who does as the documentation says -----------------------------------------------------------


async def _honest(socket: str, dice: random.Random, seen: Seen) -> None:
    """Asks for a token before each of its calls, some on a new connection each."""
    with Line(socket) as line:
        while True:
            target = dice.choice(("/v1/token", "/v1/token?min_ttl=10", "/v1/status", "/readyz"))
            begun = time.monotonic()
            try:
                answer = await line.ask("GET", target)
                told = _told(answer, target)
            except (OSError, EOFError) as error:
                told = 0, repr(error), "", 0.0
            seen.append((begun, time.monotonic() - begun, *told))
            if dice.random() < 0.5:
                line.close()
            await asyncio.sleep(dice.uniform(0.1, 0.3))


def _told(answer: Answer, target: str) -> tuple[int, str, str, float]:
    body = answer.body
    what = f"{target}: {body['detail']}" if "detail" in body else target
    return answer.status, what, str(body.get("fingerprint", "")), float(body.get("expires_in", 0))


# -- who does not ---------------------------------------------------------------------------------


async def _flood(socket: str, dice: random.Random) -> None:
    """As many requests as fit, and it does read the answers."""
    reader, writer = await asyncio.open_unix_connection(socket)
    while True:
        writer.write(_TOKEN * 50)
        await writer.drain()
        if not await reader.read(65536):
            return


async def _never_reads(socket: str, dice: random.Random) -> None:
    reader, writer = await asyncio.open_unix_connection(socket, limit=1)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while True:
                writer.write(_TOKEN * 50)
                await writer.drain()
    del reader


async def _loris(socket: str, dice: random.Random) -> None:
    """A byte now and then."""
    reader, writer = await asyncio.open_unix_connection(socket)
    for byte in _TOKEN:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)
    del reader


async def _half(socket: str, dice: random.Random) -> None:
    """A part of a request, and then it is gone."""
    _, writer = await asyncio.open_unix_connection(socket)
    writer.write(_TOKEN[: dice.randrange(len(_TOKEN))])
    await asyncio.sleep(0.005)
    writer.transport.abort()


async def _huge(socket: str, dice: random.Random) -> None:
    """A head that does not end."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n")
    while not reader.at_eof():
        writer.write(b"X-Pad: " + b"x" * 4096 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _hoard(socket: str, dice: random.Random) -> None:
    """Opens, and says nothing."""
    reader, writer = await asyncio.open_unix_connection(socket)
    await reader.read()
    writer.close()


async def _deaf(socket: str, dice: random.Random) -> None:
    """Follows the events, and never reads one."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=1)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(3)
    del reader


async def _noise(socket: str, dice: random.Random) -> None:
    reader, writer = await asyncio.open_unix_connection(socket)
    while not reader.at_eof():
        writer.write(dice.randbytes(dice.randrange(1, 9000)))
        await writer.drain()
        await asyncio.sleep(0.01)


HOSTILE: Final[dict[str, tuple[Callable[[str, random.Random], Awaitable[None]], int]]] = {
    "flood": (_flood, 4),
    "never reads": (_never_reads, 4),
    "loris": (_loris, 4),
    "half": (_half, 4),
    "huge": (_huge, 2),
    "hoard": (_hoard, 120),  # nearly as many as there are for everybody
    "deaf": (_deaf, 4),
    "noise": (_noise, 2),
}


async def _again(
    act: Callable[[str, random.Random], Awaitable[None]], socket: str, dice: random.Random
) -> None:
    while True:
        with contextlib.suppress(OSError, EOFError):
            await act(socket, dice)
        await asyncio.sleep(0.02)


def _but_being_cut_off(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Streams that nobody waits for report that they were, which here is what they came for."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


async def visit(kind: str, socket: str, seed: int) -> Seen:
    """All clients of this kind, until standard input ends. Says so when they come."""
    seen: Seen = []
    print("here", flush=True)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_but_being_cut_off)
    loop.add_reader(sys.stdin.fileno(), over.set)
    async with asyncio.TaskGroup() as tasks:
        if kind == HONEST:
            guests = [
                tasks.create_task(_honest(socket, random.Random(seed + number), seen))
                for number in range(CLIENTS)
            ]
        else:
            act, count = HOSTILE[kind]
            guests = [
                tasks.create_task(_again(act, socket, random.Random(seed + number)))
                for number in range(count)
            ]
        await over.wait()
        for guest in guests:
            guest.cancel()
    return seen


def main() -> None:
    kind, uid, socket, seed = sys.argv[1:]
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
    print(json.dumps(asyncio.run(visit(kind, socket, int(seed)))))


if __name__ == "__main__":
    main()
