"""A clock whose waits take no time."""

import asyncio


class FakeClock:
    """Sleeping advances it; `slept` keeps what was asked for."""

    def __init__(self, *, now: float = 1000.0, wall: float = 1_780_000_000.0) -> None:
        self._now = now
        self._wall = wall
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._wall += seconds
