"""What the agent asks of the terminal's hardware, and the trouble it may answer with.

    HardwareError      nobody is to blame: wait and try again
      NoHardware         not there (unplugged, no such file)
      DeviceBusy         another program has it
      DeviceTimeout      it did not take the bytes in time; what it shows now is unknown

Names follow UnifiedPOS LineDisplay. `agent` imports this module and nothing else of `hw`, except
in its composition root.
"""

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
        Changes nothing on the glass; takes at most 0.5 s."""
        ...

    def clear_text(self) -> None: ...

    def display_text_at(self, row: int, column: int, text: str) -> None:
        """Show text from that cell on. 0-based, as in UnifiedPOS; text never leaves its row."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value a serial source gave: `value` exactly as found, `source` in words a technician
    can act on (`/sys/class/dmi/id/product_serial`)."""

    source: str
    value: str


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
