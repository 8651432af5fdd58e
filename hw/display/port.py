"""The serial port of a display: the only place that imports pyserial.

Traps this module is about:
 - `flush()` (tcdrain) has no timeout and is never called: a stalled USB display would hold the
   thread for ever. Waiting for the last bytes is polling TIOCOUTQ until a deadline.
 - termios.error is neither an OSError nor a SerialException; unplugging raises any of the three.
 - pyserial's `exclusive` is an advisory flock; TIOCEXCL also keeps out programs that do not ask.
   The flag outlives the descriptor while the line is otherwise open, so it is taken back.
 - POSIX has no DTR/DSR flow control: bytes go out in small portions no faster than the line
   carries them, so a unit with a small buffer keeps up.
"""

import contextlib
import errno
import fcntl
import termios
import time
from collections.abc import Callable, Iterator
from typing import Final

import serial

from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, NoHardware

_PORTION: Final = 16  # bytes at once; 17 ms at 9600 baud, well below any unit's buffer
_BITS_PER_BYTE: Final = 10  # 8N1
_STALL: Final = 1.0  # s the line may take longer than its baud rate allows
_POLL: Final = 0.005  # s between looks at what the kernel still holds

_GONE: Final = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.EBADF, errno.ENOTTY}
_BUSY: Final = {errno.EBUSY, errno.EAGAIN}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}


class SerialPort:
    """One line, 8N1, no handshake. Not touched before `open`. Methods block; one thread only."""

    def __init__(
        self,
        *,
        path: str,
        baudrate: int = 9600,
        stall: float = _STALL,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._baudrate = baudrate
        self._stall = stall
        self._sleep = sleep
        self._line: serial.Serial | None = None

    def open(self) -> None:
        """Take the line for this process alone. Raises NoHardware, DeviceBusy, HardwareError."""
        self.close(discard=True)
        with self._hardware_errors():
            line = serial.Serial(
                self._path, self._baudrate, exclusive=True, write_timeout=self._stall
            )
            try:
                fcntl.ioctl(line.fileno(), termios.TIOCEXCL)
            except OSError:
                line.close()
                raise
        self._line = line

    def write(self, data: bytes, settle: float = 0.0) -> None:
        """Send, no faster than the line, then be silent for `settle` seconds.

        Raises DeviceTimeout when the bytes do not leave within the time the line needs and a
        little more, NoHardware when the line is gone or not open.
        """
        line = self._line
        if line is None:
            raise NoHardware(f"display {self._path} is not open; claim it first")
        end = time.monotonic() + self._seconds(len(data)) * 2 + self._stall
        with self._hardware_errors():
            for start in range(0, len(data), _PORTION):
                portion = data[start : start + _PORTION]
                line.write(portion)
                self._sleep(self._seconds(len(portion)))
                if time.monotonic() > end:
                    raise DeviceTimeout(self._stalled())
        self._sleep(settle)

    def close(self, *, discard: bool) -> None:
        """Give the line back; never raises. `discard` what the kernel still holds, after trouble;
        otherwise let it leave first, within the stall limit."""
        line, self._line = self._line, None
        if line is None:
            return
        with contextlib.suppress(OSError, termios.error):  # SerialException is an OSError
            if not discard:
                self._drain(line)
            line.reset_output_buffer()  # else close() may wait for it
        with contextlib.suppress(OSError):
            fcntl.ioctl(line.fileno(), termios.TIOCNXCL)
        with contextlib.suppress(OSError, termios.error):
            line.close()

    def _drain(self, line: serial.Serial) -> None:
        end = time.monotonic() + self._stall
        while line.out_waiting > 0 and time.monotonic() < end:
            self._sleep(_POLL)

    def _seconds(self, count: int) -> float:
        return count * _BITS_PER_BYTE / self._baudrate

    def _stalled(self) -> str:
        return f"display {self._path} did not take its text in time; check its cable and power"

    @contextlib.contextmanager
    def _hardware_errors(self) -> Iterator[None]:
        try:
            yield
        except serial.SerialTimeoutException as exc:
            raise DeviceTimeout(self._stalled()) from exc
        except (OSError, termios.error) as exc:
            raise self._translated(exc) from exc

    def _translated(self, exc: OSError | termios.error) -> HardwareError:
        number = exc.errno if isinstance(exc, OSError) else exc.args[0]
        if number in _BUSY:
            return DeviceBusy(f"display {self._path} is in use by another program")
        if number in _FORBIDDEN:
            return HardwareError(
                f"display {self._path} may not be opened by this user; check the udev rule, the "
                "group, and DeviceAllow= of the service"
            )
        if number in _GONE or number is None:
            return NoHardware(f"display {self._path} is not there; check its plug")
        return HardwareError(f"display {self._path}: {exc}")
