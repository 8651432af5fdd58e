"""The serial port of a display: the only place that imports pyserial.

Traps this module is about:
 - `flush()` (tcdrain) has no timeout and is never called: a stalled USB display would hold the
   thread for ever. Waiting for the last bytes is polling TIOCOUTQ until a deadline.
 - pyserial's `write_timeout` may strike after the kernel took every byte, and its errors have lost
   their errno. Bytes are written here, without it: only a line that takes nothing is a stall.
 - termios.error is neither an OSError nor a SerialException; unplugging raises any of the three.
 - pyserial's `exclusive` is an advisory flock; TIOCEXCL also keeps out programs that do not ask.
   The flag outlives the descriptor while the line is otherwise open, so it is taken back. Java
   programs look at neither, but at lock files: `hw.display.uucp`.
 - POSIX has no DTR/DSR flow control: DSR is looked at here before each portion. With RTS/CTS the
   kernel holds the bytes back and says nothing; the stall shows in CTS and in TIOCOUTQ.
 - Bytes go out in small portions no faster than the line carries them, so a unit with a small
   buffer keeps up.
 - Opening raises DTR and RTS, closing would drop them (HUPCL), and some units take that for a host
   that was switched off. They stay up between two claims.
"""

import contextlib
import errno
import fcntl
import os
import select
import termios
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal

import serial

from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, NoHardware
from hw.display import holders, uucp

Parity = Literal["none", "even", "odd"]
Handshake = Literal["none", "dtr-dsr", "rts-cts"]

_PORTION: Final = 16  # bytes at once; 17 ms at 9600 baud, well below any unit's buffer
_STALL: Final = 1.0  # s the line may take longer than its baud rate allows
_POLL: Final = 0.005  # s between looks at a wire, or at what the kernel still holds
_PARITIES: Final = {
    "none": serial.PARITY_NONE,
    "even": serial.PARITY_EVEN,
    "odd": serial.PARITY_ODD,
}
_WIRES: Final = {"dtr-dsr": "DSR", "rts-cts": "CTS"}

_GONE: Final = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.EBADF}
_BUSY: Final = {errno.EBUSY, errno.EAGAIN}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}
_NO_MODEM: Final = {errno.ENOTTY, errno.EINVAL}


class SerialPort:
    """One line with 8 data bits and 1 stop bit. Not touched before `open`. Methods block, none
    for much longer than its deadline; one thread only."""

    def __init__(
        self,
        *,
        path: str,
        baudrate: int = 9600,
        parity: Parity = "none",
        handshake: Handshake = "none",
        lock_directory: str = uucp.DIRECTORY,
        stall: float = _STALL,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._baudrate = baudrate
        self._parity = parity
        self._handshake = handshake
        self._lock_directory = lock_directory
        self._stall = stall
        self._sleep = sleep
        self._line: serial.Serial | None = None
        self._lock: uucp.UucpLock | None = None

    @property
    def fd(self) -> int | None:
        """The open line, to be polled for a hang-up; None while it is closed."""
        return None if self._line is None else int(self._line.fileno())

    def there(self) -> bool:
        """Whether the port has a name now. Cheaper by far than a failed `open`; never raises."""
        return os.access(self._path, os.F_OK)

    def open(self) -> None:
        """Take the line for this process alone. Raises NoHardware, DeviceBusy, HardwareError."""
        self.close(discard=True)
        with self._hardware_errors():
            os.stat(self._path)  # a lock may outlive what it was for
            lock = uucp.UucpLock(self._path, directory=self._lock_directory)
            lock.look()
            self._line = serial.Serial(
                self._path,
                self._baudrate,
                parity=_PARITIES[self._parity],
                rtscts=self._handshake == "rts-cts",
                exclusive=True,
            )
        try:
            with self._hardware_errors():
                self._take(self._line, lock)
        except HardwareError:
            self.close(discard=True)
            raise

    def _take(self, line: serial.Serial, lock: uucp.UucpLock) -> None:
        fd = line.fileno()
        fcntl.ioctl(fd, termios.TIOCEXCL)
        attributes = termios.tcgetattr(fd)
        attributes[2] &= ~termios.HUPCL
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        lock.take()
        self._lock = lock
        if self._handshake != "none" and self.wire() is None:
            raise HardwareError(
                f"display {self._path}: {_WIRES[self._handshake]} cannot be read on this line; "
                'set display.handshake = "none"'
            )

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None:
        """Send, no faster than the line, then be silent for `settle` seconds.

        Raises DeviceTimeout when the bytes do not leave within the time the line needs and
        `stall` seconds more, NoHardware when the line is gone or not open.
        """
        line = self._opened()
        slack = self._stall if stall is None else stall
        end = time.monotonic() + self._seconds(len(data)) * 2 + slack
        with self._hardware_errors():
            for start in range(0, len(data), _PORTION):
                portion = data[start : start + _PORTION]
                self._wait_for_wire(end)
                _push(line.fileno(), portion, end)
                self._sleep(self._seconds(len(portion)))
            self._drain(line, end)
            if line.out_waiting > 0:
                raise TimeoutError
        self._sleep(settle)

    def read(self, limit: int, seconds: float) -> bytes:
        """What the display says: returns with its first bytes, at most `limit`; empty when it is
        silent for so long. Raises NoHardware."""
        fd = self._opened().fileno()
        if not _ready(fd, select.POLLIN, time.monotonic() + seconds):
            return b""
        with self._hardware_errors():
            said = os.read(fd, limit)
            if not said:
                raise OSError(errno.EIO, "hung up")
        return said

    def forget_input(self) -> None:
        """Drop what the display has said so far. Raises NoHardware."""
        line = self._opened()
        with self._hardware_errors():
            line.reset_input_buffer()

    def dsr(self) -> bool | None:
        """The level of DSR; None where the line has no such wire to read. Raises NoHardware."""
        return self._level("dsr")

    def wire(self) -> bool | None:
        """Whether the display says that it takes bytes; None where no handshake is configured, or
        the line has no such wire to read. Raises NoHardware."""
        match self._handshake:
            case "none":
                return None
            case "dtr-dsr":
                return self._level("dsr")
            case "rts-cts":
                return self._level("cts")

    def close(self, *, discard: bool) -> None:
        """Give the line back; never raises. `discard` what the kernel still holds, after trouble;
        otherwise let it leave first, within the stall limit."""
        line, self._line = self._line, None
        lock, self._lock = self._lock, None
        if line is not None:
            with contextlib.suppress(OSError, termios.error):  # SerialException is an OSError
                if not discard:
                    self._drain(line, time.monotonic() + self._stall)
                if discard or line.out_waiting > 0:
                    line.reset_output_buffer()  # else close() waits for it, up to 30 s
                if self._handshake == "rts-cts":
                    line.rtscts = False  # and for what the adapter holds back for want of CTS
            with contextlib.suppress(OSError):
                fcntl.ioctl(line.fileno(), termios.TIOCNXCL)
            with contextlib.suppress(OSError, termios.error):
                line.close()
        if lock is not None:
            lock.give_back()  # last: whoever sees it free finds it free

    def _opened(self) -> serial.Serial:
        if self._line is None:
            raise NoHardware(f"display {self._path} is not open; claim it first")
        return self._line

    def _level(self, wire: Literal["dsr", "cts"]) -> bool | None:
        line = self._opened()
        with self._hardware_errors():
            try:
                return bool(getattr(line, wire))
            except OSError as exc:
                if exc.errno in _NO_MODEM:
                    return None
                raise

    def _wait_for_wire(self, end: float) -> None:
        if self._handshake == "none":
            return
        while not self.wire():
            if time.monotonic() > end:
                raise DeviceTimeout(
                    f"display {self._path} is not ready ({_WIRES[self._handshake]} is low); check "
                    'its cable and power, or set display.handshake = "none"'
                )
            self._sleep(_POLL)

    def _drain(self, line: serial.Serial, end: float) -> None:
        while line.out_waiting > 0 and time.monotonic() < end:
            self._sleep(_POLL)

    def _seconds(self, count: int) -> float:
        bits = 10 if self._parity == "none" else 11
        return count * bits / self._baudrate

    @contextlib.contextmanager
    def _hardware_errors(self) -> Iterator[None]:
        try:
            yield
        except uucp.LockedByAnother as exc:
            raise self._busy(exc.pid) from exc
        except (OSError, termios.error) as exc:
            raise self._translated(exc) from exc

    def _translated(self, exc: OSError | termios.error) -> HardwareError:
        if isinstance(exc, TimeoutError):
            return DeviceTimeout(
                f"display {self._path} did not take its text in time; check its cable and power"
            )
        number = _number(exc)
        if number in _BUSY:
            return self._busy(*holders.holders(self._path))
        if number in _FORBIDDEN:
            return HardwareError(
                f"display {self._path} may not be opened by this user; check the udev rule, the "
                "group, and DeviceAllow= of the service"
            )
        if number == errno.ENOTTY:
            return NoHardware(
                f"display {self._path} is no serial port; set display.port to the display's"
            )
        if number in _GONE or number is None:
            return NoHardware(f"display {self._path} is not there; check its plug")
        return HardwareError(f"display {self._path}: {exc}")

    def _busy(self, *pids: int) -> DeviceBusy:
        who = ", ".join(map(holders.named, pids)) or "another program"
        return DeviceBusy(f"display {self._path} is in use by {who}")


def _number(exc: OSError | termios.error) -> int | None:
    """The errno; where pyserial has lost it, that of the error it caught."""
    if isinstance(exc, OSError):
        caught = exc.__context__
        if exc.errno is None and isinstance(caught, OSError | termios.error):
            return _number(caught)
        return exc.errno
    number = exc.args[0]
    return number if isinstance(number, int) else None


def _push(fd: int, data: bytes, end: float) -> None:
    """Hand all of it to the kernel. Raises TimeoutError, OSError."""
    while data:
        if not _ready(fd, select.POLLOUT, end):
            raise TimeoutError
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:  # room for less than the driver wants at once
            if time.monotonic() > end:
                raise TimeoutError from None
            time.sleep(_POLL)


def _ready(fd: int, event: int, end: float) -> bool:
    """Whether the line can be read or written before `end`, or is gone and would say so."""
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(max(end - time.monotonic(), 0.0) * 1000))
