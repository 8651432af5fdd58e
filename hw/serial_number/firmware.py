"""What the firmware and the kernel publish as text: DMI, device tree, SoC, CPU, eMMC.

The kernel shows some of it to root only, and the service's ProcSubset=pid hides /proc/cpuinfo, so
the unit passes those on as systemd credentials.
"""

import os
import re
from typing import Final

from hw.contract import HardwareError, Reading
from hw.serial_number.files import credential, read, reading, under
from hw.serial_number.parsing import cpuinfo_serial

_DMI: Final = "/sys/class/dmi/id/"
_CPUINFO: Final = "/proc/cpuinfo"
_CPUINFO_LIMIT: Final = 1 << 20  # bytes; one core takes 1.5 kB, and a credential has this limit


class Dmi:
    """One of the serial numbers of SMBIOS, which sysfs shows to root only."""

    def __init__(
        self,
        name: str,
        *,
        attribute: str,
        credential: str,
        root: str = "/",
        credentials_directory: str | None = None,
    ) -> None:
        self.name = name
        self._path = _DMI + attribute
        self._credential = credential
        self._root = root
        self._credentials_directory = credentials_directory

    def read(self) -> Reading | None:
        found = credential(self._credential, self._credentials_directory)
        if found is not None:
            return reading(f"the credential {self._credential}", found.removesuffix(b"\n"))
        found = read(
            under(self._root, self._path),
            f"run as root, or give the service LoadCredential={self._credential}:{self._path}",
        )
        return None if found is None else reading(self._path, found.removesuffix(b"\n"))


class Attribute:
    """A file of sysfs that everybody may read; `end` is what the kernel ends it with."""

    def __init__(self, name: str, *, path: str, end: bytes, root: str = "/") -> None:
        self.name = name
        self._path = path
        self._end = end
        self._root = root

    def read(self) -> Reading | None:
        found = read(under(self._root, self._path), "check its mode; it is 0444 by default")
        return None if found is None else reading(self._path, found.removesuffix(self._end))


class CpuInfo:
    """The line `Serial` of /proc/cpuinfo."""

    name = "cpuinfo"

    def __init__(self, *, root: str = "/", credentials_directory: str | None = None) -> None:
        self._root = root
        self._credentials_directory = credentials_directory

    def read(self) -> Reading | None:
        found, source = credential("cpuinfo", self._credentials_directory), "the credential cpuinfo"
        if found is None:
            advice = "run as root, or give the service LoadCredential=cpuinfo:/proc/cpuinfo"
            found = read(under(self._root, _CPUINFO), advice, longest=_CPUINFO_LIMIT)
            source = _CPUINFO
            if found is None:  # every Linux has it: the service's ProcSubset=pid hides it
                raise HardwareError(f"{_CPUINFO} cannot be seen: {advice}")
        serial = cpuinfo_serial(found)
        return None if serial is None else reading(source, serial)


class MmcCid:
    """The card identification of the soldered eMMC. An SD card has one too, and is moved."""

    name = "mmc-cid"

    def __init__(self, *, root: str = "/") -> None:
        self._root = root

    def read(self) -> Reading | None:
        cards: dict[str, Reading] = {}
        for disk in self._disks():
            kind, cid = (self._of(disk, what) for what in ("type", "cid"))
            if kind is not None and cid is not None:
                cards.setdefault(kind.value, cid)
        if "MMC" in cards:
            return cards["MMC"]
        for card in cards.values():
            refused = "is of a card that can be taken out, not of a soldered eMMC"
            return Reading(source=card.source, value=card.value, refused=refused)
        return None

    def _disks(self) -> list[str]:
        """`mmcblk0`, … by their numbers; not `mmcblk0boot0`, which is a part of one."""
        try:
            names = os.listdir(under(self._root, "/sys/block"))
        except FileNotFoundError:
            return []
        disks = [name for name in names if re.fullmatch(r"mmcblk\d+", name)]
        return sorted(disks, key=lambda name: int(name.removeprefix("mmcblk")))

    def _of(self, disk: str, what: str) -> Reading | None:
        path = f"/sys/block/{disk}/device/{what}"
        return Attribute(self.name, path=path, end=b"\n", root=self._root).read()
