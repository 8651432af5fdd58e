"""What the agent asks of the terminal's hardware, and the trouble it may answer with.

    HardwareError      nobody is to blame: wait and try again
      NoHardware         not there (unplugged, no such file)
      DeviceBusy         another program has it
      DeviceTimeout      it did not take the bytes in time; what it shows now is unknown

Names follow UnifiedPOS LineDisplay. The part of `agent` that runs all the time imports this module
and nothing else of `hw`, except in its composition root. The commands (`doctor`, `display`,
`identity`, `demo`) are tools for the hardware itself and look behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol


class HardwareError(Exception):
    """Root of hardware trouble. The message says which device and what to do."""


class NoHardware(HardwareError):
    """The device is not there."""


class DeviceBusy(HardwareError):
    """Another program holds the device."""


class DeviceTimeout(HardwareError):
    """The device did not take the bytes within the deadline."""


Presence = Literal["absent", "unknown", "confirmed"]
"""`absent`: it did not answer where it always does. `unknown`: it has no way to answer, or nobody
has asked. `confirmed`: it answered just now."""


class LineDisplay(Protocol):
    """A customer display of character cells. Calls block: use it from a thread of its own.

    Every call but `release` raises HardwareError. After one, `claim` again and redraw: what the
    glass shows is unknown.
    """

    @property
    def device_rows(self) -> int: ...

    @property
    def device_columns(self) -> int: ...

    @property
    def fd(self) -> int | None:
        """Hangs up (POLLHUP, POLLERR) when the claimed port vanishes; None while there is none to
        watch."""
        ...

    def plugged(self) -> bool:
        """Whether there is a port to claim, by one cheap look at its name. Never raises."""
        ...

    def as_shown(self, text: str) -> str:
        """The text as the glass can show it, one character a cell: what its character set lacks
        is spelled out (`ß` becomes `ss`) or `?`. Needs no claim and never raises."""
        ...

    def claim(self) -> None:
        """Open the port for this process alone, and initialise the display: clear, cursor off."""
        ...

    def release(self) -> None:
        """Clear the display as far as that works, and give the port back. Never raises."""
        ...

    def presence(self) -> Presence:
        """Ask the claimed display whether it is there, by what its command set and wires allow.
        Waits at most 0.5 s for an answer. What is on the glass is there afterwards too: after a
        question that nothing has ever answered it is written anew, because a display that does not
        know the question may show it."""
        ...

    def display_rows(self, texts: Mapping[int, str]) -> None:
        """Show these texts, one a row and blanks behind it, in one go; other rows stay."""
        ...

    def display_text_at(self, row: int, column: int, text: str) -> None:
        """Show text from that cell on. 0-based, as in UnifiedPOS; text never leaves its row."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What a receipt printer prints, from top to bottom: `title`, `qr` as a QR code if there is
    one, the lines `above`, `code` in large letters, the lines `below`. Lines have 32 columns."""

    title: str
    qr: str | None
    above: tuple[str, ...]
    code: str
    below: tuple[str, ...]


class ReceiptPrinter(Protocol):
    """A receipt printer nobody keeps: opened for a slip, and given back after it."""

    def print_slip(self, slip: Slip) -> None:
        """Print it and cut the paper. Blocks for some seconds at most. Raises NoHardware and
        DeviceBusy before anything was printed, any other HardwareError perhaps in the middle."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value a serial source gave: `value` exactly as found, `source` in words a technician
    can act on (`/sys/class/dmi/id/product_serial`). `refused` is why the source itself cannot vouch
    for it ("was never written"), or None."""

    source: str
    value: str
    refused: str | None = None


Encoding = Literal["ascii", "hex", "hex-upper", "bcd", "number-be", "number-le"]
Checksum = Literal["none", "sum8", "sum8-zero", "xor8", "crc8", "crc16-ccitt", "crc16-ccitt-le"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryField:
    """A serial number in a memory: `length` bytes from `offset` on, the checksum right behind."""

    offset: int
    length: int
    encoding: Encoding = "ascii"
    checksum: Checksum = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmemPlace:
    """`device` is a name below /sys/bus/nvmem/devices."""

    device: str
    field: MemoryField


@dataclass(frozen=True, slots=True, kw_only=True)
class EepromPlace:
    """An I2C EEPROM. `bus` is a path, `address` has 7 bits, `address_bytes` is 1 or 2: how a place
    in the memory is written on the bus."""

    bus: str
    address: int
    address_bytes: int
    field: MemoryField


class Whereabouts(Protocol):
    """What some serial sources have to be told; None where it is not set."""

    @property
    def file(self) -> str | None: ...

    @property
    def command(self) -> tuple[str, ...] | None: ...

    @property
    def interface(self) -> str | None: ...

    @property
    def nvmem(self) -> NvmemPlace | None: ...

    @property
    def eeprom(self) -> EepromPlace | None: ...


class SerialSource(Protocol):
    """Somewhere a terminal's serial number may be written."""

    @property
    def name(self) -> str:
        """As in the configuration, e.g. `dmi-product-serial`."""
        ...

    def read(self) -> Reading | None:
        """The value, or None where this machine has no such source.

        Raises HardwareError when the source is there but cannot be read now: the caller waits,
        it never falls through to the next source.
        """
        ...


class I2cBus(Protocol):
    """One I2C bus, opened. Calls block, and none can be interrupted."""

    def transfer(self, address: int, written: bytes, count: int) -> bytes:
        """Write these bytes to the device, then read `count` from it, in one transaction: no other
        master gets in between. Raises HardwareError."""
        ...

    def close(self) -> None:
        """Never raises."""
        ...


class Button(Protocol):
    """A push button. Edges only wake: the kernel drops them silently when there are many."""

    @property
    def fd(self) -> int | None:
        """Readable when the button may have moved; None where only looking again helps."""
        ...

    def pressed(self) -> bool:
        """The level as it is now; takes pending edges off the line. Raises HardwareError."""
        ...

    def close(self) -> None: ...


class Switch(Protocol):
    """A lamp or a buzzer: on or off."""

    def turn(self, on: bool) -> None:
        """Raises HardwareError."""
        ...

    def close(self) -> None:
        """Turn it off and give it back. Never raises."""
        ...
