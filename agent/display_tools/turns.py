"""The form of every conversation with a person in front of a display: show, ask, go on. Pure.

A conversation is a generator of turns. Whoever carries it out sends what a turn says, asks its
question, and sends the answer's letter back into the generator.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from hw.display.encoder import Command

_T = TypeVar("_T")

Parity = Literal["none", "even", "odd"]
YES_NO: Final[Mapping[str, str]] = {"y": "yes", "n": "no"}


@dataclass(frozen=True, slots=True)
class Line:
    """How fast bytes go to the display, and with which parity."""

    baudrate: int
    parity: Parity = "none"

    def __str__(self) -> str:
        parity = "" if self.parity == "none" else f", {self.parity} parity"
        return f"{self.baudrate} bit/s{parity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Bytes for the display, on this line from now on (None: as it is), then a question.

    `picture` is the glass as it should be, row by row, or nothing. `answers` says what each letter
    means.
    """

    question: str
    send: tuple[Command, ...] = ()
    picture: tuple[str, ...] = ()
    line: Line | None = None
    answers: Mapping[str, str] = field(default_factory=lambda: YES_NO)


class Stopped(Exception):
    """The person has had enough; thrown into the conversation instead of an answer."""


Conversation = Generator[Turn, str, _T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `advice` says what to do if it is not `good`."""

    what: str
    good: bool
    advice: str
