"""A command set as data: loads a profile, and refuses one that could harm a display.

A profile is a TOML file of hex templates (`hw.display.template`); docs/hardware.md explains every
key. Whatever can be wrong with it is found here, so the encoder has nothing left to check but the
size of the glass.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hw.display import deny
from hw.display.profile_fields import LINE, MOST_COLUMNS, MOST_ROWS, Fields, extended, is_name
from hw.display.template import Template, TemplateError

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
KEEP: Final = ("target", "overwrite", "international", "code_page", "cursor_off")
"""Said again before every repaint: a display that lost its power alone has forgotten it."""

_AT_CHOICE: Final = ("target", "code_page")  # sent only if there is one to select
_USUAL_COLUMNS: Final = (16, 20, 40)
_SHIPPED: Final = Path(__file__).with_name("profiles")  # importlib.resources would cost 0.3 MB
_LARGEST_FILE: Final = 65_536  # bytes; the longest shipped has 3,000


class ProfileError(ValueError):
    """The profile cannot be used; the message names the file, the key and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProbe:
    """Send `ask`; the reply must contain `answer`. An empty answer: any reply."""

    ask: bytes
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DsrProbe:
    """After `low` the line DSR reads false, after `high` true."""

    low: bytes
    high: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One command set. Only commands the display has are in `commands`.

    `rows` and `columns`: the most it can address. `spare_column`: the last column stays blank,
    because nothing keeps the set from scrolling after it. `brightness`: levels, dim to bright.
    `afterwards`: what to select instead of a target when the display is given back.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    commands: Mapping[str, Template]
    remarks: tuple[str, ...] = ()
    rows: int = MOST_ROWS
    columns: int = MOST_COLUMNS
    spare_column: bool = False
    character_set: str = "ascii"
    brightness: tuple[int, ...] = (1, 2, 3, 4)
    settle: Mapping[str, float] = field(default_factory=dict)
    code_pages: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] = field(default_factory=dict)
    afterwards: Mapping[str, int] = field(default_factory=dict)
    presence: AnswerProbe | DsrProbe | None = None

    def refusal(self, rows: int, columns: int) -> str | None:
        """Why this set cannot drive a display of that size without harm, or None if it can."""
        if not (1 <= rows <= self.rows and 1 <= columns <= self.columns):
            return (
                f"it drives displays up to {self.rows} x {self.columns}, not {rows} x {columns};"
                " correct rows and columns, or [geometry] in a file of your own"
            )
        try:
            forms = dict(self._forms(rows, columns))
            return deny.reason(forms, tuple(f"commands.{name}" for name in self._first()))
        except TemplateError as exc:
            return f"{exc} at {rows} x {columns}; [geometry] says what a set can address"

    def _forms(self, rows: int, columns: int) -> Iterator[tuple[str, set[deny.Sent]]]:
        """Every byte sequence the encoder can make of this profile."""
        places = [place(row, columns) for row in range(rows)]
        values: Mapping[str, tuple[int, ...]] = {
            "target": (*self.targets.values(), *self.afterwards.values()),
            "code_page": tuple(self.code_pages.values()),
            "brightness": self.brightness,
        }
        for name, template in self.commands.items():
            text = (None,) if name in LINE and name != "write_line" else ()
            try:
                forms = {
                    (*template.parts({**numbers, "value": value}), *text)
                    for numbers in places
                    for value in values.get(name, (0,))
                }
            except TemplateError as exc:
                raise TemplateError(f"commands.{name}: {exc}") from exc
            yield f"commands.{name}", forms
        match self.presence:
            case AnswerProbe(ask=ask):
                yield "presence", {(ask,)}
            case DsrProbe(low=low, high=high):
                yield "presence", {(low,), (high,)}
            case None:
                pass

    def _first(self) -> list[str]:
        """The commands that may be the first after trouble."""
        names = [name for name in (*BEGIN, *LINE) if name in self.commands]
        sure = next(nth for nth, name in enumerate(names) if name not in _AT_CHOICE)
        return names[: sure + 1]


def place(row: int, columns: int) -> dict[str, int]:
    """The operands that say where a row is; all count from 0."""
    cell = row * columns
    return {"row": row, "column": 0, "cell": cell, "last": cell + columns - 1}


def shipped() -> tuple[str, ...]:
    """The names of the profiles in this package."""
    return tuple(sorted(_names(_SHIPPED)))


def available(directory: str | None = None) -> tuple[str, ...]:
    """The names `load` knows: the shipped ones and the files of this directory."""
    own = [] if directory is None else _names(Path(directory))
    return tuple(sorted({*shipped(), *own}))


def load(name: str, directory: str | None = None) -> Profile:
    """A profile by name: `NAME.toml` of the directory, or else a shipped one. Raises ProfileError.

    The integrator's file wins. It may say `extends = "escpos"` and then only what differs.
    """
    if directory is not None and is_name(name):
        file = Path(directory, f"{name}.toml")
        if _is_there(file):
            return read(name, _content(file), where=str(file))
    if name not in shipped():
        known = ", ".join(available(directory))
        hint = "" if directory is None else f"; or write {Path(directory, 'NAME.toml')}"
        raise ProfileError(f"no command set {name!r}; there are: {known}{hint}")
    return read(name, _shipped_source(name))


def check(path: str) -> tuple[str, ...]:
    """All that is wrong with a file, a sentence each; empty if it can be used."""
    file = Path(path)
    try:
        source = _content(file)
    except ProfileError as exc:
        return (str(exc),)
    wrong_name = f"display profile {path}: call it NAME.toml, of a-z, 0-9, - and _"
    named = file.suffix == ".toml" and is_name(file.stem)
    return (*(() if named else (wrong_name,)), *problems(file.stem, source, where=path))


def read(name: str, source: str, where: str | None = None) -> Profile:
    """A profile from the text of its file. Raises ProfileError with all that is wrong."""
    profile, wrong = _parsed(name, source)
    if profile is None:
        raise ProfileError(f"display profile {where or name}: {'; '.join(wrong)}")
    return profile


def problems(name: str, source: str, where: str | None = None) -> tuple[str, ...]:
    """All that is wrong with the text of a file, a sentence each that names file and key."""
    return tuple(f"display profile {where or name}: {wrong}" for wrong in _parsed(name, source)[1])


def _parsed(name: str, source: str) -> tuple[Profile | None, list[str]]:
    try:
        raw = tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        return None, [f"is not TOML: {exc}; correct that line"]
    base = raw.get("extends")
    if base is not None:
        if not isinstance(base, str) or base not in shipped():
            return None, [f"extends must be one of {', '.join(shipped())}, not {base!r}"]
        raw = extended(tomllib.loads(_shipped_source(base)), raw)
    fields = Fields(raw)
    profile = _profile(name, fields)
    wrong = fields.problems or sorted(set(_refusals(profile)))
    return (None if wrong else profile), wrong


def _profile(name: str, fields: Fields) -> Profile:
    rows, columns = fields.geometry()
    profile = Profile(
        name=name,
        title=fields.text("title"),
        sources=fields.texts("sources", needed="where the bytes come from"),
        remarks=fields.texts("remarks"),
        commands=fields.commands(),
        rows=rows,
        columns=columns,
        spare_column=fields.flag("spare_column"),
        character_set=fields.text("character_set", "ascii"),
        brightness=fields.levels("brightness", (1, 2, 3, 4)),
        settle=fields.settle(),
        code_pages=fields.numbers("code_pages"),
        targets=fields.numbers("targets"),
        afterwards=fields.numbers("afterwards"),
        presence=_presence(fields.probe()),
    )
    fields.character_sets(profile.character_set, profile.code_pages)
    fields.need("code_page", "code_pages", there=bool(profile.code_pages))
    fields.need("target", "targets", there=bool(profile.targets))
    for target in sorted(profile.afterwards.keys() - profile.targets.keys()):
        fields.wrong(f"afterwards.{target}: no such target; known: {', '.join(profile.targets)}")
    return profile


def _presence(probe: Mapping[str, bytes]) -> AnswerProbe | DsrProbe | None:
    match probe:
        case {"ask": ask, "answer": answer}:
            return AnswerProbe(ask=ask, answer=answer)
        case {"low": low, "high": high}:
            return DsrProbe(low=low, high=high)
        case _:
            return None


def _refusals(profile: Profile) -> Iterator[str]:
    for columns in {min(usual, profile.columns) for usual in _USUAL_COLUMNS}:
        if (refusal := profile.refusal(profile.rows, columns)) is not None:
            yield refusal


def _shipped_source(name: str) -> str:
    return (_SHIPPED / f"{name}.toml").read_text(encoding="utf-8")


def _names(directory: Path) -> list[str]:
    """The profiles of a directory; none where there is no such directory to read."""
    try:
        files = [file.name for file in directory.iterdir() if file.name.endswith(".toml")]
    except OSError:
        return []
    return [name for file in files if is_name(name := file.removesuffix(".toml"))]


def _is_there(file: Path) -> bool:
    """Also if it cannot be read: then it is to be complained about, not passed over."""
    try:
        return file.is_symlink() or file.exists()
    except OSError:
        return True


def _content(file: Path) -> str:
    where = f"display profile {file}"
    try:
        if not file.is_file():
            raise ProfileError(f"{where}: there is no such file")
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ProfileError(f"{where}: is larger than {_LARGEST_FILE} bytes; shorten it")
        return content.decode("utf-8")
    except OSError as exc:
        raise ProfileError(f"{where}: {exc.strerror}; make it readable to the agent") from exc
    except UnicodeDecodeError as exc:
        raise ProfileError(f"{where}: is not UTF-8 text; save it as UTF-8") from exc
