"""USB-serial adapters that can be plugged in, with emulated displays behind them, by umockdev.

Runs below `umockdev-wrapper` with Debian's own python3, which has gi; never imported by pytest.
The kernel's part is umockdev's: sysfs, device nodes, ioctls. udev's part is here: the link by the
place of the plug, as an integrator's rule makes it, with ID_PATH from udev itself.
"""

import errno
import importlib
import os
import select
import struct
import subprocess
import termios
import threading
import tty
from pathlib import Path
from typing import Any, Final

from hw.display.emulator import Emulator

gi: Any = importlib.import_module("gi")  # pytest's Python has none, nor have the type checkers
gi.require_version("UMockdev", "1.0")
GLib: Any = importlib.import_module("gi.repository.GLib")
UMockdev: Any = importlib.import_module("gi.repository.UMockdev")

LINK: Final = "/dev/pos/display"
_HOST: Final = "/devices/pci0000:00/0000:00:14.0"


class Bed:
    """A terminal's USB sockets. The adapter in socket 1 is the display, whatever its name."""

    def __init__(self) -> None:
        self.testbed = UMockdev.Testbed.new()
        self.testbed.add_from_string(
            f"P: {_HOST}\nE: SUBSYSTEM=pci\nE: PCI_SLOT_NAME=0000:00:14.0\n\n"
            f"P: {_HOST}/usb1\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n\n"
        )
        self.link = Path(self.testbed.get_root_dir() + LINK)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=GLib.MainLoop().run, daemon=True).start()

    def plug(self, name: str, socket: int = 1, command_set: str = "escpos") -> "Adapter":
        """An HP LD220 by its identity; two of them differ by their socket alone. A name serves
        once, umockdev knows no second time."""
        usb = f"{_HOST}/usb1/1-{socket}"
        port = f"{usb}/1-{socket}:1.0/{name}"
        self.testbed.add_from_string(
            f"P: {usb}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor=03f0\\n\n"
            f"A: idProduct=3524\\n\nA: bNumInterfaces= 1\\n\n\n"
            f"P: {usb}/1-{socket}:1.0\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n\n"
            f"P: {port}\nE: SUBSYSTEM=usb-serial\n\n"
            f"P: {port}/tty/{name}\nN: {name}\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/{name}\n"
            f"A: dev=188:{name[-1]}\\n\n"
        )
        adapter = Adapter(self, f"/dev/{name}", f"/sys{port}/tty/{name}", command_set)
        if self._id_path(adapter.sysfs) == "pci-0000:00:14.0-usb-0:1:1.0":
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(f"../{name}")
            self.testbed.attach_ioctl(LINK, adapter.wires)
        return adapter

    def _id_path(self, sysfs: str) -> str:
        """udev's own opinion; it sees the testbed, as every child does."""
        command = ["udevadm", "test-builtin", "path_id", sysfs]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)["ID_PATH"]


class Adapter:
    """One adapter with the display behind it, and what can happen to both."""

    def __init__(self, bed: Bed, path: str, sysfs: str, command_set: str) -> None:
        self.path, self.sysfs = path, sysfs
        self.unit = Emulator(2, 20, command_set)
        self.cable = True  # between adapter and display
        self.dsr: bool | None = None  # None: as the display has it
        self.cts = True
        self.held_back = 0  # bytes the kernel says it still holds
        self.writes_left: int | None = None  # then EIO
        self.asked_for: list[int] = []  # ioctls, in their order
        self.received = b""
        self._bed = bed
        self.wires = UMockdev.IoctlBase()
        self.wires.connect("handle-ioctl", self._on_ioctl)
        self.wires.connect("handle-write", self._on_write)
        bed.testbed.attach_ioctl(path, self.wires)
        self._master = bed.testbed.get_dev_fd(path)
        os.set_blocking(self._master, True)
        self._near = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._near)  # kept open: else the master reports EIO whenever nobody has it
        self._stop = os.eventfd(0)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def unplug(self) -> None:
        """The line hangs up, and udev takes the names away."""
        bed = self._bed
        linked = bed.link.is_symlink() and bed.link.readlink().name == Path(self.path).name
        if linked:
            bed.testbed.detach_ioctl(LINK)
            bed.link.unlink()
        bed.testbed.detach_ioctl(self.path)
        root, pty = Path(bed.testbed.get_root_dir()), os.ttyname(self._near)
        os.eventfd_write(self._stop, 1)
        self._reader.join()  # a reader would keep the line from hanging up
        os.close(self._near)
        os.close(self._master)
        for sysfs in (self.sysfs, *map(str, Path(self.sysfs).parents[1:4])):
            bed.testbed.remove_device(sysfs)
        # umockdev leaves this, and then trips over it when the pty is used again.
        (root / "dev/.ptymap" / pty.replace("/", "_")).unlink(missing_ok=True)

    def cells(self) -> tuple[str, ...]:
        return self.unit.cells() if self.cable else ("(dark)",)

    def pull_cable(self) -> None:
        self.cable = False
        self.unit.power_off()

    def put_cable_back(self) -> None:
        self.unit.power_on()
        self.cable = True

    def _read(self) -> None:
        while self._stop not in select.select([self._master, self._stop], [], [])[0]:
            data = os.read(self._master, 256)
            self.received += data
            if self.cable and (answer := self.unit.feed(data)):
                os.write(self._master, answer)

    def _on_ioctl(self, _: Any, client: Any) -> bool:
        request = client.get_request()
        self.asked_for.append(request)
        match request:
            case termios.TIOCMGET:
                client.get_arg().resolve(0, 4).update(0, struct.pack("=I", self._levels()))
            case termios.TIOCOUTQ:
                client.get_arg().resolve(0, 4).update(0, struct.pack("=I", self.held_back))
            case termios.TIOCEXCL | termios.TIOCNXCL | termios.TIOCMBIS | termios.TIOCMBIC:
                pass
            case _:
                return False
        client.complete(0, 0)
        return True

    def _on_write(self, _: Any, client: Any) -> bool:
        if self.writes_left is None:
            return False
        self.writes_left -= 1
        if self.writes_left >= 0:
            return False
        client.complete(-1, errno.EIO)
        return True

    def _levels(self) -> int:
        dsr = (self.cable and self.unit.dsr) if self.dsr is None else self.dsr
        return (termios.TIOCM_DSR if dsr else 0) | (termios.TIOCM_CTS if self.cts else 0)
