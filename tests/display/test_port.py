"""The serial port on real ptys, and the accidents."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.contract import DeviceBusy, DeviceTimeout, NoHardware
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.port import SerialPort
from tests.display.waiting import until


@pytest.fixture
def terminal() -> Iterator[EmulatedTerminal]:
    with EmulatedTerminal(2, 20, "escpos") as terminal:
        yield terminal


def test_nothing_is_touched_before_open() -> None:
    port = SerialPort(path="/nowhere/at/all")

    port.close(discard=False)
    with pytest.raises(NoHardware, match="claim it first"):
        port.write(b"A")


def test_bytes_arrive_at_the_far_end(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()
    port.write(b"\x0cHELLO")
    port.close(discard=False)

    assert until(lambda: terminal.cells()[0].startswith("HELLO"))


def test_bytes_are_not_changed_on_the_way() -> None:
    """Raw line: no echo, no XON/XOFF, no CR or LF translation; NUL and 8 bits pass."""
    master, slave = os.openpty()
    port = SerialPort(path=os.ttyname(slave), baudrate=115200)
    port.open()
    everything = bytes(range(256))
    port.write(everything)
    received = b""
    while len(received) < len(everything):
        received += os.read(master, 1024)
    port.close(discard=True)
    os.close(master)
    os.close(slave)

    assert received == everything


def test_pacing_keeps_to_the_baud_rate(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path, baudrate=2400)
    port.open()
    start = time.monotonic()
    port.write(b"X" * 48)
    elapsed = time.monotonic() - start
    port.close(discard=False)

    assert 48 * 10 / 2400 <= elapsed < 1.0


def test_settling_is_silence_after_the_bytes(terminal: EmulatedTerminal) -> None:
    pauses: list[float] = []
    port = SerialPort(path=terminal.path, sleep=pauses.append)
    port.open()
    port.write(b"\x1b@", 0.1)
    port.close(discard=True)

    assert pauses == [pytest.approx(2 * 10 / 9600), 0.1]


def test_a_missing_port_is_no_hardware(tmp_path: Path) -> None:
    with pytest.raises(NoHardware, match="check its plug"):
        SerialPort(path=str(tmp_path / "display")).open()


def test_what_is_no_serial_port_is_no_hardware(tmp_path: Path) -> None:
    (tmp_path / "display").write_text("")

    with pytest.raises(NoHardware):
        SerialPort(path=str(tmp_path / "display")).open()


def test_a_port_somebody_holds_is_busy_until_they_let_go(terminal: EmulatedTerminal) -> None:
    first, second = SerialPort(path=terminal.path), SerialPort(path=terminal.path)
    first.open()

    with pytest.raises(DeviceBusy, match="another program"):
        second.open()
    first.close(discard=False)
    second.open()
    second.close(discard=False)


def test_another_process_finds_it_locked(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()
    script = f"import serial; serial.Serial({terminal.path!r}, exclusive=True)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    port.close(discard=False)
    after = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert b"lock" in found.stderr
    assert found.returncode != 0
    assert after.returncode == 0


def test_the_kernel_keeps_others_out_while_it_is_open_only(terminal: EmulatedTerminal) -> None:
    get_exclusive = 0x80045440  # TIOCGEXCL
    far = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
    port = SerialPort(path=terminal.path)
    port.open()
    held = fcntl.ioctl(far, get_exclusive, b"\0\0\0\0")
    port.close(discard=False)
    after = fcntl.ioctl(far, get_exclusive, b"\0\0\0\0")
    os.close(far)

    assert (held, after) == (b"\1\0\0\0", b"\0\0\0\0")


def test_a_stalled_reader_costs_a_deadline_not_for_ever(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path, stall=0.2)
    port.open()
    terminal.stall()
    start = time.monotonic()
    with pytest.raises(DeviceTimeout, match="in time; check its cable"):
        port.write(b"X" * 48)
    port.close(discard=False)
    elapsed = time.monotonic() - start
    terminal.resume()

    assert elapsed < 1.5


def test_a_trickling_line_runs_into_the_deadline_too(terminal: EmulatedTerminal) -> None:
    """Every portion gets through in time, all of them together do not."""
    port = SerialPort(path=terminal.path, stall=0.05, sleep=lambda _: time.sleep(0.05))
    port.open()
    with pytest.raises(DeviceTimeout):
        port.write(b"X" * 160)
    port.close(discard=True)


def test_unplugging_is_no_hardware_at_the_next_write(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()
    terminal.unplug()

    with pytest.raises(NoHardware, match="check its plug"):
        port.write(b"A")
    port.close(discard=False)
    with pytest.raises(NoHardware):
        port.open()


def test_opening_again_starts_over(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()
    port.open()
    port.write(b"\x0cAGAIN")
    port.close(discard=False)

    assert until(lambda: terminal.cells()[0].startswith("AGAIN"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who is refused")
def test_a_port_this_user_may_not_open_says_what_to_check(terminal: EmulatedTerminal) -> None:
    os.chmod(terminal.path, 0o600)
    script = (
        "import os, sys; from hw.display.port import SerialPort; os.setuid(65534)\n"
        f"SerialPort(path={terminal.path!r}).open()"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert b"hw.contract.HardwareError" in found.stderr
    assert b"DeviceAllow=" in found.stderr
