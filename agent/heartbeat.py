"""Signs of life for the service manager, given only while a client could get an answer.

A ping from a timer proves that a timer runs. Ours follows a request of our own over the token
socket: the kernel's queue, the accept, the parser and the event loop all had to work.
"""

import asyncio
import logging
from typing import Final

from agent import log
from agent.notify import Notifier

_LOG: Final = logging.getLogger(__name__)
_QUESTION: Final = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def beat(notifier: Notifier, socket: str) -> None:
    """Until cancelled: ask ourselves, then tell systemd, three times a watchdog period."""
    if notifier.watchdog_seconds is None:
        return
    pause = notifier.watchdog_seconds / 3
    while True:
        if await answers(socket, pause):
            notifier.alive()
        else:
            log.event(_LOG, "watchdog.no_answer", level=logging.WARNING, socket=socket)
        await asyncio.sleep(pause)


async def answers(socket: str, seconds: float) -> bool:
    """Whether the agent answers on its own socket. Any status is an answer: also "too many"."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(_QUESTION)
                return (await reader.readline()).startswith(b"HTTP/1.1 ")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
