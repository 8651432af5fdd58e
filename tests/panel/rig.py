"""A panel with a button, a lamp and a buzzer behind the contract of `hw`, on a virtual clock."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import isinf

from agent.panel.panel import Hardware, Panel
from agent.situation import Overlay
from hw.contract import HardwareError
from tests.virtual import VirtualClock

UUID = "/vendor/acme/serial/4711"


class CountingClock(VirtualClock):
    """Counts who asked to be woken: a terminal at rest asks nothing."""

    def __init__(self) -> None:
        super().__init__(tick=1e-9)
        self.sleeps = 0
        self.endless = 0  # the real clock wakes every 20 s of such a sleep

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.endless += isinf(seconds)
        await super().sleep(seconds)


class FingerButton:
    """With `edges`, a descriptor that is readable after a change as long as nobody looked."""

    def __init__(self, *, edges: bool = True) -> None:
        self.level = False
        self.looks = 0
        self.closed = False
        self.trouble: HardwareError | None = None
        self.flutters = False
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._edges = edges

    @property
    def fd(self) -> int | None:
        return self._fd if self._edges else None

    def move(self, level: bool) -> None:
        self.level = level
        self.edge()

    def edge(self) -> None:
        os.eventfd_write(self._fd, 1)

    def pressed(self) -> bool:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        with suppress(BlockingIOError):
            os.eventfd_read(self._fd)
        if self.flutters:
            self.edge()
        return self.level

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        self.closed = True


class Lamp:
    """Writes down when it was turned on and off."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._begun = clock.now()
        self.turned: list[tuple[float, bool]] = []
        self.trouble: HardwareError | None = None
        self.closed = False

    def turn(self, on: bool) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.turned.append((round(self._clock.now() - self._begun, 3), on))

    def close(self) -> None:
        self.closed = True


@dataclass
class Rig:
    clock: CountingClock
    panel: Panel
    overlays: list[Overlay | None] = field(default_factory=list)
    asked_to_pair: int = 0
    why_not: str | None = None

    async def settle(self) -> None:
        """No time passes; everybody who can run runs."""
        await self.clock.pass_until(lambda: True)


@asynccontextmanager
async def attended(
    *,
    button: Callable[[], FingerButton] | None = None,
    lamp: Callable[[CountingClock], Lamp] | None = None,
    buzzer: Callable[[CountingClock], Lamp] | None = None,
) -> AsyncIterator[Rig]:
    """A panel at work; at the end it has to end as well."""
    clock = CountingClock()
    rig: Rig | None = None

    def overlay(shown: Overlay | None) -> None:
        assert rig is not None
        rig.overlays.append(shown)

    def pair_again() -> str | None:
        assert rig is not None
        rig.asked_to_pair += 1
        return rig.why_not

    panel = Panel(
        hardware=Hardware(
            button=button,
            lamp=None if lamp is None else lambda: lamp(clock),
            buzzer=None if buzzer is None else lambda: buzzer(clock),
        ),
        clock=clock,
        overlay=overlay,
        pair_again=pair_again,
    )
    panel.named(UUID)
    rig = Rig(clock, panel)
    async with running(panel, clock):
        yield rig


@asynccontextmanager
async def running(panel: Panel, clock: VirtualClock) -> AsyncIterator[None]:
    """It runs, and at the end it has to end as well."""
    task = asyncio.ensure_future(panel.run())
    await clock.pass_until(lambda: True)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled() or task.exception() is None
