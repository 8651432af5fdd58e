"""`python -m tests.load.hurried CONFIG`: the daemon's own parts on a clock that runs faster.

A renewal may be forced every 10 s, and a token that can be held lives 52 s at least: a thousand
payments with fifty renewals among them would take a quarter of an hour. Here everything the agent
decides by its clock comes so many times as soon; sockets, HTTP, store and payments are real and
take the time they take. Without the display, the machine's identity and systemd, which only
`agent.daemon` can put together.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from typing import Final, Self

from agent import config, log
from agent.counter import Counter
from agent.front_desk import FrontDesk
from agent.keeper import Keeper
from agent.oauth.build import build_server
from agent.oauth.pairing import Rules
from agent.situation import Situation
from agent.store.opening import open_store
from tests.daemon.terminal import UUID, Terminal

SPEED: Final = 100.0


class Hurried(Terminal):
    """A terminal whose clock runs `SPEED` times as fast."""

    def start(self, **environment: str) -> Self:
        with self.log.open("ab") as into:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.load.hurried", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=into,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        return self


class HurriedClock:
    """CLOCK_BOOTTIME, `speed` times as fast from now on."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._since = _boottime()

    def now(self) -> float:
        return self._since + (_boottime() - self._since) * self._speed

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def serve(path: str) -> None:
    """Until SIGTERM."""
    settings = config.load(path)
    clock = HurriedClock(SPEED)
    desk = FrontDesk(clock=clock, health={}, rekey=_no_rekey)
    counter = Counter(settings=settings, desk=desk, clock=clock)
    await counter.open()
    opened = open_store(path=settings.store.path, uuid=UUID, key_file=settings.store.key_file)
    server = build_server(settings, uuid=UUID, clock=clock, rng=random.SystemRandom())

    def show(situation: Situation) -> None:
        desk.situation = situation

    keeper = Keeper(
        server=server,
        storage=opened.store,
        rules=Rules(issuer=server.issuer, client_id=settings.client.id, uuid=UUID),
        clock=clock,
        rng=random.SystemRandom(),
        on_situation=show,
        on_event=counter.feed.append,
        on_token=counter.token_changed,
    )
    desk.hand_over(keeper)
    running = asyncio.ensure_future(keeper.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await counter.aclose()
    opened.lock.release()


async def _no_rekey() -> None:
    raise NotImplementedError


if __name__ == "__main__":
    log.configure("info")
    asyncio.run(serve(sys.argv[1]))
