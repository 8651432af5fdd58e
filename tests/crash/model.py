"""A disk in memory that keeps apart what is durable and what is only under way.

What POSIX and Linux promise, and no more: fsync of a file makes its content and size durable,
fsync of a directory its names, an `O_DSYNC` write itself; nothing else is ordered. After a sync
that failed, the cache shows what the medium never got, and the next sync knows nothing of it
(Rebello et al., ATC 2020); direct reads show the medium.
"""

import errno
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from tests.crash.states import (
    CHUNK,
    EMPTY,
    Chunk,
    File,
    Image,
    Link,
    Pending,
    Rename,
    Size,
    Unlink,
)
from tests.crash.underway import UnderWay, touched

_READABLE: Final = (os.O_RDONLY, os.O_RDWR)
_WRITABLE: Final = (os.O_WRONLY, os.O_RDWR)
_ACCESS: Final = {os.O_RDONLY: 0o400, os.O_WRONLY: 0o200, os.O_RDWR: 0o600}
_DIRECTORY: Final = File(mode=stat.S_IFDIR | 0o700, size=0, chunks={})
_USER: Final = os.geteuid()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong in one call: `error`, if it is not 0; then the first `kept` chunks of what
    was to be written or synced stay under way all the same.

    `short`: a read or write stops half-way. `lost`: a write or sync reports success, but the
    medium has nothing of it.
    """

    error: int = 0
    kept: int = 0
    short: bool = False
    lost: bool = False


_NONE: Final = Fault()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Descriptor:
    flags: int
    inode: int = 0
    directory: str | None = None

    @property
    def access(self) -> int:
        return self.flags & os.O_ACCMODE

    @property
    def direct(self) -> bool:
        return bool(self.flags & os.O_DIRECT)


class ModelDisk:
    """`agent.store.disk.Disk` for one user, not root. Directories are there from the beginning.

    `faults` is asked before every call; `on_point` is told after every call that changed
    something and inside every write, when any part of it may have arrived. A process that dies
    leaves everything as it is.
    """

    def __init__(
        self,
        image: Image = EMPTY,
        *,
        directories: Sequence[str] = ("/state",),
        direct: bool = True,
        privileged: bool = False,
    ) -> None:
        self.faults: Callable[[str], Fault | None] = lambda _: None
        self.on_point: Callable[[str], None] = lambda _: None
        self._has = UnderWay(image)
        self._directories = frozenset(directories)
        self._direct = direct
        self._privileged = privileged
        self._open: dict[int, _Descriptor] = {}
        self._next = 3

    @property
    def durable(self) -> Image:
        return self._has.durable

    @property
    def pending(self) -> Sequence[Pending]:
        return self._has.pending

    @property
    def version(self) -> int:
        """Counts the changes."""
        return self._has.version

    def spoil(self, path: str, chunks: Iterable[int]) -> None:
        """From now on these cannot be read, until they are written again."""
        self._has.spoil(path, chunks)

    # -- names ------------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        self._begin("open")
        if path in self._directories:
            return self._open_directory(path, flags)
        inode = self._has.seen.names.get(path)
        if inode is None:
            inode = self._create(path, flags, mode)
        else:
            self._check_access(self._has.file(inode).mode, flags)
        if flags & os.O_DIRECT and not self._direct:
            _refuse(errno.EINVAL)
        if flags & os.O_TRUNC and flags & os.O_ACCMODE in _WRITABLE:
            self._has.put(Size(inode=inode, size=0))
            self.on_point("open")
        return self._descriptor(_Descriptor(flags=flags, inode=inode))

    def _open_directory(self, path: str, flags: int) -> int:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            _refuse(errno.EEXIST)
        if flags & os.O_CREAT or flags & os.O_ACCMODE in _WRITABLE:
            _refuse(errno.EISDIR)
        if flags & os.O_DIRECT:
            _refuse(errno.EINVAL)
        return self._descriptor(_Descriptor(flags=flags, directory=path))

    def _create(self, path: str, flags: int, mode: int) -> int:
        if not flags & os.O_CREAT or os.path.dirname(path) not in self._directories:
            _refuse(errno.ENOENT)
        inode = self._has.create(stat.S_IFREG | mode)
        self._has.put(Link(path=path, inode=inode))
        self.on_point("open")
        return inode

    def _check_access(self, mode: int, flags: int) -> None:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            _refuse(errno.EEXIST)
        if stat.S_ISLNK(mode):
            if not flags & os.O_NOFOLLOW:
                raise NotImplementedError("this model follows no links")
            _refuse(errno.ELOOP)
        if flags & os.O_DIRECTORY:
            _refuse(errno.ENOTDIR)
        wanted = _ACCESS[flags & os.O_ACCMODE]
        if not self._privileged and mode & wanted != wanted:
            _refuse(errno.EACCES)

    def lstat(self, path: str) -> os.stat_result:
        self._begin("lstat")
        return self._status(0 if path in self._directories else self._inode(path))

    def rename(self, source: str, target: str) -> None:
        self._begin("rename")
        inode = self._inode(source)
        if os.path.dirname(source) != os.path.dirname(target):
            _refuse(errno.EXDEV)  # between directories: not modelled, and not the store's way
        if target in self._directories:
            _refuse(errno.EISDIR)
        self._has.put(Rename(source=source, target=target, inode=inode))
        self.on_point("rename")

    def unlink(self, path: str) -> None:
        self._begin("unlink")
        if path in self._directories:
            _refuse(errno.EISDIR)
        if stat.S_ISBLK(self._has.file(self._inode(path)).mode):
            _refuse(errno.EACCES)  # /dev is root's
        self._has.put(Unlink(path=path))
        self.on_point("unlink")

    def _inode(self, path: str) -> int:
        inode = self._has.seen.names.get(path)
        return _refuse(errno.ENOENT) if inode is None else inode

    # -- contents ---------------------------------------------------------------------------------

    def fstat(self, fd: int) -> os.stat_result:
        self._begin("fstat")
        return self._status(self._known(fd).inode)

    def pread(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        fault = self._begin("pread")
        opened = self._transferring(fd, _READABLE, buffer, offset)
        file = self._has.file(opened.inode)
        count = max(0, min(len(buffer), file.size - offset))
        if fault.short:
            count //= 2
        if not file.bad.isdisjoint(touched(offset, count)):
            _refuse(errno.EIO)
        buffer[:count] = self._has.content(opened.inode, offset, count, direct=opened.direct)
        return count

    def pwrite(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        fault = self._begin("pwrite", raises=False)
        opened = self._transferring(fd, _WRITABLE, buffer, offset)
        file = self._has.file(opened.inode)
        if stat.S_ISBLK(file.mode) and offset + len(buffer) > file.size:
            _refuse(errno.ENOSPC)
        data = bytes(buffer[: len(buffer) // 2 if fault.short else len(buffer)])
        chunks = self._has.chunks(opened.inode, data, offset, direct=opened.direct)
        if fault.error:
            kept = min(fault.kept * CHUNK, len(data))
            self._write(opened.inode, chunks[: fault.kept], offset + kept)
            _refuse(fault.error)
        self._write(opened.inode, [] if fault.lost else chunks, offset + len(data))
        if fault.lost and not opened.direct:
            self._has.lose(chunks)
        if opened.flags & os.O_DSYNC:
            written = {chunk.index for chunk in chunks}
            self._has.commit(lambda item: _is_content(item, opened.inode, written))
            self.on_point("pwrite, done")
        return len(data)

    def _write(self, inode: int, chunks: Sequence[Chunk], end: int) -> None:
        grows = end > self._has.file(inode).size
        self._has.put(*([Size(inode=inode, size=end)] if grows else []), *chunks)
        self.on_point("pwrite")

    def allocate(self, fd: int, size: int) -> None:
        self._begin("allocate")
        opened = self._known(fd)
        if opened.directory is not None or opened.access not in _WRITABLE:
            _refuse(errno.EBADF)
        if size > self._has.file(opened.inode).size:
            self._has.put(Size(inode=opened.inode, size=size))
            self.on_point("allocate")

    def fsync(self, fd: int) -> None:
        self._sync("fsync", fd)

    def fdatasync(self, fd: int) -> None:
        self._sync("fdatasync", fd)

    def _sync(self, name: str, fd: int) -> None:
        fault = self._begin(name, raises=False)
        opened = self._known(fd)
        if opened.directory is None and (fault.error or fault.lost):
            self._has.forget(opened.inode, kept=fault.kept)
        if not fault.error:
            self._has.commit(lambda item: _is_synced_with(item, opened))
        self.on_point(name)
        if fault.error:
            _refuse(fault.error)

    def close(self, fd: int) -> None:
        self._known(fd)
        del self._open[fd]
        self._begin("close")

    # -- what they share --------------------------------------------------------------------------

    def _begin(self, name: str, *, raises: bool = True) -> Fault:
        fault = self.faults(name) or _NONE
        if fault.error and raises:
            _refuse(fault.error)
        return fault

    def _descriptor(self, opened: _Descriptor) -> int:
        fd = self._next
        self._next += 1
        self._open[fd] = opened
        return fd

    def _known(self, fd: int) -> _Descriptor:
        opened = self._open.get(fd)
        return _refuse(errno.EBADF) if opened is None else opened

    def _transferring(
        self, fd: int, accesses: Sequence[int], buffer: mmap.mmap, offset: int
    ) -> _Descriptor:
        opened = self._known(fd)
        if opened.access not in accesses:
            _refuse(errno.EBADF)
        if opened.directory is not None:
            _refuse(errno.EISDIR)
        if opened.direct and (offset % CHUNK or len(buffer) % CHUNK):
            _refuse(errno.EINVAL)
        return opened

    def _status(self, inode: int) -> os.stat_result:
        file = self._has.seen.files.get(inode, _DIRECTORY)
        size = 0 if stat.S_ISBLK(file.mode) else file.size
        stamp = self._has.stamp(inode)
        return os.stat_result(
            (file.mode, inode, 1, 1, _USER, 0, size, 0, 0, 0),
            {"st_mtime_ns": stamp, "st_ctime_ns": stamp},
        )


def _is_content(item: Pending, inode: int, indexes: set[int]) -> bool:
    match item:
        case Chunk():
            return item.inode == inode and item.index in indexes
        case Size():
            return item.inode == inode
        case Link() | Rename() | Unlink():
            return False


def _is_synced_with(item: Pending, opened: _Descriptor) -> bool:
    match item:
        case Chunk() | Size():
            return opened.directory is None and item.inode == opened.inode
        case Link(path=path) | Rename(target=path) | Unlink(path=path):
            return os.path.dirname(path) == opened.directory


def _refuse(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))
