"""The recorder has to be believed before what it recorded: nothing missed, nothing invented."""

import mmap
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.crash import LeftOut
from tests.crash.blocklog import Entry, Flush, LoggedDevice, Mark, Write, logged_device, read_log
from tests.crash.mounting import in_own_namespaces, mounted, require, sync_file_system

SIZE = 16 << 20
PAGE = 4096


@pytest.fixture
def folder() -> Iterator[str]:
    try:
        require()
    except LeftOut as reason:
        pytest.skip(str(reason))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield path


def blank(path: str, size: int) -> str:
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def write_direct(fd: int, offset: int, data: bytes) -> None:
    with mmap.mmap(-1, len(data)) as buffer:
        buffer[:] = data
        assert os.pwrite(fd, buffer, offset) == len(data)


def image_from(log: Sequence[Entry], image: bytes) -> bytes:
    content = bytearray(image)
    for entry in log:
        if isinstance(entry, Write):
            content[entry.offset : entry.offset + len(entry.data)] = entry.data
    return bytes(content)


def test_writes_flushes_and_marks_are_logged_in_their_order(folder: str) -> None:
    one, two = b"1" * PAGE, b"2" * 2 * PAGE
    image = blank(f"{folder}/image", SIZE)
    with logged_device(image, f"{folder}/log", size=SIZE) as device:
        fd = os.open(device.loop.path, os.O_WRONLY | os.O_DIRECT)
        try:
            device.mark("begin")
            write_direct(fd, 0, one)
            device.mark("written")
            os.fsync(fd)
            device.mark("synced")
            write_direct(fd, 7 * PAGE, two)
            device.mark("end")
        finally:
            os.close(fd)
    log = read_log(f"{folder}/log", size=SIZE)
    assert log[log.index(Mark("begin")) : log.index(Mark("end")) + 1] == [
        Mark("begin"), Write(0, one), Mark("written"), Flush(), Mark("synced"),
        Write(7 * PAGE, two), Mark("end"),
    ]  # fmt: skip


def test_closing_a_file_is_no_flush(folder: str) -> None:
    image = blank(f"{folder}/image", SIZE)
    with logged_device(image, f"{folder}/log", size=SIZE) as device:
        device.mark("open")
        os.close(os.open(image + ".logged", os.O_WRONLY))
        device.mark("closed")
    log = read_log(f"{folder}/log", size=SIZE)
    assert log[log.index(Mark("open")) + 1] == Mark("closed")


def test_the_log_of_a_file_system_repeats_all_that_became_of_it(folder: str) -> None:
    image, place = blank(f"{folder}/image", SIZE), f"{folder}/mnt"
    os.mkdir(place)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    before = Path(image).read_bytes()
    with (
        logged_device(image, f"{folder}/log", size=SIZE) as device,
        mounted(device.loop.path, place, "ext4"),
    ):
        for number in range(20):
            Path(f"{place}/{number}").write_bytes(os.urandom(30_000))
        sync_file_system(place)
        Path(f"{place}/3").unlink()
    log = read_log(f"{folder}/log", size=SIZE)
    assert len(log) > 20
    assert image_from(log, before) == Path(image).read_bytes()[:SIZE]
    assert image_from(log[:-10], before) != Path(image).read_bytes()[:SIZE]


def test_what_is_on_the_image_can_be_read_through_the_device(folder: str) -> None:
    image = blank(f"{folder}/image", SIZE)
    Path(image).write_bytes(os.urandom(SIZE))
    with logged_device(image, f"{folder}/log", size=SIZE) as device:
        assert Path(device.loop.path).read_bytes() == Path(image).read_bytes()[:SIZE]


def test_the_death_of_the_logger_is_an_error_and_no_hanging(folder: str) -> None:
    image = blank(f"{folder}/image", SIZE)

    def write_on_without_a_server() -> None:
        with logged_device(image, f"{folder}/log", size=SIZE) as device:
            fd = os.open(device.loop.path, os.O_WRONLY | os.O_DIRECT)
            try:
                os.kill(device.server, signal.SIGKILL)
                os.waitid(os.P_PID, device.server, os.WEXITED | os.WNOWAIT)
                with pytest.raises(OSError, match="Input/output error"):
                    write_direct(fd, 0, b"x" * PAGE)
            finally:
                os.close(fd)

    with pytest.raises(RuntimeError, match="not complete"):
        write_on_without_a_server()


def test_nothing_is_left_behind_after_an_error(folder: str) -> None:
    image = blank(f"{folder}/image", SIZE)
    devices: list[LoggedDevice] = []

    def fail() -> None:
        with logged_device(image, f"{folder}/log", size=SIZE) as device:
            devices.append(device)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert image not in Path("/proc/self/mounts").read_text()
    backing = Path(f"/sys/block/{os.path.basename(devices[0].loop.path)}/loop/backing_file")
    assert not backing.exists() or folder not in backing.read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(devices[0].server, 0)


def test_what_hangs_is_killed_with_its_processes(folder: str) -> None:
    arguments = (blank(f"{folder}/image", SIZE), f"{folder}/log", blank(f"{folder}/file", 0))
    with pytest.raises(subprocess.TimeoutExpired):
        in_own_namespaces("tests.crash.blocklog", *arguments, deadline=1.0)  # serves for ever
    end = time.monotonic() + 10
    while running := [path for path in Path("/proc").glob("[0-9]*/cmdline") if names(path, folder)]:
        assert time.monotonic() < end, running
        time.sleep(0.01)
    assert folder not in Path("/proc/self/mounts").read_text()


def names(command_line: Path, folder: str) -> bool:
    try:
        return folder.encode() in command_line.read_bytes()
    except OSError:  # it just ended
        return False
