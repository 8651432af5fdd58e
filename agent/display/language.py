"""Finds the texts of a language: a TOML file beside this module, or one the integrator wrote."""

import os
import tomllib
from pathlib import Path
from typing import Final

from agent.display.texts import Language, complete, read
from agent.errors import ConfigError
from agent.toml_files import parse

ENGLISH: Final = "en"

_SHIPPED: Final = Path(__file__).with_name("languages")


def available(folder: str | None = None) -> tuple[str, ...]:
    """The languages there is a file for, those in the integrator's `folder` included."""
    names = [*os.listdir(_SHIPPED), *_listed(folder)]
    return tuple(sorted({name.removesuffix(".toml") for name in names if name.endswith(".toml")}))


def load(name: str, folder: str | None = None) -> Language:
    """A file of `folder` goes before the shipped one of that name. Raises ConfigError."""
    own = os.path.join(folder, f"{name}.toml") if folder else None
    if own is not None and os.path.lexists(own):
        return complete(read(name, parse(own).values), _shipped(ENGLISH), own)
    if name not in available():
        where = f", or write {own}" if own else ""
        known = " or ".join(available(folder))
        raise ConfigError(f"no display texts for language {name!r}; use {known}{where}")
    return complete(_shipped(name), _shipped(ENGLISH), f"{name}.toml")


def _listed(folder: str | None) -> list[str]:
    try:
        return os.listdir(folder) if folder else []
    except OSError:
        return []


def _shipped(name: str) -> Language:
    file = _SHIPPED / f"{name}.toml"
    return read(name, tomllib.loads(file.read_text(encoding="utf-8")))
