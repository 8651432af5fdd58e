"""What screens are drawn on: the glass's size and characters, and the language. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.display.layout import Geometry
from agent.display.texts import Language, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """`as_shown` is the display's own: a text as its character set has it, a character a cell."""

    geometry: Geometry
    language: Language
    as_shown: Callable[[str], str]

    def say(self, key: str, *, room: int | None = None, **filled: object) -> str:
        """The longest wording that fits; `filled` are the values of its `{names}`."""
        width = self.geometry.columns if room is None else room
        text = ""
        for wording in self.language.wordings[key]:
            for name, value in filled.items():
                wording = wording.replace(f"{{{name}}}", str(value))  # noqa: PLW2901
            text = self.as_shown(wording)
            if len(text) <= width:
                return text
        return text[:width]


class Measures(Protocol):
    """The part of `hw.contract.LineDisplay` needed here."""

    @property
    def device_rows(self) -> int: ...

    @property
    def device_columns(self) -> int: ...

    def as_shown(self, text: str) -> str: ...


def paper_for(display: Measures, language: Language) -> Paper:
    """Raises ConfigError where the display cannot show the texts of the language."""
    check(language, columns=display.device_columns, as_shown=display.as_shown)
    return Paper(
        geometry=Geometry(rows=display.device_rows, columns=display.device_columns),
        language=language,
        as_shown=display.as_shown,
    )
