"""The model disk against the real one, and what it makes of a power cut."""

import errno
import mmap
import os
import random
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from agent.store.disk import Disk, SystemDisk
from tests.crash.model import Fault, ModelDisk
from tests.crash.states import CHUNK

SLOT = 4096
CLOSED = 1 << 20  # a descriptor nobody has
NAMES = ("a", "b", "c")
OPENINGS = (
    os.O_RDONLY | os.O_NOFOLLOW,
    os.O_RDWR,
    os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK,
    os.O_WRONLY | os.O_DSYNC,
    os.O_WRONLY | os.O_TRUNC,
    os.O_RDWR | os.O_CREAT,
    os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW,
    os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    os.O_RDONLY | os.O_DIRECTORY,
)
DIRECT = (os.O_RDONLY | os.O_DIRECT, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC)


# -- like the real one ----------------------------------------------------------------------------


@dataclass(kw_only=True)
class Twin:
    """One disk under test; `fds` are numbered as they were opened, so that two can be compared."""

    disk: Disk
    directory: str
    fds: list[int] = field(default_factory=list)

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name) if name else self.directory

    def open(self, name: str, flags: int, mode: int) -> None:
        self.fds.append(self.disk.open(self.path(name), flags, mode))

    def read(self, fd: int, size: int, offset: int) -> bytes:
        with mmap.mmap(-1, size) as buffer:
            return buffer[: self.disk.pread(self.fds[fd], buffer, offset)]

    def write(self, fd: int, data: bytes, offset: int) -> int:
        with mmap.mmap(-1, len(data)) as buffer:
            buffer[:] = data
            return self.disk.pwrite(self.fds[fd], buffer, offset)

    def close(self, fd: int) -> None:
        number, self.fds[fd] = self.fds[fd], CLOSED  # the kernel gives the number to somebody else
        self.disk.close(number)

    def status(self, found: os.stat_result) -> tuple[int, int]:
        return found.st_mode, found.st_size if stat.S_ISREG(found.st_mode) else 0


Act = Callable[[Twin], object]


def random_act(dice: random.Random, opened: int, *, direct: bool) -> tuple[Act, str]:
    """With its name, for the message of a failure."""
    name, other, fd = dice.choice(NAMES), dice.choice(NAMES), dice.randrange(opened)
    size = dice.choice((SLOT, SLOT, CHUNK, 32, 700))
    offset = dice.choice((0, 0, SLOT, 16 * SLOT, 100))
    # In a hole or beyond the end the kernel reads directly at any alignment; the model does not.
    unit = CHUNK if direct else 1
    whole, start = size // unit * unit or unit, offset // unit * unit
    data = dice.randbytes(size)
    flags = dice.choice(OPENINGS + DIRECT * 2 if direct else OPENINGS)
    path, mode = dice.choice((*NAMES, name, "", "missing/a")), dice.choice((0o600, 0o600, 0o400))
    acts: dict[str, Act] = {
        f"open {path}, {flags:o}, {mode:o}": lambda twin: twin.open(path, flags, mode),
        f"create {name}": lambda twin: twin.open(name, os.O_RDWR | os.O_CREAT, 0o600),
        f"read {fd}: {whole} at {start}": lambda twin: twin.read(fd, whole, start),
        f"write {fd}: {size} at {offset}": lambda twin: twin.write(fd, data, offset),
        f"write {fd}: {size} at 0": lambda twin: twin.write(fd, data, 0),
        f"fsync {fd}": lambda twin: twin.disk.fsync(twin.fds[fd]),
        f"fdatasync {fd}": lambda twin: twin.disk.fdatasync(twin.fds[fd]),
        f"allocate {fd}: {size}": lambda twin: twin.disk.allocate(twin.fds[fd], size + offset),
        f"fstat {fd}": lambda twin: twin.status(twin.disk.fstat(twin.fds[fd])),
        f"lstat {path}": lambda twin: twin.status(twin.disk.lstat(twin.path(path))),
        f"rename {name} {other}": lambda twin: twin.disk.rename(twin.path(name), twin.path(other)),
        f"unlink {path}": lambda twin: twin.disk.unlink(twin.path(path)),
        f"close {fd}": lambda twin: twin.close(fd),
    }
    story = dice.choice(sorted(acts))
    return acts[story], story


def outcome(act: Act, twin: Twin) -> object:
    try:
        return act(twin)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


@pytest.fixture(params=["/dev/shm", "/var/tmp"])
def real(request: pytest.FixtureRequest) -> Iterator[Twin]:
    with tempfile.TemporaryDirectory(dir=request.param) as directory:
        twin = Twin(disk=SystemDisk(), directory=directory)
        yield twin
        for fd in twin.fds:
            if fd != CLOSED:
                os.close(fd)


@pytest.mark.parametrize("seed", range(40))
def test_the_model_answers_as_the_kernel_does(real: Twin, seed: int) -> None:
    """tmpfs takes direct I/O of any alignment, so there it is left out."""
    dice, direct = random.Random(seed), real.directory.startswith("/var/tmp")
    disk = ModelDisk(directories=(real.directory,), privileged=os.geteuid() == 0)
    model = Twin(disk=disk, directory=real.directory)
    for twin in (real, model):
        twin.open("a", os.O_RDWR | os.O_CREAT, 0o600)
    for number in range(200):
        act, story = random_act(dice, len(real.fds), direct=direct)
        expected, found = outcome(act, real), outcome(act, model)
        assert found == expected, f"act {number}: {story}"


# -- power cuts -----------------------------------------------------------------------------------


FILE = "/state/file"
OLD, NEW = b"o" * SLOT, b"n" * SLOT


def put(disk: ModelDisk, flags: int, data: bytes) -> int:
    """An open descriptor, written to."""
    fd = disk.open(FILE, flags)
    with mmap.mmap(-1, len(data)) as buffer:
        buffer[:] = data
        disk.pwrite(fd, buffer, 0)
    return fd


def got(disk: ModelDisk, flags: int = os.O_RDONLY) -> bytes | None:
    try:
        fd = disk.open(FILE, flags)
    except FileNotFoundError:
        return None
    with mmap.mmap(-1, SLOT) as buffer:
        return buffer[: disk.pread(fd, buffer, 0)]


def after_a_cut(disk: ModelDisk) -> bytes | None:
    """Nothing of what was under way arrived."""
    return got(ModelDisk(disk.durable))


@pytest.fixture
def disk() -> ModelDisk:
    """With a durable file of 4096 bytes."""
    disk = ModelDisk()
    disk.fsync(put(disk, os.O_RDWR | os.O_CREAT, OLD))
    disk.fsync(disk.open("/state", os.O_RDONLY | os.O_DIRECTORY))
    assert after_a_cut(disk) == OLD
    assert not disk.pending
    return disk


def fail(disk: ModelDisk, call: str, fault: Fault) -> None:
    disk.faults = lambda name: fault if name == call else None


def test_a_name_is_durable_with_its_directory_only() -> None:
    disk = ModelDisk()
    disk.fsync(put(disk, os.O_RDWR | os.O_CREAT, NEW))
    assert got(disk) == NEW
    assert after_a_cut(disk) is None
    disk.fsync(disk.open("/state", os.O_RDONLY | os.O_DIRECTORY))
    assert after_a_cut(disk) == NEW


def test_a_content_is_durable_with_its_file_only() -> None:
    disk = ModelDisk()
    fd = put(disk, os.O_RDWR | os.O_CREAT, NEW)
    disk.fsync(disk.open("/state", os.O_RDONLY | os.O_DIRECTORY))
    assert after_a_cut(disk) == b""
    disk.fdatasync(fd)
    assert after_a_cut(disk) == NEW


def test_a_synchronous_write_is_durable_when_it_returns_and_under_way_until_then(
    disk: ModelDisk,
) -> None:
    during: list[int] = []
    disk.on_point = lambda _: during.append(len(disk.pending))
    put(disk, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC, NEW)
    assert during == [8, 0]
    assert after_a_cut(disk) == NEW


def test_a_sync_that_failed_leaves_a_cache_that_lies_and_the_next_one_mends_nothing(
    disk: ModelDisk,
) -> None:
    fd = put(disk, os.O_RDWR, NEW)
    fail(disk, "fsync", Fault(error=errno.EIO, kept=3))
    with pytest.raises(OSError, match="Input/output"):
        disk.fsync(fd)
    disk.faults = lambda _: None
    disk.fsync(fd)
    half_way = NEW[: 3 * CHUNK] + OLD[3 * CHUNK :]
    assert got(disk) == NEW
    assert got(disk, os.O_RDONLY | os.O_DIRECT) == half_way
    assert after_a_cut(disk) == half_way


def test_what_is_written_past_the_cache_is_what_the_cache_shows_then(disk: ModelDisk) -> None:
    fd = put(disk, os.O_RDWR, NEW)
    fail(disk, "fsync", Fault(error=errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        disk.fsync(fd)
    put(disk, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC, OLD)
    assert got(disk) == OLD


def test_a_write_that_failed_may_have_arrived_in_part(disk: ModelDisk) -> None:
    fail(disk, "pwrite", Fault(error=errno.ENOSPC, kept=2))
    with pytest.raises(OSError, match="No space"):
        put(disk, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC, NEW)
    assert len(disk.pending) == 2
    assert after_a_cut(disk) == OLD


def test_a_write_lost_in_silence_shows_when_read_past_the_cache(disk: ModelDisk) -> None:
    fail(disk, "pwrite", Fault(lost=True))
    disk.fsync(put(disk, os.O_RDWR, NEW))
    assert got(disk) == NEW
    assert got(disk, os.O_RDONLY | os.O_DIRECT) == OLD


def test_a_short_write_and_a_short_read_stop_half_way(disk: ModelDisk) -> None:
    fail(disk, "pwrite", Fault(short=True))
    put(disk, os.O_RDWR, NEW)
    assert got(disk) == NEW[: SLOT // 2] + OLD[SLOT // 2 :]
    fail(disk, "pread", Fault(short=True))
    assert got(disk) == NEW[: SLOT // 2]


def test_a_rename_not_synced_may_be_undone_by_a_cut(disk: ModelDisk) -> None:
    disk.rename(FILE, "/state/other")
    assert got(disk) is None
    assert after_a_cut(disk) == OLD


def test_a_spoiled_chunk_answers_eio_until_it_is_written(disk: ModelDisk) -> None:
    disk.spoil(FILE, [3])
    with pytest.raises(OSError, match="Input/output"):
        got(disk)
    put(disk, os.O_WRONLY | os.O_DSYNC, NEW)
    assert got(disk) == NEW


def test_without_direct_io_the_disk_says_so_as_linux_does() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        put(ModelDisk(direct=False), os.O_RDWR | os.O_CREAT | os.O_DIRECT, NEW)


@pytest.mark.parametrize(("size", "offset"), [(100, 0), (SLOT, 100)])
def test_direct_io_has_to_be_aligned(disk: ModelDisk, size: int, offset: int) -> None:
    fd = disk.open(FILE, os.O_RDWR | os.O_DIRECT)
    with mmap.mmap(-1, size) as buffer:
        for transfer in (disk.pread, disk.pwrite):
            with pytest.raises(OSError, match="Invalid argument"):
                transfer(fd, buffer, offset)


def test_a_file_nobody_may_write_is_refused_to_all_but_root(disk: ModelDisk) -> None:
    disk.close(disk.open("/state/key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400))
    with pytest.raises(PermissionError):
        disk.open("/state/key", os.O_WRONLY)
