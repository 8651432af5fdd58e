"""A command set as data: loads a profile, and refuses one that could harm a display.

A profile is a TOML file of hex templates (`hw.display.template`); docs/display.md explains every
key. Whatever can be wrong with it is found here, so the encoder has nothing left to check.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

from hw.display import deny
from hw.display.code_pages import CHARACTER_SETS
from hw.display.template import Template, TemplateError, parse

_OPERANDS: Final[dict[str, frozenset[str]]] = {
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
    "write_line": frozenset({"row", "cell", "text"}),
}
BEGIN: Final = (
    "recover",
    "target",  # before, because a display that is not selected ignores the rest
    "initialise",
    "target",  # and after, because that may have been forgotten
    "overwrite",
    "international",
    "code_page",
    "cursor_off",
    "brightness",
    "clear",
)
"""The order that leads from any state to a blank, ready glass; overwrite before any text."""
KEEP: Final = ("target", "overwrite", "cursor_off")
"""Said again before every repaint: a display that lost its power alone has forgotten it."""

_KEYS = {"schema", "title", "sources", "character_set", "brightness"}
_TABLES = {"commands", "settle", "code_pages", "targets"}
_LONGEST_SETTLE: Final = 2.0  # s; nothing on a two-line display takes longer
_PLACES: Final = tuple(
    {"row": row, "column": 0, "cell": row * columns} for row in range(4) for columns in (16, 20, 40)
)
_TEXT: Final = b"\0text\0"  # stands for cells while the bytes around it are looked at


class ProfileError(ValueError):
    """The profile cannot be used; the message names the file, the key and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One command set. Only commands the display has are in `commands`."""

    name: str
    title: str
    sources: tuple[str, ...]
    commands: Mapping[str, Template]
    character_set: str = "ascii"
    brightness: int = 4
    settle: Mapping[str, float] = field(default_factory=dict)
    code_pages: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] = field(default_factory=dict)


def shipped() -> tuple[str, ...]:
    """The names of the profiles in this package."""
    files = resources.files("hw.display").joinpath("profiles").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load(name: str) -> Profile:
    """A shipped profile by name. Raises ProfileError."""
    if name not in shipped():
        raise ProfileError(f"no command set {name!r}; there are: {', '.join(shipped())}")
    file = resources.files("hw.display").joinpath("profiles", f"{name}.toml")
    return read(name, file.read_text(encoding="utf-8"))


def read(name: str, source: str) -> Profile:
    """A profile from the text of its file. Raises ProfileError."""
    try:
        return _profile(name, tomllib.loads(source))
    except (tomllib.TOMLDecodeError, TemplateError, _Wrong) as exc:
        raise ProfileError(f"display profile {name}: {exc}") from exc


class _Wrong(Exception):
    """What is wrong, without the file's name."""


def _profile(name: str, raw: Mapping[str, object]) -> Profile:
    if unknown := sorted(raw.keys() - _KEYS - _TABLES):
        raise _Wrong(f"unknown key {unknown[0]!r}; known: {', '.join(sorted(_KEYS | _TABLES))}")
    if raw.get("schema") != 1:
        raise _Wrong("schema must be 1")
    profile = Profile(
        name=name,
        title=_text(raw, "title"),
        sources=_sources(raw),
        commands=_commands(_table(raw, "commands")),
        character_set=_text(raw, "character_set", "ascii"),
        brightness=_byte(raw.get("brightness", 4), "brightness"),
        settle=_settle(_table(raw, "settle")),
        code_pages={k: _byte(v, f"code_pages.{k}") for k, v in _table(raw, "code_pages").items()},
        targets={k: _byte(v, f"targets.{k}") for k, v in _table(raw, "targets").items()},
    )
    _check_character_sets(profile)
    _check_denied(profile)
    return profile


def _table(raw: Mapping[str, object], key: str) -> dict[str, object]:
    table = raw.get(key, {})
    if not isinstance(table, dict):
        raise _Wrong(f"{key} must be a table: [{key}]")
    return table


def _text(raw: Mapping[str, object], key: str, default: str | None = None) -> str:
    value = raw.get(key, default)
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{key} must be a text")
    return value


def _sources(raw: Mapping[str, object]) -> tuple[str, ...]:
    sources = raw.get("sources")
    if not isinstance(sources, list) or not sources:
        raise _Wrong("sources must list where the bytes come from")
    return tuple(str(source) for source in sources)


def _byte(value: object, key: str) -> int:
    if type(value) is not int or not 0 <= value <= 0xFF:
        raise _Wrong(f"{key} must be a number from 0 to 255, not {value!r}")
    return value


def _commands(table: Mapping[str, object]) -> dict[str, Template]:
    commands = {}
    for name, source in table.items():
        if name not in _OPERANDS:
            raise _Wrong(f"unknown command {name!r}; known: {', '.join(_OPERANDS)}")
        if not isinstance(source, str):
            raise _Wrong(f"commands.{name} must be a text of hex pairs")
        try:
            commands[name] = parse(source, _OPERANDS[name])
        except TemplateError as exc:
            raise _Wrong(f"commands.{name}: {exc}") from exc
    if missing := sorted({"initialise", "clear"} - commands.keys()):
        raise _Wrong(f"commands.{missing[0]} is missing")
    if not commands.keys() & {"move", "write_line"}:
        raise _Wrong("commands needs move or write_line, or nothing can be shown")
    return commands


def _settle(table: Mapping[str, object]) -> dict[str, float]:
    for name, seconds in table.items():
        if name not in _OPERANDS:
            raise _Wrong(f"settle.{name}: no such command")
        if not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_SETTLE:
            raise _Wrong(f"settle.{name} must be seconds from 0 to {_LONGEST_SETTLE}")
    return {name: float(str(seconds)) for name, seconds in table.items()}


def _check_character_sets(profile: Profile) -> None:
    for name in (profile.character_set, *profile.code_pages):
        if name not in CHARACTER_SETS:
            raise _Wrong(f"character set {name!r}; known: {', '.join(sorted(CHARACTER_SETS))}")
    if profile.character_set not in ("ascii", *profile.code_pages):
        raise _Wrong(f"character_set {profile.character_set!r} has no number in [code_pages]")
    if profile.code_pages and "code_page" not in profile.commands:
        raise _Wrong("[code_pages] needs commands.code_page to select them")


def _check_denied(profile: Profile) -> None:
    """Try every byte sequence the encoder can make of this profile against the deny list."""
    values = {
        "target": tuple(profile.targets.values()),
        "code_page": tuple(profile.code_pages.values()),
        "brightness": (profile.brightness,),
    }
    for name, template in profile.commands.items():
        for place in _PLACES:
            for value in values.get(name, (0,)):
                _check_command(name, template, {**place, "value": value})
    line = profile.commands.get("write_line") or profile.commands["move"]
    for order in (BEGIN, KEEP):
        parts = (profile.commands.get(name) for name in order)
        sent = [part.render({"value": 0}) for part in parts if part is not None]
        whole = b"".join((*sent, line.render(_PLACES[0], _TEXT).partition(_TEXT)[0]))
        if (why := deny.reason(whole, text_follows=True)) is not None:
            raise _Wrong(f"commands together would send {whole.hex().upper()}: never, {why}")


def _check_command(name: str, template: Template, numbers: Mapping[str, int]) -> None:
    """Text ends a command where it stands, and comes right after a move."""
    before, mark, after = template.render(numbers, _TEXT).partition(_TEXT)
    text_follows = bool(mark) or name == "move"
    why = deny.reason(before, text_follows=text_follows) or deny.reason(after)
    if why is not None:
        raise _Wrong(f"commands.{name} would send {before.hex().upper()}: never, because {why}")
