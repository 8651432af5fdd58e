"""The key file: made once, read at start, never rewritten. A new key is a new file.

grant.key       the key
grant.key.next  its successor, while records are sealed anew (see agent.store.keyring)
grant.key.new   one being made; worthless until it is renamed
"""

import contextlib
import errno
import mmap
import os
import stat
from collections.abc import Iterator
from typing import Final

from agent.errors import ConfigError, StoreError, StoreNotWritable
from agent.store.disk import Disk
from agent.store.keys import KEY_SIZE

_NEXT: Final = ".next"
_NEW: Final = ".new"
_MAKE_ONE: Final = "`head -c 32 /dev/urandom` makes one"
_DESTROYED: Final = bytes(KEY_SIZE)
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class KeyFile:
    """The key at `path`, and its successor beside it."""

    def __init__(self, *, path: str, disk: Disk) -> None:
        self.path = path
        self._disk = disk

    def read(self) -> bytes | None:
        """The key; None if there is no file, or one whose key was destroyed.

        Raises StoreError if it cannot be read now, ConfigError if it is no key or others can read
        it.
        """
        return self._read(self.path)

    def read_next(self) -> bytes | None:
        """The successor, if one was made and has not taken over yet."""
        return self._read(self.path + _NEXT)

    def make(self, key: bytes) -> None:
        """Durable when this returns, before anything is sealed with it: a record outliving its key
        is a lost grant. Raises StoreError.
        """
        self._make(self.path, key)

    def make_next(self, key: bytes) -> None:
        self._make(self.path + _NEXT, key)

    def anchor(self) -> None:
        """Make durable what an earlier process may have left in a cache: nothing may be sealed
        with a key that the next power cut takes. Raises OSError.
        """
        for path in (self.path, self.path + _NEXT):
            with contextlib.suppress(FileNotFoundError), self._opened(path, _READ) as fd:
                self._disk.fsync(fd)
        with contextlib.suppress(FileNotFoundError):
            self._sync_directory()

    def take_over(self) -> None:
        """The successor becomes the key. A cut after the first step leaves zeros, which `read`
        takes for no key, and the successor. Raises OSError; then to be called again: when the name
        was taken, but perhaps not for good, the key below it is the successor already.
        """
        with contextlib.suppress(FileNotFoundError):
            self._disk.lstat(self.path + _NEXT)
            with contextlib.suppress(FileNotFoundError):
                self._overwrite(self.path)
            self._disk.rename(self.path + _NEXT, self.path)
        self._sync_directory()

    def ours(self) -> bool:
        """Whether it may be replaced and destroyed here: not if somebody else put it there."""
        try:
            return self._disk.lstat(self.path).st_uid == os.geteuid()
        except FileNotFoundError:
            return True

    def destroy(self) -> None:
        """Overwrite and remove whatever there is. Raises StoreNotWritable."""
        try:
            for path in (self.path, self.path + _NEXT, self.path + _NEW):
                with contextlib.suppress(FileNotFoundError):
                    self._overwrite(path)
                    self._disk.unlink(path)
            with contextlib.suppress(FileNotFoundError):
                self._sync_directory()
        except OSError as error:
            raise StoreNotWritable(
                f"the grant is removed, but its key {self.path} could not be destroyed "
                f"({error.strerror}), so old copies that the flash may keep can still be opened: "
                "have the grant revoked at the server"
            ) from error

    def _read(self, path: str) -> bytes | None:
        try:
            with self._opened(path, _READ) as fd:
                found = self._disk.fstat(fd)
                self._check(path, found)
                key = self._read_some(fd, found.st_size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                f"the key file {path} cannot be read ({error.strerror}); without it the stored "
                "grant stays shut: mount or restore it, or remove the store to pair again"
            ) from error
        return None if whole_key(key, f"the key file {path}") == _DESTROYED else key

    def _read_some(self, fd: int, size: int) -> bytes:
        """The file, or more of it than a key has."""
        with mmap.mmap(-1, KEY_SIZE + 1) as buffer:
            count = self._disk.pread(fd, buffer, 0)
            if count < min(size, len(buffer)):
                raise OSError(errno.EIO, f"short read: {count} of {size} bytes")
            return buffer[:count]

    def _check(self, path: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"the key file {path} is not a regular file")
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o077:
            raise ConfigError(
                f"the key file {path} is open to others (uid {found.st_uid}, mode "
                f"{stat.S_IMODE(found.st_mode):04o}): chown {os.geteuid()} and chmod 0600 it"
            )

    def _make(self, path: str, key: bytes) -> None:
        new = self.path + _NEW
        try:
            self._require_own_directory()
            with contextlib.suppress(FileNotFoundError):
                self._disk.unlink(new)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with self._opened(new, flags) as fd:
                self._write(fd, key)
            self._disk.rename(new, path)
            self._sync_directory()
        except OSError as error:
            raise StoreError(
                f"the key file {path} cannot be made ({error.strerror}): {self._directory} must "
                f"exist, belong to uid {os.geteuid()}, mode 0700, on a medium that can be written"
            ) from error

    def _require_own_directory(self) -> None:
        with self._opened(self._directory, os.O_RDONLY | os.O_DIRECTORY) as fd:
            found = self._disk.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise StoreError(
                f"the key file {self.path} is missing and its directory is not ours alone: put 32 "
                f"random bytes there, mode 0600, owned by uid {os.geteuid()}; {_MAKE_ONE}"
            )

    def _overwrite(self, path: str) -> None:
        with contextlib.suppress(PermissionError):  # mode 0400: to be removed, not to be written
            with self._opened(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK) as fd:
                self._write(fd, _DESTROYED)

    def _write(self, fd: int, key: bytes) -> None:
        with mmap.mmap(-1, KEY_SIZE) as buffer:
            buffer[:] = key
            if self._disk.pwrite(fd, buffer, 0) != KEY_SIZE:
                raise OSError(errno.ENOSPC, "short write")
        self._disk.fsync(fd)

    @contextlib.contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int]:
        fd = self._disk.open(path, flags, 0o600)
        try:
            yield fd
        finally:
            self._disk.close(fd)

    def _sync_directory(self) -> None:
        with self._opened(self._directory, os.O_RDONLY | os.O_DIRECTORY) as fd:
            self._disk.fsync(fd)

    @property
    def _directory(self) -> str:
        return os.path.dirname(self.path) or "."


def whole_key(key: bytes, what: str) -> bytes:
    """`key`, if it has the right size; raises ConfigError, naming `what`."""
    if len(key) != KEY_SIZE:
        size = f"{len(key)} bytes" if len(key) < KEY_SIZE else f"more than {KEY_SIZE} bytes"
        raise ConfigError(f"{what} has {size}, must have exactly {KEY_SIZE}: {_MAKE_ONE}")
    return key
