"""The keys of a profile's file, one by one: checked, and all that is wrong with them collected."""

import string
from collections.abc import Mapping, Sequence
from typing import Final

from hw.display.code_pages import CHARACTER_SETS
from hw.display.template import Template, TemplateError, parse

OPERANDS: Final[Mapping[str, frozenset[str]]] = {
    "recover": frozenset(),
    "initialise": frozenset(),
    "target": frozenset({"value"}),
    "overwrite": frozenset(),
    "international": frozenset(),
    "code_page": frozenset({"value"}),
    "cursor_off": frozenset(),
    "brightness": frozenset({"value"}),
    "clear": frozenset(),
    "move": frozenset({"row", "column", "cell"}),
    "write_line": frozenset({"row", "cell", "last", "text"}),
    "home": frozenset(),
    "next_row": frozenset(),
}
"""Every command a profile may have, and the operands it may use."""

LINE: Final = ("write_line", "move", "home", "next_row")
"""What text follows, or stands in. These are sent many at a time, with no silence between."""

TABLES: Final = (
    "geometry",
    "commands",
    "settle",
    "code_pages",
    "targets",
    "afterwards",
    "presence",
)
KEYS: Final = (
    "schema",
    "extends",
    "title",
    "sources",
    "remarks",
    "character_set",
    "brightness",
    "spare_column",
)
MOST_ROWS: Final = 4
MOST_COLUMNS: Final = 40

_SETTLING: Final = tuple(name for name in OPERANDS if name not in LINE)
_LONGEST_SETTLE: Final = 2.0  # s; nothing on such a display takes longer
_MOST_PIECES: Final = 256  # of one command; the longest known has 24
_PROBES: Final = ({"ask", "answer"}, {"low", "high"})


def extended(base: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """`own` over `base`, tables key by key. An empty text takes a key of a table away."""
    both = {**base, **own}
    for name in TABLES:
        ours, theirs = own.get(name), base.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged = {**theirs, **ours}
            both[name] = {key: value for key, value in merged.items() if value != ""}
    return both


class Fields:
    """Reads keys of a parsed file. A key that is wrong goes to `problems`, each with what to do;
    its value is then a harmless one that must not be used."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.problems: list[str] = []
        self._raw = raw
        for key in sorted(raw.keys() - {*KEYS, *TABLES}):
            self.wrong(f"unknown key {key!r}; known: {', '.join(sorted((*KEYS, *TABLES)))}")
        if type(raw.get("schema")) is not int or raw.get("schema") != 1:
            self.wrong("schema must be 1; write: schema = 1")

    def wrong(self, problem: str) -> None:
        self.problems.append(problem if len(problem) <= 400 else f"{problem[:400]} ...")

    def text(self, key: str, default: str = "") -> str:
        value = self._raw.get(key, default)
        if isinstance(value, str) and value:
            return value
        self.wrong(f"{key} must be a text, e.g. {key} = {default or 'Maker, model'!r}")
        return ""

    def texts(self, key: str, *, needed: str = "") -> tuple[str, ...]:
        value = self._raw.get(key, [])
        if isinstance(value, list) and all(isinstance(text, str) and text for text in value):
            if needed and not value:
                self.wrong(f"{key} must list {needed}")
            return tuple(value)
        self.wrong(f"{key} must list {needed or 'texts'}, e.g. {key} = ['...']")
        return ()

    def flag(self, key: str) -> bool:
        value = self._raw.get(key, False)
        if not isinstance(value, bool):
            self.wrong(f"{key} must be true or false, not {value!r}")
        return value is True

    def levels(self, key: str, default: Sequence[int]) -> tuple[int, ...]:
        value = self._raw.get(key, list(default))
        if not isinstance(value, list) or not value:
            self.wrong(f"{key} must list the bytes from dim to bright, e.g. {key} = [1, 2, 3, 4]")
            return (0,)
        return tuple(self._number(level, key) for level in value)

    def numbers(self, name: str) -> dict[str, int]:
        return {k: self._number(v, f"{name}.{k}") for k, v in self._table(name).items()}

    def geometry(self) -> tuple[int, int]:
        """The most rows and columns."""
        table = self._table("geometry")
        for key in sorted(table.keys() - {"rows", "columns"}):
            self.wrong(f"geometry.{key}: unknown; write rows and columns, the most there can be")
        return (
            self._number(table.get("rows", MOST_ROWS), "geometry.rows", 1, MOST_ROWS),
            self._number(table.get("columns", MOST_COLUMNS), "geometry.columns", 1, MOST_COLUMNS),
        )

    def commands(self) -> dict[str, Template]:
        commands = {}
        for name, source in self._table("commands").items():
            if name not in OPERANDS:
                self.wrong(f"commands.{name}: unknown command; known: {', '.join(OPERANDS)}")
            elif (
                template := self._template(f"commands.{name}", source, OPERANDS[name])
            ) is not None:
                commands[name] = template
        line = commands.get("write_line")
        if line is not None and line.operands().count("text") != 1:
            self.wrong("commands.write_line must have {text} once, where the cells of a row go")
        if "commands" not in self._raw or not self._shows():
            self.wrong("commands needs move, write_line, or home and next_row: else nothing shows")
        return commands

    def settle(self) -> dict[str, float]:
        pauses = {}
        for name, seconds in self._table("settle").items():
            if name not in _SETTLING:
                self.wrong(f"settle.{name}: not there; can be after {', '.join(_SETTLING)}")
            elif (
                type(seconds) not in (int, float) or not 0 <= float(str(seconds)) <= _LONGEST_SETTLE
            ):
                self.wrong(f"settle.{name} must be seconds from 0 to {_LONGEST_SETTLE}")
            else:
                pauses[name] = float(str(seconds))
        return pauses

    def probe(self) -> dict[str, bytes]:
        """Nothing, or `ask` and `answer`, or `low` and `high`."""
        table = self._table("presence")
        if table and set(table) not in _PROBES:
            self.wrong("presence must have ask and answer, or low and high; or leave it out")
        probe = {}
        for key, source in table.items():
            template = None if source == "" else self._template(f"presence.{key}", source)
            probe[key] = template.render({}) if template is not None else b""
            if source == "" and key != "answer":
                self.wrong(f"presence.{key} must be hex pairs")
        return probe

    def character_sets(self, chosen: str, pages: Mapping[str, int]) -> None:
        """`chosen` must be one of `pages`, and all of them known to us."""
        for name in dict.fromkeys((chosen, *pages)):
            if name not in CHARACTER_SETS:
                known = ", ".join(sorted(CHARACTER_SETS))
                self.wrong(f"character set {name!r}; known: {known}")
        if chosen not in ("ascii", *pages):
            self.wrong(f"character_set {chosen!r} has no number in [code_pages]; add it there")

    def need(self, command: str, table: str, *, there: bool) -> None:
        if there and not self._has(command):
            self.wrong(f"[{table}] needs commands.{command} to select them")

    def _shows(self) -> bool:
        return self._has("move") or self._has("write_line") or self._has("home", "next_row")

    def _has(self, *names: str) -> bool:
        table = self._raw.get("commands")
        return not isinstance(table, dict) or table.keys() >= set(names)

    def _table(self, key: str) -> dict[str, object]:
        table = self._raw.get(key, {})
        if isinstance(table, dict):
            return table
        self.wrong(f"{key} must be a table: [{key}]")
        return {}

    def _number(self, value: object, key: str, lowest: int = 0, highest: int = 0xFF) -> int:
        if type(value) is int and lowest <= value <= highest:
            return value
        self.wrong(f"{key} must be a number from {lowest} to {highest}, not {value!r}")
        return lowest

    def _template(
        self, key: str, source: object, operands: frozenset[str] = frozenset()
    ) -> Template | None:
        if not isinstance(source, str):
            self.wrong(f"{key} must be a text of hex pairs, not {source!r}")
            return None
        try:
            template = parse(source, operands)
        except TemplateError as exc:
            self.wrong(f"{key}: {exc}")
            return None
        if len(template.pieces) > _MOST_PIECES:
            self.wrong(f"{key} is longer than {_MOST_PIECES} bytes; no display needs that")
            return None
        return template


def is_name(name: str) -> bool:
    """Whether a file may be called so."""
    return 0 < len(name) <= 64 and not set(name) - {*string.ascii_lowercase, *string.digits, *"-_"}
