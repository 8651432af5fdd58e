"""What the RFCs ask of a client of the device flow, row by row, and which test answers for it.

The rows: A device authorization request (RFC 8628 section 3.1), B its answer (3.2), C the person
(3.3, 5), D polling (3.4, 3.5), E the HTTP layer, F the life of tokens (RFC 6749, 9700), G
discovery (RFC 8414), H stronger client authentication. A test names the rows it answers for:
A to C here, D in test_conformance_polling.py, F and what is pure of E and G in
test_conformance_tokens.py, what touches a network in tests/transport, screens in tests/display.
Rows in `NOT_APPLICABLE` have a reason instead of a test.
"""

from urllib.parse import parse_qs, urlsplit

import pytest

from agent import journal, telling, view
from agent.oauth import pairing
from agent.oauth.events import (
    CodeDead,
    DeviceAuthorization,
    ExpiredToken,
    Fault,
    PollToken,
    Refused,
    RequestCode,
    TransportFailed,
    Wait,
)
from agent.oauth.interface import ClientCredentials
from agent.oauth.pairing import AwaitingUser, Paused
from agent.oauth.wire import (
    RFC8628,
    SECUCARD,
    Dialect,
    Endpoints,
    Request,
    code_request,
    poll_request,
    refresh_request,
)
from agent.secret import Secret
from agent.situation import Pairing
from tests.oauth.journey import pairing_journey
from tests.oauth.rows import named
from tests.oauth.samples import (
    CLIENT,
    CODES,
    DIALECTS,
    NOW,
    ONE_URL,
    TWO_URLS,
    UUID,
    answer,
    authorization,
    code,
    error,
    token,
)
from tests.oauth.states import DENIED, GRANTED, OFFLINE, RULES

SIZES = {"A": 8, "B": 8, "C": 8, "D": 20, "E": 13, "F": 13, "G": 6, "H": 4}
ALL = [f"{letter}{number}" for letter, size in SIZES.items() for number in range(1, size + 1)]

NOT_APPLICABLE = {
    "C2": "no QR code is drawn: a line display has no dots for one",
    "C5": "where the display faces is decided when the terminal is mounted",
    "F12": "revocation is not built: Secucard documents no such endpoint, and unpairing means "
    "forgetting the grant",
    "F13": "introspection is never used; a token is judged by its lifetime and by the API",
    "H1": "optional, not built: client secrets are what Secucard issues",
    "H3": "optional, not built: no server this agent is made for takes DPoP",
    "H4": "optional, not built: without signed assertions no request depends on our clock",
}


@pytest.mark.parametrize("row", ALL)
def test_every_row_has_a_test_or_a_reason(row: str) -> None:
    tested = row in named("[A-H][0-9]+")
    assert tested != (row in NOT_APPLICABLE), "either a test names it or a reason stands here"


def test_the_table_has_eighty_rows_and_no_test_names_another() -> None:
    assert len(ALL) == 80
    assert named("[A-H][0-9]+") <= set(ALL)


BASIC = Endpoints(
    issuer="https://as.example",
    token="https://as.example/token",
    device_authorization="https://as.example/device",
    auth_method="client_secret_basic",
)


def requests(dialect: Dialect, endpoints: Endpoints) -> list[Request]:
    return [
        code_request(dialect, endpoints, CLIENT, UUID, "pay"),
        poll_request(dialect, endpoints, CLIENT, Secret("dc")),
        refresh_request(dialect, endpoints, CLIENT, Secret("rt")),
    ]


# -- A: device authorization request --------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("endpoints", [ONE_URL, TWO_URLS, BASIC])
def test_A1_a_utf8_form_each_parameter_once_none_empty(
    dialect: Dialect, endpoints: Endpoints
) -> None:
    for request in requests(dialect, endpoints):
        assert ("Content-Type", "application/x-www-form-urlencoded") in request.headers()
        form = parse_qs(request.body().decode("ascii"), keep_blank_values=True, encoding="utf-8")
        assert all(len(values) == 1 and values[0] for values in form.values())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("endpoints", [TWO_URLS, BASIC])
def test_A2_the_client_id_is_always_in_the_body(dialect: Dialect, endpoints: Endpoints) -> None:
    for request in requests(dialect, endpoints):
        assert b"client_id=shop-1" in request.body()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_A3_D2_the_client_authenticates_for_the_code_as_for_the_token(dialect: Dialect) -> None:
    for request in requests(dialect, TWO_URLS):
        assert b"client_secret=pa%3Ass+w%2Brd%2F%C3%BC" in request.body()
    for request in requests(dialect, BASIC):
        assert "Authorization" in dict(request.headers())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("endpoints", [TWO_URLS, BASIC])
def test_A4_the_secret_is_sent_once_and_never_in_the_uri(
    dialect: Dialect, endpoints: Endpoints
) -> None:
    for request in requests(dialect, endpoints):
        in_header = "Authorization" in dict(request.headers())
        assert in_header != (b"client_secret" in request.body())
        assert urlsplit(request.url).query == ""


def test_A6_a_start_without_a_person_is_bounded_and_jittered() -> None:
    """RFC 8628 wants a person to start; when power returns at night a shop has none."""
    journey = pairing_journey()
    journey.tell(OFFLINE)
    low, high = journey.bounds()
    assert low < high
    journey.wait()
    for shown in range(1, RULES.codes + 1):
        assert journey.ask == RequestCode()
        journey.tell(authorization(device_code=f"dc{shown}"))
        journey.tell(DENIED)
        journey.wait()
    assert journey.state == Paused()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_A7_errors_are_read_whatever_the_status(status: int) -> None:
    assert code(answer(status, error("unauthorized_client", "Unknown client"))) == Refused(
        error="unauthorized_client", description="Unknown client", fault=Fault.CONFIGURATION
    )


def test_A8_scope_is_left_out_or_sent_as_it_is_and_the_granted_one_reported() -> None:
    assert b"scope" not in code_request(RFC8628, TWO_URLS, CLIENT, UUID, None).body()
    assert b"scope=a+b" in code_request(RFC8628, TWO_URLS, CLIENT, UUID, "a b").body()
    granted = token(scope="a")
    assert granted.scope == "a"
    assert granted.access().scope == "a"


# -- B: device authorization response -------------------------------------------------------------


@pytest.mark.parametrize("missing", ["device_code", "user_code", "verification_url"])
def test_B1_an_incomplete_answer_is_the_servers_fault(missing: str) -> None:
    event = code(answer(200, {key: value for key, value in CODES.items() if key != missing}))
    assert isinstance(event, Refused)
    assert (event.error, event.fault) == ("server_violation", Fault.SERVER)


def test_B2_without_an_interval_polls_are_five_seconds_apart() -> None:
    assert authorization(interval=None).interval == 5.0


@pytest.mark.parametrize("interval", [0, -5, -0.1, "0", "x", [], 0.0001, 10**9, 10**400, "1e9"])
def test_B3_no_interval_makes_a_hot_loop_or_an_endless_wait(interval: object) -> None:
    assert 1.0 <= authorization(interval=interval).interval <= 300.0


@pytest.mark.parametrize("interval", [b"NaN", b"1e999", b"-Infinity"])
def test_B3_E7_numbers_json_does_not_have_are_trouble_not_a_crash(interval: bytes) -> None:
    body = b'{"device_code":"x","user_code":"y","interval":' + interval + b"}"
    assert isinstance(code(answer(200, body)), TransportFailed)


@pytest.mark.parametrize(
    ("expires_in", "expected"), [("600", 600.0), (600.5, 600.5), (None, 300.0), (10**9, 3600.0)]
)
def test_B4_lifetimes_come_as_they_like_and_are_capped(expires_in: object, expected: float) -> None:
    assert authorization(expires_in=expires_in).expires_in == expected


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["verification_uri", "verification_url"])
def test_B5_both_names_of_the_verification_uri_are_understood(dialect: Dialect, name: str) -> None:
    answered = CODES | {"verification_url": None} | {name: "https://a.example"}
    event = code(answer(200, answered), dialect)
    assert isinstance(event, DeviceAuthorization)
    assert event.verification_uri == "https://a.example"


def test_B6_unknown_members_are_ignored() -> None:
    assert authorization(message="To sign in, …", scope="x", nested={"a": [1]}) == authorization()


def test_B7_the_lifetime_counts_from_before_the_request_left() -> None:
    journey = pairing_journey()
    journey.tell(authorization(expires_in=600), after=19.0)
    assert isinstance(journey.state, AwaitingUser)
    assert journey.state.expires_at == NOW + 600.0


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "file:///etc/shadow",
        "https://a.example/\x1b[2J",
        "https://a.example/\u202egpj",
        "https://bank.example@evil.example",
        "https://a.example/" + "x" * 600,
    ],
)
def test_B8_no_address_that_could_trick_a_person_is_shown(uri: str) -> None:
    assert isinstance(code(answer(200, CODES | {"verification_url": uri})), Refused)
    complete = authorization(verification_uri_complete=uri)
    assert complete.verification_uri_complete is None


# -- C: the person --------------------------------------------------------------------------------


def test_C1_C8_code_address_and_time_left_are_there_to_be_shown() -> None:
    journey = pairing_journey()
    journey.tell(authorization(user_code="abc-FGH", expires_in=600))
    assert view.of_pairing(journey.state, RULES) == Pairing(
        user_code="abc-FGH",
        verification_uri="http://www.secuoffice.example",
        expires_at=NOW + 600.0,
        terminal="2 34",
        renewed=False,
    )


@pytest.mark.parametrize("user_code", ["abcfgh23", "WDJB-MJHT", "0O1l I", "Ä-ß"])
def test_C3_the_user_code_is_kept_to_the_letter(user_code: str) -> None:
    assert authorization(user_code=user_code).user_code == user_code


def test_C4_C6_neither_code_is_logged_nor_in_the_status() -> None:
    journey = pairing_journey()
    journey.tell(authorization(device_code="canary-device", user_code="canary1"))
    lines = list(journal.of_pairing(None, journey.state, NOW))
    situation = view.of_pairing(journey.state, RULES)
    assert situation is not None
    told = repr(lines) + repr(telling.status(situation, NOW))
    assert "pairing.code_shown" in told
    assert "canary" not in told
    assert "canary-device" not in repr(journey) + repr(situation)


@pytest.mark.parametrize("end", [GRANTED, DENIED, ExpiredToken(), CodeDead(error="x"), None])
def test_C7_the_code_goes_whatever_ends_it(end: pairing.Event | None) -> None:
    journey = pairing_journey()
    journey.tell(authorization())
    journey.wait()
    if end is not None:
        journey.tell(end)
    while end is None and isinstance(journey.state, AwaitingUser):  # offline to the code's end
        journey.tell(OFFLINE) if isinstance(journey.ask, PollToken) else journey.wait()
    assert not isinstance(view.of_pairing(journey.state, RULES), Pairing)


def test_C8_after_the_window_a_person_is_asked_before_it_starts_again() -> None:
    journey = pairing_journey()
    for _ in range(RULES.codes):
        journey.tell(authorization(), after=0.0)
        journey.now += 1200.0
        journey.wait()
        if isinstance(journey.ask, Wait) and not isinstance(journey.state, Paused):
            journey.wait()
    assert journey.state == Paused()


def test_a_public_client_has_no_secret_to_send() -> None:
    public = ClientCredentials(client_id="pub", client_secret=Secret(""))
    assert b"client_secret" not in code_request(SECUCARD, ONE_URL, public, UUID, None).body()
