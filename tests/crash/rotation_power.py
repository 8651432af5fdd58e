"""The mains of one boot, and a disk that dies with them."""

import mmap
import os
import random
from collections.abc import Callable
from typing import Final, Literal, get_args

from agent.store.disk import SystemDisk

Moment = Literal[
    "code",  # a device authorization request reaches the server
    "leaves",  # a token request is about to be sent
    "sent",  # it is on its way to the server
    "committed",  # the server has decided; its answer has not left
    "answered",  # the answer is about to arrive
    "work begins",  # the store is about to be asked: the first time in a boot to load
    "disk",  # a system call of the store is about to be made
    "torn",  # one that writes stops half-way
    "written",  # it has written, and has not returned
    "work is done",  # the store is about to say so
    "handed out",  # payment software has an access token it did not have before
    "used",  # payment software has used its access token
]
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)
_SECTOR: Final = 512


class PowerCut(Exception):
    """The mains went: from now on this process does nothing to the world."""


class Mains:
    """On until somebody cuts them. Whatever the process does to the world passes by here first."""

    def __init__(self, *, on_cut: Callable[[], None] = lambda: None) -> None:
        self.on = True
        self._on_cut = on_cut
        self._moment: Moment | None = None
        self._left = 0

    def cut_at(self, moment: Moment, nth: int) -> None:
        """Go at the nth such moment from now."""
        self._moment, self._left = moment, nth

    def cut(self) -> None:
        self.on = False
        self._on_cut()

    def go_at(self, moment: Moment) -> bool:
        """Whether the mains go right now. Raises PowerCut if they have gone before."""
        if not self.on:
            raise PowerCut(moment)
        if moment == self._moment:
            self._left -= 1
            if self._left == 0:
                self.cut()
        return not self.on

    def passes(self, moment: Moment) -> None:
        """Raises PowerCut when the mains go now or have gone before."""
        if self.go_at(moment):
            raise PowerCut(moment)


class MortalDisk(SystemDisk):
    """The real disk as long as there are mains. Which order a medium may take unfinished writes in
    is not asked here: what was written stays, and one write can be torn anywhere.

    The same calls on every machine: direct I/O, which not every kernel has for tmpfs, is done
    without; there is no cache between tmpfs and its medium.
    """

    def __init__(self, mains: Mains, dice: random.Random) -> None:
        self._mains = mains
        self._dice = dice

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        self._mains.passes("disk")
        return super().open(path, flags & ~os.O_DIRECT, mode)

    def pread(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        self._mains.passes("disk")
        return super().pread(fd, buffer, offset)

    def pwrite(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        self._mains.passes("disk")
        if self._mains.go_at("torn"):
            self._tear(fd, buffer, offset)
            raise PowerCut("torn")
        count = super().pwrite(fd, buffer, offset)
        self._mains.passes("written")
        return count

    def _tear(self, fd: int, buffer: mmap.mmap, offset: int) -> None:
        """Half of the sectors arrive, any half."""
        sectors = range(len(buffer) // _SECTOR)
        for sector in self._dice.sample(sectors, len(sectors) // 2):
            at = sector * _SECTOR
            os.pwrite(fd, buffer[at : at + _SECTOR], offset + at)

    def allocate(self, fd: int, size: int) -> None:
        self._mains.passes("disk")
        super().allocate(fd, size)

    def fsync(self, fd: int) -> None:
        self._mains.passes("disk")
        super().fsync(fd)

    def fdatasync(self, fd: int) -> None:
        self._mains.passes("disk")
        super().fdatasync(fd)

    def fstat(self, fd: int) -> os.stat_result:
        self._mains.passes("disk")
        return super().fstat(fd)

    def lstat(self, path: str) -> os.stat_result:
        self._mains.passes("disk")
        return super().lstat(path)

    def rename(self, source: str, target: str) -> None:
        self._mains.passes("disk")
        super().rename(source, target)

    def unlink(self, path: str) -> None:
        self._mains.passes("disk")
        super().unlink(path)

    def close(self, fd: int) -> None:
        super().close(fd)  # the test's own descriptors end, dead or alive
        self._mains.passes("disk")
