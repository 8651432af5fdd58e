"""The slots on a file or a raw partition: reading, durable writing, and who may be trusted.

Writes go through `O_DIRECT | O_DSYNC`: one device write and one flush, and reading back shows what
the medium holds rather than what the page cache remembers. After a failed sync the cache is no
witness at all (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). File
systems without direct I/O get `pwrite` + `fdatasync`, and `direct` says so.

Everything here raises OSError, or StoreError for a file that must not be touched.
"""

import contextlib
import errno
import mmap
import os
import stat
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from agent.errors import StoreError
from agent.store.disk import Disk
from agent.store.record import SLOT_SIZE, SLOTS, STRIDE

_LINKS_BY_UDEV: Final = "/dev/disk/"  # made by root and meant to be followed
_SAFE: Final = os.O_NOFOLLOW | os.O_NONBLOCK  # no symbolic link; a planted FIFO must not block us

_NEW: Final = ".new"
_SYNC: Final = {os.O_RDONLY: 0, os.O_WRONLY: os.O_DSYNC}

Signature = tuple[int, ...]

_Result = TypeVar("_Result")


class Medium:
    """`SLOTS` slots at `path`. Not thread-safe; the store above it is."""

    def __init__(self, *, path: str, disk: Disk) -> None:
        self._given = path
        self._disk = disk
        self.direct = True  # until the file system refuses

    @property
    def path(self) -> str:
        linked = self._given.startswith(_LINKS_BY_UDEV)
        return os.path.realpath(self._given) if linked else self._given

    def signature(self) -> Signature | None:
        """Changes whenever somebody writes; None if there is no file. A partition's node tells
        nothing, so its signature is empty and equal to no other: read again.
        """
        try:
            found = self._disk.lstat(self.path)
        except FileNotFoundError:
            return None
        if stat.S_ISBLK(found.st_mode):
            return ()
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns,
                found.st_mode, found.st_uid)  # fmt: skip

    def read(self) -> tuple[bytes | OSError, ...]:
        """Each slot's bytes, fewer where the file ends, or what went wrong in reading that one."""
        return tuple(self._work(os.O_RDONLY, self._read_each))

    def write(self, slot: int, raw: bytes) -> None:
        """Return when the medium says it has the slot. In place: nothing is allocated."""
        self._work(os.O_WRONLY, lambda fd: self._write(fd, slot, raw))

    def create(
        self,
        slots: Sequence[bytes],
        check: Callable[[Sequence[bytes | OSError]], None] = lambda _: None,
    ) -> None:
        """Write every slot under another name, then take the name; all of it durable. `check` is
        given what reads back before it replaces anything, and raises if that is not good enough.
        """
        new = Medium(path=self.path + _NEW, disk=self._disk)
        self._unlink(new.path)
        fd = self._disk.open(new.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            # In one piece, or a file system may put two slots side by side after all.
            self._disk.allocate(fd, (SLOTS - 1) * STRIDE + SLOT_SIZE)
            for slot, raw in enumerate(slots):
                self._pwrite(fd, slot, raw)
            self._disk.fsync(fd)
        finally:
            self._disk.close(fd)
        check(new.read())
        self.direct = new.direct
        self._disk.rename(new.path, self.path)
        self.sync_directory()

    def anchor(self) -> None:
        """Make durable whatever an earlier process left in a cache: the slots and the name."""
        self._work(os.O_WRONLY, self._disk.fsync)
        if not self.is_partition():
            self.sync_directory()

    def sync_directory(self) -> None:
        fd = self._disk.open(os.path.dirname(self.path) or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._disk.fsync(fd)
        finally:
            self._disk.close(fd)

    def is_partition(self) -> bool:
        return self.signature() == ()

    def remove(self) -> None:
        """Take the name away, durably, and that of a creation that was cut short."""
        for path in (self.path, self.path + _NEW):
            self._unlink(path)
        with contextlib.suppress(FileNotFoundError):  # no directory either: nothing was there
            self.sync_directory()

    def _unlink(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._disk.unlink(path)

    def _work(self, flags: int, work: Callable[[int], _Result]) -> _Result:
        """Run `work` on a descriptor with direct I/O, or without where there is none."""
        if self.direct:
            try:
                return self._on_descriptor(flags | os.O_DIRECT | _SYNC[flags], work)
            except OSError as error:
                if error.errno != errno.EINVAL:  # what file systems without direct I/O answer
                    raise
                self.direct = False
        return self._on_descriptor(flags, work)

    def _on_descriptor(self, flags: int, work: Callable[[int], _Result]) -> _Result:
        fd = self._disk.open(self.path, flags | _SAFE)
        try:
            self._check(self._disk.fstat(fd))
            return work(fd)
        finally:
            self._disk.close(fd)

    def _check(self, found: os.stat_result) -> None:
        if stat.S_ISBLK(found.st_mode):
            return  # whoever may open a partition is udev's business
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{self.path} is not a regular file: remove it, or set store.path")
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StoreError(
                f"{self.path} is not ours alone (uid {found.st_uid}, mode "
                f"{stat.S_IMODE(found.st_mode):04o}): `chown {os.geteuid()}` and `chmod 0600` it "
                "if you trust its content, otherwise remove it"
            )

    def _read_each(self, fd: int) -> list[bytes | OSError]:
        found: list[bytes | OSError] = []
        for slot in range(SLOTS):
            try:
                found.append(self._read(fd, slot))
            except OSError as error:
                if error.errno == errno.EINVAL:
                    raise  # no direct I/O here: start again without
                found.append(error)
        return found

    def _read(self, fd: int, slot: int) -> bytes:
        with mmap.mmap(-1, SLOT_SIZE) as buffer:
            count = self._disk.pread(fd, buffer, slot * STRIDE)
            if count < SLOT_SIZE and count < self._size(fd) - slot * STRIDE:
                raise OSError(errno.EIO, f"short read: {count} of {SLOT_SIZE} bytes")
            return buffer[:count]

    def _size(self, fd: int) -> int:
        """Bytes there are to read: a partition's node does not tell, and is never too small."""
        found = self._disk.fstat(fd)
        return SLOTS * STRIDE if stat.S_ISBLK(found.st_mode) else found.st_size

    def _write(self, fd: int, slot: int, raw: bytes) -> None:
        self._pwrite(fd, slot, raw)
        if not self.direct:
            self._disk.fdatasync(fd)

    def _pwrite(self, fd: int, slot: int, raw: bytes) -> None:
        with mmap.mmap(-1, SLOT_SIZE) as buffer:
            buffer[:] = raw
            count = self._disk.pwrite(fd, buffer, slot * STRIDE)
        if count != SLOT_SIZE:
            # Writing the rest would need a second, unaligned write; the slot is not the newest,
            # so nothing is lost by giving up, and the next save starts it again.
            raise OSError(errno.EIO, f"short write: {count} of {SLOT_SIZE} bytes")
