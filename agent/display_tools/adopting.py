"""Which udev rule adopts a port as the terminal's display, and what the rule file becomes. Pure.

A rule must hit this port, today and after every reboot, and no other. So it goes by what cannot
move: the adapter's own serial number where it has a sensible one, else the socket it is in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agent.errors import AgentError
from agent.identity import is_placeholder_word, pattern
from hw.display.ports import Kind, Port

By = Literal["serial", "path"]
Role = Literal["display", "printer"]

_PROPERTY: Final[Mapping[Role, str]] = {"display": "POS_DISPLAY", "printer": "POS_PRINTER"}
_HEADER: Final = """\
# By `pos-agent display adopt`: which port is this terminal's display, and which its printer.
# Remove a line to undo it, then: udevadm control --reload && udevadm trigger
"""
# What chips leave the factory with in all of them, besides what is no serial number of anything.
_FACTORY: Final = {"0001", "00000001", "0123", "1234"}
_SHORTEST: Final = 4
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9._:+@=#/-]+"
)  # means itself in a udev rule, and nothing else
# Ports that have ways of their own. udev gives neither of them a socket.
_GOES_BY: Final[Mapping[Kind, str]] = {
    "printer": "is a line printer and goes by its serial number if it has one, else by its model",
    "uart": "is a port of the board and goes by its name",
}
_MENDED_BY: Final[Mapping[Kind, str]] = {
    "usb": "Plug it into a socket of its own, or take an adapter that has a serial number",
    "printer": "Take the other one of its kind away, or take a printer that has a serial number",
    "uart": "Write a rule by hand",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line for the rule file. `by` says in words what it goes by."""

    line: str
    by: str


def rule(port: Port, everything: Iterable[Port], *, by: By | None, role: Role) -> Rule:
    """The rule for a port among all there are. Raises AgentError if none can tell it apart."""
    others = tuple(other for other in everything if other.device != port.device)
    ways, refused = _ways(port), []
    if by is not None and by not in ways and (goes_by := _GOES_BY.get(port.kind)):
        raise AgentError(f"{port.device} cannot go by {by}: it {goes_by}. Leave --by away")
    for way, (said, conditions) in ways.items():
        if by is not None and way != by:
            continue
        if (why := _wrong(port, conditions, others)) is None:
            found = ", ".join((*conditions, f'ENV{{{_PROPERTY[role]}}}="1"'))
            return Rule(line=found, by=said)
        refused.append(f"{said}: {why}")
    why = "; ".join(refused) or _no_way(port, by)
    raise AgentError(
        f"{port.device} cannot be told apart for certain ({why}). {_MENDED_BY[port.kind]}"
    )


def merged(text: str, new: Rule, *, about: str) -> str:
    """The file's text with the rule; as it is, if the rule is there already."""
    if new.line in text.splitlines():
        return text
    text = text or _HEADER
    joint = "" if text.endswith("\n") else "\n"
    return f"{text}{joint}# {' '.join(about.split())}\n{new.line}\n"


def sensible(serial: str) -> bool:
    """Whether a serial number can be expected to be this adapter's alone."""
    return (
        len(serial) >= _SHORTEST
        and serial not in _FACTORY
        and not is_placeholder_word(serial)
        and pattern(serial) is None
    )


# -- ways to tell a port apart --------------------------------------------------------------------


def _ways(port: Port) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By the name of the way: in words, and as conditions of a rule. Best first."""
    match port.kind:
        case "usb":
            return dict(_of_adapter(port))
        case "printer":
            return dict(_of_line_printer(port))
        case "uart":
            name = port.device.removeprefix("/dev/")
            return {"name": (f"its name {name}", ('SUBSYSTEM=="tty"', f'KERNEL=="{name}"'))}


def _of_adapter(port: Port) -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    known = port.properties
    tty, number = 'SUBSYSTEM=="tty"', _equal("ATTRS{port_number}", port.number)
    serial = known.get("ID_SERIAL_SHORT")
    if serial and sensible(serial):
        keys = ("ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT", "ID_USB_INTERFACE_NUM")
        same = (clause for key in keys for clause in _equal(f"ENV{{{key}}}", known.get(key)))
        yield "serial", (f"its serial number {serial}", (tty, *same, *number))
    if port.id_path:
        where = _equal("ENV{ID_PATH}", port.id_path)
        yield "path", (f"its socket {port.id_path}", (tty, *where, *number))


def _of_line_printer(port: Port) -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    """udev gives these no properties by itself, so the rule looks at the USB device."""
    if port.usb is None:
        return
    vendor, _, product = port.usb.usb.partition(":")
    model = (
        'SUBSYSTEM=="usbmisc"',
        'KERNEL=="lp[0-9]*"',
        *_equal("ATTRS{idVendor}", vendor),
        *_equal("ATTRS{idProduct}", product),
    )
    serial = port.usb.serial
    if serial and sensible(serial):
        own = _equal("ATTRS{serial}", serial)
        yield "serial", (f"its serial number {serial}", (*model, *own))
    yield "model", (f"its model {port.usb.usb}", model)


def _equal(key: str, value: str | None) -> tuple[str, ...]:
    return () if value is None else (f'{key}=="{value}"',)


def _wrong(port: Port, conditions: tuple[str, ...], others: Iterable[Port]) -> str | None:
    """Why these conditions will not do."""
    for condition in conditions:
        value = condition.partition('=="')[2].removesuffix('"')
        if not _PLAIN.fullmatch(value) and value != "lp[0-9]*":
            return f"{value!a} cannot be written into a rule"
    for other in others:
        if any(found == conditions for _, found in _ways(other).values()):
            return f"{other.device} has the same"
    return None


def _no_way(port: Port, by: By | None) -> str:
    if not port.properties and port.kind == "usb":
        return "udev knows nothing of it: is systemd-udevd running?"
    if port.kind == "printer":
        return "sysfs does not say which USB device it is"
    return "it has no serial number of its own" if by == "serial" else "udev names no socket for it"
