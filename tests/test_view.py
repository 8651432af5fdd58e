"""What states mean for people: every state, every situation."""

from dataclasses import replace

import pytest

from agent import telling, view
from agent.oauth import pairing, renewal
from agent.oauth.events import (
    AccessDenied,
    AccessToken,
    DeviceAuthorization,
    Fault,
    Grant,
    InvalidGrant,
    Refused,
    SlowDown,
    TokenResponse,
    TransportFailed,
    Unreadable,
)
from agent.secret import Secret
from agent.situation import (
    SUPPORT_CODES,
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Serving,
    Situation,
    Starting,
)
from agent.situation import Refused as RefusedSituation

NOW = 1000.0
RULES = pairing.Rules(issuer="https://as", client_id="c", uuid="/vendor/acme/serial/47110815")
GRANT = Grant(refresh_token=Secret("r"), issuer="https://as", client_id="c", uuid=RULES.uuid)
CODE = DeviceAuthorization(
    device_code=Secret("d"),
    user_code="abcfgh23",
    verification_uri="https://as/pair",
    verification_uri_complete=None,
    expires_in=300.0,
    interval=5.0,
    asked_at=NOW,
)
RESPONSE = TokenResponse(
    access_token=Secret("a"), expires_in=60.0, refresh_token=None, scope=None, asked_at=NOW
)
TOKEN = AccessToken(value=Secret("a"), issued_at=NOW, expires_at=NOW + 60)
NO_NETWORK = TransportFailed(kind="network", reason="no route to as")
REFUSED = Refused(error="invalid_client", description="wrong", fault=Fault.CONFIGURATION)
SERVING = renewal.Serving(
    grant=GRANT, token=TOKEN, due_from=NOW + 30, due_until=NOW + 40, demand_from=NOW
)
AWAITING = pairing.AwaitingUser(
    authorization=CODE, interval=5.0, poll_from=NOW, poll_until=NOW, codes_left=5
)


@pytest.mark.parametrize(
    ("state", "situation"),
    [
        (pairing.RequestingCode(codes_left=6), Starting()),
        (
            pairing.RequestingCode(codes_left=6, failures=1, trouble=NO_NETWORK),
            Offline(kind="network", reason="no route to as"),
        ),
        (
            pairing.RequestingCode(codes_left=6, failures=1, trouble=Unreadable(status=400)),
            Offline(
                kind="server", reason="the server answered 400 without a reason that can be read"
            ),
        ),
        (
            pairing.RequestingCode(codes_left=6, failures=1, trouble=SlowDown()),
            Offline(kind="server", reason="the server asks for a slower pace"),
        ),
        (
            AWAITING,
            Pairing(
                user_code="abcfgh23",
                verification_uri="https://as/pair",
                expires_at=NOW + 300,
                terminal="0815",
            ),
        ),
        (
            replace(AWAITING, codes_left=4),
            Pairing(
                user_code="abcfgh23",
                verification_uri="https://as/pair",
                expires_at=NOW + 300,
                terminal="0815",
                renewed=True,
            ),
        ),
        (
            pairing.Resting(why=AccessDenied(description="no"), codes_left=3),
            Denied(description="no"),
        ),
        (
            pairing.Resting(why=REFUSED, codes_left=3),
            RefusedSituation(
                error="invalid_client", description="wrong", fault=Fault.CONFIGURATION
            ),
        ),
        (pairing.Paused(), Paused()),
        (pairing.Saving(grant=GRANT, token=RESPONSE), None),
        (pairing.Paired(grant=GRANT, token=RESPONSE), None),
    ],
)
def test_what_pairing_means(state: pairing.State, situation: Situation | None) -> None:
    assert view.of_pairing(state, RULES) == situation


@pytest.mark.parametrize(
    ("state", "situation"),
    [
        (SERVING, Serving()),
        (
            replace(SERVING, trouble=NO_NETWORK),
            Serving(degraded="the token could not be renewed: no route to as"),
        ),
        (
            replace(SERVING, trouble=REFUSED),
            Serving(degraded="the server refuses to renew: invalid_client: wrong"),
        ),
        (
            replace(SERVING, unsaved="flash full"),
            Serving(degraded="the grant is held in memory only: flash full"),
        ),
        (replace(SERVING, token=None), Starting()),
        (
            replace(SERVING, token=None, trouble=NO_NETWORK),
            Offline(kind="network", reason="no route to as"),
        ),
        (
            replace(SERVING, token=replace(TOKEN, expires_at=NOW), trouble=REFUSED),
            RefusedSituation(
                error="invalid_client", description="wrong", fault=Fault.CONFIGURATION
            ),
        ),
        (renewal.Renewing(before=SERVING), Serving()),
        (renewal.Saving(before=replace(SERVING, token=None), then=SERVING), Starting()),
        (renewal.Lost(why=InvalidGrant(), token=TOKEN), None),
    ],
)
def test_what_renewal_means(state: renewal.State, situation: Situation | None) -> None:
    assert view.of_renewal(state, NOW) == situation


@pytest.mark.parametrize(
    ("situation", "state", "reason"),
    [
        (Starting(), "starting", None),
        (Offline(kind="name", reason="no DNS"), "offline", "no DNS"),
        (Failed(support_code="S201", reason="not mounted"), "failed", "not mounted"),
        (
            RefusedSituation(error="e", description="d", fault=Fault.SERVER),
            "refused",
            "e: d",
        ),
        (Denied(description=""), "denied", "a person refused the pairing"),
        (Denied(description="not mine"), "denied", "not mine"),
        (Paused(), "paused", "the window of codes is used up; a person has to act"),
        (Paired(owner="Shop"), "paired", None),
        (Serving(), "serving", None),
        (Serving(degraded="slow"), "serving", "slow"),
    ],
)
def test_status_in_words(situation: Situation, state: str, reason: str | None) -> None:
    told = telling.status(situation, NOW)
    assert (told["state"], told["reason"]) == (state, reason)


def test_status_of_a_pairing_has_the_address_but_not_the_code() -> None:
    situation = view.of_pairing(AWAITING, RULES)
    assert situation is not None
    told = telling.status(situation, NOW + 60)
    assert told["verification_uri"] == "https://as/pair"
    assert told["code_expires_in"] == 240
    assert "abcfgh23" not in repr(told)


def test_support_codes_are_told_apart() -> None:
    assert len(set(SUPPORT_CODES.values())) == len(SUPPORT_CODES)
    assert telling.status(Offline(kind="clock", reason=""), NOW)["support_code"] == "N105"


def test_what_may_be_known_of_a_token() -> None:
    assert view.token_status(None, NOW) is None
    told = view.token_status(TOKEN, NOW + 0.5)
    assert told == {"fingerprint": TOKEN.value.fingerprint(), "expires_in": 59}


def test_when_the_next_renewal_is_due() -> None:
    assert view.renewal_status(None, NOW) is None
    assert view.renewal_status(SERVING, NOW) == {
        "due_within": 40,
        "failures": 0,
        "grant_saved": True,
    }


@pytest.mark.parametrize(
    ("situation", "kind"),
    [
        (Starting(), "starting"),
        (Serving(), "starting"),
        (Denied(description=""), "pairing"),
        (Paused(), "pairing"),
        (Offline(kind="tls", reason="x"), "offline"),
        (Failed(support_code="S201", reason="x"), "offline"),
        (RefusedSituation(error="e", description="d", fault=Fault.SERVER), "refused"),
    ],
)
def test_why_there_is_no_token(situation: Situation, kind: str) -> None:
    answer = telling.unavailable(situation)
    assert answer.kind == kind
    assert answer.detail
    assert answer.retry_after > 0


@pytest.mark.parametrize(
    ("state", "min_ttl", "caveat"),
    [
        (SERVING, 30.0, None),
        (None, 30.0, None),
        (SERVING, 90.0, "it lives 60 s, although 90 s were asked for"),
        (renewal.Renewing(before=SERVING), 90.0, "it lives 60 s, although 90 s were asked for"),
        (replace(SERVING, unsaved="full"), 30.0, "the grant is held in memory only: full"),
        (
            renewal.Lost(why=InvalidGrant(), token=TOKEN),
            0.0,
            "this token is renewed no more; the terminal is being paired again",
        ),
    ],
)
def test_what_is_said_with_a_lesser_token(
    state: renewal.State | None, min_ttl: float, caveat: str | None
) -> None:
    assert view.caveat(state, TOKEN, min_ttl, NOW) == caveat


def test_a_trouble_that_is_none_has_no_words() -> None:
    assert view.reason(None) == ""


def test_a_till_that_shows_the_code_is_told_the_reason_where_there_is_none() -> None:
    assert telling.pairing_status(Offline(kind="network", reason="no route"), NOW) == {
        "state": "offline",
        "reason": "no route",
    }
    assert telling.pairing_status(Starting(), NOW) == {"state": "starting"}


def test_an_address_with_the_code_in_it_is_for_those_who_may_see_the_code() -> None:
    complete = "https://as/pair?user_code=abcfgh23"
    authorization = replace(CODE, verification_uri_complete=complete)
    situation = view.of_pairing(replace(AWAITING, authorization=authorization), RULES)

    assert situation is not None
    assert telling.pairing_status(situation, NOW)["verification_uri_complete"] == complete
    assert "abcfgh23" not in str(telling.status(situation, NOW))
    assert complete not in repr(situation)
