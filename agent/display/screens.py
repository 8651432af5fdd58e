"""What a person reads for every situation, in every geometry and language. Pure.

Rules: the user code stands still on one row exactly as the server sent it; the web address is
paged, never scrolled, on another; minutes are left, rounded up; what does not fit yields from the
outside in (label, then countdown), never the code. Words of the server are other people's words:
they pass the display's character set before they are laid out.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.display.language import Language
from agent.display.layout import (
    Animation,
    Frame,
    Geometry,
    address,
    address_pages,
    apart,
    frame,
    marked_pages,
    wrapped,
)
from agent.situation import (
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)

PAGE: Final = 4.0  # s a page of an address or of somebody's words stays
_SINGLE_PAGE: Final = 8.0  # s for an address that needs one page only
_HINT: Final = 3.0  # s for advice between the pages
_ALONE: Final = 6.0  # s for the code on a display of one row
_NEW_CODE: Final = 2.0  # s to say that the code has changed
_MOST_LINES: Final = 12  # of the server's words; enough for two sentences, and an end
_MOST_MINUTES: Final = 999
_ROWS_WITH_ROOM: Final = 4  # from here on address, code and countdown have a row each


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What screens are drawn on: the glass's size and characters, and the language."""

    geometry: Geometry
    language: Language
    as_shown: Callable[[str], str]

    def say(self, key: str, *, room: int | None = None, minutes: int | None = None) -> str:
        """The longest wording that fits."""
        width = self.geometry.columns if room is None else room
        text = ""
        for wording in self.language.wordings[key]:
            text = self.as_shown(wording.replace("{minutes}", str(minutes)))
            if len(text) <= width:
                return text
        return text[:width]


def screen(situation: Situation, *, paper: Paper, now: float) -> Animation | None:
    """The animation for this moment; None when there is nothing to say and the display belongs
    to the payment software. `now` is CLOCK_BOOTTIME; only the minutes left depend on it."""
    match situation:
        case Pairing():
            return _pairing(situation, paper, now)
        case Starting():
            return _notice(paper, "starting", [paper.say("please_wait")])
        case Offline():
            return _advice(
                paper,
                f"offline.{situation.kind}",
                f"offline_advice.{situation.kind}",
                situation.support_code,
            )
        case Denied():
            words = _words(paper, situation.description)
            return _notice(paper, "denied", [*words, paper.say("new_code_follows")])
        case Refused():
            words = _words(paper, situation.description)
            error = wrapped(paper.as_shown(situation.error), paper.geometry.columns)
            headline = f"refused.{situation.fault.value}"
            return _notice(paper, headline, [*words, *error[:2], paper.say("call_support")])
        case Paused():
            return _notice(paper, "paused", [paper.say("restart")])
        case Paired():
            owner = _words(paper, situation.owner or "")
            if not owner:
                return _notice(paper, "paired", [paper.say("ready")])
            return _notice(paper, "paired_with", owner)
        case Failed():
            return _advice(paper, "failed", "call_support", paper.as_shown(situation.support_code))
        case serving:
            return _not_ours(serving)


def _not_ours(_: Serving) -> Animation | None:
    """While tokens are handed out the display belongs to the payment software."""
    return None


def minutes_left(expires_at: float, now: float) -> int:
    """Rounded up: a person must not be told more than there is, nor 0 while there is some."""
    return min(max(math.ceil((expires_at - now) / 60), 0), _MOST_MINUTES)


# -- pairing --------------------------------------------------------------------------------------


def _pairing(pairing: Pairing, paper: Paper, now: float) -> Animation:
    minutes = minutes_left(pairing.expires_at, now)
    code = pairing.user_code
    if minutes == 0:
        return _notice(paper, "code_expired", [paper.say("new_code_follows")])
    if len(code) > paper.geometry.columns or paper.as_shown(code) != code:
        return _notice(paper, "code_unshowable", [paper.say("call_support")])
    if paper.geometry.rows == 1:
        return _pairing_on_one_row(pairing, paper, minutes)
    if paper.geometry.rows < _ROWS_WITH_ROOM:
        return _pairing_on_two_rows(pairing, paper, minutes)
    return _pairing_on_four_rows(pairing, paper, minutes)


def _pairing_on_one_row(pairing: Pairing, paper: Paper, minutes: int) -> Animation:
    code = frame(paper.geometry, [_code_row(pairing, paper, _countdown(paper, minutes))], _ALONE)
    frames: list[Frame] = []
    for page in _pages(pairing, paper, minutes):
        frames += [code, frame(paper.geometry, [page.text], page.seconds)]
    intro = frame(paper.geometry, [paper.say("new_code")], _NEW_CODE)
    return Animation(frames=tuple(frames), intro=(intro,) if pairing.renewed else ())


def _pairing_on_two_rows(pairing: Pairing, paper: Paper, minutes: int) -> Animation:
    left = _countdown(paper, minutes)
    frames = tuple(
        frame(
            paper.geometry, [page.text, _code_row(pairing, paper, page.mark or left)], page.seconds
        )
        for page in _pages(pairing, paper, minutes)
    )
    first = [paper.say("new_code"), _code_row(pairing, paper, left)]
    intro = frame(paper.geometry, first, _NEW_CODE)
    return Animation(frames=frames, intro=(intro,) if pairing.renewed else ())


def _pairing_on_four_rows(pairing: Pairing, paper: Paper, minutes: int) -> Animation:
    columns = paper.geometry.columns
    code = apart(paper.say("code"), pairing.user_code, columns) or pairing.user_code
    valid = paper.say("valid", minutes=minutes)
    last = apart(_terminal(pairing, paper, columns - len(valid) - 1), valid, columns) or valid
    pages = _address(pairing, paper)
    titles = [paper.say("pair"), paper.say("open_on"), *_look_alikes(pairing, paper)]
    shown = max(len(pages), len(titles))
    frames = tuple(
        frame(
            paper.geometry, [titles[n % len(titles)], pages[n % len(pages)].text, code, last], PAGE
        )
        for n in range(math.lcm(len(pages), len(titles)) if shown > 1 else 1)
    )
    intro = frame(paper.geometry, [paper.say("new_code"), pages[0].text, code, last], _NEW_CODE)
    return Animation(frames=frames, intro=(intro,) if pairing.renewed else ())


def _countdown(paper: Paper, minutes: int) -> str:
    return paper.say("minutes_left", minutes=minutes)


def _code_row(pairing: Pairing, paper: Paper, right: str) -> str:
    """Label and countdown as far as there is room; the code always, whole, in the same cells."""
    labelled = f"{paper.say('code')}  {pairing.user_code}"
    columns = paper.geometry.columns
    if apart(labelled, _countdown(paper, _MOST_MINUTES), columns):
        return apart(labelled, right, columns) or labelled
    return apart(pairing.user_code, right, columns) or pairing.user_code


@dataclass(frozen=True, slots=True)
class _Page:
    """What takes its turn on the row above the code; `mark` stands beside the code."""

    text: str
    seconds: float
    mark: str = ""


def _pages(pairing: Pairing, paper: Paper, minutes: int) -> Iterator[_Page]:
    columns = paper.geometry.columns
    yield _Page(paper.say("open_on"), _HINT)
    pages = _address(pairing, paper)
    yield from pages
    for hint in _look_alikes(pairing, paper):
        yield _Page(hint, _HINT)
    label = paper.say("terminal")
    tail = _terminal(pairing, paper, columns - len(label) - 1)
    yield _Page(apart(label, tail, columns) or label, _HINT)
    left = _countdown(paper, minutes)
    if pages[0].mark or not _code_row(pairing, paper, left).endswith(left):
        yield _Page(paper.say("valid", minutes=minutes), _HINT)


def _address(pairing: Pairing, paper: Paper) -> tuple[_Page, ...]:
    """Page marks stand before the text, or beside the code where that saves pages."""
    columns = paper.geometry.columns
    shown = address(pairing.verification_uri)
    if not shown:
        return (_Page(paper.say("no_address"), _SINGLE_PAGE),)
    marked = marked_pages(shown, columns)
    if len(marked) == 1:
        return (_Page(shown, _SINGLE_PAGE),)
    plain = address_pages(shown, columns)
    longest = f"{len(plain)}/{len(plain)}"
    beside = len(pairing.user_code) + 1 + len(longest) <= columns
    if paper.geometry.rows in (2, 3) and beside and len(plain) < len(marked):
        marks = (f"{n}/{len(plain)}" for n in range(1, len(plain) + 1))
        return tuple(_Page(page, PAGE, mark) for page, mark in zip(plain, marks, strict=True))
    return tuple(_Page(page, PAGE) for page in marked)


def _look_alikes(pairing: Pairing, paper: Paper) -> list[str]:
    """Codes with 0/O or 1/I/l get a legend that shows both shapes; the code itself stays."""
    code = pairing.user_code
    hints = []
    if any(char in code for char in "0O"):
        hints.append(paper.say("hint_zero"))
    if any(char in code for char in "1Il"):
        hints.append(paper.say("hint_one"))
    return hints


def _terminal(pairing: Pairing, paper: Paper, room: int) -> str:
    shown = paper.as_shown(pairing.terminal)
    return shown[max(len(shown) - room, 0) :]


# -- everything else ------------------------------------------------------------------------------


def _advice(paper: Paper, headline: str, advice: str, support_code: str) -> Animation:
    """One line of advice beside the code a technician reads out on the telephone."""
    columns = paper.geometry.columns
    text = paper.say(advice, room=columns - len(support_code) - 1)
    return _notice(paper, headline, [apart(text, support_code, columns) or support_code])


def _notice(paper: Paper, headline: str, lines: list[str]) -> Animation:
    """A headline that stands still; below it, as many lines at a time as there are rows."""
    title = paper.say(headline)
    if paper.geometry.rows == 1:
        return Animation(
            frames=tuple(frame(paper.geometry, [line], PAGE) for line in [title, *lines])
        )
    at_once = paper.geometry.rows - 1
    return Animation(
        frames=tuple(
            frame(paper.geometry, [title, *lines[start : start + at_once]], PAGE)
            for start in range(0, len(lines), at_once)
        )
    )


def _words(paper: Paper, text: str) -> list[str]:
    return list(wrapped(paper.as_shown(text), paper.geometry.columns))[:_MOST_LINES]
