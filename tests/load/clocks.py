"""The clocks of a process that knows nothing of it: they part as in a suspend, and step.

The daemon under test is the real one, on its real `SystemClock`: what is moved is what the C
library answers (`clocks.c`).
"""

import mmap
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CLOCKS: Final = 8  # as in clocks.c
_SOURCE: Final = Path(__file__).with_name("clocks.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leap:
    """CLOCK_BOOTTIME went ahead by `seconds`, between two instants of our own CLOCK_MONOTONIC."""

    after: float
    before: float
    seconds: float


class Clocks:
    """Times in seconds. `leaps` are those of CLOCK_BOOTTIME so far, the first one first."""

    def __init__(self, folder: Path) -> None:
        """Compile. `folder` must stay. Raises subprocess.CalledProcessError, OSError."""
        library, file = folder / "clocks.so", folder / "clocks"
        command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
        subprocess.run([*command, "-o", str(library), str(_SOURCE)], check=True)
        file.write_bytes(bytes(8 * _CLOCKS))
        with file.open("r+b") as opened:
            self._moved = mmap.mmap(opened.fileno(), 8 * _CLOCKS)
        self.environment: Final = {"LD_PRELOAD": str(library), "MOVED_CLOCKS": str(file)}
        self.leaps: list[Leap] = []

    def suspended(self, seconds: float, *, frozen: float) -> None:
        """It slept for `seconds` by CLOCK_BOOTTIME, of which `frozen` were ours. CLOCK_MONOTONIC
        has not seen any of them."""
        self._move(time.CLOCK_MONOTONIC, -frozen)
        after = time.monotonic()
        self._move(time.CLOCK_BOOTTIME, seconds - frozen)
        self.leaps.append(Leap(after=after, before=time.monotonic(), seconds=seconds - frozen))

    def step_wall(self, to: float) -> None:
        """The wall clock says that now it is `to`, in seconds since 1970."""
        self._set(time.CLOCK_REALTIME, to - time.time())

    def boottime(self, at: float) -> tuple[float, float]:
        """What CLOCK_BOOTTIME was at `at` by our CLOCK_MONOTONIC: at least, and at most. Only good
        for differences."""
        return (
            at + sum(leap.seconds for leap in self.leaps if leap.before <= at),
            at + sum(leap.seconds for leap in self.leaps if leap.after <= at),
        )

    def _move(self, clock: int, seconds: float) -> None:
        (present,) = struct.unpack_from("=q", self._moved, 8 * clock)
        self._set(clock, present / 1e9 + seconds)

    def _set(self, clock: int, seconds: float) -> None:
        # One aligned store of eight bytes: the process sees the one value or the other.
        memoryview(self._moved).cast("q")[clock] = round(seconds * 1e9)
