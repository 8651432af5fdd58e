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
from hw.contract import HardwareError, Reading

DeviceUUID = NewType("DeviceUUID", str)
"""Made by `build` alone."""

# The server's own limit is not published; these are below what any 255-byte column takes.
LONGEST_PART: Final = 128  # characters
LONGEST_UUID: Final = 255  # characters

# What boards report when nobody wrote a serial number (compared without case and outer blanks).
# Collected from the public black lists of FusionInventory, GLPI and OCS Inventory, systemd's
# 20-dmi-id and public issues. c3d9… is one constant for a whole batch of px30 boards, the three
# behind it are UUIDs of firmwares that nobody set up.
# fmt: off
_PLACEHOLDERS: Final = frozenset((
    "", "0", "1", ".", "*", "-", "none", "n/a", "na", "null", "(null string)", "invalid",
    "unknown", "unknow", "not specified", "not applicable", "not available", "default string",
    "default", "empty", "oem", "o.e.m.", "oem_serial", "to be filled by o.e.m.",
    "system serial number", "systemserialnumb", "serial number xxxxxx", "chassis serial number",
    "base board serial number", "sys-1234567890", "sys-9876543210", "sn-12345", "sn-1234567890",
    "sn-123456fvgv3i0b8o5n6n7k", "mb-1234567890", "123456789000", "eval", "iatpass",
    "tulip computers", "c3d9b8674f4b94f6", "03000200-0400-0500-0006-000700080009",
    "6ab5b300-538d-1014-9fb5-b0684d007b53", "01010101-0101-0101-0101-010101010101",
))
# fmt: on
_SHORTEST_SERIAL: Final = 4  # characters; below, a board is counting, not identifying
_SHORTEST_RUN: Final = 5  # digits counting upwards; shorter ones may be real
_RUNS: Final = ("0123456789", "0123456789abcdef", "1234567890abcdef")  # each over and over


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
    return pattern(value)


def pattern(value: str) -> str | None:
    """Why this was typed for no device in particular, or None: one character, or counting."""
    if len(set(re.sub(r"[-. :]", "", value).casefold())) <= 1:
        return "repeats one character"
    if _counts_upwards(value.casefold()):
        return "counts upwards: a placeholder"
    return None


def _counts_upwards(value: str) -> bool:
    """`012345`, `1234567890`, `123456789abcdef` and longer; `456789` may well be a real one."""
    if len(value) < _SHORTEST_RUN or value[0] not in "01":
        return False
    return any(value in run * (len(value) // len(run) + 2) for run in _RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one source gave, and what we think of it.

    `source` is its name in the configuration; `reading` None means this machine has no such
    source; `refused` is why the reading is not used; `trouble` why nobody can tell just now.
    """

    source: str
    reading: Reading | None
    refused: str | None = None
    trouble: str | None = None

    @property
    def accepted(self) -> bool:
        return self.reading is not None and self.refused is None

    def __str__(self) -> str:
        if self.trouble is not None:
            return f"{self.source}: {self.trouble}"
        if self.reading is None:
            return f"{self.source}: not on this terminal"
        found = f"{self.source} ({self.reading.source}) gave {self.reading.value!a}"
        return f"{found}, which {self.refused}" if self.refused else found


def judge(source: str, reading: Reading | None) -> Verdict:
    """One source's verdict; what the source itself has against its reading comes first."""
    if reading is None:
        return Verdict(source=source, reading=None)
    return Verdict(source=source, reading=reading, refused=reading.refused or refuse(reading.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The value of one key; `verdicts` are those up to the source that gave it, in order."""

    value: str
    source: str
    verdicts: tuple[Verdict, ...]


def choose(key: str, verdicts: Iterable[Verdict]) -> Choice:
    """The first accepted reading. Later verdicts are not even taken from the iterable.

    Raises HardwareError at the first source nobody can tell about: a weaker one in its place would
    make this another terminal. Raises ConfigError when none gives a serial number.
    """
    seen = []
    for verdict in verdicts:
        if verdict.trouble is not None:
            raise HardwareError(verdict.trouble)
        seen.append(verdict)
        if verdict.accepted and verdict.reading is not None:
            value = verdict.reading.value
            return Choice(value=value, source=verdict.source, verdicts=tuple(seen))
    raise ConfigError(
        f"identity: no serial number for {key!a}: {'; '.join(map(str, seen))}. Write it into a file"
        " and add that as source, or set value in [[identity.pair]]"
    )


FIXED: Final = "configuration"
"""The source of a value that stands in the configuration itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where one key's value came from. `source` is its name in the configuration, or `FIXED`;
    `seen_at` the terminal's own wall clock (Unix seconds), which may have been wrong."""

    key: str
    value: str
    source: str
    seen_at: int


def moved(before: Iterable[Provenance], now: Iterable[Provenance]) -> list[tuple[Provenance, str]]:
    """What has the same value from another source than before, and which source that was."""
    sources = {(each.key, each.value): each.source for each in before}
    return [
        (each, was)
        for each in now
        if (was := sources.get((each.key, each.value), each.source)) != each.source
    ]
