"""The texts of one language, from its file beside this module."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from agent.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Language:
    """`wordings["offline.network"]`: ways to say it, longest first."""

    name: str
    wordings: Mapping[str, tuple[str, ...]]


def available() -> tuple[str, ...]:
    files = resources.files("agent.display").joinpath("languages").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load(name: str) -> Language:
    """Raises ConfigError for a language there is no file for."""
    if name not in available():
        raise ConfigError(f"no display texts for language {name!r}; use {' or '.join(available())}")
    file = resources.files("agent.display").joinpath("languages", f"{name}.toml")
    return read(name, file.read_text(encoding="utf-8"))


def read(name: str, source: str) -> Language:
    """A language from the text of its file. Raises ConfigError."""
    return Language(name, dict(_flat(tomllib.loads(source), name)))


def _flat(
    table: Mapping[str, object], name: str, prefix: str = ""
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, name, f"{prefix}{key}.")
        elif isinstance(value, list) and value:
            yield prefix + key, tuple(str(wording) for wording in value)
        else:
            raise ConfigError(f"display texts {name}.toml: {prefix}{key} must be a list of texts")
