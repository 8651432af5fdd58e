"""Which ports a display may be at, as the kernel and udev describe them. Opens no port.

Read from sysfs and from udev's database (/run/udev/data), all below `root`, so that a tree of files
can stand in for a machine.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final

from hw.display.ports import NAMES, USBFS, Port, Stray, UsbDevice

_NO_UART: Final = "0"  # PORT_UNKNOWN of serial_core.h: the driver found no chip there
_CORE: Final = "serial-base"  # layers between a UART and its driver since Linux 6.5


def ports(root: str = "/") -> tuple[Port, ...]:
    """Every port, by name."""
    found = [*_ttys(root), *_printers(root)]
    return tuple(sorted(found, key=lambda port: _natural(port.device)))


def strays(root: str = "/") -> tuple[Stray, ...]:
    """Every USB device in the table of known displays that no driver made a port of."""
    devices = os.path.join(root, "sys/bus/usb/devices")
    taken = {port.usb.place for port in ports(root) if port.usb is not None}
    found = (_usb_device(os.path.join(devices, name)) for name in sorted(_entries(devices)))
    lost = (
        Stray(usb=usb, drivers=_interface_drivers(devices, usb.place))
        for usb in found
        if usb is not None and usb.place not in taken
    )
    return tuple(stray for stray in lost if _concerns_us(stray))


def _concerns_us(stray: Stray) -> bool:
    """A chip that may be anything does so only while it could still become a port."""
    identity = stray.usb.identity
    if identity is None or identity.kind != "adapter":
        return identity is not None
    return not stray.drivers or USBFS in stray.drivers


def _ttys(root: str) -> Iterator[Port]:
    folder = os.path.join(root, "sys/class/tty")
    for name in _entries(folder):
        here = os.path.realpath(os.path.join(folder, name))
        # Consoles and pseudo-terminals have no device behind them.
        if os.path.exists(os.path.join(here, "device")) and _text(here, "type") != _NO_UART:
            yield _port(root, here, name)


def _printers(root: str) -> Iterator[Port]:
    folder = os.path.join(root, "sys/class/usbmisc")
    for name in _entries(folder):
        if re.fullmatch(r"lp\d+", name):
            yield _port(root, os.path.realpath(os.path.join(folder, name)), f"usb/{name}")


def _port(root: str, here: str, name: str) -> Port:
    behind = os.path.realpath(os.path.join(here, "device"))
    chain = tuple(_upwards(behind, os.path.join(root, "sys")))
    usb = next(filter(None, map(_usb_device, chain)), None)
    device = f"/dev/{_uevent(here).get('DEVNAME', name).removeprefix('/dev/')}"
    properties, links = _udev(root, _text(here, "dev"))
    return Port(
        device=device,
        kind="printer" if name.startswith("usb/") else "uart" if usb is None else "usb",
        driver=next(filter(None, map(_driver, chain)), None),
        usb=usb,
        interface=_first(chain, "bInterfaceNumber"),
        number=_first(chain, "port_number"),
        console=_text(here, "console") == "Y",
        by_path=next((link for link in links if "/by-path/" in link), None),
        names=tuple(name for name in NAMES if _leads(root, name, device)),
        properties=properties,
    )


def _usb_device(directory: str) -> UsbDevice | None:
    """The device a directory of sysfs is about, if it is a USB device (and no interface)."""
    vendor, product = _text(directory, "idVendor"), _text(directory, "idProduct")
    if vendor is None or product is None:
        return None
    return UsbDevice(
        usb=f"{vendor}:{product}".lower(),
        place=os.path.basename(directory),
        serial=_text(directory, "serial"),
        maker=_text(directory, "manufacturer"),
        product=_text(directory, "product"),
    )


def _interface_drivers(devices: str, place: str) -> tuple[str, ...]:
    interfaces = [name for name in sorted(_entries(devices)) if name.startswith(f"{place}:")]
    bound = (_driver(os.path.join(devices, name)) for name in interfaces)
    return tuple(dict.fromkeys(filter(None, bound)))


def _udev(root: str, number: str | None) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Properties and links of a character device, from the file udev keeps of it."""
    properties, links = {}, []
    for line in _lines(os.path.join(root, f"run/udev/data/c{number}")):
        kind, _, value = line.partition(":")
        if kind == "E":
            key, _, text = value.partition("=")
            properties[key] = text
        elif kind == "S":
            links.append(f"/dev/{value}")
    return properties, tuple(links)


def _leads(root: str, name: str, device: str) -> bool:
    below = root.rstrip("/")
    link = f"{below}{name}"
    return os.path.islink(link) and os.path.realpath(link) == os.path.realpath(f"{below}{device}")


# -- sysfs ----------------------------------------------------------------------------------------


def _upwards(directory: str, end: str) -> Iterator[str]:
    while directory.startswith(f"{end}/"):
        yield directory
        directory = os.path.dirname(directory)


def _driver(directory: str) -> str | None:
    link = os.path.join(directory, "driver")
    layer = os.path.basename(os.path.realpath(os.path.join(directory, "subsystem")))
    if layer == _CORE or not os.path.islink(link):
        return None
    return os.path.basename(os.path.realpath(link))


def _first(chain: tuple[str, ...], attribute: str) -> str | None:
    return next((text for each in chain if (text := _text(each, attribute)) is not None), None)


def _text(directory: str, attribute: str) -> str | None:
    lines = _lines(os.path.join(directory, attribute))
    return lines[0].strip() if lines and lines[0].strip() else None


def _uevent(directory: str) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in _lines(os.path.join(directory, "uevent")))
    return {key: value for key, _, value in pairs}


def _lines(path: str) -> list[str]:
    """Empty where there is no such file: devices come and go while they are looked at."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _natural(text: str) -> list[tuple[int, str]]:
    """ttyUSB2 before ttyUSB10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
