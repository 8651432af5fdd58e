"""Rows of E, F and G that need no network; the index is test_conformance.py."""

import pytest

from agent.errors import InvalidTransition
from agent.oauth import renewal
from agent.oauth.events import (
    Demanded,
    Fault,
    InvalidGrant,
    RefreshToken,
    Refused,
    Rejected,
    SaveToken,
    SlowDown,
    StoreCleared,
    TokenResponse,
    TokenSaved,
    TransportFailed,
    Unreadable,
)
from agent.oauth.lifetime import due
from agent.oauth.renewal import Lost, Renewing, Saving, Serving, served
from agent.oauth.wire import RFC8628, SECUCARD, Dialect, metadata_urls, read_metadata
from agent.secret import Secret
from tests.oauth.journey import Journey, renewal_journey
from tests.oauth.samples import (
    DIALECTS,
    GRANT,
    TOKEN,
    WALL,
    answer,
    code,
    error,
    poll,
    refresh,
    token,
)
from tests.oauth.states import OFFLINE

# -- E: HTTP --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60.0),
        ("0", None),
        ("Mon, 21 Sep 2026 14:13:19 GMT", None),
        ("1000000000", 3600.0),
        ("soon", None),
    ],
)
def test_E1_S10_2_retry_after_in_both_forms_is_bounded(header: str, seconds: float | None) -> None:
    assert WALL == 1_790_000_000.0  # 14:13:20
    assert poll(answer(429, retry_after=header)) == SlowDown(retry_after=seconds)
    event = refresh(answer(503, retry_after=header))
    assert isinstance(event, TransportFailed)
    assert event.retry_after == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("said", [b"", b"<html>", {}, error("server_error")])
def test_E2_server_errors_are_transient_whatever_they_say(status: int, said: object) -> None:
    for event in (
        code(answer(status, said)),
        poll(answer(status, said)),
        refresh(answer(status, said)),
    ):
        assert isinstance(event, TransportFailed)
        assert event.kind == "server"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_E3_a_400_without_words_is_counted_while_a_403_page_may_be_a_proxys(
    dialect: Dialect,
) -> None:
    assert refresh(answer(400), dialect) == Unreadable(status=400)
    assert isinstance(refresh(answer(403, b"<html>"), dialect), TransportFailed)
    for status in (400, 401, 403, 404):
        assert poll(answer(status, b"<html>"), dialect) == Unreadable(status=status)


def test_E3_three_refusals_without_words_lead_to_pairing() -> None:
    journey = renewal_journey()
    for _ in range(2):
        journey.tell(Unreadable(status=400))
        assert isinstance(journey.state, Serving)
        journey.wait()
    journey.tell(Unreadable(status=400))
    assert isinstance(journey.state, Lost)


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token":"a","token_type":"bearer","expires_in":NaN}',
        b'{"access_token":"a","access_token":"b","token_type":"bearer"}',
        b'[{"access_token":"a","token_type":"bearer"}]',
        b'\xef\xbb\xbf{"access_token":"a","token_type":"bearer"}',
        '{"access_token":"a","token_type":"bearer"}'.encode("utf-16"),
        b'{"access_token":"a","token_type":"bearer","x":' + b"[" * 99 + b"]" * 99 + b"}",
    ],
)
def test_E7_json_that_two_parsers_could_read_differently_is_refused(body: bytes) -> None:
    assert isinstance(refresh(answer(200, body)), TransportFailed)


def test_E11_S10_16_no_event_shows_a_secret() -> None:
    shown = repr(token(access_token="canary-1", refresh_token="canary-2"))
    shown += repr(renewal_journey(first=token(access_token="canary-3")).state)
    shown += str(refresh(answer(200, b'{"access_token": "canary-4",')))
    shown += str(refresh(answer(503, {"access_token": "canary-5"})))
    assert "canary" not in shown


def test_E12_descriptions_are_the_servers_words_made_harmless() -> None:
    event = refresh(answer(400, error("invalid_grant", "Token\x1b[2J \u202eexpired " + "x" * 300)))
    assert isinstance(event, InvalidGrant)
    assert event.description.startswith("Token [2J  expired xxx")
    assert len(event.description) == 200


# -- F: tokens ------------------------------------------------------------------------------------


def test_F1_S10_27_a_token_is_only_shown_on_purpose() -> None:
    access = token(access_token="canary").access()
    assert "canary" not in f"{access} {access!r} {access.value}"
    assert access.value.reveal() == "canary"


def test_F2_F3_S10_22_a_new_refresh_token_replaces_the_old_and_is_saved_first() -> None:
    journey = renewal_journey(first=token(refresh_token="rt-2", access_token="at-2"))
    assert isinstance(journey.state, Saving)
    assert served(journey.state) is None
    assert isinstance(journey.ask, SaveToken)
    assert journey.ask.grant.refresh_token == Secret("rt-2")
    journey.tell(TokenSaved())
    current = served(journey.state)
    assert current is not None
    assert current.value == Secret("at-2")
    assert journey.wait() == RefreshToken(refresh_token=Secret("rt-2"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_F2_F8_the_old_refresh_token_stays_when_none_came(dialect: Dialect) -> None:
    said = {key: value for key, value in TOKEN.items() if key != "refresh_token"}
    event = refresh(answer(200, said), dialect)
    assert isinstance(event, TokenResponse)
    journey = renewal_journey(first=event)
    assert isinstance(journey.state, Serving)
    assert journey.state.grant == GRANT
    assert journey.wait() == RefreshToken(refresh_token=GRANT.refresh_token)


def test_F4_while_a_renewal_is_under_way_no_other_can_start() -> None:
    journey = renewal_journey()
    assert isinstance(journey.state, Renewing)
    for knock in (Demanded(min_ttl=0), Rejected(fingerprint="x"), StoreCleared()):
        with pytest.raises(InvalidTransition):
            renewal.step(journey.state, knock, journey.now)


def test_F5_S10_8_renewal_comes_before_expiry_with_jitter() -> None:
    access = token(expires_in=1200).access()
    first, last = due(access)
    assert access.issued_at + 0.7 * 1200 <= first < last < access.expires_at


def test_F6_only_invalid_grant_gives_a_grant_up() -> None:
    for status in (400, 401):
        event = refresh(answer(status, error("invalid_grant", "Invalid refresh token")))
        assert event == InvalidGrant(description="Invalid refresh token")
        assert isinstance(renewal_journey(first=event).state, Lost)
    wrong = refresh(answer(401, error("invalid_client")))
    assert wrong == Refused(error="invalid_client", description="", fault=Fault.CONFIGURATION)
    for event in (wrong, OFFLINE, refresh(answer(500)), refresh(answer(429))):
        state = renewal_journey(first=event).state
        assert isinstance(state, Serving)
        assert state.grant == GRANT


def test_F7_a_lost_answer_is_asked_again_promptly_with_the_old_token() -> None:
    journey = renewal_journey(
        first=TransportFailed(kind="network", reason="reset", answer_lost=True)
    )
    assert journey.bounds()[1] <= 5.0
    assert journey.wait() == RefreshToken(refresh_token=GRANT.refresh_token)
    event = refresh(answer(400, error("invalid_grant")), lost=True)
    assert event == InvalidGrant(after_lost_answer=True)
    journey.tell(event)
    assert isinstance(journey.state, Lost)


@pytest.mark.parametrize("spelling", ["bearer", "Bearer", "BEARER"])
def test_F9_the_token_type_is_compared_without_case(spelling: str) -> None:
    assert isinstance(refresh(answer(200, TOKEN | {"token_type": spelling})), TokenResponse)
    assert not isinstance(refresh(answer(200, TOKEN | {"token_type": "DPoP"})), TokenResponse)


@pytest.mark.parametrize("expires_in", [None, 0, -1, "", "soon"])
def test_F10_without_a_lifetime_a_short_one_is_assumed(expires_in: object) -> None:
    assert token(expires_in=expires_in).expires_in == 300.0


def rejected(journey: Journey[renewal.State, renewal.Event]) -> Rejected:
    current = served(journey.state)
    assert current is not None
    return Rejected(fingerprint=current.value.fingerprint())


def test_F11_S10_7_a_rejected_token_is_renewed_once_and_not_in_a_loop() -> None:
    journey = renewal_journey(first=token(access_token="at-1"))
    journey.now += 60
    assert isinstance(journey.tell(rejected(journey)), RefreshToken)
    journey.tell(token(access_token="at-2"))
    journey.tell(Rejected(fingerprint=Secret("at-1").fingerprint()), after=60)
    assert isinstance(journey.state, Serving), "the old token's rejection comes too late"
    journey = renewal_journey(first=token(access_token="at-1"))
    journey.tell(rejected(journey), after=1)
    assert isinstance(journey.state, Serving), "rejected at once: the next renewal has to wait"


# -- G: discovery ---------------------------------------------------------------------------------

ISSUER = "https://as.example/tenant"
METADATA: dict[str, object] = {
    "issuer": ISSUER,
    "token_endpoint": "https://as.example/token",
    "device_authorization_endpoint": "https://as.example/device",
}


def test_G1_the_well_known_part_goes_between_host_and_path() -> None:
    assert metadata_urls(ISSUER) == (
        "https://as.example/.well-known/oauth-authorization-server/tenant",
        "https://as.example/tenant/.well-known/openid-configuration",
    )


@pytest.mark.parametrize("issuer", [ISSUER + "/", "https://AS.example/tenant", None, ""])
def test_G2_another_issuer_makes_the_document_useless(issuer: str | None) -> None:
    with pytest.raises(Exception, match="name another issuer"):
        read_metadata(ISSUER, answer(200, METADATA | {"issuer": issuer}))


@pytest.mark.parametrize(
    "endpoint", [None, "http://as.example/device", "https://evil.example/device"]
)
def test_G3_the_device_endpoint_must_be_there_protected_and_at_home(endpoint: str | None) -> None:
    document = METADATA | {"device_authorization_endpoint": endpoint}
    with pytest.raises(Exception, match="device_authorization_endpoint"):
        read_metadata(ISSUER, answer(200, document))


def test_G4_a_server_that_names_no_method_means_basic() -> None:
    assert read_metadata(ISSUER, answer(200, METADATA)).auth_method == "client_secret_basic"


def test_G5_grant_types_need_not_list_refresh_token() -> None:
    listed = METADATA | {"grant_types_supported": [RFC8628.poll_grant]}
    assert read_metadata(ISSUER, answer(200, listed)) == read_metadata(
        ISSUER, answer(200, METADATA)
    )


def test_S10_11_lifetimes_are_seconds_through_and_through() -> None:
    for dialect in (SECUCARD, RFC8628):
        event = refresh(answer(200, TOKEN | {"expires_in": 240}), dialect)
        assert isinstance(event, TokenResponse)
        access = event.access()
        assert access.expires_at - access.issued_at == 240.0


def test_S10_10_use_never_extends_a_tokens_life() -> None:
    journey = renewal_journey(first=token())
    before = served(journey.state)
    for _ in range(5):
        journey.tell(Demanded(min_ttl=1.0), after=60)
    assert served(journey.state) == before


def test_S10_21_a_401_on_refresh_is_an_answer_like_any_other() -> None:
    assert isinstance(refresh(answer(401)), TransportFailed)
    assert isinstance(refresh(answer(401, error("invalid_client"))), Refused)
    assert isinstance(refresh(answer(401, error("invalid_grant"))), InvalidGrant)
