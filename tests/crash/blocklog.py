"""A block device that remembers: one file on FUSE that logs every write and flush in order.

    ext4 or a store -> loop device -> this file -> an image; and the log

It speaks the kernel's protocol itself (include/uapi/linux/fuse.h, version 7.31), which as root
takes no library. The root of the mount is the file, so there are no directories and no look-ups.
Requests are answered one at a time: the log has the order in which the device finished them.

The server is a process of its own. Were it a thread of the process that uses the device, killing
that process would never end: the kernel would wait for an answer from the dead.
"""

import errno
import os
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, Final

from tests.crash.mounting import MNT_DETACH, ROOT, Loop, loop_device, mount, unmount

SECTOR: Final = 512  # B; the smallest part of a write that a medium takes whole
_MARK_SIZE: Final = SECTOR  # B; room for marks behind the device, in the same file
_LARGEST_WRITE: Final = 128 * 1024  # B
_PATIENCE: Final = 30.0  # s for the server to end
_ENTRY: Final = struct.Struct("<BQI")  # kind, offset, how many bytes of data follow
_WRITE_KIND, _FLUSH_KIND = 0, 1


@dataclass(frozen=True, slots=True)
class Write:
    """`data` at `offset` (bytes); not durable before the next flush."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """All writes before it are durable."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the process that used the device said at this moment."""

    text: str


Entry = Write | Flush | Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDevice:
    """The loop device, and a way to put a word into its log. `server`: the process that logs."""

    loop: Loop
    size: int
    server: int
    _file: int

    def mark(self, text: str) -> None:
        """In order: what was acknowledged before is in the log before."""
        os.pwrite(self._file, text.encode().ljust(_MARK_SIZE), self.size)


@contextmanager
def logged_device(image: str, log: str, *, size: int) -> Iterator[LoggedDevice]:
    """A block device of `size` bytes over `image`. Read the log with `read_log` afterwards."""
    os.truncate(image, size + _MARK_SIZE)
    with _served(image, log) as (path, server), loop_device(path, size=size) as loop:
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield LoggedDevice(loop=loop, size=size, server=server, _file=file)
        finally:
            os.close(file)


def read_log(path: str, *, size: int) -> list[Entry]:
    raw = Path(path).read_bytes()
    entries: list[Entry] = []
    at = 0
    while at < len(raw):
        kind, offset, length = _ENTRY.unpack_from(raw, at)
        at += _ENTRY.size
        data = raw[at : at + length]
        at += length
        if kind == _FLUSH_KIND:
            entries.append(Flush())
        elif offset < size:
            entries.append(Write(offset, data))
        else:
            entries.append(Mark(data.decode().rstrip()))
    return entries


@contextmanager
def _served(image: str, log: str) -> Iterator[tuple[str, int]]:
    """The path of the file that logs and the process behind it, for as long as that runs."""
    path = image + ".logged"
    Path(path).touch()
    command = [sys.executable, "-m", __spec__.name, image, log, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as server:
        assert server.stdout is not None
        try:
            if server.stdout.readline() != b"mounted\n":
                raise RuntimeError(f"the block log did not start: {server.wait(_PATIENCE)}")
            yield path, server.pid
            _unmount_patiently(path)
            if server.wait(_PATIENCE) != 0:
                raise RuntimeError("the block log failed; what it logged is not complete")
        except BaseException:
            server.kill()  # whoever still waits for the device gets an error
            with suppress(RuntimeError):
                unmount(path, flags=MNT_DETACH)
            raise


def _unmount_patiently(path: str) -> None:
    """Whoever looks for a free loop device may have ours open for a moment, and so the file."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return unmount(path)
        except RuntimeError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


# -- the server -----------------------------------------------------------------------------------

_HEADER: Final = struct.Struct("<IIQQIIII")  # length, operation, id, node, uid, gid, pid, padding
_TRANSFER: Final = struct.Struct("<QQIIQII")  # handle, offset, size, flags, lock, flags, padding
_INIT_OUT: Final = struct.Struct("<IIII HH II HH I 7I")
_ATTRIBUTES: Final = struct.Struct("<QII QQQQQQ IIIIIIIIII")
_DIRECT_IO: Final = 1  # FOPEN_DIRECT_IO: no page cache, a write is a request at once
_MAX_PAGES: Final = 1 << 22  # FUSE_MAX_PAGES, a flag of INIT
_FOR_EVER: Final = 1 << 32  # s


class _Op(IntEnum):
    FORGET = 2
    GETATTR = 3
    OPEN = 14
    READ = 15
    WRITE = 16
    RELEASE = 18
    FSYNC = 20
    INIT = 26
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42


_UNANSWERED: Final = {_Op.FORGET, _Op.INTERRUPT, _Op.BATCH_FORGET}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """`fuse` is the connection to the kernel."""

    fuse: int
    image: int
    log: BinaryIO

    def serve(self) -> None:
        """Until the file is unmounted."""
        while (request := self._next_request()) is not None:
            _, operation, number, *_ = _HEADER.unpack_from(request)
            if operation in _UNANSWERED:
                continue
            try:
                body, error = self._answer(operation, request[_HEADER.size :]), 0
            except OSError as trouble:
                body, error = b"", trouble.errno or errno.EIO
            with suppress(FileNotFoundError):  # nobody waits any more
                os.write(self.fuse, struct.pack("<IiQ", 16 + len(body), -error, number) + body)

    def _next_request(self) -> bytes | None:
        while True:
            try:
                return os.read(self.fuse, 2 * _LARGEST_WRITE)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return None
                if error.errno not in (errno.EINTR, errno.ENOENT):  # the request was withdrawn
                    raise

    def _answer(self, operation: int, body: bytes) -> bytes:
        match operation:
            case _Op.WRITE:
                return self._write(body)
            case _Op.READ:
                _, offset, size, *_ = _TRANSFER.unpack_from(body)
                return os.pread(self.image, size, offset)
            case _Op.FSYNC:
                self.log.write(_ENTRY.pack(_FLUSH_KIND, 0, 0))
                return b""
            case _Op.GETATTR:
                return self._attributes()
            case _Op.OPEN:
                return struct.pack("<QII", 0, _DIRECT_IO, 0)
            case _Op.INIT:
                pages = _LARGEST_WRITE // 4096
                return _INIT_OUT.pack(
                    7, 31, 0, _MAX_PAGES, 16, 12, _LARGEST_WRITE, 1, pages, 0, 0, *[0] * 7
                )
            case _Op.RELEASE | _Op.DESTROY:
                return b""
            case _:  # FLUSH, which is close(2) and makes nothing durable, FALLOCATE and the rest
                raise OSError(errno.ENOSYS, "not needed here")

    def _write(self, body: bytes) -> bytes:
        _, offset, size, *_ = _TRANSFER.unpack_from(body)
        data = body[_TRANSFER.size : _TRANSFER.size + size]
        if os.pwrite(self.image, data, offset) != size:
            raise OSError(errno.EIO, "the image took only a part")
        self.log.write(_ENTRY.pack(_WRITE_KIND, offset, size) + data)
        return struct.pack("<II", size, 0)

    def _attributes(self) -> bytes:
        size, mode = os.fstat(self.image).st_size, stat.S_IFREG | 0o600
        return _ATTRIBUTES.pack(
            _FOR_EVER, 0, 0, 1, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0
        )


def _main(image: str, log: str, path: str) -> None:
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    mount("blocklog", path, "fuse", f"fd={fuse},rootmode={stat.S_IFREG:o},user_id=0,group_id=0")
    print("mounted", flush=True)
    with open(log, "wb") as file:
        _Server(fuse=fuse, image=os.open(image, os.O_RDWR | os.O_CLOEXEC), log=file).serve()


if __name__ == "__main__":
    _main(*sys.argv[1:])
