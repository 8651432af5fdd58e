"""Takes settings out of the merged files one by one, and collects what is wrong.

A wrong value is noted and its default used instead, so that one reading finds every mistake.
Messages name the file, the key, the limit and what to do, and never repeat a value.
"""

import json
import re
from dataclasses import dataclass
from typing import TypeVar

from agent.config_files import Merged
from agent.config_setting import Setting
from agent.config_table import TABLE
from agent.toml_files import nearest

T = TypeVar("T")

_KEYS = tuple(setting.key for setting in TABLE)
_TABLES = frozenset(key.rpartition(".")[0].replace("[]", "") for key in _KEYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One setting in force: `text` as TOML has it, a secret as `(secret)`, nothing as `(none)`;
    `origin` is the file that gave it, or `default`."""

    key: str
    text: str
    origin: str


class Reading:
    """`problems` are sentences, `lines` every setting asked for so far."""

    def __init__(self, merged: Merged) -> None:
        self.merged = merged
        self.problems: list[str] = []
        self.lines: list[Line] = []
        for key in merged.values:
            self._refuse_unknown(key)
        for name in merged.tables:
            self._refuse_unknown_table(name)

    def gives(self, key: str) -> bool:
        """Whether a file names this key."""
        return key in self.merged.values

    def get(self, setting: Setting[T], key: str | None = None) -> T:
        """The checked value; or the default, with a note of what is wrong."""
        key = key or setting.key
        if key not in self.merged.values:
            self.lines.append(Line(key=key, text=as_toml(setting.default), origin="default"))
            if setting.required:
                self.problem(key, "is missing; add it")
            return setting.default
        raw, file = self.merged.values[key]
        text = "(secret)" if setting.secret else as_toml(raw)
        self.lines.append(Line(key=key, text=text, origin=file))
        try:
            return setting.check(raw)
        except ValueError as wrong:
            self.problem(key, str(wrong))
            return setting.default

    def wrong(self, setting: Setting[object], problem: str) -> None:
        self.problem(setting.key, problem)

    def problem(self, key: str, problem: str) -> None:
        self.problems.append(f"{self.merged.file_of(key)}: {key}: {problem}")

    def _refuse_unknown(self, key: str) -> None:
        plain = re.sub(r"\[\d+\]", "[]", key)
        if plain.replace("[]", "") in _TABLES:
            self.problem(key, f"is a table; write [{key}] and its settings below")
        elif plain not in _KEYS:
            self.problem(key, f"is not a setting; {_meant(plain)}")

    def _refuse_unknown_table(self, name: str) -> None:
        plain = re.sub(r"\[\d+\]", "", name)
        if plain not in _TABLES and not any(key.startswith(name) for key in self.merged.values):
            near = nearest(plain, _TABLES)
            hint = f"did you mean [{near[0]}]?" if near else "see docs/configuration.md"
            self.problems.append(f"{self.merged.tables[name]}: [{name}] is not a table; {hint}")


def _meant(key: str) -> str:
    """The nearest setting of the same table, or one much alike of another."""
    table, _, name = key.rpartition(".")
    names = {
        known.rpartition(".")[2]: known for known in _KEYS if known.rpartition(".")[0] == table
    }
    near = [names[match] for match in nearest(name, names)]
    near += nearest(key, _KEYS, cutoff=0.8)
    return f"did you mean {near[0]}?" if near else "see docs/configuration.md"


def as_toml(value: object) -> str:
    """The value as the file would have it."""
    if value is None:
        return "(none)"
    if isinstance(value, dict):
        items = (f"{as_toml(name)} = {as_toml(item)}" for name, item in value.items())
        return f"{{ {', '.join(items)} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
