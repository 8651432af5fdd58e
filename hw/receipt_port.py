"""Sends bytes to a printer's port, serial (`/dev/ttyUSB0`) or USB printer class (`/dev/usb/lp0`).

Traps this module is about:
 - A printer without paper takes no bytes. A blocking write would wait for it, so the descriptor is
   non-blocking and everything has a deadline.
 - The usblp driver drops what is under way when the port is closed: the end is waited for, which
   shows as writable again.
 - Closing a serial port waits up to 30 s for what the kernel still holds: after trouble that is
   thrown away.
"""

import contextlib
import errno
import fcntl
import os
import select
import struct
import termios
import time
import tty
from collections.abc import Iterator
from typing import Final

from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, NoHardware

_STALL: Final = 5.0  # s the printer may take longer than the line: it prints and cuts meanwhile
_POLL: Final = 0.01  # s between looks at what the kernel still holds
_GONE: Final = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}
_BUSY: Final = {errno.EBUSY, errno.EAGAIN}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}


def send(path: str, data: bytes, *, baudrate: int, stall: float = _STALL) -> None:
    """Have the port for this process alone, send, wait until all has left, give it back.

    Takes at most the time of the line and `stall` seconds more. Raises NoHardware and DeviceBusy
    before anything was sent, DeviceTimeout and HardwareError perhaps after some of it.
    """
    with _opened(path) as fd:
        try:
            is_serial = os.isatty(fd)
            if is_serial:
                _take(fd, baudrate)
        except (OSError, termios.error) as exc:
            raise _translated(path, exc) from exc
        try:
            end = time.monotonic() + len(data) * 10 / baudrate + stall
            _write(fd, data, end)
            _wait_until_sent(fd, end, is_serial=is_serial)
        except (OSError, termios.error) as exc:
            if is_serial:
                with contextlib.suppress(OSError, termios.error):
                    termios.tcflush(fd, termios.TCOFLUSH)
            raise _stopped(path) from exc


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise _translated(path, exc) from exc
    try:
        yield fd
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)


def _take(fd: int, baudrate: int) -> None:
    """8N1 and raw. The flock keeps out whoever asks; it goes with the descriptor."""
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    tty.setraw(fd, termios.TCSANOW)
    attributes = termios.tcgetattr(fd)
    attributes[2] |= termios.CLOCAL
    attributes[4] = attributes[5] = getattr(termios, f"B{baudrate}")
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _write(fd: int, data: bytes, end: float) -> None:
    while data:
        _wait_until_writable(fd, end)
        with contextlib.suppress(BlockingIOError):  # less room than the driver wants at once
            data = data[os.write(fd, data) :]


def _wait_until_writable(fd: int, end: float) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    left = end - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


def _wait_until_sent(fd: int, end: float, *, is_serial: bool) -> None:
    _wait_until_writable(fd, end)
    while is_serial and _held(fd) > 0:
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(_POLL)


def _held(fd: int) -> int:
    """Bytes the kernel still holds for a serial line."""
    held: int = struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
    return held


def _translated(path: str, exc: OSError | termios.error) -> HardwareError:
    number = exc.errno if isinstance(exc, OSError) else exc.args[0]
    if number in _BUSY:
        return DeviceBusy(f"receipt printer {path} is in use by another program")
    if number in _GONE:
        return NoHardware(f"receipt printer {path} is not there; check its plug and power")
    if number in _FORBIDDEN:
        return HardwareError(
            f"receipt printer {path} may not be opened by this user; check its group, and"
            " DeviceAllow= of the service"
        )
    return HardwareError(f"receipt printer {path}: {exc}")


def _stopped(path: str) -> HardwareError:
    return DeviceTimeout(
        f"receipt printer {path} did not take the whole slip; check its paper, cover and cable"
    )
