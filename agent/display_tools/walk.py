"""The walk along a display whose command set is known: what a person should see. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from agent.display_tools.turns import Conversation, Finding, Turn
from hw.display import code_pages
from hw.display.encoder import Command, Encoder

SPECIALS: Final = "#$%*@[\\]^`{|}~"
"""What national character sets replace."""

_LETTERS: Final = "ÄÖÜ äöü ß é €"
_STEP: Final = 0.4  # s each level of brightness stays
_URL: Final = "pair.example.com/d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn, the answer that means all is well, and what to do after another."""

    what: str
    turn: Turn
    advice: str
    good: str = "y"


def walk(encoder: Encoder) -> Conversation[tuple[Finding, ...]]:
    """Every step but the first, which `rows` is."""
    findings = []
    for step in steps(encoder):
        answer = yield step.turn
        findings.append(finding(step, answer))
    return tuple(findings)


def finding(step: Step, answer: str) -> Finding:
    return Finding(what=step.what, good=answer == step.good, advice=step.advice)


def rows(encoder: Encoder) -> Step:
    """Start the display, and mark where each row begins and ends."""
    width = encoder.width
    marked = tuple(f"A{n}".ljust(width - 2, ".") + f"{n}Z" for n in range(1, encoder.rows + 1))
    spare = " The last column stays dark with this command set." if width < encoder.columns else ""
    turn = _painted(
        encoder,
        marked,
        f"Is this all the display shows: {encoder.rows} row(s), each from A at the left edge to Z"
        f" at the right one?{spare}",
    )
    return Step(
        what="rows and columns",
        turn=replace(turn, send=(*encoder.begin(), *turn.send)),
        advice="count the rows and the characters of a row, and set display.rows and .columns",
    )


def steps(encoder: Encoder) -> Iterator[Step]:
    """What there is to look at once the rows are right."""
    yield _full(encoder)
    yield _specials(encoder)
    if encoder.character_set != "ascii":
        yield _letters(encoder)
    if "brightness" in encoder.profile.commands:
        yield _brightness(encoder)
    yield _cursor(encoder)
    yield _code(encoder)


def _full(encoder: Encoder) -> Step:
    ruler = "".join(str(n % 10) for n in range(1, encoder.width + 1))
    return Step(
        what="last cell does not scroll",
        turn=_painted(
            encoder,
            (ruler,) * encoder.rows,
            "Is every row full of digits, and does each begin with 1? A display that scrolls has"
            " lost its first row.",
        ),
        advice="the command set's `overwrite` does not reach it: try another one, or write a file"
        " with spare_column = true",
    )


def _specials(encoder: Encoder) -> Step:
    width = encoder.width
    cut = [SPECIALS[start : start + width] for start in range(0, len(SPECIALS), width)]
    return Step(
        what="ASCII signs look like ASCII",
        turn=_painted(encoder, tuple(cut[: encoder.rows]), "Are these the very same signs?"),
        advice="it replaces them by letters of some country: set the country to USA by its"
        " switches. Codes and addresses do not need these signs",
    )


def _letters(encoder: Encoder) -> Step:
    return Step(
        what=f"letters of {encoder.character_set}",
        turn=_painted(encoder, (_LETTERS,), "Are the letters right?"),
        advice="another display.character_set, or none: then they are spelled out",
    )


def _brightness(encoder: Encoder) -> Step:
    levels = len(encoder.profile.brightness)
    dimmed = tuple(
        Command(encoder.brightness(level), _STEP) for level in (*range(levels, 0, -1), levels)
    )
    turn = _painted(encoder, ("BRIGHTNESS",), "Did it get darker step by step, then bright again?")
    return Step(
        what="brightness",
        turn=replace(turn, send=(*turn.send, *dimmed)),
        advice="some displays have one brightness only; that does no harm",
    )


def _cursor(encoder: Encoder) -> Step:
    return Step(
        what="no cursor",
        turn=Turn(
            question="Now the display should be blank. Is there a cursor, a line or a block,"
            " perhaps blinking?",
            send=(Command(encoder.clear()),),
            picture=(" " * encoder.columns,) * encoder.rows,
        ),
        good="n",
        advice="the command set's `cursor_off` does not reach it; that does no harm",
    )


def _code(encoder: Encoder) -> Step:
    code = next(
        text for text in ("CODE  WDJB-MJHT", "WDJB-MJHT", "WDJBMJHT") if _fits(encoder, text)
    )
    page = (_URL[: encoder.width], code) if encoder.rows > 1 else (code,)
    return Step(
        what="a code can be read",
        turn=_painted(encoder, page, "Can you read the code from two metres away?"),
        advice="turn the display, or take one with larger characters",
    )


def _fits(encoder: Encoder, text: str) -> bool:
    return len(text) <= encoder.width or text == "WDJBMJHT"


def _painted(encoder: Encoder, texts: tuple[str, ...], question: str) -> Turn:
    cells = tuple(code_pages.encode(text, encoder.character_set)[: encoder.width] for text in texts)
    shown = tuple(row.decode(encoder.character_set).ljust(encoder.columns) for row in cells)
    blank = (" " * encoder.columns,) * (encoder.rows - len(shown))
    return Turn(
        question=question,
        send=(Command(encoder.encode((), cells)),),
        picture=(*shown, *blank),
    )
