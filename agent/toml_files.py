"""TOML files an operator writes: found in a folder, read, and refused in plain words."""

import os
import stat
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says. `mode` is that of the file which was read."""

    values: dict[str, object]
    mode: int


def drop_ins(directory: str) -> list[str]:
    """The `*.toml` of a folder in alphabetical order, hidden ones left out; none without a folder.
    Raises ConfigError for a folder that is unreadable, or open to everybody."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".toml"))
        mode = os.stat(directory).st_mode
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}; make it readable to the agent") from None
    if mode & stat.S_IWOTH:
        raise ConfigError(f"{directory}: everybody may put files there; run: chmod o-w {directory}")
    return [os.path.join(directory, name) for name in names if not name.startswith(".")]


def parse(file: str) -> Document:
    """Raises ConfigError for a file that is missing, unreadable, no TOML or open to everybody."""
    try:
        with open(file, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            values = tomllib.load(stream)
    except FileNotFoundError:
        raise ConfigError(f"{file}: is missing; copy the example there") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; make it readable to the agent") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not TOML: {error}; correct that line") from None
    if mode & stat.S_IWOTH:
        raise ConfigError(f"{file}: everybody may change it; run: chmod o-w {file}")
    return Document(values=values, mode=mode)


def collected(problems: Sequence[str]) -> ConfigError:
    """All problems in one error: the first is its message, the others are its notes."""
    first, *others = problems
    if not others:
        return ConfigError(first)
    error = ConfigError(f"{first} ({len(others)} more: `pos-agent config check` lists them)")
    for problem in others:
        error.add_note(problem)
    return error


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """The known word that was probably meant, or none."""
    import difflib  # noqa: PLC0415  # for mistakes only, and the daemon keeps what it imports

    return difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
