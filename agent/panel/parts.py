"""A part of the panel through its troubles: opened, used, given back, and looked for again.

Whether a line's ioctl sleeps (it does behind an expander on a bus) cannot be told from outside the
kernel. So every call that reaches hardware is made in a thread, and the sockets never wait for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import isinf
from typing import Final, NoReturn, Protocol, TypeVar

from agent import log
from agent.clock import Clock
from hw.contract import HardwareError

_LOG: Final = logging.getLogger(__name__)
RETRY: Final = 60.0  # s; nobody solders faster, and the agent does its work without
_SHORTEST: Final = 0.001  # s; rounding must not make a hot loop


class Device(Protocol):
    def close(self) -> None: ...


D = TypeVar("D", bound=Device)


async def kept(
    part: str,
    opener: Callable[[], D],
    use: Callable[[D], Awaitable[NoReturn]],
    *,
    clock: Clock,
    failed: Callable[[], None],
) -> NoReturn:
    """Use a part for ever; after HardwareError open it anew. One trouble is told once, and again
    only after the part has worked for a while."""
    told = ""
    while True:
        since = clock.now()
        try:
            await _used(opener, use)
        except HardwareError as exc:
            failed()
            if clock.now() - since > RETRY:
                told = ""
            if str(exc) != told:
                told = str(exc)
                log.event(_LOG, "panel.failed", level=logging.WARNING, part=part, reason=told)
        await clock.sleep(RETRY)


async def _used(opener: Callable[[], D], use: Callable[[D], Awaitable[NoReturn]]) -> NoReturn:
    device = await asyncio.to_thread(opener)
    try:
        await use(device)
    finally:
        await asyncio.to_thread(device.close)


async def within(clock: Clock, event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, no longer than that; whether it came. An infinite time costs nothing."""
    if isinf(seconds):
        return await event.wait()
    sleep = asyncio.ensure_future(clock.sleep(max(seconds, _SHORTEST)))
    arrival = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((sleep, arrival), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleep.cancel()
        arrival.cancel()
    return event.is_set()
