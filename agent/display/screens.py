"""What a person reads for every situation, in every geometry and language. Pure.

Rules: the user code stands still on one row exactly as the server sent it; the web address is
paged, never scrolled, on another; minutes are left, rounded up; what does not fit yields from the
outside in (label, then countdown), never the code. Words of the server are other people's words:
they pass the display's character set before they are laid out.
"""

from typing import Final

from agent.display.layout import Animation, Frame, apart, frame, wrapped
from agent.display.paper import Paper
from agent.display.screens_overlay import about_screen, held_screen
from agent.display.screens_pairing import PAGE, minutes_left, notice, pairing_screen
from agent.situation import (
    About,
    Denied,
    Failed,
    HeldButton,
    Offline,
    Overlay,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)

__all__ = ["PAGE", "Paper", "minutes_left", "overlay_screen", "screen"]

_MOST_LINES: Final = 12  # of the server's words; enough for two sentences, and an end
_ROWS_WITH_ROOM: Final = 4


def screen(situation: Situation, *, paper: Paper, now: float) -> Animation | None:
    """The animation for this moment; None when there is nothing to say and the display belongs
    to the payment software. `now` is CLOCK_BOOTTIME; only the minutes left depend on it."""
    match situation:
        case Pairing():
            return pairing_screen(situation, paper, now)
        case Starting():
            return notice(paper, "starting", [paper.say("please_wait")])
        case Offline():
            return _offline(situation, paper)
        case Denied():
            words = _words(paper, situation.description)
            return notice(paper, "denied", [*words, paper.say("new_code_follows")])
        case Refused():
            words = _words(paper, situation.description)
            error = wrapped(paper.as_shown(situation.error), paper.geometry.columns)
            headline = f"refused.{situation.fault.value}"
            return notice(paper, headline, [*words, *error[:2], paper.say("call_support")])
        case Paused():
            return notice(paper, "paused", [paper.say("restart")])
        case Paired():
            owner = _words(paper, situation.owner or "")
            if not owner:
                return notice(paper, "paired", [paper.say("ready")])
            return notice(paper, "paired_with", owner)
        case Failed():
            code = paper.as_shown(situation.support_code)
            return notice(paper, "failed", [_advice(paper, "call_support", code)])
        case serving:
            return _not_ours(serving)


def overlay_screen(overlay: Overlay, *, paper: Paper, now: float) -> Animation:
    """What a person at the button asked to see. It counts seconds: ask anew when they change."""
    match overlay:
        case HeldButton():
            return held_screen(overlay, paper, now)
        case About(situation=situation):
            state = screen(situation, paper=paper, now=now)
            frames = _ready(situation, paper) if state is None else state.frames
            return about_screen(overlay, paper, frames)


def _not_ours(_: Serving) -> Animation | None:
    """While tokens are handed out the display belongs to the payment software."""
    return None


def _ready(situation: Situation, paper: Paper) -> tuple[Frame, ...]:
    """Whoever pressed the button may know why not all is well."""
    degraded = situation.degraded if isinstance(situation, Serving) else None
    if degraded is None:
        return (frame(paper.geometry, [paper.say("serving")], PAGE),)
    return notice(paper, "degraded", _words(paper, degraded)).frames


def _offline(offline: Offline, paper: Paper) -> Animation:
    """Where there is room, that waiting helps too: nobody has to press anything."""
    advice = _advice(paper, f"offline_advice.{offline.kind}", offline.support_code)
    more = [paper.say("keeps_trying")] if paper.geometry.rows >= _ROWS_WITH_ROOM else []
    return notice(paper, f"offline.{offline.kind}", [advice, *more])


def _advice(paper: Paper, advice: str, support_code: str) -> str:
    """One line of advice beside the code a technician reads out on the telephone."""
    columns = paper.geometry.columns
    text = paper.say(advice, room=columns - len(support_code) - 1)
    return apart(text, support_code, columns) or support_code


def _words(paper: Paper, text: str) -> list[str]:
    return list(wrapped(paper.as_shown(text), paper.geometry.columns))[:_MOST_LINES]
