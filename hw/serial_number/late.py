"""Sources behind a driver that may bind after the agent has started."""

import time
from collections.abc import Callable
from typing import Final

from hw.contract import NoHardware, Reading, SerialSource

# s of CLOCK_BOOTTIME. Drivers are loaded as udev walks through the devices, some only when another
# one is there, and nothing tells when the last has come.
SETTLED: Final = 30.0


def uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Late:
    """A source whose absence is believed only when the machine has been up for a while: a driver
    that is late by a second must not make this another terminal.

    `choosy`: the source picks one of several, so what it finds is not believed before either.
    """

    def __init__(
        self,
        source: SerialSource,
        *,
        up_for: Callable[[], float],
        choosy: bool = False,
        advice: str = "",
    ) -> None:
        self.name = source.name
        self._source = source
        self._up_for = up_for
        self._choosy = choosy
        self._advice = advice

    def read(self) -> Reading | None:
        before = self._up_for()
        found = self._source.read()
        if before < SETTLED and (found is None or self._choosy):
            raise NoHardware(
                f"{self.name}: its driver may still be on its way; waiting until the machine has"
                f" been up for {SETTLED:.0f} s{self._advice}"
            )
        return found
