"""What a request asks for, or why it is refused."""

import json

import pytest

from agent.supply.access import NOTHING, Scope
from agent.supply.contract import ROUTES, TARGET_LIMIT, parse
from agent.supply.operations import (
    DEFAULT_WAIT,
    LONGEST_WAIT,
    DeleteGrant,
    GetEvents,
    GetHold,
    GetLive,
    GetMetrics,
    GetPairing,
    GetReady,
    GetStatus,
    GetToken,
    HoldWish,
    LendDisplay,
    ListHolds,
    Operation,
    RekeyStore,
    ReleaseHold,
    ReportRejected,
    Request,
    StartPairing,
)
from agent.supply.problems import Response

ALL = frozenset(Scope)
FINGERPRINT = "sha256:0123456789abcdef"
HOLD = "00112233445566ff"
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
        ("GET", "/v1/events", b"", GetEvents()),
        ("GET", "/v1/holds", b"", ListHolds()),
        ("GET", f"/v1/holds/{HOLD}", b"", GetHold(id=HOLD)),
        ("DELETE", f"/v1/holds/{HOLD}", b"", ReleaseHold(id=HOLD)),
        ("GET", "/v1/pairing", b"", GetPairing()),
        ("POST", "/v1/pairing", b"", StartPairing()),
        ("DELETE", "/v1/grant", b"", DeleteGrant()),
        ("POST", "/v1/store/rekey", b"", RekeyStore()),
        ("POST", "/v1/display/release", b"", LendDisplay(lent=True)),
        ("POST", "/v1/display/claim", b"", LendDisplay(lent=False)),
        ("GET", "/metrics", b"", GetMetrics()),
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
        "hold",
        "hold=",
        "hold=0",
        "hold=-5",
        "hold=1.5",
        "hold=1000000",
        "hold=60&hold=60",
        f"extend={HOLD}",
        "ends_with=connection",
        "hold=60&extend=",
        "hold=60&extend=00112233445566FF",
        "hold=60&extend=00112233445566f",
        "hold=60&ends_with=",
        "hold=60&ends_with=payment",
        "hold=60&ends-with=process",
        "&",
    ],
)
def test_a_query_that_is_not_understood_is_refused_not_ignored(query: str) -> None:
    assert refused(ask("GET", f"/v1/token?{query}")) == (400, "bad-request")


@pytest.mark.parametrize(
    ("query", "wish"),
    [
        ("hold=1", HoldWish(seconds=1)),
        ("hold=999999", HoldWish(seconds=999999)),
        (f"hold=60&extend={HOLD}", HoldWish(seconds=60, extends=HOLD)),
        ("ends_with=connection&hold=60", HoldWish(seconds=60, ends_with="connection")),
        ("hold=60&ends_with=process", HoldWish(seconds=60, ends_with="process")),
    ],
)
def test_a_hold_is_asked_for_with_the_token(query: str, wish: HoldWish) -> None:
    assert ask("GET", f"/v1/token?min_ttl=9&{query}") == GetToken(min_ttl=9, hold=wish)


def test_a_hold_is_answered_in_full_whatever_the_client_has() -> None:
    asked = ask("GET", "/v1/token?hold=60", (b"if-none-match", b"*"))
    assert asked == GetToken(min_ttl=0, hold=HoldWish(seconds=60))


def test_head_takes_no_hold() -> None:
    """Its id would be in the body that HEAD does not get."""
    assert refused(ask("HEAD", "/v1/token?hold=60")) == (400, "bad-request")


@pytest.mark.parametrize(
    ("prefer", "wait"),
    [
        ("wait=10", 10),
        ("wait=0", 0),
        ("WAIT = 7", 7),
        ('wait="8"', 8),
        ("wait=26", LONGEST_WAIT),
        ("wait=999999", LONGEST_WAIT),
        ("respond-async, wait=3", 3),
        ("wait=3;foo=bar, handling=lenient", 3),
        ("wait=3, wait=4", 3),
        ("", DEFAULT_WAIT),
        ("wait", DEFAULT_WAIT),
        ("wait=", DEFAULT_WAIT),
        ("wait=-1", DEFAULT_WAIT),
        ("wait=1.5", DEFAULT_WAIT),
        ("wait=1e3", DEFAULT_WAIT),
        ("wait=1000000", DEFAULT_WAIT),
        ("wait=\u00b2", DEFAULT_WAIT),
        ("wait=abc, wait=4", DEFAULT_WAIT),
        ("wait=3x", DEFAULT_WAIT),
        ("await=3", DEFAULT_WAIT),
        ("foo; wait=20", DEFAULT_WAIT),
        ('foo="a, wait=20"', DEFAULT_WAIT),
        ('foo="\\", wait=20', DEFAULT_WAIT),
        ("wait=3" * 1000, DEFAULT_WAIT),
    ],
)
def test_prefer_wait_is_understood_or_as_if_not_there(prefer: str, wait: float) -> None:
    """RFC 7240 section 2: the first of a name counts; parameters belong to what they follow."""
    asked = ask("GET", "/v1/token", (b"prefer", prefer.encode("latin-1")))
    assert asked == GetToken(min_ttl=0, wait=wait)


def test_prefer_may_come_in_several_lines() -> None:
    lines = ((b"prefer", b"respond-async"), (b"prefer", b"wait=6"))
    assert ask("GET", "/v1/token", *lines) == GetToken(min_ttl=0, wait=6)


def test_whoever_follows_says_where_it_was() -> None:
    asked = ask("GET", "/v1/events", (b"last-event-id", b"ab12-7"))
    assert asked == GetEvents(last_event_id="ab12-7")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["", "0", HOLD + "0", HOLD.upper(), "{id}", "%30" + HOLD[1:]])
def test_a_hold_is_named_by_sixteen_digits(method: str, name: str) -> None:
    assert refused(ask(method, f"/v1/holds/{name}")) == (400, "bad-request")


def test_routes_without_parameters_take_none() -> None:
    for path, methods in ROUTES.items():
        for method in methods:
            body = b'{"fingerprint":"sha256:0123456789abcdef"}'
            answer = ask(method, f"{path}?x=1".replace("{id}", HOLD), body=body)
            assert refused(answer) == (400, "bad-request")


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
        ("PUT", f"/v1/holds/{HOLD}", "GET, HEAD, DELETE"),
        ("HEAD", "/v1/store/rekey", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(method: str, target: str, allow: str) -> None:
    answer = ask(method, target)
    assert refused(answer) == (405, "method")
    assert isinstance(answer, Response)
    assert ("Allow", allow) in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1",
        "/v1/token/",
        "/V1/token",
        "*",
        "/v1//token",
        f"/v1/hold/{HOLD}",
        f"/v1/holds/{HOLD}/x",
    ],
)
def test_other_paths_are_not_found(target: str) -> None:
    assert refused(ask("GET", target)) == (404, "not-found")


def test_a_long_target_is_refused_before_it_is_read() -> None:
    fits = "/v1/token?" + "x" * (TARGET_LIMIT - 10)
    assert refused(ask("GET", fits)) == (400, "bad-request")
    assert refused(ask("GET", fits + "x")) == (414, "target-too-long")


def test_browsers_are_refused_whatever_they_ask() -> None:
    assert refused(ask("GET", "/livez", (b"origin", b"null"))) == (403, "relayed")
    assert refused(ask("GET", "/nowhere", (b"referer", b"x"))) == (403, "relayed")
    assert refused(ask("GET", "http://evil.example/livez")) == (403, "relayed")


_NEEDED = {
    "/livez": Scope.STATUS,
    "/metrics": Scope.ADMIN,
    "/readyz": Scope.STATUS,
    "/v1/display/claim": Scope.DISPLAY,
    "/v1/display/release": Scope.DISPLAY,
    "/v1/events": Scope.STATUS,
    "/v1/grant": Scope.ADMIN,
    "/v1/holds": Scope.TOKEN,
    "/v1/holds/{id}": Scope.TOKEN,
    "/v1/pairing": Scope.PAIRING,
    "/v1/status": Scope.STATUS,
    "/v1/store/rekey": Scope.ADMIN,
    "/v1/token": Scope.TOKEN,
    "/v1/token/rejected": Scope.TOKEN,
}


def test_every_route_needs_its_own_permission_and_no_other() -> None:
    assert {(path, s) for path, methods in ROUTES.items() for s in methods} == {
        (path, method) for path in _NEEDED for method in ROUTES[path]
    }
    for path, needed in _NEEDED.items():
        for method in ROUTES[path]:
            for given in Scope:
                answer = ask(
                    method,
                    path.replace("{id}", HOLD),
                    body=b'{"fingerprint":"sha256:0123456789abcdef"}',
                    granted=frozenset({given}),
                )
                if given is needed:
                    assert not isinstance(answer, Response)
                else:
                    assert refused(answer) == (403, "not-permitted")


def test_a_stranger_learns_nothing_about_routes() -> None:
    for target in ("/livez", "/nowhere", "/v1/token?x"):
        assert refused(ask("GET", target, granted=NOTHING)) == (403, "not-permitted")
