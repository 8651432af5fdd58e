"""The doctor on the display's port says what the agent would run into, and leaves it as it is."""

import os
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import doctor_display
from agent.doctor import Finding, Level
from hw.contract import DeviceBusy
from hw.display.port import SerialPort

LINE = "/dev/ptmx"  # each open() of it is a line of its own; ptys are not locked


def look(path: str, root: Path) -> Finding:
    (finding,) = doctor_display.display(path, str(root))
    return finding


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("proc", "var/lock"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_port_whose_lock_file_keeps_the_agent_away_is_in_use(
    root: Path, other: subprocess.Popen[bytes]
) -> None:
    """As Java programs lock it; they need not have it open at that moment."""
    assert look(LINE, root).level is Level.OK
    (root / "proc" / str(other.pid)).mkdir()
    (root / "proc" / str(other.pid) / "comm").write_text("java\n")
    (root / "var/lock/LCK..ptmx").write_bytes(b"%10d\n" % other.pid)

    with pytest.raises(DeviceBusy):
        SerialPort(path=LINE, lock_directory=str(root / "var/lock")).open()
    found = look(LINE, root)
    assert (found.level, found.what) == (
        Level.WARNING,
        f"{LINE} is in use by java ({other.pid})",
    )


def test_a_lock_outlives_neither_its_process_nor_its_port(
    root: Path, other: subprocess.Popen[bytes]
) -> None:
    (root / "var/lock/LCK..ptmx").write_bytes(b"%10d\n" % 2**22)
    (root / "var/lock/LCK..none").write_bytes(b"%10d\n" % other.pid)

    assert look(LINE, root).level is Level.OK
    assert look("/dev/none", root).what == "/dev/none is not there"


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A line whose wires fall when it is closed, and its path."""
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[2] |= termios.HUPCL
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    yield slave, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def falls(line: int) -> bool:
    return bool(termios.tcgetattr(line)[2] & termios.HUPCL)


def test_looking_does_not_let_the_wires_fall(line: tuple[int, str], root: Path) -> None:
    assert look(line[1], root).level is Level.OK

    assert not falls(line[0])


def test_a_line_somebody_has_open_stays_as_they_set_it(line: tuple[int, str], root: Path) -> None:
    descriptors = root / "proc" / "812" / "fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").symlink_to(line[1])

    look(line[1], root)
    assert falls(line[0])
