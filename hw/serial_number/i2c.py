"""An I2C bus through python-periphery, and one transfer at a time on each bus."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, I2cBus
from hw.serial_number.files import under

if TYPE_CHECKING:
    from periphery import I2C

LIMIT: Final = 3.0  # s for all transfers of one field; at 100 kHz a kilobyte takes 0.1 s

# What adapters say when nothing answers at an address, and when the bus is not free
# (Documentation/i2c/fault-codes.rst); EREMOTEIO is the older drivers' word.
_NO_ANSWER: Final = frozenset((errno.ENXIO, errno.EREMOTEIO, errno.ENODEV))
_BUSY: Final = frozenset((errno.EBUSY, errno.EAGAIN))


class PeripheryBus:
    """An opened bus. Not thread-safe; `Lanes` sees to it that one thread uses it."""

    def __init__(self, path: str, opened: "I2C") -> None:
        self._path = path
        self._opened = opened

    def transfer(self, address: int, written: bytes, count: int) -> bytes:
        messages = [
            self._opened.Message(list(written)),
            self._opened.Message([0] * count, read=True),
        ]
        try:
            self._opened.transfer(address, messages)
        except OSError as error:
            raise _trouble(self._path, error, address) from error
        return bytes(messages[1].data)

    def close(self) -> None:
        with suppress(OSError):
            self._opened.close()


def open_bus(path: str, *, root: str = "/") -> I2cBus | None:
    """The bus, or None where this machine has no such adapter. Raises HardwareError."""
    from periphery import I2C  # noqa: PLC0415  # few terminals need it

    try:
        return PeripheryBus(path, I2C(under(root, path)))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise _trouble(path, error) from error
        if not os.path.isdir(under(root, "/sys/class/i2c-dev")):
            raise HardwareError(
                f"{path} is not there, because the driver i2c-dev is not loaded: modprobe i2c-dev,"
                " or take eeprom out of sources"
            ) from error
        return None


def _trouble(path: str, error: OSError, address: int | None = None) -> HardwareError:
    where = path if address is None else f"{path}, address {address:#04x}"
    number = error.errno
    if number in _NO_ANSWER:
        return HardwareError(f"{where}: nothing answers: check bus, address and power")
    if number in _BUSY:
        return DeviceBusy(f"{where}: the bus is busy: it is tried again")
    if number == errno.ETIMEDOUT:
        return DeviceTimeout(f"{where}: the bus hangs: a device may hold its lines low")
    if number in (None, errno.EOPNOTSUPP):  # periphery finds out by itself and sets no errno
        return HardwareError(f"{where}: this adapter speaks SMBus only: name another bus")
    if number in (errno.EACCES, errno.EPERM):
        return HardwareError(
            f"{where}: {os.strerror(number)}: the service needs SupplementaryGroups=i2c and"
            " DeviceAllow=char-i2c rw"
        )
    return HardwareError(f"{where}: {os.strerror(number or 0)}: it is tried again")


class Lanes:
    """Runs transfers in threads of their own, because nothing can interrupt one.

    A transfer that does not come back keeps its bus: later ones are refused, and no second thread
    is ever left behind on the same bus.
    """

    def __init__(self, *, limit: float = LIMIT) -> None:
        self._limit = limit
        self._lanes: dict[str, Lock] = {}
        self._lock = Lock()

    def run(self, bus: str, work: Callable[[], bytes | None]) -> bytes | None:
        """What the work returns or raises. Raises DeviceTimeout and DeviceBusy, and HardwareError
        where there is no thread to be had."""
        with self._lock:
            lane = self._lanes.setdefault(bus, Lock())
        if not lane.acquire(timeout=self._limit):
            raise DeviceBusy(f"{bus}: an earlier transfer hangs, and nothing can interrupt it")
        ended: SimpleQueue[bytes | Exception | None] = SimpleQueue()

        def carry_out() -> None:
            try:
                ended.put(work())
            except Exception as error:  # whatever it is, it belongs to the caller
                ended.put(error)
            finally:
                lane.release()

        try:
            Thread(target=carry_out, daemon=True, name=f"i2c {bus}").start()
        except RuntimeError as error:  # the service's TasksMax, or no memory: it may pass
            lane.release()
            raise HardwareError(f"{bus}: {error}: it is tried again") from error
        try:
            outcome = ended.get(timeout=self._limit)
        except Empty:
            raise DeviceTimeout(f"{bus}: no answer within {self._limit:g} s") from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
