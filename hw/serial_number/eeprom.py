"""A field of an I2C EEPROM that the kernel has no driver for. It is read and never written."""

from collections.abc import Callable

from hw.contract import EepromPlace, HardwareError, I2cBus, Reading
from hw.serial_number.i2c import Lanes
from hw.serial_number.memory import decode, pieces

OpenBus = Callable[[str], I2cBus | None]
"""From a path to the bus; None where this machine has no such adapter. Raises HardwareError."""


class Eeprom:
    """Read twice and compared, because I2C has no checksum of its own."""

    name = "eeprom"

    def __init__(self, *, place: EepromPlace, open_bus: OpenBus, lanes: Lanes) -> None:
        self._place = place
        self._open_bus = open_bus
        self._lanes = lanes

    def read(self) -> Reading | None:
        raw = self._lanes.run(self._place.bus, self._twice)
        if raw is None:
            return None
        where = f"{self._place.bus}, address {self._place.address:#04x}"
        try:
            decoded = decode(raw, self._place.field)
        except HardwareError as error:
            raise HardwareError(f"{where}: {error}") from error
        return Reading(source=where, value=decoded.value, refused=decoded.refused)

    def _twice(self) -> bytes | None:
        bus = self._open_bus(self._place.bus)
        if bus is None:
            return None
        try:
            first, second = self._once(bus), self._once(bus)
        finally:
            bus.close()
        if first != second:
            raise HardwareError(
                f"{self._place.bus}, address {self._place.address:#04x}: two readings differ:"
                " the bus is disturbed; it is tried again"
            )
        return first

    def _once(self, bus: I2cBus) -> bytes:
        return b"".join(
            bus.transfer(piece.address, piece.place, piece.count) for piece in pieces(self._place)
        )
