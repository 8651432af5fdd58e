"""Every system call the store makes, as a port: tests record them, and fail each in every way.

Methods raise OSError as `os` does. `pread` and `pwrite` take a page-aligned buffer, because direct
I/O wants one, and return the count of bytes, which may be short.
"""

import errno
import mmap
import os
from typing import Protocol


class Disk(Protocol):
    """The operating system's files."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int: ...

    def pread(self, fd: int, buffer: mmap.mmap, offset: int) -> int: ...

    def pwrite(self, fd: int, buffer: mmap.mmap, offset: int) -> int: ...

    def allocate(self, fd: int, size: int) -> None:
        """Reserve the blocks of a file of `size` bytes (posix_fallocate(3))."""
        ...

    def fsync(self, fd: int) -> None: ...

    def fdatasync(self, fd: int) -> None: ...

    def fstat(self, fd: int) -> os.stat_result: ...

    def lstat(self, path: str) -> os.stat_result: ...

    def rename(self, source: str, target: str) -> None: ...

    def unlink(self, path: str) -> None: ...

    def close(self, fd: int) -> None: ...


class SystemDisk:
    """The real one."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def pread(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        return os.preadv(fd, [buffer], offset)

    def pwrite(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        return os.pwrite(fd, buffer, offset)

    def allocate(self, fd: int, size: int) -> None:
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # as some file systems answer
                raise

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def fstat(self, fd: int) -> os.stat_result:
        return os.fstat(fd)

    def lstat(self, path: str) -> os.stat_result:
        return os.lstat(path)

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def close(self, fd: int) -> None:
        os.close(fd)
