"""The sources of a serial number by the names the configuration gives them."""

from collections.abc import Callable
from functools import partial
from typing import Final

from hw.contract import SerialSource, Whereabouts
from hw.serial_number.command import Command
from hw.serial_number.eeprom import Eeprom, OpenBus
from hw.serial_number.files import FileSource
from hw.serial_number.firmware import Attribute, CpuInfo, Dmi, MmcCid
from hw.serial_number.i2c import Lanes, open_bus
from hw.serial_number.late import Late, uptime
from hw.serial_number.network import Mac
from hw.serial_number.nvmem import Nvmem

# source -> (attribute below /sys/class/dmi/id, credential it comes as)
_DMI: Final = {
    "dmi-product-serial": ("product_serial", "dmi-serial"),
    "dmi-board-serial": ("board_serial", "dmi-board-serial"),
    "dmi-chassis-serial": ("chassis_serial", "dmi-chassis-serial"),
}
# /proc/device-tree is a link to the first; the unit's ProcSubset=pid hides the link.
_ATTRIBUTES: Final = {
    "device-tree": ("/sys/firmware/devicetree/base/serial-number", b"\0"),
    "soc": ("/sys/devices/soc0/serial_number", b"\n"),
}
NEED_NO_PLACE: Final = (*_DMI, *_ATTRIBUTES, "cpuinfo", "mmc-cid", "mac")
NAMES: Final = ("file", "command", "eeprom", "nvmem", *NEED_NO_PLACE)

OpenSource = Callable[[str, Whereabouts], SerialSource]


def source_opener(
    *,
    root: str = "/",
    credentials_directory: str | None = None,
    up_for: Callable[[], float] = uptime,
    open_i2c: OpenBus | None = None,
) -> OpenSource:
    """A function from a source's name, and what it has to be told, to the source.

    Keep it for as long as the process lives: it knows of transfers that hang. It raises ValueError
    where a source is not told what it needs.
    """
    return _Machine(
        root=root,
        credentials_directory=credentials_directory,
        up_for=up_for,
        open_i2c=open_i2c or partial(open_bus, root=root),
    ).open


class _Machine:
    def __init__(
        self,
        *,
        root: str,
        credentials_directory: str | None,
        up_for: Callable[[], float],
        open_i2c: OpenBus,
    ) -> None:
        self._root = root
        self._credentials_directory = credentials_directory
        self._up_for = up_for
        self._open_i2c = open_i2c
        self._lanes = Lanes()

    def open(self, name: str, told: Whereabouts) -> SerialSource:
        if name in _DMI:
            return self._dmi(name)
        if name in _ATTRIBUTES:
            path, end = _ATTRIBUTES[name]
            return Attribute(name, path=path, end=end, root=self._root)
        match name:
            case "file" if told.file is not None:
                return FileSource(path=told.file, root=self._root)
            case "command" if told.command is not None:
                return Command(argv=told.command)
            case "eeprom" if told.eeprom is not None:
                return self._late(
                    Eeprom(place=told.eeprom, open_bus=self._open_i2c, lanes=self._lanes)
                )
            case "nvmem" if told.nvmem is not None:
                return self._late(
                    Nvmem(
                        place=told.nvmem,
                        root=self._root,
                        credentials_directory=self._credentials_directory,
                    )
                )
            case "cpuinfo":
                return CpuInfo(root=self._root, credentials_directory=self._credentials_directory)
            case "mmc-cid":
                return self._late(MmcCid(root=self._root))
            case "mac":
                return self._mac(told.interface)
            case _:
                raise ValueError(f"{name}: no such source, or it is not told where to look")

    def _dmi(self, name: str) -> SerialSource:
        attribute, credential = _DMI[name]
        return Dmi(
            name,
            attribute=attribute,
            credential=credential,
            root=self._root,
            credentials_directory=self._credentials_directory,
        )

    def _mac(self, interface: str | None) -> SerialSource:
        mac = Mac(interface=interface, root=self._root)
        if interface is not None:
            return self._late(mac)
        return Late(
            mac, up_for=self._up_for, choosy=True, advice="; name the interface to be faster"
        )

    def _late(self, source: SerialSource) -> SerialSource:
        return Late(source, up_for=self._up_for)
