"""The texts of one language, and whether a display can show them. Pure.

English is the measure: what another file lacks is said in English, because a new text of a new
version must not keep a terminal from starting; what only the other file has is a misspelling.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from agent.errors import ConfigError

NATIONAL: Final = frozenset("#$@[\\]^`{|}~")
"""Cells that national character sets replace (`[` becomes `Ä`)."""
NARROWEST: Final = 16  # columns every text has to fit; below, texts are cut
RECEIPT: Final = 32  # columns of a receipt on 58 mm paper

_FILLED: Final = {"minutes": "999", "seconds": "99", "digit": "0", "letter": "O"}
_FIELD: Final = re.compile(r"\{([a-z]*)\}")
_BESIDE_SUPPORT_CODE: Final = len(" N102")
_BESIDE_CODE: Final = len(" WDJB-MJHT")


@dataclass(frozen=True, slots=True)
class Language:
    """`wordings["offline.network"]`: ways to say it, longest first. `missing`: what is said in
    English for want of a text."""

    name: str
    wordings: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...] = ()


def read(name: str, values: Mapping[str, object]) -> Language:
    """A language from what its file says. Raises ConfigError."""
    return Language(name, dict(_flat(values, f"{name}.toml")))


def complete(language: Language, english: Language, file: str) -> Language:
    """With English for what is missing. Raises ConfigError for what English does not have."""
    reference = english.wordings
    problems = [
        f"{file}: {key} {problem}"
        for key, wordings in language.wordings.items()
        if (problem := _stray(wordings, reference.get(key)))
    ]
    if problems:
        raise _all(problems)
    missing = tuple(key for key in reference if key not in language.wordings)
    return Language(language.name, {**reference, **language.wordings}, missing)


def _stray(wordings: tuple[str, ...], reference: tuple[str, ...] | None) -> str:
    """What a text has that its English has not."""
    if reference is None:
        return "is not a text of the display; en.toml has them all"
    wanted = set(_FIELD.findall(reference[0]))
    if all(set(_FIELD.findall(wording)) == wanted for wording in wordings):
        return ""
    fields = " and ".join(f"{{{name}}}" for name in sorted(wanted)) or "nothing in braces"
    return f"needs {fields} in every wording"


def check(language: Language, *, columns: int, as_shown: Callable[[str], str]) -> None:
    """Raises ConfigError with a note for each text that such a display cannot show."""
    if problems := list(problems_of(language, columns=columns, as_shown=as_shown)):
        raise _all(problems)


def problems_of(
    language: Language, *, columns: int, as_shown: Callable[[str], str]
) -> Iterator[str]:
    """What is wrong with its texts, as sentences. Widths count after `as_shown`: `Ü` may take two
    cells. Paper has a width of its own, and no cells."""
    for key, wordings in language.wordings.items():
        room = _room(key, max(columns, NARROWEST))
        tell = partial("{}.toml: {} {}".format, language.name, key)
        shown = [as_shown(_fill(wording)) for wording in wordings]
        if max(map(len, shown[-1].split() if _on_paper(key) else shown[-1:])) > room:
            yield tell(f"does not fit {room} cells as {shown[-1]!r}; add a shorter wording")
        if [*map(len, shown)] != sorted(map(len, shown), reverse=True):
            yield tell("has a wording after a shorter one; write the longest first")
        for wording, text in zip(wordings, shown, strict=True):
            if text.count("?") > wording.count("?"):
                yield tell(
                    f"has characters the display does not have: {text!r}; spell them otherwise, or"
                    " set display.character_set"
                )
            if not _on_paper(key) and (national := sorted(NATIONAL & set(text))):
                yield tell(f"has {national[0]}, which is another character in some countries")


def _room(key: str, columns: int) -> int:
    """Cells its shortest wording may take."""
    if _on_paper(key):
        return RECEIPT
    if key.startswith("offline_advice.") or key == "call_support":
        return columns - _BESIDE_SUPPORT_CODE
    return columns - _BESIDE_CODE if key == "minutes_left" else columns


def _on_paper(key: str) -> bool:
    return key.startswith("receipt.")


def _fill(wording: str) -> str:
    return _FIELD.sub(lambda found: _FILLED[found[1]], wording)


def _flat(
    table: Mapping[str, object], file: str, prefix: str = ""
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, file, f"{prefix}{key}.")
        elif isinstance(value, list) and value and all(isinstance(text, str) for text in value):
            yield prefix + key, tuple(value)
        else:
            raise ConfigError(f"{file}: {prefix}{key} must be a list of texts")


def _all(problems: Sequence[str]) -> ConfigError:
    """The first is the message, the others are its notes."""
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    error = ConfigError(problems[0] + more)
    for problem in problems[1:]:
        error.add_note(problem)
    return error
