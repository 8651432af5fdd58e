"""What a person at the button sees: the countdown to pairing again, and which terminal this is.
Pure."""

import math
from collections.abc import Iterable

from agent.display.layout import Animation, Frame, address_pages, apart, frame, marked_pages
from agent.display.paper import Paper
from agent.display.screens_pairing import PAGE
from agent.situation import About, HeldButton


def held_screen(held: HeldButton, paper: Paper, now: float) -> Animation:
    """How many seconds, and how to stop it; on one row the two take turns with the seconds."""
    seconds = max(math.ceil(held.pairs_at - now), 0)
    lines = [paper.say("held", seconds=seconds), paper.say("let_go")]
    if paper.geometry.rows == 1 and seconds % 2 == 0:
        lines.reverse()
    return Animation(frames=(frame(paper.geometry, lines, 1.0),))


def about_screen(about: About, paper: Paper, state: Iterable[Frame]) -> Animation:
    """The whole UUID, as many rows at a time as there are, then how the terminal is."""
    uuid = paper.as_shown(about.uuid)
    if paper.geometry.rows == 1:
        lines = [paper.say("about"), *marked_pages(uuid, paper.geometry.columns)]
        shown = (frame(paper.geometry, [line], PAGE) for line in lines if line)
        return Animation(frames=(*shown, *state))
    pages = address_pages(uuid, paper.geometry.columns)
    at_once = paper.geometry.rows - 1
    starts = range(0, len(pages), at_once)
    frames = [
        frame(
            paper.geometry, [_title(paper, n, len(starts)), *pages[start : start + at_once]], PAGE
        )
        for n, start in enumerate(starts, start=1)
    ]
    return Animation(frames=(*frames, *state))


def _title(paper: Paper, page: int, pages: int) -> str:
    mark = f"{page}/{pages}" if pages > 1 else ""
    columns = paper.geometry.columns
    text = paper.say("about", room=columns - len(mark) - bool(mark))
    return apart(text, mark, columns) or text
