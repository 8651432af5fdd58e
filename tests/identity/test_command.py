"""A program that prints the serial number, and every way it can fail to."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from hw.contract import DeviceTimeout, HardwareError, Reading
from hw.serial_number.command import LIMIT, Command

LONG = 60.0  # s; no test waits for it


def sh(script: str, *, limit: float = LONG) -> Reading | None:
    return Command(argv=("/bin/sh", "-c", script), limit=limit).read()


def gone(pid: int) -> bool:
    """No such process, or one that nobody has buried yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("script", "value"),
    [
        ("echo A-4711", "A-4711"),
        ("printf A-4711", "A-4711"),
        ("echo A-4711; echo B-4711", "A-4711\nB-4711"),
        ("echo ' A '", " A "),
        (r"printf '\377'", "\udcff"),
        ("echo A-4711; echo trouble >&2", "A-4711"),
        ("read line; echo A-$?", "A-1"),  # nothing to read
    ],
)
def test_what_is_printed_counts_less_the_last_line_end(script: str, value: str) -> None:
    assert sh(script) == Reading(source="/bin/sh", value=value)


def test_arguments_are_passed_as_they_are_and_no_shell_sees_them() -> None:
    found = Command(argv=("/bin/echo", "$HOME;", "a  b")).read()
    assert found == Reading(source="/bin/echo", value="$HOME; a  b")


@pytest.mark.parametrize("script", ["true", "echo"])
def test_nothing_printed_is_no_source(script: str) -> None:
    assert sh(script) is None


def test_what_a_failed_program_printed_does_not_count() -> None:
    with pytest.raises(HardwareError, match=r"^/bin/sh failed with exit status 3: it is retried$"):
        sh("echo A-4711; exit 3")
    with pytest.raises(HardwareError, match="exit status -15"):
        sh("echo A-4711; kill $$")


@pytest.mark.parametrize("mode", [None, 0o644])
def test_a_program_that_cannot_be_run_is_trouble(tmp_path: Path, mode: int | None) -> None:
    program = tmp_path / "serial"
    if mode is not None:
        program.write_text("#!/bin/sh\necho A\n")
        program.chmod(mode)
    with pytest.raises(HardwareError, match=r"cannot be run .*: install it"):
        Command(argv=(str(program),)).read()


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(DeviceTimeout, match="did not finish within 1 s"):
        sh(f"sleep 600 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait", limit=1.0)
    if not pids.exists():
        pytest.skip("the shell did not even start within a second")
    child, shell = map(int, pids.read_text().split())
    deadline = time.monotonic() + 30
    while not (gone(child) and gone(shell)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(child)
    assert gone(shell)


def test_a_child_that_keeps_the_pipe_open_does_not_hold_us() -> None:
    with pytest.raises(DeviceTimeout):
        sh("setsid sleep 5 & echo A-4711", limit=0.5)


def test_a_program_that_closes_its_output_and_goes_on_is_ended() -> None:
    with pytest.raises(DeviceTimeout):
        sh("echo A-4711; exec >&-; sleep 600", limit=0.5)


def test_a_talkative_program_is_ended() -> None:
    with pytest.raises(HardwareError, match="prints more than 4096 bytes"):
        sh("yes")
    assert sh("head -c 4096 /dev/zero | tr '\\0' x") is not None


@pytest.mark.parametrize("script", ["echo A", "exit 1", "echo A; exec >&-; sleep 600"])
def test_the_signal_goes_before_the_burial(script: str) -> None:
    """Afterwards the number may be that of a group of somebody else's."""
    signalled = []

    def end_group(group: int, number: int) -> None:
        os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # ours, or it raises
        signalled.append((group, number))
        os.killpg(group, number)

    with suppress(HardwareError):
        Command(argv=("/bin/sh", "-c", script), limit=1.0, end_group=end_group).read()

    ((group, number),) = signalled
    assert number == signal.SIGKILL
    with pytest.raises(ChildProcessError):
        os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG)  # buried by now


@pytest.mark.parametrize("error", [PermissionError, ProcessLookupError])
def test_a_group_that_may_not_be_signalled_changes_nothing(error: type[OSError]) -> None:
    def end_group(group: int, number: int) -> None:
        raise error

    echo = Command(argv=("/bin/echo", "A-4711"), limit=LONG, end_group=end_group)
    assert echo.read() == Reading(source="/bin/echo", value="A-4711")


def test_nothing_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for script in ("echo A", "exit 1"):
        try:
            sh(script)
        except HardwareError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_limit_is_a_few_seconds() -> None:
    assert LIMIT <= 5.0
