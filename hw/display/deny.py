"""Bytes that must never leave the port, whatever a profile says.

Most of these write to the display's EEPROM: a wrong baud rate or command set stored there makes a
unit mute for good, far from anybody who could repair it. The rest start self-tests that run until
the power is cut, or make a unit deaf to its own commands. Nobody knows for sure which command set a
unit understands, so the list is one for all of them. Sources: Partner CD5220, Epson P07303, Oxhoo
AF-240, Tysso VFD-450 and VFD-550, NCR 5972, Logic Controls LD9000 and IBM SurePOS manuals;
kunif/EscPosUtils.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

Sent = tuple[bytes | None, ...]
"""A command as it goes over the line; None stands for cells, printable bytes nobody controls."""

DENIED: Final[Mapping[bytes, str]] = {
    b"\x1bs": "ESC s stores settings",
    b"\x1bd": "ESC d changes the stored command set",
    b"\x1bb": "ESC b changes the stored baud rate",
    b"\x1b#": "ESC # stores a start-up text",
    b"\x1b&": "ESC & defines glyphs, which some units store",
    b"\x1b\x04": "ESC EOT starts a test without end (NCR)",
    b"\x1buH": "ESC u H changes the bytes that every command begins with (UTC enhanced)",
    b"\x1f(E": "US ( E stores settings",
    b"\x1f@": "US @ starts the self-test",
    b"\x02\x05": "STX ENQ frames store line settings (P07303, AF-240)",
    b"\x04\x01S": "framed S stores the screen (DSP-800)",
    b"\x04\x01B": "framed B changes stored settings (DSP-800)",
}
"""First bytes of commands, looked for everywhere in what is sent."""

OPENINGS: Final[Mapping[int, str]] = {
    0x03: "ETX defines glyphs (Logic Controls), which some units store",
    0x0F: "SI starts the self-test (SurePOS)",
}
"""Commands of one byte. The same byte is harmless as an argument, but only there."""

_ARGUMENTS: Final[Mapping[bytes, int]] = {
    b"\x02": 1,  # SurePOS character set
    b"\x04": 1,  # brightness of Logic Controls
    b"\x10": 1,  # DLE p, go to
    b"\x1b*": 1,  # brightness of CD5220
    b"\x1b=": 1,  # target
    b"\x1bR": 1,  # international set
    b"\x1bc": 1,  # CD5220 character set
    b"\x1bl": 2,  # CD5220 go to
    b"\x1bt": 1,  # ESC/POS code page
    b"\x1f$": 2,  # ESC/POS go to
    b"\x1fX": 1,  # ESC/POS brightness
}
"""After which bytes how many arguments follow, so that 3 and 15 can be given as numbers."""


def reason(commands: Mapping[str, Iterable[Sent]], first: Iterable[str]) -> str | None:
    """Why these commands may not be sent, or None if no order of them does harm.

    Each has a name and every form it is sent in. `first` names those that may be the first after
    trouble: they must not complete what any of the others began when it was cut off.
    """
    forms = [(name, form) for name, sent in commands.items() for form in sent]
    begun, cut, size = {b""}, {b""}, 0
    while len(begun) != size:
        size = len(begun)
        for name, form in forms:
            if (byte := _opening(form)) is not None:
                return f"{name} would send {byte:02X} as a command: never, {OPENINGS[byte]}"
            ends = begun
            for ends in _follow(begun, form):
                if done := ends & DENIED.keys():
                    return _complaint(name, min(done))
                cut |= ends
            begun = begun | ends
    for name in first:
        for form in commands[name]:
            for ends in _follow(cut, form):
                if done := ends & DENIED.keys():
                    return f"a command cut off, and then {_complaint(name, min(done))}"
    return None


def _complaint(name: str, lead: bytes) -> str:
    return f"{name} would complete {lead.hex().upper()}: never, {DENIED[lead]}"


def _opening(form: Sent) -> int | None:
    """A denied byte that stands where a command may begin."""
    for part in form:
        place = 0
        while part is not None and place < len(part):
            if part[place] in OPENINGS:
                return part[place]
            place += 1
            for lead, arguments in _ARGUMENTS.items():
                if part.startswith(lead, place - 1):
                    place += len(lead) - 1 + arguments
    return None


def _follow(begun: set[bytes], form: Sent) -> Iterator[set[bytes]]:
    """Byte by byte: which denied commands have come how far, those of `begun` going on."""
    for part in form:
        if part is None:
            begun = _texted(begun)
            yield begun
        for byte in part or b"":
            begun = _grown(begun, bytes((byte,)))
            yield begun


def _grown(begun: set[bytes], more: bytes) -> set[bytes]:
    grown = {lead + more for lead in begun}
    return {b""} | {lead for lead in grown if any(denied.startswith(lead) for denied in DENIED)}


def _texted(begun: set[bytes]) -> set[bytes]:
    """After any text at all, of one cell or more."""
    return {b""} | {
        denied[:length]
        for denied in DENIED
        for length in range(1, len(denied) + 1)
        for lead in begun
        if lead == denied[: len(lead)] and lead and length > len(lead)
        if min(denied[len(lead) : length]) >= 0x20
    }
