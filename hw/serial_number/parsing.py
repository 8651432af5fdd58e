"""What cpuinfo and a network address say of a serial number: pure."""

import re
from typing import Final

_SERIAL: Final = re.compile(rb"^Serial[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_ETHERNET: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LOCAL, _MULTICAST = 0b10, 0b01  # of the first byte, IEEE 802-2014 section 8.2.2

# addr_assign_type of the kernel (Documentation/ABI/testing/sysfs-class-net)
_ASSIGNED: Final = {1: "is random", 2: "is stolen from another device", 3: "was set by software"}

# Addresses that many machines share although nothing in them says so. The first line is from the
# black lists of GLPI and FusionInventory (PPP and other virtual adapters); then Intel's for a
# controller without a written memory, Nuvoton's driver, and environments of U-Boot as shipped.
# fmt: off
_SHARED: Final = frozenset((
    "50:50:54:50:30:30", "20:41:53:59:4e:ff", "00:0b:ca:fe:00:00", "00:0b:ca:fe:00:01",
    "00:05:9a:3c:7a:00", "88:88:88:88:87:88", "08:00:27:00:01:92", "08:00:27:00:01:93",
    "00:11:22:33:44:55", "00:00:23:34:45:66",
))
# fmt: on
_SHARED_ENDS: Final = (":00:00:00", ":ff:ff:ff", ":20:52:41:53")  # no number; " RAS", dial-up
_SHARED_BEGINS: Final = ("00:50:56:c0:00:",)  # VMware's adapter on the host


def cpuinfo_serial(text: bytes) -> bytes | None:
    """The value of the line `Serial`, or None. The last one counts: it comes after the cores."""
    found = _SERIAL.findall(text)
    return found[-1] if found else None


def address_problem(address: str, assigned: int | None) -> str | None:
    """Why this is no permanent Ethernet address of one device, or None. `assigned` is the kernel's
    addr_assign_type, None where it gives none.
    """
    if _ETHERNET.fullmatch(address) is None:
        return "is no Ethernet address"
    if assigned != 0:
        word = "is of unknown origin" if assigned is None else _ASSIGNED.get(assigned, "is unclear")
        return f"{word} (addr_assign_type {assigned}): not the permanent address"
    first = int(address[:2], 16)
    if first & _MULTICAST:
        return "is a multicast address"
    if first & _LOCAL:
        return "is locally administered: not the maker's"
    if address in _SHARED or address.endswith(_SHARED_ENDS) or address.startswith(_SHARED_BEGINS):
        return "is a default that many machines share"
    return None
