"""Time as an argument: seconds since boot for decisions, the wall clock for people.

CLOCK_BOOTTIME counts through suspend and ignores steps of the wall clock, which on a terminal
without a battery may say 1970. Its values mean nothing after a reboot, so none is ever stored.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Protocol

_LONGEST_NAP = 20.0  # s; the event loop's timers stand still in suspend, so look again this often


class Clock(Protocol):
    """What the shell needs to know of time. Tests give a clock of their own."""

    def now(self) -> float:
        """Seconds since boot, suspend included."""
        ...

    def wall(self) -> float:
        """Seconds since 1970 as the terminal believes them; never used to decide."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once `now()` has advanced by that much."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        end = self.now() + seconds
        while (left := end - self.now()) > 0:  # noqa: ASYNC110  it is the clock others wait on
            await asyncio.sleep(min(left, _LONGEST_NAP))


async def within(clock: Clock, seconds: float, story: Coroutine[Any, Any, object]) -> None:
    """Run it to its end, or until that time is over by this clock."""
    alarm = asyncio.ensure_future(clock.sleep(max(seconds, 0.0)))
    running = asyncio.ensure_future(story)
    try:
        await asyncio.wait((running, alarm), return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
        running.cancel()
    if running.done():
        running.result()
