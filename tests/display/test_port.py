"""The serial port on real ptys, and the accidents."""

import fcntl
import os
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, NoHardware
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.port import Handshake, Parity, SerialPort
from tests.display.waiting import until


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[EmulatedTerminal]:
    """Under a name of its own: numbers of ptys are given out again."""
    with EmulatedTerminal(2, 20, "escpos", link=str(tmp_path / "display")) as terminal:
        yield terminal


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The far end of a pty, and the path of the near one."""
    master, slave = os.openpty()
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_nothing_is_touched_before_open() -> None:
    port = SerialPort(path="/nowhere/at/all")

    port.close(discard=False)
    assert (port.fd, port.wire()) == (None, None)
    for use in (lambda: port.write(b"A"), port.dsr, port.forget_input, lambda: port.read(1, 0)):
        with pytest.raises(NoHardware, match="claim it first"):
            use()


def test_bytes_arrive_at_the_far_end(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()
    port.write(b"\x0cHELLO")
    port.close(discard=False)

    assert until(lambda: terminal.cells()[0].startswith("HELLO"))


def test_bytes_are_not_changed_on_the_way(line: tuple[int, str]) -> None:
    """Raw line: no echo, no XON/XOFF, no CR or LF translation; NUL and 8 bits pass."""
    master, path = line
    port = SerialPort(path=path, baudrate=115200)
    port.open()
    everything = bytes(range(256))
    port.write(everything)
    received = b""
    while len(received) < len(everything):
        received += os.read(master, 1024)
    port.close(discard=True)

    assert received == everything


@pytest.mark.parametrize(("parity", "bits"), [("none", 10), ("even", 11), ("odd", 11)])
def test_pacing_keeps_to_the_baud_rate(line: tuple[int, str], parity: Parity, bits: int) -> None:
    pauses: list[float] = []
    port = SerialPort(path=line[1], baudrate=2400, parity=parity, sleep=pauses.append)
    port.open()
    port.write(b"X" * 50)
    port.close(discard=False)

    assert pauses[:4] == [pytest.approx(n * bits / 2400) for n in (16, 16, 16, 2)]


@pytest.mark.parametrize("bytes_per_second", [960, 480])
def test_bytes_leave_no_faster_than_9600_baud(bytes_per_second: int) -> None:
    """Also to a unit that is slower still: what waits, the kernel keeps."""
    with EmulatedTerminal(2, 20, "escpos", bytes_per_second=bytes_per_second) as terminal:
        port = SerialPort(path=terminal.path, baudrate=9600)
        port.open()
        start = time.monotonic()
        for number in range(5):
            rows = b"%020d" % number, b"-" * 20
            port.write(b"\x1f\x01\x1f\x24\x01\x01%s\x1f\x24\x01\x02%s" % rows)
        elapsed = time.monotonic() - start

        assert elapsed >= 5 * 50 * 10 / 9600
        assert until(lambda: terminal.received == 5 * 50)
        port.close(discard=False)
        assert terminal.cells() == (f"{4:020d}", "-" * 20)
        assert terminal.errors == ()


def test_parity_is_asked_of_the_kernel(line: tuple[int, str]) -> None:
    """A pty has none. On one that is otherwise set up already, the C library says so."""
    SerialPort(path=line[1]).open()

    with pytest.raises(HardwareError, match="Invalid argument"):
        SerialPort(path=line[1], parity="even").open()


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

    for path in (str(tmp_path / "display"), os.devnull):
        with pytest.raises(NoHardware, match=r"is no serial port; set display\.port"):
            SerialPort(path=path).open()


def test_a_port_has_a_name_or_not(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    assert port.there()
    terminal.unplug()

    assert not port.there()


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


def test_a_trickling_line_runs_into_the_deadline_too(line: tuple[int, str]) -> None:
    """Every portion gets through in time, all of them together do not."""
    master, path = line
    port = SerialPort(path=path, baudrate=115200, stall=0.5)
    port.open()
    filler = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    _fill(filler)
    os.close(filler)
    stop = threading.Event()
    trickle = threading.Thread(target=_trickle, args=(master, stop))
    trickle.start()
    try:
        with pytest.raises(DeviceTimeout):
            port.write(b"X" * 4096)
    finally:
        stop.set()
        trickle.join()
        port.close(discard=True)


def _fill(fd: int) -> None:
    refused = 0
    while refused < 10:
        try:
            os.write(fd, b"\r" * 64)
            refused = 0
        except BlockingIOError:
            refused += 1
            time.sleep(0.002)  # the kernel moves what it holds onwards and takes more


def _trickle(master: int, stop: threading.Event) -> None:
    while not stop.wait(0.01):
        os.read(master, 16)


def test_a_slow_start_is_no_stall(terminal: EmulatedTerminal) -> None:
    """A machine under load may take longer than the deadline; the line has taken every byte."""
    port = SerialPort(path=terminal.path, stall=0.01, sleep=lambda _: time.sleep(0.05))
    port.open()
    port.write(b"X" * 48)
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


def test_unplugging_hangs_the_line_up_at_once(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()
    assert port.fd is not None
    poll = select.poll()
    poll.register(port.fd, 0)
    assert poll.poll(0) == []
    terminal.unplug()

    assert poll.poll(10_000)
    for use in (port.forget_input, lambda: port.read(1, 1.0)):
        with pytest.raises(NoHardware):
            use()
    port.close(discard=False)
    assert port.fd is None


def test_what_the_display_says_is_read(line: tuple[int, str]) -> None:
    master, path = line
    port = SerialPort(path=path)
    port.open()
    os.write(master, b"old")
    assert until(lambda: _waiting(port) == 3)
    port.forget_input()

    assert port.read(16, 0.01) == b""
    os.write(master, b"NCR 5972")
    assert until(lambda: _waiting(port) == 8)
    assert port.read(3, 10.0) == b"NCR"
    assert port.read(16, 10.0) == b" 5972"
    port.close(discard=True)


def _waiting(port: SerialPort) -> int:
    assert port.fd is not None
    return int.from_bytes(fcntl.ioctl(port.fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_line_without_modem_wires_says_so(terminal: EmulatedTerminal) -> None:
    port = SerialPort(path=terminal.path)
    port.open()

    assert (port.dsr(), port.wire()) == (None, None)
    port.close(discard=True)


@pytest.mark.parametrize(("handshake", "wire"), [("dtr-dsr", "DSR"), ("rts-cts", "CTS")])
def test_a_handshake_without_its_wire_is_refused_in_words(
    terminal: EmulatedTerminal, handshake: Handshake, wire: str
) -> None:
    port = SerialPort(path=terminal.path, handshake=handshake)

    with pytest.raises(HardwareError, match=f'{wire} cannot be read .* set .*handshake = "none"'):
        port.open()
    assert port.fd is None
    free = SerialPort(path=terminal.path)
    free.open()
    free.close(discard=True)


def test_closing_leaves_the_wires_up(terminal: EmulatedTerminal) -> None:
    """Some units take a falling DTR for a host that was switched off."""
    far = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
    attributes = termios.tcgetattr(far)
    attributes[2] |= termios.HUPCL
    termios.tcsetattr(far, termios.TCSANOW, attributes)
    port = SerialPort(path=terminal.path)
    port.open()
    port.close(discard=False)
    left = termios.tcgetattr(far)[2]
    os.close(far)

    assert not left & termios.HUPCL


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
