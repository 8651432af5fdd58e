"""The real udev's verdict on devices that do not exist: `udevadm test` on umockdev's devices.

udevadm of some releases makes the links and database entries it speaks of. So it runs in a mount
namespace with a /dev and a /run/udev of its own, which takes root.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.deploy import ROOT

HOST: Final = "/devices/pci0000:00/0000:00:14.0"
_HUB: Final = f"""\
P: {HOST}
E: SUBSYSTEM=pci
E: DRIVER=xhci_hcd

P: {HOST}/usb1
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
A: idVendor=1d6b\\n
"""
_PRIVATE: Final = """\
set -e
mount -t tmpfs none "$BED/dev"
mkdir "$BED/dev/pts"; mount --bind /dev/pts "$BED/dev/pts"
mknod -m 666 "$BED/dev/ptmx" c 5 2; mknod -m 666 "$BED/dev/null" c 1 3
mknod -m 666 "$BED/dev/urandom" c 1 9
mount --rbind "$BED/dev" /dev
mkdir -p /run/udev; mount -t tmpfs none /run/udev; mkdir /run/udev/rules.d
cp "$BED"/rules/* /run/udev/rules.d/
exec umockdev-run --device "$BED/devices.umockdev" -- sh -c "$1"
"""


def _namespace() -> bool:
    """Whether this user may have mounts of his own."""
    done = subprocess.run(
        ["unshare", "--mount", "true"], capture_output=True, check=False, timeout=20
    )
    return done.returncode == 0


NEEDED: Final = pytest.mark.skipif(
    os.geteuid() != 0
    or not all(map(shutil.which, ("udevadm", "umockdev-run", "unshare")))
    or not _namespace(),
    reason="needs root, udevadm, umockdev-run, and a mount namespace",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A USB serial adapter with one port."""

    usb: str
    place: str
    tty: str
    minor: int
    serial: str | None = None
    driver: str = "ftdi_sio"

    @property
    def device(self) -> str:
        return f"{HOST}/usb1/{self.place}"

    @property
    def port(self) -> str:
        return f"{self.device}/{self.place}:1.0/{self.tty}/tty/{self.tty}"

    def described(self) -> str:
        """As umockdev reads it."""
        vendor, _, product = self.usb.partition(":")
        serial = "" if self.serial is None else f"A: serial={self.serial}\\n\n"
        behind = f"{self.device}/{self.place}:1.0"
        return f"""\
P: {self.device}
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: PRODUCT={int(vendor, 16):x}/{int(product, 16):x}/600
A: idVendor={vendor}\\n
A: idProduct={product}\\n
{serial}
P: {behind}
E: DEVTYPE=usb_interface
E: SUBSYSTEM=usb
A: bInterfaceNumber=00\\n
A: bInterfaceClass=ff\\n
A: bInterfaceSubClass=ff\\n
A: bInterfaceProtocol=ff\\n

P: {behind}/{self.tty}
E: SUBSYSTEM=usb-serial
A: port_number=0\\n
L: driver=../../../../../../../bus/usb-serial/drivers/{self.driver}

P: {self.port}
N: {self.tty}
E: DEVNAME=/dev/{self.tty}
E: SUBSYSTEM=tty
E: MAJOR=188
E: MINOR={self.minor}
A: dev=188:{self.minor}\\n
L: device=../../../{self.tty}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePrinter:
    """A receipt printer on USB, which the kernel's usblp makes a /dev/usb/lpN of."""

    usb: str
    place: str = "1-5"

    @property
    def device(self) -> str:
        return f"{HOST}/usb1/{self.place}"

    @property
    def port(self) -> str:
        return f"{self.device}/{self.place}:1.0/usbmisc/lp0"

    def described(self) -> str:
        """As umockdev reads it."""
        vendor, _, product = self.usb.partition(":")
        return f"""\
P: {self.device}
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: PRODUCT={int(vendor, 16):x}/{int(product, 16):x}/100
A: idVendor={vendor}\\n
A: idProduct={product}\\n

P: {self.device}/{self.place}:1.0
E: DEVTYPE=usb_interface
E: SUBSYSTEM=usb
A: bInterfaceNumber=00\\n
A: bInterfaceClass=07\\n
A: bInterfaceSubClass=01\\n
A: bInterfaceProtocol=02\\n
L: driver=../../../../../../bus/usb/drivers/usblp

P: {self.port}
N: usb/lp0
E: DEVNAME=/dev/usb/lp0
E: SUBSYSTEM=usbmisc
E: MAJOR=180
E: MINOR=0
A: dev=180:0\\n
L: device=../../../{self.place}:1.0
"""


class Device(Protocol):
    def described(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What udev said of a device: its properties, and everything it wrote."""

    properties: Mapping[str, str] = field(default_factory=dict)
    text: str

    @property
    def links(self) -> set[str]:
        return set(re.findall(r"/dev/pos/\w+", self.properties.get("DEVLINKS", "")))


class Bed:
    """Some devices under the shipped rules and those of the integrator."""

    def __init__(self, folder: Path, devices: Iterable[Device], local: str = "") -> None:
        self._folder = folder
        (folder / "dev").mkdir()
        (folder / "rules").mkdir()
        shutil.copy(ROOT / "udev/70-pos-agent.rules", folder / "rules")
        (folder / "rules/65-pos-display.rules").write_text(local)
        described = "\n".join((_HUB, *(device.described() for device in devices)))
        (folder / "devices.umockdev").write_text(described)

    def verdict(self, path: str, action: str = "add") -> Verdict:
        """On the device with this path of sysfs: it came, or `change`, somebody wants it looked at
        again."""
        text = self.run(f"udevadm test --action={action} /sys{path} 2>&1")
        found = re.findall(r"^\s*(?:E: )?([A-Z.][\w.]*)=(.*)$", text, re.MULTILINE)
        assert ("DEVPATH", path) in found, text
        return Verdict(properties=dict(found), text=text)

    def run(self, command: str) -> str:
        """Standard output of a shell command that sees nothing but these devices."""
        done = subprocess.run(
            ["unshare", "--mount", "--propagation=private", "sh", "-c", _PRIVATE, "sh", command],
            env={**os.environ, "BED": str(self._folder)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
