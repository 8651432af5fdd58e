"""The permanent Ethernet address of an interface that belongs to the board."""

import os
import re
from dataclasses import dataclass
from typing import Final

from hw.contract import Reading
from hw.serial_number.files import read, under
from hw.serial_number.parsing import address_problem

_CLASS: Final = "/sys/class/net"
_ETHERNET: Final = 1  # ARPHRD_ETHER
_ADVICE: Final = "check its mode; it is 0444 by default"
_ON_USB: Final = "is of an adapter on USB, which can be moved; set interface if it is soldered in"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    name: str
    index: int
    usb: bool


class Mac:
    """Of the interface that is named; else of the board's wired interface with the lowest index.

    Without a name, what is on USB or wireless does not count, nor bridges, bonds and tunnels.
    """

    name = "mac"

    def __init__(self, *, interface: str | None, root: str = "/") -> None:
        self._interface = interface
        self._root = root

    def read(self) -> Reading | None:
        if self._interface is not None:
            return self._address_of(self._interface)
        wired = sorted(self._wired(), key=lambda found: (found.usb, found.index))
        if not wired:
            return None
        reading = self._address_of(wired[0].name)
        if reading is None or not wired[0].usb:
            return reading
        return Reading(source=reading.source, value=reading.value, refused=_ON_USB)

    def _address_of(self, interface: str) -> Reading | None:
        path = f"{_CLASS}/{interface}/address"
        address = self._text(path)
        if address is None:
            return None
        problem = address_problem(address, self._number(f"{_CLASS}/{interface}/addr_assign_type"))
        return Reading(source=path, value=address, refused=problem)

    def _wired(self) -> list[_Interface]:
        """Ethernet interfaces with a device of their own, radio left out."""
        found = []
        for name in self._names():
            folder = f"{_CLASS}/{name}"
            device = under(self._root, f"{folder}/device")
            radio = under(self._root, f"{folder}/phy80211")
            index = self._number(f"{folder}/ifindex")
            if index is None or not os.path.exists(device) or os.path.lexists(radio):
                continue
            if self._number(f"{folder}/type") == _ETHERNET:
                usb = re.search(r"/usb\d+/", os.path.realpath(device)) is not None
                found.append(_Interface(name=name, index=index, usb=usb))
        return found

    def _names(self) -> list[str]:
        try:
            return os.listdir(under(self._root, _CLASS))
        except FileNotFoundError:
            return []

    def _text(self, path: str) -> str | None:
        found = read(under(self._root, path), _ADVICE)
        if found is None:
            return None
        return found.removesuffix(b"\n").decode("utf-8", "surrogateescape")

    def _number(self, path: str) -> int | None:
        text = self._text(path) or ""
        return int(text) if text.isascii() and text.isdigit() else None
