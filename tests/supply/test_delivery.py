"""What should be in a file or a credential, and until when."""

import json
import math

import pytest

from agent.supply.delivery import Remove, SinkSettings, Write, content, pause, plan, worth_giving
from agent.supply.interface import Handout
from tests.supply.sinks import NOW, TILL, fingerprint, token


def test_every_sink_gets_the_token_in_its_own_format() -> None:
    sinks = (
        TILL,
        SinkSettings(name="curl", format="header"),
        SinkSettings(name="j", format="json"),
    )
    raw, header, body = plan(token(), NOW + 0.5, sinks, {})
    assert isinstance(raw, Write)
    assert isinstance(header, Write)
    assert isinstance(body, Write)
    assert [each.sink for each in (raw, header, body)] == list(sinks)
    assert {each.fingerprint for each in (raw, header, body)} == {fingerprint(1)}
    assert raw.content.reveal() == "access-1"
    assert header.content.reveal() == "Authorization: Bearer access-1"
    assert json.loads(body.content.reveal()) == {
        "access_token": "access-1",
        "token_type": "Bearer",
        "expires_in": 1199,
        "scope": "pay",
        "fingerprint": fingerprint(1),
        "degraded": None,
    }


def test_a_reason_for_less_is_passed_on() -> None:
    handout = Handout(token=token(), degraded="the server cannot be reached")
    told = json.loads(content(handout, "json", NOW).reveal())
    assert told["degraded"] == "the server cannot be reached"


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ({}, "write"),  # nobody knows what is there
        ({"till": None}, "write"),
        ({"till": fingerprint(2)}, "write"),
        ({"till": fingerprint(1)}, "nothing"),
    ],
)
def test_a_token_is_written_where_it_is_not_yet(done: dict[str, str | None], expected: str) -> None:
    actions = plan(token(1), NOW, [TILL], done)
    assert bool(actions) == (expected == "write")


@pytest.mark.parametrize("now", [None, NOW + 1199.0, NOW + 1200.0, NOW + 9999.0])
def test_without_a_token_or_with_one_that_is_over_there_is_no_file(now: float | None) -> None:
    over = None if now is None else token()
    for done in ({}, {"till": fingerprint(1)}):
        assert plan(over, now or NOW, [TILL], done) == (Remove(sink=TILL),)
    assert plan(over, now or NOW, [TILL], {"till": None}) == ()


def test_the_plan_changes_by_itself_when_the_token_is_over_and_when_trouble_may_be() -> None:
    done = {"till": fingerprint(1)}
    assert pause(token(), NOW, [TILL], done) == 1199.0
    assert worth_giving(token(), NOW + 1198.9)
    assert not worth_giving(token(), NOW + 1199.0)
    assert pause(token(), NOW + 1199.0, [TILL], done) == math.inf
    assert pause(None, NOW, [TILL], {"till": None}) == math.inf
    assert pause(None, NOW, [TILL], {}) == 30.0
    assert pause(token(), NOW, [TILL], {}) == 30.0
    assert pause(token(), NOW + 1190.0, [TILL], {}) == 9.0


def test_a_plan_shows_no_token() -> None:
    assert "access-1" not in repr(plan(token(), NOW, [TILL], {}))
