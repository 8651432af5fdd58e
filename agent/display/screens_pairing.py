"""The screen of a live code: where it is the same cells until its end, and what moves around it.
Pure.

Two rows: code, label and countdown on the lower one; on the upper one where to open it, the
address in pages, and hints take turns. One row: code and pages take turns. Four rows: title,
address, code, countdown.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.display.layout import (
    Animation,
    Frame,
    address,
    address_pages,
    apart,
    frame,
    letter_spaced,
    marked_pages,
)
from agent.display.paper import Paper
from agent.situation import Pairing

PAGE: Final = 4.0  # s a page of an address or of somebody's words stays
MANY_PAGES: Final = 4  # from here on nobody keeps an address in mind: it is typed page by page
_TYPED_PAGE: Final = 6.0  # s for one of many pages
_SINGLE_PAGE: Final = 8.0  # s for an address that needs one page only
_HINT: Final = 3.0  # s for advice between the pages
_ALONE: Final = 6.0  # s for the code on a display of one row
_NEW_CODE: Final = 2.0  # s to say that the code has changed
_MOST_MINUTES: Final = 999
_MOST_HINTS: Final = 2
_ROWS_WITH_ROOM: Final = 4  # from here on address, code and countdown have a row each
_COLUMNS_WITH_ROOM: Final = 40  # from here on label and code do not have to share 20 cells
_PAIRS: Final = ("0O", "8B", "5S", "2Z", "6G")  # a digit and the letter it is taken for


def pairing_screen(pairing: Pairing, paper: Paper, now: float) -> Animation:
    minutes = minutes_left(pairing.expires_at, now)
    code = pairing.user_code
    if minutes == 0:
        return notice(paper, "code_expired", [paper.say("new_code_follows")])
    if len(code) > paper.geometry.columns or paper.as_shown(code) != code:
        return notice(paper, "code_unshowable", [paper.say("call_support")])
    if paper.geometry.rows == 1:
        return _on_one_row(pairing, paper, minutes)
    if paper.geometry.rows < _ROWS_WITH_ROOM:
        return _on_two_rows(pairing, paper, minutes)
    return _on_four_rows(pairing, paper, minutes)


def address_page_count(pairing: Pairing, paper: Paper) -> int:
    """How many pages the web address takes on this glass."""
    return len(_address(pairing, paper))


def minutes_left(expires_at: float, now: float) -> int:
    """Rounded up: a person must not be told more than there is, nor 0 while there is some."""
    return min(max(math.ceil((expires_at - now) / 60), 0), _MOST_MINUTES)


def notice(paper: Paper, headline: str, lines: list[str]) -> Animation:
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


# -- by rows --------------------------------------------------------------------------------------


def _on_one_row(pairing: Pairing, paper: Paper, minutes: int) -> Animation:
    code = frame(paper.geometry, [_code_row(pairing, paper, minutes)], _ALONE)
    frames: list[Frame] = []
    for page in _pages(pairing, paper, minutes):
        frames += [code, frame(paper.geometry, [page.text], page.seconds)]
    intro = frame(paper.geometry, [paper.say("new_code")], _NEW_CODE)
    return Animation(frames=tuple(frames), intro=(intro,) if pairing.renewed else ())


def _on_two_rows(pairing: Pairing, paper: Paper, minutes: int) -> Animation:
    frames = tuple(
        frame(
            paper.geometry,
            [page.text, _code_row(pairing, paper, minutes, mark=page.mark)],
            page.seconds,
        )
        for page in _pages(pairing, paper, minutes)
    )
    first = [paper.say("new_code"), _code_row(pairing, paper, minutes)]
    intro = frame(paper.geometry, first, _NEW_CODE)
    return Animation(frames=frames, intro=(intro,) if pairing.renewed else ())


def _on_four_rows(pairing: Pairing, paper: Paper, minutes: int) -> Animation:
    """Title and address turn pages together, until each has shown all of its own."""
    code, last = _labelled_code(pairing, paper), _validity(pairing, paper, minutes)
    pages = _address(pairing, paper)
    titles = list(_titles(pairing, paper))
    rounds = math.ceil(len(titles) / len(pages))
    shown = [(titles[n % len(titles)], pages[n % len(pages)]) for n in range(rounds * len(pages))]
    frames = tuple(
        frame(paper.geometry, [title, page.text, code, last], min(page.seconds, _TYPED_PAGE))
        for title, page in shown
    )
    intro = frame(paper.geometry, [paper.say("new_code"), pages[0].text, code, last], _NEW_CODE)
    return Animation(frames=frames, intro=(intro,) if pairing.renewed else ())


def _titles(pairing: Pairing, paper: Paper) -> Iterator[str]:
    yield from _again(pairing, paper) or [paper.say("pair")]
    yield paper.say("open_on")
    yield from _look_alikes(pairing, paper)
    spaced = letter_spaced(pairing.user_code)
    if len(spaced) <= paper.geometry.columns:
        yield spaced


def _labelled_code(pairing: Pairing, paper: Paper) -> str:
    """A row with nothing but label and code."""
    columns, code = paper.geometry.columns, pairing.user_code
    label = paper.say("code_new" if pairing.renewed else "code", room=columns - len(code) - 1)
    if columns >= _COLUMNS_WITH_ROOM:
        return f"{label}  {code}"[:columns] if len(label) + 2 + len(code) <= columns else code
    return apart(label, code, columns) or code


def _validity(pairing: Pairing, paper: Paper, minutes: int) -> str:
    columns = paper.geometry.columns
    valid = paper.say("valid", minutes=minutes)
    labelled = f"{paper.say('terminal')} {paper.as_shown(pairing.terminal)}"
    tail = _terminal(pairing, paper, columns - len(valid) - 1)
    return apart(labelled, valid, columns) or apart(tail, valid, columns) or valid


# -- on one or two rows ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    """What takes its turn on the row above the code; `mark` stands beside the code."""

    text: str
    seconds: float
    mark: str = ""


def _pages(pairing: Pairing, paper: Paper, minutes: int) -> Iterator[_Page]:
    columns = paper.geometry.columns
    for text in _again(pairing, paper):
        yield _Page(text, _HINT)
    pages = _address(pairing, paper)
    together = apart(paper.say("open_on"), pages[0].text, columns) if len(pages) == 1 else None
    if together:
        yield _Page(together, _SINGLE_PAGE)
    else:
        yield _Page(paper.say("open_on"), _HINT)
        yield from pages
    for hint in _look_alikes(pairing, paper):
        yield _Page(hint, _HINT)
    row = _code_row(pairing, paper, minutes)
    if pairing.renewed and _code_with_label(pairing, paper) == pairing.user_code:
        yield _Page(paper.say("new_code"), _HINT)
    if not row.endswith(_tail_and_validity(pairing, paper, minutes)):
        label = paper.say("terminal")
        tail = _terminal(pairing, paper, columns - len(label) - 1)
        yield _Page(apart(label, tail, columns) or label, _HINT)
        if pages[0].mark or not row.endswith(_countdown(paper, minutes)):
            yield _Page(paper.say("valid", minutes=minutes), _HINT)


def _code_row(pairing: Pairing, paper: Paper, minutes: int, *, mark: str = "") -> str:
    """Label and what else there is room for; the code always, whole, in the same cells."""
    left = _code_with_label(pairing, paper)
    columns = paper.geometry.columns
    whole = _tail_and_validity(pairing, paper, minutes)
    if not apart(left, _tail_and_validity(pairing, paper, _MOST_MINUTES), columns):
        whole = _countdown(paper, minutes)
    return apart(left, mark or whole, columns) or left


def _code_with_label(pairing: Pairing, paper: Paper) -> str:
    """The label yields to the countdown. It depends on the code alone, never on the minutes, and
    is as wide when it says NEW: nothing jumps."""
    code, label = pairing.user_code, paper.say("code")
    shown = paper.say("code_new", room=len(label)) if pairing.renewed else label
    labelled = f"{shown.ljust(len(label))}  {code}"
    room_for_countdown = apart(labelled, _countdown(paper, _MOST_MINUTES), paper.geometry.columns)
    return labelled if room_for_countdown else code


def _countdown(paper: Paper, minutes: int) -> str:
    return paper.say("minutes_left", minutes=minutes)


def _tail_and_validity(pairing: Pairing, paper: Paper, minutes: int) -> str:
    """What stands beside label and code where there is room for all of it."""
    terminal = paper.as_shown(pairing.terminal)
    return f"{terminal}  {paper.say('valid', minutes=minutes)}"


# -- what they share ------------------------------------------------------------------------------


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
    beside = apart(_code_with_label(pairing, paper), longest, columns)
    if paper.geometry.rows in (2, 3) and beside and len(plain) < len(marked):
        marks = (f"{n}/{len(plain)}" for n in range(1, len(plain) + 1))
        pages = [*zip(plain, marks, strict=True)]
    else:
        pages = [(page, "") for page in marked]
    seconds = PAGE if len(pages) < MANY_PAGES else _TYPED_PAGE
    return tuple(_Page(page, seconds, mark) for page, mark in pages)


def _again(pairing: Pairing, paper: Paper) -> list[str]:
    """Why a terminal that was paired has to be paired again."""
    return [paper.say("reidentified"), paper.say("pair_again")] if pairing.reidentified else []


def _look_alikes(pairing: Pairing, paper: Paper) -> list[str]:
    """What tells characters apart that look alike; the code itself stays as it is."""
    code = set(pairing.user_code)
    digits, letters = (any(map(kind, code)) for kind in (str.isdigit, str.isalpha))
    if not digits or not letters:
        doubtful = code & set("".join(_PAIRS) + "1Il")
        return [paper.say("hint_digits" if digits else "hint_letters")] if doubtful else []
    hints = [paper.say("hint_one")] if code & set("1Il") else []
    hints += [
        paper.say("hint_pair", digit=digit, letter=letter)
        for digit, letter in _PAIRS
        if code & {digit, letter}
    ]
    return hints[:_MOST_HINTS]


def _terminal(pairing: Pairing, paper: Paper, room: int) -> str:
    shown = paper.as_shown(pairing.terminal)
    return shown[max(len(shown) - room, 0) :]
