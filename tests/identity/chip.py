"""An I2C bus with one EEPROM of the 24C family on it: the test double behind `hw.contract.I2cBus`.

As the data sheets have it: after the place is written, reading goes on from there and the counter
runs over the whole memory; a memory larger than its address bytes can say answers at further device
addresses, one for each block.
"""

from collections.abc import Callable

from hw.contract import HardwareError


class Chip:
    def __init__(self, memory: bytes, *, address: int = 0x50, address_bytes: int = 1) -> None:
        self.memory = memory
        self.address = address
        self.address_bytes = address_bytes
        self.transfers: list[tuple[int, bytes, int]] = []
        self.opened = self.closed = 0
        self.before_transfer: Callable[[], None] = lambda: None

    def open(self, path: str) -> "Chip":
        self.opened += 1
        return self

    def transfer(self, address: int, written: bytes, count: int) -> bytes:
        self.before_transfer()
        self.transfers.append((address, written, count))
        block = 1 << 8 * self.address_bytes
        blocks = max(1, len(self.memory) // block)
        if not self.address <= address < self.address + blocks:
            raise HardwareError(f"nothing answers at {address:#04x}")
        assert len(written) == self.address_bytes
        at = (address - self.address) * block + int.from_bytes(written, "big")
        return bytes(self.memory[(at + n) % len(self.memory)] for n in range(count))

    def close(self) -> None:
        self.closed += 1
