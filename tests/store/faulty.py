"""A disk that fails on demand, and tells what was done to it. Everything else is the real one."""

import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.store.disk import SystemDisk
from agent.store.record import SLOT_SIZE


@dataclass(kw_only=True)
class FaultyDisk:
    """`fail_at`: which call (1-based) fails with `error`; `sticky`: all after it fail as well.

    `only` restricts counting to one method. `short`: instead of failing, reads and writes stop
    half-way. A failing write leaves half a slot behind, as a medium may; a failing close closes.
    """

    fail_at: int = 0
    error: int = errno.EIO
    sticky: bool = False
    only: str | None = None
    short: bool = False
    direct: bool = True
    calls: list[str] = field(default_factory=list)
    fired: int = 0
    _count: int = 0
    _real: SystemDisk = field(default_factory=SystemDisk)

    def _due(self, name: str) -> bool:
        self.calls.append(name)
        if self.only not in (None, name):
            return False
        self._count += 1
        due = self._count == self.fail_at or (self.sticky and 0 < self.fail_at < self._count)
        self.fired += due
        return due

    @contextmanager
    def _gate(self, name: str) -> Iterator[None]:
        if self._due(name) and not self.short:
            raise OSError(self.error, os.strerror(self.error))
        yield

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        with self._gate("open"):
            if flags & os.O_DIRECT and not self.direct:
                raise OSError(errno.EINVAL, "no direct I/O here")
            return self._real.open(path, flags, mode)

    def pread(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        if self._due("pread"):
            if not self.short:
                raise OSError(self.error, os.strerror(self.error))
            self._real.pread(fd, buffer, offset)
            return SLOT_SIZE // 2
        return self._real.pread(fd, buffer, offset)

    def pwrite(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        if self._due("pwrite"):
            with mmap.mmap(-1, SLOT_SIZE // 2) as half:
                half[:] = buffer[: SLOT_SIZE // 2]
                count = self._real.pwrite(fd, half, offset)
            if self.short:
                return count
            raise OSError(self.error, os.strerror(self.error))
        return self._real.pwrite(fd, buffer, offset)

    def allocate(self, fd: int, size: int) -> None:
        with self._gate("allocate"):
            self._real.allocate(fd, size)

    def fsync(self, fd: int) -> None:
        with self._gate("fsync"):
            self._real.fsync(fd)

    def fdatasync(self, fd: int) -> None:
        with self._gate("fdatasync"):
            self._real.fdatasync(fd)

    def fstat(self, fd: int) -> os.stat_result:
        with self._gate("fstat"):
            return self._real.fstat(fd)

    def lstat(self, path: str) -> os.stat_result:
        with self._gate("lstat"):
            return self._real.lstat(path)

    def rename(self, source: str, target: str) -> None:
        with self._gate("rename"):
            self._real.rename(source, target)

    def unlink(self, path: str) -> None:
        with self._gate("unlink"):
            self._real.unlink(path)

    def close(self, fd: int) -> None:
        self._real.close(fd)
        with self._gate("close"):
            return
