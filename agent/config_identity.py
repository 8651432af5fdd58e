"""Which terminal this is: the settings of the device UUID."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from agent import config_checks as checks
from agent import config_memory as memory
from agent.config_setting import Setting
from agent.errors import ConfigError
from agent.identity import build
from agent.settings import IdentitySettings, PairSettings

if TYPE_CHECKING:
    from agent.config_reading import Reading

T = TypeVar("T")

PAIRS: Final = "identity.pair"
_PAIR_NUMBER: Final = re.compile(r"^identity\.pair\[(\d+)\]\.")
# What is told to the source of that name; one alone is the only source.
_TOLD: Final = {
    "file": "file",
    "command": "command",
    "eeprom": "eeprom",
    "nvmem": "nvmem",
    "interface": "mac",
}

VENDOR = Setting(
    key="identity.vendor",
    check=checks.part,
    default="",
    required=True,
    meaning="Vendor of the device UUID, exactly as registered.",
)
PAIR_KEY = Setting(
    key="identity.pair[].key",
    check=checks.part,
    default="",
    required=True,
    meaning="Key of this part of the device UUID, e.g. serial. Pairs keep their order.",
)
PAIR_VALUE: Setting[str | None] = Setting(
    key="identity.pair[].value",
    check=checks.fixed_value,
    default=None,
    meaning="A fixed value, exactly as registered. Not together with sources.",
)
PAIR_SOURCES: Setting[tuple[str, ...]] = Setting(
    key="identity.pair[].sources",
    check=checks.sources,
    default=(),
    meaning=f"Where this terminal's own value is found: {', '.join(checks.SOURCE_NAMES)}. The first"
    " that gives a valid one counts; one that cannot be read is waited for, never skipped.",
)
PAIR_FILE: Setting[str | None] = Setting(
    key="identity.pair[].file",
    check=checks.path,
    default=None,
    meaning="The file of the source file; alone it is the only source.",
)
PAIR_COMMAND: Setting[tuple[str, ...] | None] = Setting(
    key="identity.pair[].command",
    check=checks.command,
    default=None,
    meaning="The program of the source command and its arguments, run without a shell; the one line"
    " it prints within 5 s. Nothing printed: no such source here. Any other exit status than 0 is"
    " waited for.",
)
PAIR_INTERFACE: Setting[str | None] = Setting(
    key="identity.pair[].interface",
    check=checks.name(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", "eth0"),
    default=None,
    meaning="Network interface of the source mac. Without it, the board's wired one with the lowest"
    " index, USB left out, and not before the machine has been up for 30 s.",
)

TABLE: tuple[Setting[object], ...] = (
    *(VENDOR, PAIR_KEY, PAIR_VALUE, PAIR_SOURCES, PAIR_FILE, PAIR_COMMAND, PAIR_INTERFACE),
    *memory.TABLE,
)


def read(given: "Reading") -> IdentitySettings:
    vendor = given.get(VENDOR)
    numbers = {int(n) for key in given.merged.values for n in _PAIR_NUMBER.findall(key)}
    pairs = tuple(_pair(given, f"{PAIRS}[{number}].") for number in sorted(numbers))
    if not pairs:
        given.wrong(VENDOR, "needs at least one [[identity.pair]]; add one")
    elif not given.problems:
        _try_to_build(given, vendor, pairs)
    return IdentitySettings(vendor=vendor, pairs=pairs)


def _pair(given: "Reading", prefix: str) -> PairSettings:
    def get(setting: Setting[T]) -> T:
        return given.get(setting, prefix + setting.key.rpartition(".")[2])

    pair = PairSettings(
        key=get(PAIR_KEY),
        value=get(PAIR_VALUE),
        sources=get(PAIR_SOURCES),
        file=get(PAIR_FILE),
        command=get(PAIR_COMMAND),
        interface=get(PAIR_INTERFACE),
        nvmem=memory.nvmem(given, prefix + "nvmem."),
        eeprom=memory.eeprom(given, prefix + "eeprom."),
    )
    told = [name for name in _TOLD if _gives(given, prefix + name)]
    by_sources = given.gives(prefix + "sources")
    if given.gives(prefix + "value") == bool(told or by_sources):
        given.problem(prefix + "value", "write either value, or sources (or file)")
    elif by_sources:
        _check_told(given, prefix, pair.sources, told)
    elif len(told) > 1:
        given.problem(prefix + "sources", f"is missing: say which of {', '.join(told)} comes first")
    elif told:
        return replace(pair, sources=(_TOLD[told[0]],))
    return pair


def _gives(given: "Reading", key: str) -> bool:
    """Whether a file names this key, or a table of that name with something in it."""
    return any(found == key or found.startswith(key + ".") for found in given.merged.values)


def _check_told(given: "Reading", prefix: str, sources: tuple[str, ...], told: list[str]) -> None:
    """What is told and the source it is for go together; `mac` finds an interface by itself."""
    if not sources:
        return  # they are wrong, which has been reported
    for name, source in _TOLD.items():
        if (name in told) != (source in sources) and not (source == "mac" and name not in told):
            given.problem(prefix + name, f'{name} and the source "{source}" go together')


def _try_to_build(given: "Reading", vendor: str, pairs: tuple[PairSettings, ...]) -> None:
    """With a stand-in where the value comes from the machine: keys named twice, too long."""
    try:
        build(vendor, tuple((pair.key, pair.value or "0000") for pair in pairs))
    except ConfigError as error:
        given.problems.append(f"{given.merged.file_of(PAIRS + '[1].key')}: {error}")
