"""`display list`: the ports a display may be at, what is known of each, and who else is there.

Opens no port. An identity is a candidate and nothing more: only a person who sees text on the
glass knows that a display is behind it.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from agent.cli_talk import printable
from hw.display import discovery, users
from hw.display.ports import USBFS, Port, Stray, UsbDevice
from hw.display.usb_ids import Identity
from hw.display.users import Process, Users

_AGENT = "pos-agent.service"
_KINDS = {"uart": "serial port of the board", "printer": "USB line printer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One port and who uses it."""

    port: Port
    holders: tuple[Process, ...] = ()
    locker: Process | None = None
    getty: Process | None = None


def show(*, as_json: bool, root: str = "/") -> int:
    """Print every port, by name, and every known display that is no port."""
    seen = users.look(root)
    entries = tuple(used(port, seen, root) for port in discovery.ports(root))
    strays = discovery.strays(root)
    if as_json:
        print(json.dumps(as_values(entries, strays, seen), indent=2))
    else:
        print("\n".join(map(printable, as_lines(entries, strays, seen))))
    if seen.hidden and not as_json:
        print(
            f"pos-agent: the files of {seen.hidden} processes may not be seen by this user;"
            " root sees who holds a port",
            file=sys.stderr,
        )
    return 0


def used(port: Port, seen: Users, root: str = "/") -> Entry:
    """A port and who uses it."""
    return Entry(
        port=port,
        holders=seen.holders.get(port.device, ()),
        locker=users.locker(port.device, root),
        getty=seen.gettys.get(port.device.removeprefix("/dev/")),
    )


# -- for people -----------------------------------------------------------------------------------


def as_lines(entries: tuple[Entry, ...], strays: tuple[Stray, ...], seen: Users) -> Iterator[str]:
    """A paragraph a port."""
    for entry in entries:
        yield f"{entry.port.device:<14} {_what(entry.port)}"
        for name, text in _facts(entry, seen):
            yield f"{'':<14} {name + ':':<8} {text}"
    for stray in strays:
        yield f"{'no port':<14} {_usb(stray.usb)}: {_known(stray.usb.identity)}"
        yield f"{'':<14} {'beware:':<8} {lost(stray)}"
    if not entries:
        yield "There is no serial port: plug the display in and look again; `dmesg` tells why not"


def _what(port: Port) -> str:
    driver = f"driver {port.driver or 'unknown'}"
    if port.usb is None:
        return f"{_KINDS[port.kind]}, {driver}"
    known = _known(port.usb.identity) if port.kind == "usb" else _KINDS["printer"]
    return f"{_usb(port.usb)}, {driver}: {known}"


def _usb(usb: UsbDevice) -> str:
    label = " ".join(filter(None, (usb.maker, usb.product)))
    return f"USB {usb.usb}{f' ({label})' if label else ''}, serial {usb.serial or 'none'}"


def _known(identity: Identity | None) -> str:
    match identity:
        case None:
            return "not in our table of displays"
        case Identity(kind="display" | "hid", name=name):
            return f"{name}, a customer display"
        case Identity(kind="candidate", name=name):
            return f"perhaps {name}"
        case Identity(name=name, seen=seen):
            also = f"; a {seen} has it inside" if seen else ""
            return f"{name}, a chip that may be anything{also}"


def _facts(entry: Entry, seen: Users) -> Iterator[tuple[str, str]]:
    port = entry.port
    for name in port.names:
        yield "name", name
    if port.usb is not None:
        yield "socket", port.id_path or f"USB {port.usb.place} (udev has no name for it)"
    for holder in entry.holders:
        yield "used by", f"{holder}{', the agent itself' if holder.unit == _AGENT else ''}"
    if entry.locker is not None and entry.locker not in entry.holders:
        yield "used by", f"{entry.locker}, by its lock file"
    for text in beware(entry, seen):
        yield "beware", text


# -- what to mind ---------------------------------------------------------------------------------


def beware(entry: Entry, seen: Users) -> Iterator[str]:
    """What would write to this port, or take it away."""
    port = entry.port
    if port.console:
        yield "the kernel writes its messages here: take console= for it off its command line"
    if entry.getty is not None:
        tty = port.device.removeprefix("/dev/")
        yield f"a log-in prompt waits here: systemctl mask --now serial-getty@{tty}.service"
    if port.kind != "usb":
        return
    if "brltty" in seen.meddlers:
        yield "brltty runs and takes such adapters for braille displays: apt remove brltty"
    if "ModemManager" in seen.meddlers and port.properties.get("ID_MM_DEVICE_IGNORE") != "1":
        yield "ModemManager runs and may type AT commands here: adopt the port, or remove it"
    if "gpsd" in seen.meddlers:
        yield "gpsd runs and may take it for a receiver: see USBAUTO in /etc/default/gpsd"


def lost(stray: Stray) -> str:
    """Why a display is no port, and what to do."""
    identity = stray.usb.identity
    if identity is not None and identity.kind == "hid":
        return "it is no serial port but a HID device, which the agent cannot drive"
    if USBFS in stray.drivers:
        return "a program took it from the kernel; brltty does that: apt remove brltty"
    if identity is not None and identity.new_id:
        return f"{identity.driver} has to be told of it: install the shipped udev rules, replug"
    if stray.drivers:
        return f"driver {', '.join(stray.drivers)} makes no serial port of it"
    driver = f" ({identity.driver})" if identity is not None and identity.driver else ""
    return f"no driver has it: is the module{driver} there? `dmesg` tells"


# -- for programs ---------------------------------------------------------------------------------


def as_values(
    entries: tuple[Entry, ...], strays: tuple[Stray, ...], seen: Users
) -> dict[str, object]:
    """The same as one JSON object."""
    return {
        "ports": [_values(entry, seen) for entry in entries],
        "without_port": [
            {**_usb_values(stray.usb), "drivers": list(stray.drivers), "beware": [lost(stray)]}
            for stray in strays
        ],
        "processes_not_seen": seen.hidden,
    }


def _values(entry: Entry, seen: Users) -> dict[str, object]:
    port = entry.port
    locker = entry.locker
    return {
        "device": port.device,
        "kind": port.kind,
        "driver": port.driver,
        **_usb_values(port.usb),
        "interface": port.interface,
        "id_path": port.id_path,
        "by_path": port.by_path,
        "names": list(port.names),
        "used_by": [
            {"pid": who.pid, "name": who.name, "unit": who.unit, "agent": who.unit == _AGENT}
            for who in entry.holders
        ],
        "locked_by": None if locker is None else {"pid": locker.pid, "name": locker.name},
        "beware": list(beware(entry, seen)),
    }


def _usb_values(usb: UsbDevice | None) -> dict[str, object]:
    if usb is None:
        return {"usb": None, "serial": None, "known_as": None, "known_kind": None}
    identity = usb.identity
    return {
        "usb": usb.usb,
        "serial": usb.serial,
        "known_as": None if identity is None else identity.name,
        "known_kind": None if identity is None else identity.kind,
    }
