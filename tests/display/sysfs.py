"""A machine as a tree of files: the parts of /sys, /run/udev, /dev and /proc that tell of ports."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PCI: Final = "sys/devices/pci0000:00/0000:00:14.0/usb1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usb:
    """A USB adapter in a socket."""

    usb: str
    place: str = "1-3"
    serial: str | None = None
    maker: str | None = None
    product: str | None = None
    interface: str = "00"


class Machine:
    """Everything is made below `root`, and named as a real machine names it."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._root = root
        self._minor = 0

    def usb_serial(
        self,
        name: str,
        adapter: Usb,
        *,
        driver: str = "ftdi_sio",
        properties: dict[str, str] | None = None,
        number: str = "0",
    ) -> None:
        """ttyUSB: behind an interface there is a port of the bus usb-serial. Without properties as
        udev would find them."""
        port = self._interface(adapter, None) / name
        self._write(port / "port_number", number)
        self._link(port / "driver", f"sys/bus/usb-serial/drivers/{driver}")
        self._link(port / "subsystem", "sys/bus/usb-serial")
        known = self.properties(adapter) if properties is None else properties
        self._tty(port / "tty" / name, name, device=port, properties=known)

    def acm(self, name: str, adapter: Usb) -> None:
        interface = self._interface(adapter, "cdc_acm")
        self._tty(
            interface / "tty" / name, name, device=interface, properties=self.properties(adapter)
        )

    def line_printer(self, name: str, adapter: Usb) -> None:
        interface = self._interface(adapter, "usblp")
        here = interface / "usbmisc" / name
        self._write(here / "uevent", f"MAJOR=180\nMINOR=0\nDEVNAME=usb/{name}")
        self._write(here / "dev", "180:0")
        self._link(here / "device", str(interface.relative_to(self._root)))
        self._class("usbmisc", name, here)

    def usb_device(self, adapter: Usb, driver: str | None = None) -> None:
        """A USB device without a port."""
        self._interface(adapter, driver)

    def uart(self, name: str, *, driver: str, chip: str = "4", console: bool = False) -> None:
        """A port of the board. `chip` is its type in serial_core.h, 0 for none."""
        board = self._root / "sys/devices/platform/soc" / name
        self._link(board / "driver", f"sys/bus/platform/drivers/{driver}")
        layer = board / "soc:0" / "soc:0.0"  # as Linux 6.5 and later have it
        self._link(layer / "driver", "sys/bus/serial-base/drivers/port")
        self._link(layer / "subsystem", "sys/bus/serial-base")
        here = layer / "tty" / name
        self._write(here / "type", chip)
        self._write(here / "console", "Y" if console else "N")
        self._tty(here, name, device=layer, properties={})

    def virtual(self, name: str) -> None:
        here = self._root / "sys/devices/virtual/tty" / name
        self._write(here / "dev", "4:1")
        self._class("tty", name, here)

    def name(self, name: str, device: str) -> None:
        """A link in /dev, as udev makes them."""
        self._link(self._root / name.lstrip("/"), device.lstrip("/"))

    def process(
        self,
        pid: int,
        name: str,
        *opened: str,
        unit: str | None = None,
        words: str = "",
    ) -> None:
        here = self._root / "proc" / str(pid)
        self._write(here / "comm", name)
        self._write(here / "cgroup", f"0::/system.slice/{unit}" if unit else "0::/user.slice")
        (here / "cmdline").write_text(words.replace(" ", "\0") + "\0")
        (here / "fd").mkdir()
        for number, target in enumerate(opened):
            (here / "fd" / str(number)).symlink_to(target)

    def locked(self, device: str, pid: int) -> None:
        self._write(self._root / "var/lock" / f"LCK..{device}", f"{pid:10}")

    @staticmethod
    def properties(adapter: Usb) -> dict[str, str]:
        """As udev's usb_id and path_id find them."""
        vendor, _, product = adapter.usb.partition(":")
        socket = adapter.place.partition("-")[2]
        found = {
            "ID_BUS": "usb",
            "ID_VENDOR_ID": vendor,
            "ID_MODEL_ID": product,
            "ID_USB_INTERFACE_NUM": adapter.interface,
            "ID_PATH": f"pci-0000:00:14.0-usb-0:{socket}:1.{int(adapter.interface)}",
        }
        return found | ({"ID_SERIAL_SHORT": adapter.serial} if adapter.serial else {})

    def _interface(self, adapter: Usb, driver: str | None = None) -> Path:
        device = self._root / PCI / adapter.place
        vendor, _, product = adapter.usb.partition(":")
        told = {
            "idVendor": vendor,
            "idProduct": product,
            "serial": adapter.serial,
            "manufacturer": adapter.maker,
            "product": adapter.product,
        }
        for attribute, value in told.items():
            if value is not None:
                self._write(device / attribute, value)
        interface = device / f"{adapter.place}:1.{int(adapter.interface)}"
        self._write(interface / "bInterfaceNumber", adapter.interface)
        if driver is not None:
            self._link(interface / "driver", f"sys/bus/usb/drivers/{driver}")
        for directory in (device, interface):
            self._link(
                self._root / "sys/bus/usb/devices" / directory.name,
                str(directory.relative_to(self._root)),
            )
        return interface

    def _tty(self, here: Path, name: str, *, device: Path, properties: dict[str, str]) -> None:
        self._minor += 1
        self._write(here / "uevent", f"MAJOR=188\nMINOR={self._minor}\nDEVNAME={name}")
        self._write(here / "dev", f"188:{self._minor}")
        self._link(here / "device", str(device.relative_to(self._root)))
        self._class("tty", name, here)
        self._write(self._root / "dev" / name, "")
        if properties:
            socket = properties.get("ID_PATH")
            link = f"S:serial/by-path/{socket}-port0\n" if socket else ""
            lines = "".join(f"E:{key}={value}\n" for key, value in properties.items())
            self._write(self._root / f"run/udev/data/c188:{self._minor}", f"{link}I:1\n{lines}")

    def _class(self, group: str, name: str, here: Path) -> None:
        self._link(self._root / "sys/class" / group / name, str(here.relative_to(self._root)))

    def _link(self, link: Path, target: str) -> None:
        if not (self._root / target).exists():
            (self._root / target).mkdir(parents=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(self._root / target, link.parent))

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
