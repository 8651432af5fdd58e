"""Serial numbers this machine carries: in a file, in DMI, in the device tree.

A value is given exactly as found. Only what frames it is taken off: the newline that ends a text
file and every sysfs attribute, the NUL that ends a device tree string. Blanks a firmware pads
with stay, and whoever judges the value sees them.

A machine without a source is ordinary and gives None. A source that is there and cannot be read
raises HardwareError, so that no weaker source takes its place by accident.
"""

import errno
import os
from collections.abc import Callable, Mapping
from typing import Final

from hw.contract import HardwareError, Reading, SerialSource

FILE: Final = "file"
DMI_PRODUCT_SERIAL: Final = "dmi-product-serial"
DEVICE_TREE: Final = "device-tree"
NAMES: Final = (FILE, DMI_PRODUCT_SERIAL, DEVICE_TREE)

DMI_CREDENTIAL: Final = "dmi-serial"
_DMI_PATH: Final = "sys/class/dmi/id/product_serial"
# /proc/device-tree is a link to this; the unit's ProcSubset=pid hides the link.
_DEVICE_TREE_PATH: Final = "sys/firmware/devicetree/base/serial-number"
# What the unit's SetCredential=dmi-serial:none leaves on a machine without DMI.
_CREDENTIAL_OF_NOTHING: Final = b"none"
_LONGEST: Final = 4096  # bytes, a sysfs attribute's limit; a serial number has some ten

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO)


class FileSource:
    """A file with the serial number as its only line: the factory or the installer writes it."""

    name = FILE

    def __init__(self, *, path: str, root: str = "/") -> None:
        self._path = path
        self._root = root

    def read(self) -> Reading | None:
        found = _read(_under(self._root, self._path), "make it a readable file of one line")
        return None if found is None else _reading(self._path, found.removesuffix(b"\n"))


class DmiProductSerial:
    """The firmware's product serial number, which the kernel shows to root only.

    The service therefore gets it as a systemd credential; sysfs is read where there is none.
    """

    name = DMI_PRODUCT_SERIAL

    def __init__(self, *, root: str = "/", credentials_directory: str | None = None) -> None:
        self._root = root
        self._credentials_directory = credentials_directory

    def read(self) -> Reading | None:
        found = self._credential()
        if found is not None and found != _CREDENTIAL_OF_NOTHING:
            return _reading(f"the credential {DMI_CREDENTIAL}", found)
        found = _read(
            _under(self._root, _DMI_PATH),
            f"run as root, or give the service LoadCredential={DMI_CREDENTIAL}:/{_DMI_PATH}",
        )
        return None if found is None else _reading("/" + _DMI_PATH, found.removesuffix(b"\n"))

    def _credential(self) -> bytes | None:
        if self._credentials_directory is None:
            return None
        path = os.path.join(self._credentials_directory, DMI_CREDENTIAL)
        found = _read(path, f"check LoadCredential={DMI_CREDENTIAL} in the service")
        return None if found is None else found.removesuffix(b"\n")


class DeviceTree:
    """What the boot loader wrote into the device tree of an ARM board."""

    name = DEVICE_TREE

    def __init__(self, *, root: str = "/") -> None:
        self._root = root

    def read(self) -> Reading | None:
        found = _read(
            _under(self._root, _DEVICE_TREE_PATH), "check its mode; it is 0444 by default"
        )
        return (
            None if found is None else _reading("/" + _DEVICE_TREE_PATH, found.removesuffix(b"\0"))
        )


def sources_by_name(
    *, root: str = "/", credentials_directory: str | None = None
) -> Mapping[str, SerialSource]:
    """The sources that need no path."""
    return {
        DMI_PRODUCT_SERIAL: DmiProductSerial(
            root=root, credentials_directory=credentials_directory
        ),
        DEVICE_TREE: DeviceTree(root=root),
    }


def source_opener(
    *, root: str = "/", credentials_directory: str | None = None
) -> Callable[[str, str | None], SerialSource]:
    """A function from a source's name, and the path for `file`, to the source."""
    by_name = sources_by_name(root=root, credentials_directory=credentials_directory)

    def open_source(name: str, file: str | None) -> SerialSource:
        if name == FILE and file is not None:
            return FileSource(path=file, root=root)
        return by_name[name]

    return open_source


def _under(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))


def _read(path: str, advice: str) -> bytes | None:
    """The bytes; None where there is no such thing. Raises HardwareError for anything else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            found = os.read(fd, _LONGEST + 1)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise HardwareError(f"{path} cannot be read ({error.strerror}): {advice}") from error
    if len(found) > _LONGEST:
        raise HardwareError(f"{path} has more than {_LONGEST} bytes: {advice}")
    return found


def _reading(source: str, found: bytes) -> Reading:
    """Bytes that are no UTF-8 become characters that no device UUID may contain."""
    return Reading(source=source, value=found.decode("utf-8", "surrogateescape"))
