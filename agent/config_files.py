"""The configuration file and its drop-ins, merged flat: `identity.pair[1].key` -> value and file.

`config.toml` first, then `config.d/*.toml` beside it in alphabetical order; the last file that
names a key wins. Whoever may read or change the files is checked here too.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.config_identity import PAIRS
from agent.config_table import PINS, SECRETS, TABLE
from agent.errors import ConfigError
from agent.toml_files import drop_ins, parse

# Alternatives: a later file that names one of these takes the place of the others.
_ALTERNATIVES = tuple(tuple(setting.key for setting in group) for group in (SECRETS, PINS))
_SECRET_KEYS = frozenset(setting.key for setting in TABLE if setting.secret)
SINKS = "sink"
MAPS = frozenset({"credential_socket.units"})  # tables whose keys are names, not settings


@dataclass(slots=True, kw_only=True)
class Merged:
    """`values`: flat key -> (value as TOML gave it, file); `tables`: table -> first file with it.
    The table named `` is the document itself."""

    files: tuple[str, ...]
    values: dict[str, tuple[object, str]] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def file_of(self, key: str) -> str:
        """Where this key is, or would be written."""
        if key in self.values:
            return self.values[key][1]
        return self.tables.get(key.rpartition(".")[0], self.files[0])


def merge(path: str) -> Merged:
    """Raises ConfigError for a file that is missing, unreadable, not TOML or open to everybody."""
    directory = os.path.join(os.path.dirname(path) or ".", "config.d")
    merged = Merged(files=(path, *drop_ins(directory)))
    for file in merged.files:
        _take(file, merged)
    return merged


def _take(file: str, merged: Merged) -> None:
    """Read one file over what earlier ones gave."""
    document = parse(file)
    flat = dict(_flatten(document.values, "", merged.tables, file))
    if document.mode & stat.S_IROTH and not _SECRET_KEYS.isdisjoint(flat):
        raise ConfigError(
            f"{file}: holds a secret and everybody may read it; run: chmod 0640 {file}"
            f" && chgrp pos-agent {file}"
        )
    for group in _ALTERNATIVES:
        if any(key in flat for key in group):
            for key in group:
                merged.values.pop(key, None)
    for name in (PAIRS, SINKS):  # each is one list, in one order
        if any(key.startswith(f"{name}[") for key in flat):
            for key in [key for key in merged.values if key.startswith(f"{name}[")]:
                del merged.values[key]
    merged.values.update({key: (value, file) for key, value in flat.items()})


def _flatten(
    document: dict[str, object], prefix: str, tables: dict[str, str], file: str
) -> Iterator[tuple[str, object]]:
    tables.setdefault(prefix.rstrip("."), file)
    for name, value in document.items():
        key = prefix + name
        if isinstance(value, dict) and key not in MAPS:
            yield from _flatten(value, key + ".", tables, file)
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for number, item in enumerate(value, start=1):
                yield from _flatten(item, f"{key}[{number}].", tables, file)
        else:
            yield key, value
