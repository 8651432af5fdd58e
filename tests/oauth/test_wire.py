"""Requests as bytes and answers as values: exactly what is sent, and what is made of the rest."""

from urllib.parse import parse_qsl

import pytest

from agent.oauth.answer import (
    CODE_LIFE_DEFAULT,
    CODE_LIFE_MAX,
    INTERVAL_DEFAULT,
    INTERVAL_MAX,
    TOKEN_LIFE_DEFAULT,
    TOKEN_LIFE_MAX,
)
from agent.oauth.dialect import BY_NAME, RFC8628, SECUCARD, Dialect
from agent.oauth.events import (
    AccessDenied,
    DeviceAuthorization,
    Fault,
    InvalidGrant,
    Refused,
    SlowDown,
    TokenResponse,
    TransportFailed,
    Unreadable,
)
from agent.oauth.interface import ClientCredentials
from agent.oauth.wire import (
    Endpoints,
    Request,
    client_credentials_request,
    code_request,
    device_pin_request,
    poll_request,
    read_owner,
    refresh_request,
)
from agent.secret import Secret
from tests.oauth.samples import (
    CLIENT,
    CODES,
    DATE,
    DIALECTS,
    ENDPOINT,
    NOW,
    ONE_URL,
    TOKEN,
    TWO_URLS,
    UUID,
    answer,
    authorization,
    code,
    error,
    poll,
    refresh,
    token,
)

BASIC = Endpoints(
    issuer="https://as.example",
    token="https://as.example/token",
    device_authorization="https://as.example/device",
    auth_method="client_secret_basic",
)
CODE = Secret("deadbeef")


def sent(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.body().decode(), keep_blank_values=True, strict_parsing=True)


# -- requests -------------------------------------------------------------------------------------


def test_secucard_codes_are_requested_with_these_very_bytes() -> None:
    request = code_request(SECUCARD, ONE_URL, CLIENT, UUID, None)
    assert request.url == ENDPOINT
    assert request.body() == (
        b"grant_type=device&client_id=shop-1&client_secret=pa%3Ass+w%2Brd%2F%C3%BC"
        b"&uuid=%2Fvendor%2Facme%2Fserial%2F12+34"
    )


def test_rfc8628_codes_are_requested_without_grant_type_or_uuid() -> None:
    request = code_request(RFC8628, TWO_URLS, CLIENT, UUID, "openid offline_access")
    assert request.url == TWO_URLS.device_authorization
    assert sent(request) == [
        ("client_id", "shop-1"),
        ("client_secret", "pa:ss w+rd/ü"),
        ("scope", "openid offline_access"),
    ]


@pytest.mark.parametrize(
    ("dialect", "grant", "field"),
    [
        (SECUCARD, "device", "code"),
        (RFC8628, "urn:ietf:params:oauth:grant-type:device_code", "device_code"),
    ],
)
def test_a_poll_carries_the_device_code_and_no_uuid(
    dialect: Dialect, grant: str, field: str
) -> None:
    request = poll_request(dialect, TWO_URLS, CLIENT, CODE)
    assert request.url == TWO_URLS.token
    assert sent(request) == [
        ("grant_type", grant),
        ("client_id", "shop-1"),
        ("client_secret", "pa:ss w+rd/ü"),
        (field, "deadbeef"),
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refresh_is_the_same_in_both_dialects(dialect: Dialect) -> None:
    request = refresh_request(dialect, TWO_URLS, CLIENT, Secret("decaf"))
    assert request.url == TWO_URLS.token
    assert sent(request) == [
        ("grant_type", "refresh_token"),
        ("client_id", "shop-1"),
        ("client_secret", "pa:ss w+rd/ü"),
        ("refresh_token", "decaf"),
    ]


def test_grants_without_a_person() -> None:
    machine = client_credentials_request(RFC8628, TWO_URLS, CLIENT, "pay")
    assert sent(machine)[0] == ("grant_type", "client_credentials")
    assert sent(machine)[-1] == ("scope", "pay")
    assert ("scope", "pay") not in sent(
        client_credentials_request(SECUCARD, ONE_URL, CLIENT, "pay")
    )
    pin = device_pin_request(SECUCARD, ONE_URL, CLIENT, UUID, Secret("Invented-pin-0001"))
    assert sent(pin)[0] == ("grant_type", "device_pin")
    assert sent(pin)[-2:] == [("uuid", UUID), ("device_pin", "Invented-pin-0001")]
    assert (machine.url, pin.url) == (TWO_URLS.token, ENDPOINT)


def test_basic_moves_the_secret_to_the_header_and_leaves_the_client_id() -> None:
    request = refresh_request(RFC8628, BASIC, CLIENT, Secret("decaf"))
    assert sent(request) == [
        ("grant_type", "refresh_token"),
        ("client_id", "shop-1"),
        ("refresh_token", "decaf"),
    ]
    # base64("shop-1:pa%3Ass+w%2Brd%2F%C3%BC")
    expected = "Basic c2hvcC0xOnBhJTNBc3MrdyUyQnJkJTJGJUMzJUJD"
    assert dict(request.headers())["Authorization"] == expected


@pytest.mark.parametrize("endpoints", [TWO_URLS, BASIC])
def test_a_public_client_sends_its_id_and_no_empty_secret(endpoints: Endpoints) -> None:
    public = ClientCredentials(client_id="pub", client_secret=Secret(""))
    request = code_request(RFC8628, endpoints, public, UUID, "")
    assert sent(request) == [("client_id", "pub")]
    assert request.basic is None


def test_headers_ask_for_plain_json() -> None:
    assert refresh_request(SECUCARD, ONE_URL, CLIENT, CODE).headers() == [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
    ]


def test_neither_requests_nor_answers_show_secrets() -> None:
    shown = repr(refresh_request(RFC8628, BASIC, CLIENT, Secret("canary-rt")))
    shown += repr(poll_request(SECUCARD, ONE_URL, CLIENT, Secret("canary-dc")))
    shown += repr(answer(200, {"access_token": "canary-at"}))
    shown += repr(token(access_token="canary-at", refresh_token="canary-rt"))
    shown += repr(authorization(device_code="canary-dc"))
    assert "canary" not in shown
    assert "pa:ss" not in shown


def test_dialects_go_by_name() -> None:
    assert BY_NAME == {"secucard": SECUCARD, "rfc8628": RFC8628}
    assert (SECUCARD.rotates_refresh_token, RFC8628.rotates_refresh_token) == (False, True)
    assert (SECUCARD.renewal_ends_old_token, RFC8628.renewal_ends_old_token) == (True, False)


# -- codes ----------------------------------------------------------------------------------------


def test_secucards_documented_code_answer() -> None:
    assert code(answer(200, CODES)) == DeviceAuthorization(
        device_code=Secret("deadbeefdeadbeefdeadbeefdeadbeef"),
        user_code="abcfgh23",
        verification_uri="http://www.secuoffice.example",
        verification_uri_complete=None,
        expires_in=1200.0,
        interval=5.0,
        asked_at=NOW,
    )


def test_each_dialect_prefers_its_own_name_of_the_verification_uri() -> None:
    both = CODES | {"verification_uri": "https://uri.example", "verification_url": None}
    both["verification_url"] = "https://url.example"
    secucard, rfc = code(answer(200, both), SECUCARD), code(answer(200, both), RFC8628)
    assert isinstance(secucard, DeviceAuthorization)
    assert isinstance(rfc, DeviceAuthorization)
    assert secucard.verification_uri == "https://url.example"
    assert rfc.verification_uri == "https://uri.example"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (None, INTERVAL_DEFAULT),
        (0, INTERVAL_DEFAULT),
        (-5, INTERVAL_DEFAULT),
        (True, INTERVAL_DEFAULT),
        ([5], INTERVAL_DEFAULT),
        ("soon", INTERVAL_DEFAULT),
        ("-3", INTERVAL_DEFAULT),
        (-(10**400), INTERVAL_DEFAULT),
        ("٣", INTERVAL_DEFAULT),
        (0.01, 1.0),
        (1, 1.0),
        (7, 7.0),
        (7.5, 7.5),
        ("7", 7.0),
        ("7.25", 7.25),
        (10**9, INTERVAL_MAX),
        (10**400, INTERVAL_MAX),
        ("9" * 300, INTERVAL_MAX),
    ],
)
def test_intervals_are_made_sane(interval: object, expected: float) -> None:
    assert authorization(interval=interval).interval == expected


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (None, CODE_LIFE_DEFAULT),
        (0, CODE_LIFE_DEFAULT),
        (-1, CODE_LIFE_DEFAULT),
        ("never", CODE_LIFE_DEFAULT),
        (600, 600.0),
        (599.5, 599.5),
        ("600", 600.0),
        (10**9, CODE_LIFE_MAX),
        (10**400, CODE_LIFE_MAX),
    ],
)
def test_lifetimes_of_codes_are_made_sane(expires_in: object, expected: float) -> None:
    assert authorization(expires_in=expires_in).expires_in == expected


@pytest.mark.parametrize("user_code", ["abcfgh23", "WDJB-MJHT", "wdjb mjht", "Ä1l0O", "x" * 32])
def test_user_codes_are_kept_verbatim(user_code: str) -> None:
    assert authorization(user_code=user_code).user_code == user_code


VIOLATION = Refused(
    error="server_violation",
    description="the answer to the device authorization request is incomplete",
    fault=Fault.SERVER,
)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_code", None),
        ("device_code", ""),
        ("device_code", 5),
        ("device_code", "two\nlines"),
        ("device_code", "ü"),
        ("device_code", "x" * 16385),
        ("user_code", None),
        ("user_code", " "),
        ("user_code", 12345678),
        ("user_code", "x" * 33),
        ("user_code", "a\x1b[2J"),
        ("user_code", "a\u202eb"),
        ("verification_url", None),
        ("verification_url", "ftp://example"),
        ("verification_url", "javascript:alert(1)"),
        ("verification_url", "www.example"),
        ("verification_url", "https://"),
        ("verification_url", "https://[::1"),
        ("verification_url", "https://shop.example:x/"),
        ("verification_url", "https://bank.example@evil.example/"),
        ("verification_url", "https://a.example/\x0d\x0a"),
        ("verification_url", "https://a.example/ b"),
        ("verification_url", "https://a.example/" + "x" * 500),
        ("verification_url", ["https://a.example"]),
    ],
)
def test_a_code_answer_nobody_could_use_is_a_violation(
    field: str, value: object, dialect: Dialect
) -> None:
    assert code(answer(200, CODES | {field: value}), dialect) == VIOLATION


@pytest.mark.parametrize(
    ("complete", "expected"),
    [
        ("https://a.example/?c=ab", "https://a.example/?c=ab"),
        ("javascript:0", None),
        (7, None),
    ],
)
def test_a_bad_complete_uri_costs_no_more_than_itself(complete: object, expected: object) -> None:
    event = authorization(verification_uri_complete=complete)
    assert event.verification_uri_complete == expected


def test_code_requests_can_be_refused_slowed_down_or_not_understood() -> None:
    assert code(answer(401, error("invalid_device", "device with given uuid not configured"))) == (
        Refused(
            error="invalid_device",
            description="device with given uuid not configured",
            fault=Fault.UNKNOWN_DEVICE,
        )
    )
    assert code(answer(403, error("access_denied", "no"))) == AccessDenied(description="no")
    assert code(answer(429, b"", retry_after="7")) == SlowDown(retry_after=7.0)
    assert code(answer(404, b"<html>")) == Unreadable(status=404)


# -- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_secucards_documented_token_answer(dialect: Dialect) -> None:
    reply = answer(200, TOKEN, date=DATE)
    expected = TokenResponse(
        access_token=Secret("demo0access0token000000000"),
        expires_in=1200.0,
        refresh_token=Secret("decafbaddecafbaddecafbaddecafbaddecafbad"),
        scope=None,
        asked_at=NOW,
        server_time=1_790_000_000,
    )
    assert poll(reply, dialect) == refresh(reply, dialect) == expected


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (None, TOKEN_LIFE_DEFAULT),
        (0, TOKEN_LIFE_DEFAULT),
        (-1, TOKEN_LIFE_DEFAULT),
        (False, TOKEN_LIFE_DEFAULT),
        ({}, TOKEN_LIFE_DEFAULT),
        (1200, 1200.0),
        (0.5, 0.5),
        ("1200", 1200.0),
        (1e300, TOKEN_LIFE_MAX),
    ],
)
def test_lifetimes_of_tokens_are_made_sane(expires_in: object, expected: float) -> None:
    assert token(expires_in=expires_in).expires_in == expected


@pytest.mark.parametrize("value", [None, "", 5, "two\nlines", "ü", ["x"], "x" * 16385])
def test_a_refresh_token_that_cannot_be_used_counts_as_none(value: object) -> None:
    assert token(refresh_token=value).refresh_token is None


def test_a_refresh_token_may_hold_blanks_and_be_long() -> None:
    """RFC 6749 appendix A.17: any printable ASCII."""
    assert token(refresh_token="a b").refresh_token == Secret("a b")
    assert token(refresh_token="x" * 16384).refresh_token == Secret("x" * 16384)


@pytest.mark.parametrize(
    ("scope", "expected"), [("a b", "a b"), (None, None), ("", None), (["a"], None), (7, None)]
)
def test_the_granted_scope_is_reported(scope: object, expected: str | None) -> None:
    assert token(scope=scope).scope == expected


NO_TOKEN = Refused(
    error="server_violation",
    description="the answer holds no bearer token",
    fault=Fault.SERVER,
)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a b"},
        {"access_token": "a\r\nX-Evil: 1"},
        {"token_type": None},
        {"token_type": "mac"},
        {"token_type": ["bearer"]},
    ],
)
def test_a_token_answer_nobody_could_use_is_a_violation(
    changes: dict[str, object], dialect: Dialect
) -> None:
    reply = answer(200, TOKEN | changes)
    assert poll(reply, dialect) == refresh(reply, dialect) == NO_TOKEN


@pytest.mark.parametrize("name", ["bearer", "Bearer", "BEARER"])
def test_the_token_type_is_compared_without_case(name: str) -> None:
    assert token(token_type=name).access_token == Secret("demo0access0token000000000")


def test_a_poll_answered_without_a_token_may_pass_at_secucard_only() -> None:
    reply = answer(200, {"status": "ok"})
    event = poll(reply, SECUCARD)
    assert isinstance(event, TransportFailed)
    assert event.answer_lost
    assert poll(reply, RFC8628) == NO_TOKEN
    assert refresh(reply, SECUCARD) == NO_TOKEN


def test_an_error_without_a_word_is_no_error() -> None:
    for nothing in ("", " ", "\x00", None, 0, {"code": 5}):
        assert isinstance(refresh(answer(200, TOKEN | {"error": nothing})), TokenResponse)


# -- the server's words ---------------------------------------------------------------------------


def test_the_servers_words_stay_as_they_are() -> None:
    words = 'Missing parameters: "uuid" or "code" required – für Gerät'
    assert poll(answer(400, error("invalid_request", words))) == Refused(
        error="invalid_request", description=words, fault=Fault.CONFIGURATION
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a\x1b[31mb\r\nc\u202ed\x00", "a [31mb  c d"),
        ("  padded  ", "padded"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("\x00" * 900 + "x", ""),
        ("\ud800", ""),
        (["list"], ""),
        (None, ""),
    ],
)
def test_descriptions_are_made_printable_and_short(words: object, shown: str) -> None:
    said = {"error": "invalid_grant", "error_description": words}
    assert refresh(answer(400, said)) == InvalidGrant(description=shown)


def test_errors_are_made_printable_and_short_too() -> None:
    event = poll(answer(403, error("e\n" + "x" * 100)))
    assert isinstance(event, Refused)
    assert event.error == "e " + "x" * 61 + "…"


# -- trouble --------------------------------------------------------------------------------------


def test_a_redirect_is_named_and_loses_nothing() -> None:
    reply = answer(302, TOKEN, retry_after="5")
    expected = TransportFailed(
        kind="server", reason="the server redirects (HTTP 302), which is never followed"
    )
    assert code(reply) == poll(reply) == refresh(reply) == expected


@pytest.mark.parametrize(
    ("reply", "reason", "lost"),
    [
        (answer(503), "the server answered HTTP 503 (empty)", True),
        (answer(502, b"<html>"), "the server answered HTTP 502 (not JSON at character 0)", True),
        (answer(500, error("server_error")), "the server answered HTTP 500 (server_error)", True),
        (answer(500, {}), "the server answered HTTP 500", True),
        (answer(408), "the server answered HTTP 408 (empty)", True),
        (answer(429), "the server answered HTTP 429 (empty)", False),
        (answer(403, b"<p>"), "the server answered HTTP 403 (not JSON at character 0)", False),
        (answer(200, b"<p>"), "the server answered HTTP 200 (not JSON at character 0)", True),
        (answer(204), "the server answered HTTP 204 (empty)", True),
    ],
)
def test_trouble_says_what_came_and_whether_a_success_may_hide_behind_it(
    reply: object, reason: str, lost: bool
) -> None:
    event = refresh(reply)  # type: ignore[arg-type]
    assert event == TransportFailed(kind="server", reason=reason, answer_lost=lost)


SIX_MINUTES_LATER = "Mon, 21 Sep 2026 14:19:20 GMT"


@pytest.mark.parametrize(
    ("retry_after", "date", "expected"),
    [
        (None, None, None),
        ("120", None, 120.0),
        (" 120 ", None, 120.0),
        ("0", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("", None, None),
        ("١٢", None, None),
        ("1000000000", None, 3600.0),
        ("9" * 5000, None, 3600.0),
        (SIX_MINUTES_LATER, None, 360.0),
        (SIX_MINUTES_LATER, "Mon, 21 Sep 2026 14:18:20 GMT", 60.0),
        (SIX_MINUTES_LATER, "rubbish", 360.0),
        ("Monday, 21-Sep-26 14:19:20 GMT", None, 360.0),
        ("Mon Sep 21 14:19:20 2026", None, 360.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None, None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None, 3600.0),
        ("Mon, 99 Sep 2026 14:19:20 GMT", None, None),
        ("Mon, 21 Sep 2026 14:19:20 GMT" + " " * 60 + "x", None, None),
    ],
)
def test_retry_after_is_understood_in_both_forms_and_bounded(
    retry_after: str | None, date: str | None, expected: float | None
) -> None:
    event = refresh(answer(503, retry_after=retry_after, date=date))
    assert isinstance(event, TransportFailed)
    assert event.retry_after == expected
    assert poll(answer(429, retry_after=retry_after, date=date)) == SlowDown(retry_after=expected)


def test_slow_down_may_name_a_larger_interval() -> None:
    assert poll(answer(400, error("slow_down") | {"interval": 30})) == SlowDown(interval=30.0)
    assert poll(answer(400, error("slow_down") | {"interval": 10**9})) == SlowDown(interval=300.0)
    assert poll(answer(400, error("slow_down") | {"interval": -1})) == SlowDown()


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (None, 0),
        (DATE, 1_790_000_000),
        ("Mon, 21 Sep 2026 16:13:20 +0200", 1_790_000_000),
        ("Thu, 01 Jan 1931 00:00:00 GMT", 0),
        ("rubbish", 0),
        ("0, 0 0", 0),
    ],
)
def test_the_date_header_gives_the_servers_time(date: str | None, expected: int) -> None:
    event = refresh(answer(200, TOKEN, date=date))
    assert isinstance(event, TokenResponse)
    assert event.server_time == expected


# -- owner ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "owner"),
    [
        ({"object": "general.merchants", "name": "Café Müller"}, "Café Müller"),
        ({"user": {"companyname": "Müller GmbH", "name": "Eva Müller"}}, "Müller GmbH"),
        ({"data": {"merchant": {"name": "Kiosk"}}}, "Kiosk"),
        ({"sub": "1", "name": "Eva\nMüller"}, "Eva Müller"),
        ({"sub": "1", "preferred_username": "eva"}, "eva"),
        ({"name": "x" * 65}, "x" * 63 + "…"),
        ({"name": "", "user": {"name": 5}}, None),
        ({"merchant": "MRC_1"}, None),
        ({}, None),
    ],
)
def test_the_owner_is_read_from_several_shapes(said: object, owner: str | None) -> None:
    assert read_owner(answer(200, said)) == owner


def test_an_owner_that_cannot_be_read_is_none() -> None:
    assert read_owner(answer(403, {"name": "No"})) is None
    assert read_owner(answer(200, b"<html>")) is None
