"""Which terminal this is: the settings of the device UUID."""

import re
from typing import TYPE_CHECKING, Final

from agent import config_checks as checks
from agent.config_setting import Setting
from agent.errors import ConfigError
from agent.identity import build
from agent.settings import IdentitySettings, PairSettings

if TYPE_CHECKING:
    from agent.config_reading import Reading

PAIRS: Final = "identity.pair"
_PAIR_NUMBER: Final = re.compile(r"^identity\.pair\[(\d+)\]\.")

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

TABLE: tuple[Setting[object], ...] = (VENDOR, PAIR_KEY, PAIR_VALUE, PAIR_SOURCES, PAIR_FILE)


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
    def key(setting: Setting[object]) -> str:
        return prefix + setting.key.rpartition(".")[2]

    file = given.get(PAIR_FILE, key(PAIR_FILE))
    sources = given.get(PAIR_SOURCES, key(PAIR_SOURCES))
    by_file, by_sources, fixed = (
        given.gives(key(setting)) for setting in (PAIR_FILE, PAIR_SOURCES, PAIR_VALUE)
    )
    if by_file and not by_sources:
        sources = ("file",)
    if fixed == (by_file or by_sources):
        given.problem(key(PAIR_VALUE), "write either value, or sources (or file)")
    if by_file != ("file" in sources):
        given.problem(key(PAIR_FILE), 'file and the source "file" go together')
    return PairSettings(
        key=given.get(PAIR_KEY, key(PAIR_KEY)),
        value=given.get(PAIR_VALUE, key(PAIR_VALUE)),
        sources=sources,
        file=file,
    )


def _try_to_build(given: "Reading", vendor: str, pairs: tuple[PairSettings, ...]) -> None:
    """With a stand-in where the value comes from the machine: keys named twice, too long."""
    try:
        build(vendor, tuple((pair.key, pair.value or "0000") for pair in pairs))
    except ConfigError as error:
        given.problems.append(f"{given.merged.file_of(PAIRS + '[1].key')}: {error}")
