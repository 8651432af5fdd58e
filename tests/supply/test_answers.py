"""What the agent knows, as the bytes of an answer."""

import json
import math

import pytest

from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply import problems
from agent.supply.answers import (
    gone_answer,
    hold_members,
    live_answer,
    metrics_answer,
    no_such_hold,
    ready_answer,
    status_answer,
    token_answer,
)
from agent.supply.interface import Handout, HoldView, NotHeld, Promise, Unavailable
from agent.supply.problems import Problem, Response, problem

FINGERPRINT = "sha256:0123456789abcdef"
ABC = Secret("abc").fingerprint()


def refused(answer: Response) -> tuple[int, str]:
    members = json.loads(answer.body)
    assert members["status"] == answer.status
    assert ("Content-Type", "application/problem+json") in answer.headers
    assert ("Cache-Control", "no-store") in answer.headers
    return answer.status, members["type"].removeprefix("urn:pos-agent:problem:")


def handout(
    *,
    left: float = 900.0,
    degraded: str | None = None,
    scope: str | None = None,
    promise: Promise | None = None,
) -> Handout:
    token = AccessToken(value=Secret("abc"), issued_at=0.0, expires_at=100.0 + left, scope=scope)
    return Handout(token=token, degraded=degraded, promise=promise)


def test_a_token_is_an_rfc_6749_body_that_no_cache_keeps() -> None:
    answer = token_answer(handout(left=59.9, scope="pos"), 100.0)
    assert answer.status == 200
    assert json.loads(answer.body) == {
        "access_token": "abc",
        "token_type": "Bearer",
        "expires_in": 59,
        "scope": "pos",
        "fingerprint": ABC,
        "degraded": None,
    }
    assert dict(answer.headers) == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "ETag": f'W/"{ABC}"',
    }


def test_scope_is_absent_when_the_server_named_none() -> None:
    assert "scope" not in json.loads(token_answer(handout(), 100.0).body)


@pytest.mark.parametrize(("left", "status"), [(1.0, 200), (0.9, 503), (0.0, 503), (-5.0, 503)])
def test_a_dead_token_is_never_handed_out(left: float, status: int) -> None:
    answer = token_answer(handout(left=left), 100.0)
    assert status == answer.status
    assert (b"abc" in answer.body) == (status == 200)


@pytest.mark.parametrize("known", [ABC, "*"])
def test_who_has_the_token_gets_no_secret_again(known: str) -> None:
    answer = token_answer(handout(), 100.0, frozenset({"sha256:other", known}))
    assert answer == Response(
        status=304,
        headers=(("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("ETag", f'W/"{ABC}"')),
    )


def test_another_fingerprint_gets_the_token() -> None:
    assert token_answer(handout(), 100.0, frozenset({FINGERPRINT})).status == 200


def test_a_degraded_token_is_sent_in_full_with_its_reason() -> None:
    answer = token_answer(handout(degraded="the server is down"), 100.0, frozenset({ABC}))
    assert answer.status == 200
    assert json.loads(answer.body)["degraded"] == "the server is down"


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("starting", 503, "temporarily_unavailable"),
        ("pairing", 409, "pairing_required"),
        ("offline", 503, "temporarily_unavailable"),
        ("refused", 503, "server_refused"),
    ],
)
def test_every_reason_for_no_token_has_its_problem(kind: str, status: int, error: str) -> None:
    absence = Unavailable(kind=kind, detail="why", retry_after=2.1)  # type: ignore[arg-type]
    answer = token_answer(absence, 100.0)
    name = "pairing-required" if kind == "pairing" else kind
    assert refused(answer) == (status, name)
    assert json.loads(answer.body)["error"] == error
    assert ("Retry-After", "3") in answer.headers


@pytest.mark.parametrize(
    ("seconds", "header"), [(0.0, "1"), (-3.0, "1"), (59.2, "60"), (math.inf, "3600")]
)
def test_retry_after_is_whole_seconds_within_reason(seconds: float, header: str) -> None:
    answer = problem(problems.OFFLINE, "x", retry_after=seconds)
    assert ("Retry-After", header) in answer.headers
    assert json.loads(answer.body)["retry_after"] == int(header)


def test_what_waiting_does_not_cure_has_no_retry_after() -> None:
    answer = problem(problems.RELAYED, "x")
    assert "Retry-After" not in dict(answer.headers)
    assert "retry_after" not in json.loads(answer.body)


@pytest.mark.parametrize(
    ("left", "until", "told"), [(900.0, 160.9, 60), (900.0, 100.0, 0), (900.0, 99.0, 0)]
)
def test_a_promise_is_told_with_the_token_in_whole_seconds(
    left: float, until: float, told: int
) -> None:
    """Rounded down: a client must not rely on a second that nobody promised."""
    promise = Promise(id="00112233445566ff", until=until, less="the token has to be renewed then")
    answer = token_answer(handout(left=left, promise=promise), 100.0, frozenset({ABC, "*"}))
    assert answer.status == 200  # never 304: the id has to reach the client
    assert json.loads(answer.body)["hold"] == {
        "id": "00112233445566ff",
        "expires_in": told,
        "less": "the token has to be renewed then",
    }


def test_a_token_without_a_promise_has_no_hold() -> None:
    assert "hold" not in json.loads(token_answer(handout(), 100.0).body)


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        ("held", 409, "held"),
        ("impossible", 409, "hold-impossible"),
        ("limit", 429, "too-many-holds"),
        ("unknown", 404, "no-such-hold"),
    ],
)
def test_every_reason_for_no_hold_has_its_problem(kind: str, status: int, name: str) -> None:
    absence = NotHeld(kind=kind, detail="why")  # type: ignore[arg-type]
    answer = token_answer(absence, 100.0)
    assert refused(answer) == (status, name)
    assert "Retry-After" not in dict(answer.headers)
    assert "held_for" not in json.loads(answer.body)


def test_a_hold_in_the_way_is_told_with_how_long_it_stands() -> None:
    absence = NotHeld(kind="held", detail="why", retry_after=9.1, held_for=58.2)
    answer = token_answer(absence, 100.0)
    members = json.loads(answer.body)
    assert (members["retry_after"], members["held_for"]) == (10, 59)
    assert ("Retry-After", "10") in answer.headers
    soon = NotHeld(kind="held", detail="why", retry_after=0.0, held_for=0.0)
    members = json.loads(token_answer(soon, 100.0).body)
    assert (members["retry_after"], members["held_for"]) == (1, 1)


def test_a_hold_is_shown_in_whole_seconds_never_too_long() -> None:
    view = HoldView(
        id="00112233445566ff", client="till", fingerprint=ABC, expires_in=59.9, since=0.6
    )
    assert hold_members(view) == {
        "id": "00112233445566ff",
        "client": "till",
        "fingerprint": ABC,
        "expires_in": 59,
        "since_seconds": 1,
    }


def test_a_released_hold_leaves_no_body() -> None:
    answer = gone_answer()
    assert (answer.status, answer.body) == (204, b"")
    assert refused(no_such_hold()) == (404, "no-such-hold")


def test_metrics_say_which_format_they_are_in() -> None:
    answer = metrics_answer("# EOF\n")
    assert (answer.status, answer.body) == (200, b"# EOF\n")
    kind = dict(answer.headers)["Content-Type"]
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_error_description_keeps_to_the_characters_of_rfc_6749() -> None:
    members = json.loads(problem(problems.STORE, 'Gerät "x"\\\n é').body)
    assert members["detail"] == 'Gerät "x"\\\n é'
    assert members["error_description"] == "Ger?t ?x??? ?"


def test_problems_have_distinct_types_and_the_status_they_say() -> None:
    kinds = [value for value in vars(problems).values() if isinstance(value, Problem)]
    assert len({kind.type for kind in kinds}) == len(kinds) == 22
    for kind in kinds:
        assert refused(problem(kind, "x")) == (kind.status, kind.name)


@pytest.mark.parametrize("code", [200, 202])
def test_status_is_passed_on(code: int) -> None:
    answer = status_answer({"state": "serving", "later": 1}, code)
    assert (answer.status, json.loads(answer.body)) == (code, {"state": "serving", "later": 1})


def test_ready_means_a_token_is_there() -> None:
    assert ready_answer({"token": {"expires_in": 9}}).status == 200
    assert ready_answer({"token": None}).status == 503
    assert ready_answer({}).status == 503
    assert live_answer().status == 200
