"""A printer's port: a pty for the serial ones, a FIFO for those that are no terminal."""

import fcntl
import os
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, NoHardware
from hw.receipt_port import send

DATA = bytes(range(256))


@dataclass
class Line:
    """Both ends of a pty."""

    master: int
    slave: int

    @property
    def path(self) -> str:
        return os.ttyname(self.slave)

    def received(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            found += os.read(self.master, 4096)
        return found

    def fill(self) -> int:
        """Until nothing goes in any more; how many bytes did. The kernel moves them on a little
        later, so one refusal is not the end."""
        os.set_blocking(self.slave, False)
        filled = refusals = 0
        while refusals < 10:
            try:
                filled += os.write(self.slave, b"\0" * 512)
                refusals = 0
            except BlockingIOError:
                refusals += 1
                time.sleep(0.01)
        return filled

    def left(self) -> int:
        """How many bytes come out at once."""
        os.set_blocking(self.master, False)
        found = 0
        try:
            while True:
                found += len(os.read(self.master, 65536))
        except BlockingIOError:
            return found


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line(*os.openpty())
    yield line
    os.close(line.master)
    os.close(line.slave)


def test_every_byte_arrives_as_it_is(line: Line) -> None:
    send(line.path, DATA, baudrate=38400)

    assert line.received(len(DATA)) == DATA
    speed = termios.tcgetattr(line.slave)[5]
    assert speed == termios.B38400


def test_a_port_that_is_no_terminal_gets_them_too(tmp_path: Path) -> None:
    fifo = str(tmp_path / "lp0")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    send(fifo, DATA, baudrate=9600)

    assert os.read(reader, 4096) == DATA
    os.close(reader)


def test_the_port_is_free_again_afterwards(line: Line) -> None:
    send(line.path, b"one", baudrate=9600)
    send(line.path, b"two", baudrate=9600)

    assert line.received(6) == b"onetwo"


def test_a_missing_printer_is_told_from_a_stuck_one(tmp_path: Path) -> None:
    with pytest.raises(NoHardware, match="lp0 is not there; check its plug and power"):
        send(str(tmp_path / "lp0"), DATA, baudrate=9600)


def test_a_printer_somebody_uses_is_left_alone(line: Line) -> None:
    fcntl.flock(line.slave, fcntl.LOCK_EX)

    with pytest.raises(DeviceBusy, match="in use by another program"):
        send(line.path, DATA, baudrate=9600)
    os.write(line.slave, b"!")
    assert os.read(line.master, 10) == b"!"


def test_a_port_that_may_not_be_opened_says_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"receipt printer .*: "):
        send(str(tmp_path), DATA, baudrate=9600)


def test_a_printer_that_takes_nothing_is_given_up_and_holds_nobody_up(line: Line) -> None:
    filled = line.fill()
    before = time.monotonic()
    with pytest.raises(DeviceTimeout, match="check its paper, cover and cable"):
        send(line.path, DATA, baudrate=9600, stall=0.1)

    assert time.monotonic() - before < 20
    assert line.left() < filled  # the rest is thrown away: close() would wait for it


def test_a_pipe_nobody_empties_is_given_up_as_well(tmp_path: Path) -> None:
    fifo = str(tmp_path / "lp0")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(DeviceTimeout):
        send(fifo, b"\0" * 100_000, baudrate=115200 * 100, stall=0.1)
    os.close(reader)


def test_a_printer_that_is_unplugged_meanwhile(tmp_path: Path) -> None:
    fifo = str(tmp_path / "lp0")
    os.mkfifo(fifo)
    with pytest.raises(NoHardware):  # no reader: as a node whose device has gone
        send(fifo, DATA, baudrate=9600)
