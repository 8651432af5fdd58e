"""Pairing a terminal anew whose grant works: the usual machine, and an early end."""

from dataclasses import replace

import pytest

from agent.errors import InvalidTransition
from agent.oauth import pairing, pairing_again
from agent.oauth.events import Ask, RequestCode, Wait, Waited
from tests.oauth.states import OFFLINE, PAIRING_STATES, RULES, pairing_steps


def test_one_code_is_enough_for_who_stands_before_the_terminal() -> None:
    assert pairing_again.tighter(RULES) == replace(RULES, codes=1)
    assert RULES.codes > 1


def test_it_is_the_usual_machine_as_long_as_it_goes_on() -> None:
    compared = 0
    for _, state, now, _, event in pairing_steps():
        try:
            after, ask = pairing.step(state, event, now, RULES)
        except InvalidTransition:
            continue
        again: Ask | None = None if pairing_again.given_up(after) else ask
        assert pairing_again.step(state, event, now, RULES) == (after, again)
        compared += again is not None
    assert compared > 20


@pytest.mark.parametrize("variant", PAIRING_STATES)
def test_nothing_is_waited_for_but_the_code(variant: str) -> None:
    state, _ = PAIRING_STATES[variant]
    assert pairing_again.given_up(state) == isinstance(state, pairing.Resting | pairing.Paused)


def test_a_server_that_is_out_of_reach_is_asked_three_times() -> None:
    state, ask = pairing.start(pairing_again.tighter(RULES))
    asked = 0
    while ask is not None:
        asked += isinstance(ask, RequestCode)
        event = OFFLINE if isinstance(ask, RequestCode) else Waited()
        assert isinstance(ask, RequestCode | Wait)
        state, ask = pairing_again.step(state, event, 1000.0, RULES)
    assert asked == pairing_again.MOST_FAILURES
    assert isinstance(state, pairing.RequestingCode)
