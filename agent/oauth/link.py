"""Whether this machine is plugged into any network at all."""

import os
from typing import Final

_INTERFACES: Final = "/sys/class/net"
_LOOPBACK: Final = "772"  # ARPHRD_LOOPBACK, linux/if_arp.h


def has_link(interfaces: str = _INTERFACES) -> bool:
    """Whether an interface other than the loopback has a carrier; True where nobody can know."""
    try:
        names = os.listdir(interfaces)
    except OSError:
        return True
    return any(_carries(os.path.join(interfaces, name)) for name in names)


def _carries(interface: str) -> bool:
    if _read(interface, "type") == _LOOPBACK:
        return False
    return _read(interface, "carrier") == "1"


def _read(interface: str, attribute: str) -> str:
    """Empty where there is none: the carrier of an interface that is down cannot be read."""
    try:
        with open(os.path.join(interface, attribute), encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
