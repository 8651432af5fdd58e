"""Which terminal this is: the device UUID `/vendor/<vendor>/<key>/<value>…`, exactly as registered.

The server compares characters, so none is ever changed here: no trimming, no change of case, no
escaping. A value that could not be registered, or that the maker of the board left unset, is
refused with a sentence; guessing would pair this terminal as another one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NewType

from agent.errors import ConfigError
from hw.contract import Reading

DeviceUUID = NewType("DeviceUUID", str)
"""Made by `build` alone."""

# The server's own limit is not published; these are below what any 255-byte column takes.
LONGEST_PART: Final = 128  # characters
LONGEST_UUID: Final = 255  # characters

# What boards report when nobody wrote a serial number (compared without case and outer blanks).
# Collected from FusionInventory's and OCS Inventory's public black lists and systemd's 20-dmi-id.
# fmt: off
_PLACEHOLDERS: Final = frozenset((
    "", "0", "1", ".", "*", "-", "none", "n/a", "na", "null", "(null string)", "invalid",
    "unknown", "unknow", "not specified", "not applicable", "not available", "default string",
    "default", "empty", "oem", "o.e.m.", "oem_serial", "to be filled by o.e.m.",
    "system serial number", "systemserialnumb", "serial number xxxxxx", "chassis serial number",
    "base board serial number", "sys-1234567890", "sys-9876543210", "sn-12345", "sn-1234567890",
    "sn-123456fvgv3i0b8o5n6n7k", "mb-1234567890", "eval", "iatpass", "tulip computers",
    "c3d9b8674f4b94f6",
))
# fmt: on
_SHORTEST_SERIAL: Final = 4  # characters; below, a board is counting, not identifying
_SHORTEST_RUN: Final = 6  # digits counting upwards; shorter ones may be real


def part_problem(text: str) -> str | None:
    """Why this cannot be a part of a device UUID, or None."""
    if not text:
        return "is empty"
    if len(text) > LONGEST_PART:
        return f"has {len(text)} characters, at most {LONGEST_PART} are allowed"
    if "/" in text:
        return "contains a slash, which separates the parts"
    if text != text.strip():
        return "begins or ends with a blank"
    if not text.isprintable():
        return "contains a control or invisible character"
    return None


def build(vendor: str, pairs: tuple[tuple[str, str], ...]) -> DeviceUUID:
    """The device UUID, vendor first and the pairs in the order given.

    Raises ConfigError naming the part that cannot be sent.
    """
    if not pairs:
        raise ConfigError("identity: no key; add an [[identity.pair]] with key and value")
    _check("vendor", vendor)
    for index, (key, value) in enumerate(pairs):
        _check("key", key)
        if key in ("vendor", *(earlier for earlier, _ in pairs[:index])):
            raise ConfigError(f"identity: the key {key!a} is there twice; name each key once")
        _check(f"value of {key!a}", value)
    uuid = "/vendor/" + "/".join((vendor, *(part for pair in pairs for part in pair)))
    if len(uuid) > LONGEST_UUID:
        raise ConfigError(
            f"identity: the device UUID has {len(uuid)} characters, at most {LONGEST_UUID} are"
            " allowed; use shorter keys or values"
        )
    return DeviceUUID(uuid)


def _check(what: str, text: str) -> None:
    problem = part_problem(text)
    if problem is not None:
        raise ConfigError(
            f"identity: the {what} {text!a} {problem}; write it exactly as registered"
        )


def is_placeholder_word(value: str) -> bool:
    """Whether a maker left this in place of a serial number."""
    return value.strip().casefold() in _PLACEHOLDERS


def refuse(value: str) -> str | None:
    """Why this reading is no serial number of one terminal, or None."""
    if is_placeholder_word(value):
        return "is a placeholder left by the maker of the board"
    if not value.isascii():
        return "contains characters outside ASCII: rubbish, or an erased memory"
    if (problem := part_problem(value)) is not None:
        return problem
    if len(value) < _SHORTEST_SERIAL:
        return f"is shorter than {_SHORTEST_SERIAL} characters"
    if len(set(re.sub(r"[-. :]", "", value).casefold())) <= 1:
        return "repeats one character"
    if _counts_upwards(value):
        return "counts upwards: a placeholder"
    return None


def _counts_upwards(value: str) -> bool:
    """`012345`, `1234567890` and longer; `456789` may well be a real one."""
    endless = "0123456789" * (LONGEST_PART // 10 + 1)
    return len(value) >= _SHORTEST_RUN and value[0] in "01" and value in endless


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one source gave, and what we think of it.

    `source` is its name in the configuration; `reading` None means this machine has no such
    source; `refused` is why the reading is not used.
    """

    source: str
    reading: Reading | None
    refused: str | None

    @property
    def accepted(self) -> bool:
        return self.reading is not None and self.refused is None

    def __str__(self) -> str:
        if self.reading is None:
            return f"{self.source}: not on this terminal"
        found = f"{self.source} ({self.reading.source}) gave {self.reading.value!a}"
        return f"{found}, which {self.refused}" if self.refused else found


def judge(source: str, reading: Reading | None) -> Verdict:
    """One source's verdict."""
    refused = None if reading is None else refuse(reading.value)
    return Verdict(source=source, reading=reading, refused=refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`value` is the first valid reading's, or None; `verdicts` those up to it, in order."""

    value: str | None
    verdicts: tuple[Verdict, ...]


def choose(readings: Iterable[tuple[str, Reading | None]]) -> Choice:
    """The first valid reading. Later ones are not even taken from the iterable."""
    verdicts = []
    for source, reading in readings:
        verdict = judge(source, reading)
        verdicts.append(verdict)
        if reading is not None and verdict.accepted:
            return Choice(value=reading.value, verdicts=tuple(verdicts))
    return Choice(value=None, verdicts=tuple(verdicts))
