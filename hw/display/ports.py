"""What is found of ports that a display may be at: values only. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from hw.display import usb_ids

Kind = Literal["usb", "uart", "printer"]
"""`usb`: a serial port behind USB. `uart`: one of the board. `printer`: a line printer on USB."""

NAMES: Final = ("/dev/pos/display", "/dev/pos/printer")

USBFS: Final = "usbfs"  # the kernel's name for "some program has it"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """What a USB device says of itself. `usb` is `vvvv:pppp`; `serial` as the device has it,
    unfiltered; `place` the kernel's name of its socket (`1-3.2`)."""

    usb: str
    place: str
    serial: str | None = None
    maker: str | None = None
    product: str | None = None

    @property
    def identity(self) -> usb_ids.Identity | None:
        return usb_ids.of(self.usb)


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One port. `device` is its node, `names` those of /dev/pos that lead to it, `number` which
    port it is of a driver that makes several of one interface. `properties` are udev's; empty where
    udev does not run. `console`: the kernel writes its messages there."""

    device: str
    kind: Kind
    driver: str | None
    usb: UsbDevice | None = None
    interface: str | None = None
    number: str | None = None
    console: bool = False
    by_path: str | None = None
    names: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def id_path(self) -> str | None:
        """udev's name of the socket it is plugged into."""
        return self.properties.get("ID_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A USB device that is known as a display and has no port. `drivers` are those of its
    interfaces: `usbfs` is a program that took it from the kernel."""

    usb: UsbDevice
    drivers: tuple[str, ...]
