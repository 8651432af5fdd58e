"""Bytes that must never leave the port, whatever a profile says.

Most of these write to the display's EEPROM: a wrong baud rate or command set stored there makes a
unit mute for good, far from anybody who could repair it. The rest start self-tests that run until
the power is cut. Sources: Partner CD5220, Epson P07303, Oxhoo AF-240, Tysso VFD-450, NCR 5972 and
IBM SurePOS manuals; kunif/EscPosUtils.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denied:
    """A command's first bytes. `opening`: only where a command begins; elsewhere the same byte is
    a harmless argument."""

    lead: bytes
    why: str
    opening: bool = False


DENIED = (
    Denied(b"\x1bs", "ESC s stores settings"),
    Denied(b"\x1bd", "ESC d changes the stored command set"),
    Denied(b"\x1bb", "ESC b changes the stored baud rate"),
    Denied(b"\x1b#", "ESC # stores a start-up text"),
    Denied(b"\x1b&", "ESC & defines glyphs, which some units store"),
    Denied(b"\x1b\x04", "ESC EOT starts a test without end (NCR)"),
    Denied(b"\x1f(E", "US ( E stores settings"),
    Denied(b"\x1f@", "US @ starts the self-test"),
    Denied(b"\x02\x05", "STX ENQ frames store line settings (P07303, AF-240)"),
    Denied(b"\x04\x01S", "framed S stores the screen (DSP-800)"),
    Denied(b"\x04\x01B", "framed B changes stored settings (DSP-800)"),
    Denied(b"\x0f", "SI starts the self-test (SurePOS)", opening=True),
    Denied(b"\x03", "ETX defines glyphs (Logic Controls), which some units store", opening=True),
)


def reason(command: bytes, *, text_follows: bool = False) -> str | None:
    """Why these bytes may not be sent, or None. `text_follows`: printable bytes that nobody
    controls come right after them, and must not complete a denied command either."""
    for denied in DENIED:
        starts = range(1) if denied.opening else range(len(command))
        for start in starts:
            if _matches(denied.lead, command[start:], text_follows):
                return denied.why
    return None


def _matches(lead: bytes, sent: bytes, text_follows: bool) -> bool:
    if sent.startswith(lead):
        return True
    missing = lead[len(sent) :]
    return text_follows and lead.startswith(sent) and sent != b"" and min(missing) >= 0x20
