"""Who has the port: UUCP lock files, what /proc tells, and the sentence about it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hw.contract import DeviceBusy
from hw.display import holders
from hw.display.port import SerialPort
from hw.display.uucp import LockedByAnother, UucpLock
from tests.display.waiting import until

DEAD = 2**22  # one more than the largest process number of Linux


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until the test is over."""
    with subprocess.Popen(["sleep", "600"]) as process:
        assert until(lambda: holders.named(process.pid) == f"sleep ({process.pid})")
        yield process
        process.kill()


def lock_in(directory: Path, path: str = "/dev/ttyUSB0") -> UucpLock:
    return UucpLock(path, directory=str(directory))


def names(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


def test_a_lock_is_for_everybody_to_read(tmp_path: Path) -> None:
    file, lock = tmp_path / "LCK..ttyUSB0", lock_in(tmp_path)
    before = os.umask(0o077)
    try:
        lock.take()
    finally:
        os.umask(before)

    assert file.read_bytes() == b"%10d\n" % os.getpid()
    assert file.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == {"LCK..ttyUSB0"}
    lock.give_back()
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    "form", [b"%10d\n", b"%d", b"%10d rxtx root\n", "int"], ids=["HDB", "bare", "named", "int"]
)
def test_a_lock_of_a_process_that_lives_is_respected(
    tmp_path: Path, other: subprocess.Popen[bytes], form: bytes | str
) -> None:
    file, lock = tmp_path / "LCK..ttyUSB0", lock_in(tmp_path)
    as_int = other.pid.to_bytes(4, sys.byteorder)
    content = as_int if isinstance(form, str) else form % other.pid
    file.write_bytes(content)

    for use in (lock.look, lock.take):
        with pytest.raises(LockedByAnother) as caught:
            use()
        assert caught.value.pid == other.pid
    lock.give_back()
    assert file.read_bytes() == content


@pytest.mark.parametrize("pid", [DEAD, os.getpid()], ids=["dead", "our own from before"])
def test_a_stale_lock_is_taken_over(tmp_path: Path, pid: int) -> None:
    file, lock = tmp_path / "LCK..ttyUSB0", lock_in(tmp_path)
    file.write_bytes(b"%10d\n" % pid)
    lock.look()
    lock.take()

    assert file.read_bytes() == b"%10d\n" % os.getpid()
    lock.give_back()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("content", [b"", b"minicom", b"-1\n", b"0\n", b"9" * 60, b"\xff" * 4])
def test_what_names_no_process_locks_nothing_and_is_left(tmp_path: Path, content: bytes) -> None:
    file, lock = tmp_path / "LCK..ttyUSB0", lock_in(tmp_path)
    file.write_bytes(content)
    lock.look()
    lock.take()
    lock.give_back()

    assert file.read_bytes() == content


def test_things_planted_in_the_directory_do_no_harm(tmp_path: Path) -> None:
    """Anybody may write there."""
    directory, secret = tmp_path / "lock", tmp_path / "secret"
    directory.mkdir()
    secret.write_bytes(b"1\n")
    file, lock = directory / "LCK..ttyUSB0", lock_in(directory)
    plants: tuple[Callable[[], None], ...] = (
        lambda: os.mkfifo(file),
        file.mkdir,
        lambda: file.symlink_to(secret),
    )
    for number, plant in enumerate(plants):
        plant()
        lock.look()
        lock.take()
        lock.give_back()
        file.rename(tmp_path / str(number))
    os.symlink(secret, directory / f"{file.name}.{os.getpid()}")
    lock.take()
    lock.give_back()

    assert secret.read_bytes() == b"1\n"
    assert names(directory) == set()


def test_a_directory_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    lock = lock_in(tmp_path / "nowhere")
    lock.look()
    lock.take()
    lock.give_back()


def test_a_lock_somebody_has_replaced_is_theirs(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    lock = lock_in(tmp_path)
    lock.take()
    (tmp_path / "LCK..ttyUSB0").write_bytes(b"%10d\n" % other.pid)
    lock.give_back()

    assert names(tmp_path) == {"LCK..ttyUSB0"}


def take_by_link(directory: Path) -> str:
    """Another process locks /dev/stdin, which leads to /dev/null there, and says how it went."""
    script = f"""
import os
from hw.display.uucp import LockedByAnother, UucpLock
lock = UucpLock("/dev/stdin", directory={str(directory)!r})
try:
    lock.take()
    print(*sorted(os.listdir({str(directory)!r})))
    lock.give_back()
except LockedByAnother as exc:
    print("locked by", exc.pid)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_a_link_is_locked_by_both_names(tmp_path: Path) -> None:
    """As /dev/pos/display, which leads to /dev/ttyUSB0."""
    assert take_by_link(tmp_path) == "LCK..null LCK..stdin"
    assert names(tmp_path) == set()


def test_all_of_it_is_given_back_when_one_name_is_taken(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "LCK..null").write_bytes(b"%10d\n" % other.pid)

    assert take_by_link(tmp_path) == f"locked by {other.pid}"
    assert names(tmp_path) == {"LCK..null"}


def test_a_pty_is_not_locked(tmp_path: Path) -> None:
    lock = lock_in(tmp_path, "/dev/pts/3")
    lock.take()

    assert names(tmp_path) == set()


def test_a_busy_port_names_who_has_it(tmp_path: Path) -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    script = (
        f"import serial, sys; s = serial.Serial({path!r}, exclusive=True); print(flush=True)\n"
        "sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        name = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        with pytest.raises(DeviceBusy) as caught:
            SerialPort(path=path).open()
        assert holder.stdin is not None
        holder.stdin.close()
    os.close(master)
    os.close(slave)

    assert f"is in use by {name} ({holder.pid})" in str(caught.value)


def process(proc: Path, pid: int, name: str, *opened: Path) -> None:
    folder = proc / str(pid) / "fd"
    folder.mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    for number, target in enumerate(opened):
        (folder / str(number)).symlink_to(target)


def test_holders_are_found_in_proc_as_far_as_it_shows_them(tmp_path: Path) -> None:
    proc, link = tmp_path / "proc", tmp_path / "display"
    port, other = tmp_path / "ttyUSB7", tmp_path / "null"
    port.touch()
    other.touch()
    link.symlink_to(port)
    process(proc, 812, "java", other, port)
    process(proc, 40, "brltty", port)
    process(proc, 41, "cron", other)
    process(proc, os.getpid(), "pos-agent", port)
    (proc / "900").mkdir()  # somebody else's: its descriptors are not for us
    (proc / "meminfo").write_text("")

    found = holders.holders(str(link), str(proc))
    assert found == (40, 812)
    assert [holders.named(pid, str(proc)) for pid in (*found, 900)] == [
        "brltty (40)",
        "java (812)",
        "process 900",
    ]
    assert holders.holders(str(link), str(tmp_path / "hidden")) == ()
