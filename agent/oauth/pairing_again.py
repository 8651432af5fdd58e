"""Pairing a terminal anew although its grant works, because a person asked for it: pure.

The same machine under tighter rules. The former grant stays on the medium until there is a new one,
and where nobody approves, or no code is to be had, the terminal goes back to it: a child that leans
on a button must not put a shop out of business.
"""

from dataclasses import replace
from typing import Final

from agent.oauth import pairing

CODES: Final = 1  # who holds the button stands before the terminal, and can do so again
MOST_FAILURES: Final = 3  # requests for a code that failed, one after another


def tighter(rules: pairing.Rules) -> pairing.Rules:
    """What it goes by instead of the usual rules."""
    return replace(rules, codes=CODES)


def step(
    state: pairing.State, event: pairing.Event, now: float, rules: pairing.Rules
) -> pairing.Next:
    """As `pairing.step`, but where that would wait for a better time the ask is None: the end."""
    after, ask = pairing.step(state, event, now, rules)
    return after, None if given_up(after) else ask


def given_up(state: pairing.State) -> bool:
    match state:
        case pairing.Resting() | pairing.Paused():
            return True
        case pairing.RequestingCode(failures=failures):
            return failures >= MOST_FAILURES
        case _:
            return False
