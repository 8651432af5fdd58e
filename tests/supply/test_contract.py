import json
import math

import pytest

from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply import contract
from agent.supply.access import NOTHING, Scope
from agent.supply.contract import (
    DeleteGrant,
    GetLive,
    GetReady,
    GetStatus,
    GetToken,
    Operation,
    ReportRejected,
    Request,
    Response,
    StartPairing,
    parse,
    problem,
    ready_answer,
    status_answer,
    token_answer,
)
from agent.supply.interface import Handout, Unavailable

ALL = frozenset(Scope)
CLIENT = frozenset({Scope.TOKEN, Scope.STATUS})
FINGERPRINT = "sha256:0123456789abcdef"
HOST = ((b"host", b"localhost"),)


def ask(
    method: str,
    target: str,
    *headers: tuple[bytes, bytes],
    body: bytes = b"",
    granted: frozenset[Scope] = ALL,
) -> Operation | Response:
    return parse(
        Request(method=method, target=target, headers=(*HOST, *headers), body=body), granted
    )


def refused(answer: Operation | Response) -> tuple[int, str]:
    assert isinstance(answer, Response)
    members = json.loads(answer.body)
    assert members["status"] == answer.status
    assert ("Content-Type", "application/problem+json") in answer.headers
    assert ("Cache-Control", "no-store") in answer.headers
    return answer.status, members["type"].removeprefix("urn:pos-agent:problem:")


def handout(
    *, left: float = 900.0, degraded: str | None = None, scope: str | None = None
) -> Handout:
    token = AccessToken(value=Secret("abc"), issued_at=0.0, expires_at=100.0 + left, scope=scope)
    return Handout(token=token, degraded=degraded)


ABC = Secret("abc").fingerprint()


# -- requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "body", "operation"),
    [
        ("GET", "/v1/token", b"", GetToken(min_ttl=0)),
        ("GET", "/v1/token?", b"", GetToken(min_ttl=0)),
        ("GET", "/v1/token?min_ttl=60", b"", GetToken(min_ttl=60)),
        ("HEAD", "/v1/token?min_ttl=999999", b"", GetToken(min_ttl=999999)),
        ("GET", "http://localhost/v1/token?min_ttl=1", b"", GetToken(min_ttl=1)),
        (
            "POST",
            "/v1/token/rejected",
            b'{"fingerprint":"sha256:0123456789abcdef","later":[1]}',
            ReportRejected(fingerprint=FINGERPRINT),
        ),
        ("GET", "/v1/status", b"", GetStatus()),
        ("GET", "/livez", b"", GetLive()),
        ("HEAD", "/readyz", b"", GetReady()),
        ("POST", "/v1/pairing", b"", StartPairing()),
        ("DELETE", "/v1/grant", b"", DeleteGrant()),
    ],
)
def test_each_route_is_one_operation(
    method: str, target: str, body: bytes, operation: Operation
) -> None:
    assert operation == ask(method, target, body=body)


@pytest.mark.parametrize(
    "query",
    [
        "min_ttl=",
        "min_ttl=-1",
        "min_ttl=1.5",
        "min_ttl=1000000",
        "min_ttl=60&min_ttl=60",
        "min_ttl=%36%30",
        "min_ttl=6\u00b2",
        "min_ttl",
        "hold=180",
        "min_ttl=60&hold=180",
        "&",
    ],
)
def test_a_query_that_is_not_understood_is_refused_not_ignored(query: str) -> None:
    assert refused(ask("GET", f"/v1/token?{query}")) == (400, "bad-request")


def test_routes_without_parameters_take_none() -> None:
    assert refused(ask("GET", "/livez?min_ttl=60")) == (400, "bad-request")
    assert refused(ask("POST", "/v1/token/rejected?x=1", body=b"{}")) == (400, "bad-request")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'"sha256:0123456789abcdef"',
        b'{"fingerprint":7}',
        b'{"fingerprint":"sha256:0123456789ABCDEF"}',
        b'{"fingerprint":"sha256:0123456789abcdef0"}',
        b'{"fingerprint":"demo0access0token"}',
        b"\xff\xfe",
        b"[" * 4096,
    ],
)
def test_a_report_needs_a_fingerprint(body: bytes) -> None:
    assert refused(ask("POST", "/v1/token/rejected", body=body)) == (400, "bad-request")


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (f'W/"{FINGERPRINT}"', {FINGERPRINT}),
        (f'"{FINGERPRINT}"', {FINGERPRINT}),
        (f'"other", W/"{FINGERPRINT}"', {"other", FINGERPRINT}),
        ("*", {"*"}),
    ],
)
def test_if_none_match_names_what_the_client_has(header: str, known: set[str]) -> None:
    operation = ask("GET", "/v1/token", (b"if-none-match", header.encode()))
    assert GetToken(min_ttl=0, known=frozenset(known)) == operation


def test_if_none_match_may_come_in_several_lines() -> None:
    lines = ((b"if-none-match", b'"a"'), (b"if-none-match", b'"b"'))
    assert GetToken(min_ttl=0, known=frozenset({"a", "b"})) == ask("GET", "/v1/token", *lines)


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/v1/token", "GET, HEAD"),
        ("GET", "/v1/token/rejected", "POST"),
        ("OPTIONS", "/v1/grant", "DELETE"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(method: str, target: str, allow: str) -> None:
    answer = ask(method, target)
    assert refused(answer) == (405, "method")
    assert isinstance(answer, Response)
    assert ("Allow", allow) in answer.headers


@pytest.mark.parametrize("target", ["/", "/v1", "/v1/token/", "/V1/token", "*", "/v1//token"])
def test_other_paths_are_not_found(target: str) -> None:
    assert refused(ask("GET", target)) == (404, "not-found")


def test_a_long_target_is_refused_before_it_is_read() -> None:
    fits = "/v1/token?" + "x" * (contract.TARGET_LIMIT - 10)
    assert refused(ask("GET", fits)) == (400, "bad-request")
    assert refused(ask("GET", fits + "x")) == (414, "target-too-long")


def test_browsers_are_refused_whatever_they_ask() -> None:
    assert refused(ask("GET", "/livez", (b"origin", b"null"))) == (403, "relayed")
    assert refused(ask("GET", "/nowhere", (b"referer", b"x"))) == (403, "relayed")
    assert refused(ask("GET", "http://evil.example/livez")) == (403, "relayed")


def test_admin_routes_need_the_admin_socket() -> None:
    assert refused(ask("POST", "/v1/pairing", granted=CLIENT)) == (403, "not-permitted")
    assert refused(ask("DELETE", "/v1/grant", granted=CLIENT)) == (403, "not-permitted")


def test_a_stranger_learns_nothing_about_routes() -> None:
    for target in ("/livez", "/nowhere", "/v1/token?x"):
        assert refused(ask("GET", target, granted=NOTHING)) == (403, "not-permitted")


# -- answers --------------------------------------------------------------------------------------


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
    answer = problem(contract.OFFLINE, "x", retry_after=seconds)
    assert ("Retry-After", header) in answer.headers
    assert json.loads(answer.body)["retry_after"] == int(header)


def test_what_waiting_does_not_cure_has_no_retry_after() -> None:
    answer = problem(contract.RELAYED, "x")
    assert "Retry-After" not in dict(answer.headers)
    assert "retry_after" not in json.loads(answer.body)


def test_error_description_keeps_to_the_characters_of_rfc_6749() -> None:
    members = json.loads(problem(contract.STORE, 'Gerät "x"\\\n é').body)
    assert members["detail"] == 'Gerät "x"\\\n é'
    assert members["error_description"] == "Ger?t ?x??? ?"


def test_problems_have_distinct_types_and_the_status_they_say() -> None:
    problems = [value for value in vars(contract).values() if isinstance(value, contract.Problem)]
    assert len({kind.type for kind in problems}) == len(problems) == 17
    for kind in problems:
        assert refused(problem(kind, "x")) == (kind.status, kind.name)


def test_status_is_passed_on() -> None:
    answer = status_answer({"state": "serving", "later": 1})
    assert (answer.status, json.loads(answer.body)) == (200, {"state": "serving", "later": 1})


def test_ready_means_a_token_is_there() -> None:
    assert ready_answer({"token": {"expires_in": 9}}).status == 200
    assert ready_answer({"token": None}).status == 503
    assert ready_answer({}).status == 503
    assert contract.live_answer().status == 200
