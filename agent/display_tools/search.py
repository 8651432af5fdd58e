"""The search for a display's line and command set, with a person who reads the glass. Pure.

First words, at one speed after the other; commands only at a speed at which a word was read. A word
that arrives at the wrong speed is other bytes: these words were chosen so that none of those, at
any usual speed and parity, is a command that does harm (the tests work it out bit by bit), and so
that none completes a command that another program left half-sent. That cannot be had of commands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.display_tools.elimination import Candidate
from agent.display_tools.turns import Conversation, Line, Turn
from hw.display.encoder import Command

WORDS: Final[Mapping[Line, str]] = {
    Line(9600): "MOON",
    Line(19200): "GONG",
    Line(4800): "COIN",
    Line(38400): "MONK",
    Line(115200): "ICON",
    Line(2400): "COMIC",
    Line(9600, "odd"): "KING",
    Line(9600, "even"): "ZINC",
}
"""One for each line, the most usual first, so that the answer tells which it was."""
OTHER_LINE: Final = "ZOOM"  # the word for a line of the operator's own

WORDLESS: Final = ("aedex", "utc-enhanced")
"""Sets whose displays show nothing outside of their frames, no word either."""

_SEEN: Final[Mapping[str, str]] = {
    "y": "exactly so",
    "p": "partly: the label is there, but elsewhere or among other characters",
    "n": "no",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where the search ended. `candidate` is None if nothing was exactly right; `partly` are those
    whose label could be read. `line` is the one at which a person could read, or None."""

    line: Line | None
    candidate: Candidate | None = None
    partly: tuple[Candidate, ...] = field(default=())


def search(
    candidates: tuple[Candidate, ...], line: Line, *, behind_printer: bool = False
) -> Conversation[Found]:
    """Ask for the line, then for the command set.

    A display behind a printer shows no word before it is selected, so nothing is asked of it but
    whether the line is sure.
    """
    read_at = None if behind_printer else (yield from _line(line))
    if read_at is not None:
        return (yield from _command_set(candidates, read_at))
    sure = yield Turn(
        line=line,
        question=f"Is it certain, from its switches or its papers, that it is set to {line}?"
        " Commands sent at another speed arrive as others, so none are sent unless it is.",
    )
    if sure != "y":
        return Found(line=None)
    left = candidates if behind_printer else tuple(c for c in candidates if c.name in WORDLESS)
    return (yield from _command_set(left, line))


def _line(first: Line) -> Conversation[Line | None]:
    """The line at which a word can be read, or None."""
    if (yield from _reads(first)):
        return first
    others = [line for line in WORDS if line != first]
    more = yield Turn(
        question=f"Shall other speeds be tried, {len(others)} of them, with a harmless word each?"
    )
    if more == "y":
        for line in others:
            if (yield from _reads(line)):
                return line
    return None


def _reads(line: Line) -> Conversation[bool]:
    word = WORDS.get(line, OTHER_LINE)
    answer = yield Turn(
        line=line,
        send=(Command(word.encode()),),
        question=f"At {line}: can you read  {word}  anywhere on the display?",
    )
    return answer == "y"


def _command_set(candidates: tuple[Candidate, ...], line: Line) -> Conversation[Found]:
    partly: list[Candidate] = []
    for candidate in candidates:
        bare = ", and no cursor" if "cursor_off" in candidate.encoder.profile.commands else ""
        answer = yield Turn(
            send=candidate.probe(),
            picture=candidate.picture(),
            question=f"{candidate.label}: does the display show exactly this{bare}?",
            answers=_SEEN,
        )
        if answer == "y":
            return Found(line=line, candidate=candidate, partly=tuple(partly))
        if answer == "p":
            partly.append(candidate)
    return Found(line=line, partly=tuple(partly))
