"""Thirty things existing clients of Secucard's device flow get wrong, and who tests that we do not.

Reading the published SDKs gave the list; each entry is what an agent has to do instead. Tests all
over the repository name the entries they answer for (S10_<number>); this file holds the table, the
check that none is left out, and the few that belong to no other room.
"""

import dataclasses
from typing import Final

import pytest

from agent.errors import InvalidTransition
from agent.oauth import pairing, renewal
from agent.oauth.dialect import SECUCARD
from agent.oauth.events import (
    Demanded,
    PollToken,
    Refused,
    RequestCode,
    RequestToken,
    Waited,
)
from agent.oauth.interface import ClientCredentials
from agent.oauth.pairing import Resting
from agent.oauth.wire import code_request, poll_request
from agent.secret import Secret
from tests.oauth.journey import pairing_journey
from tests.oauth.rows import named
from tests.oauth.samples import CLIENT, ONE_URL, UUID, answer, authorization, code, error
from tests.oauth.states import GRANTED, pairing_steps, renewal_steps

ENTRIES: Final = {
    1: "decide pending by the error, not by 401",
    2: "honour slow_down, 429 and Retry-After; back off",
    3: "survive network errors and 5xx while polling",
    4: "keep the pairing when a refresh fails for a while",
    5: "pair again by itself when the refresh token is dead",
    6: "one renewal at a time, one owner across processes",
    7: "recover from a refused access token by one renewal",
    8: "renew before expiry, not at it",
    9: "use a monotonic clock",
    10: "never extend a token's life by using it",
    11: "get the units of time right",
    12: "cancel promptly",
    13: "never overlap polls",
    14: "stop polling at expiry",
    15: "keep credentials from one attempt to the next",
    16: "never log secrets",
    17: "verify TLS",
    18: "store encrypted, private, locked, atomically",
    19: "start despite a corrupt store",
    20: "report a network failure as one",
    21: "handle 401 on refresh",
    22: "adopt a rotated refresh token",
    23: "make the code reach the display",
    24: "send the right fields; never start over by recursion",
    25: "send the grant asked for",
    26: "never pair silently inside a token read",
    27: "send only the token string as Bearer",
    28: "validate the UUID, keep its order",
    29: "stop on permanent poll errors and report the cause",
    30: "back off when the UUID is unknown",
}


@pytest.mark.parametrize("number", ENTRIES)
def test_every_entry_has_a_test_that_names_it(number: int) -> None:
    assert f"S10_{number}" in named("S10_[0-9]+"), ENTRIES[number]


def test_no_test_names_an_entry_that_does_not_exist() -> None:
    assert named("S10_[0-9]+") <= {f"S10_{number}" for number in ENTRIES}


def test_S10_9_no_decision_depends_on_the_wall_clock() -> None:
    """The machines know one time, which the caller passes; the server's is kept, not used."""
    journey = pairing_journey()
    journey.tell(authorization())
    journey.wait()
    early = pairing.step(
        journey.state, dataclasses.replace(GRANTED, server_time=1), journey.now, _RULES
    )
    late = pairing.step(
        journey.state, dataclasses.replace(GRANTED, server_time=4_000_000_000), journey.now, _RULES
    )
    assert type(early[0]) is type(late[0])
    assert isinstance(early[0], pairing.Saving)
    assert isinstance(late[0], pairing.Saving)
    assert early[0].token.access().expires_at == late[0].token.access().expires_at


_RULES: Final = pairing.Rules(issuer="https://as.example", client_id="shop-1", uuid=UUID)


def test_S10_13_one_ask_is_outstanding_in_every_state() -> None:
    """A step gives one ask or none, so a second poll has nothing to start it."""
    for _, state, now, _, event in pairing_steps():
        try:
            _, ask = pairing.step(state, event, now, _RULES)
        except InvalidTransition:
            continue
        if isinstance(ask, PollToken):
            assert isinstance(event, Waited)


def test_S10_15_values_once_made_cannot_be_changed() -> None:
    for value in (CLIENT, authorization(), GRANTED, ONE_URL):
        field = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, None)
    first = code_request(SECUCARD, ONE_URL, CLIENT, UUID, None)
    assert code_request(SECUCARD, ONE_URL, CLIENT, UUID, None) == first


def test_S10_23_every_code_is_a_state_a_display_can_show() -> None:
    """No event emitter in between: the code is part of the state the runner publishes."""
    journey = pairing_journey()
    journey.tell(authorization(user_code="abcfgh23"))
    assert isinstance(journey.state, pairing.AwaitingUser)
    assert journey.state.authorization.user_code == "abcfgh23"


def test_S10_24_the_device_code_goes_as_code_and_never_as_uuid() -> None:
    body = poll_request(SECUCARD, ONE_URL, CLIENT, Secret("dc-1")).body()
    assert b"&code=dc-1" in body
    assert b"uuid" not in body


def test_S10_25_a_grant_without_a_person_never_becomes_another() -> None:
    state, _ = renewal.start(None, 0.0)
    assert renewal.step(state, Demanded(min_ttl=0), 0.0)[1] == RequestToken()


def test_S10_26_no_event_of_a_client_leads_to_pairing() -> None:
    for _, state, now, name, event in renewal_steps():
        if name.startswith(("Demanded", "Rejected")) and isinstance(state, renewal.Serving):
            after, ask = renewal.step(state, event, now)
            assert not isinstance(after, renewal.Lost)
            assert not isinstance(ask, RequestCode)


def test_S10_28_the_uuid_is_sent_as_it_was_configured() -> None:
    odd = "/vendor/pios/branch/1/cr/2/customer/3/dealer/4 Ä"
    client = ClientCredentials(client_id="c", client_secret=Secret("s"))
    body = code_request(SECUCARD, ONE_URL, client, odd, None).body()
    assert body.endswith(
        b"&uuid=%2Fvendor%2Fpios%2Fbranch%2F1%2Fcr%2F2%2Fcustomer%2F3%2Fdealer%2F4+%C3%84"
    )


def test_S10_30_an_unknown_uuid_is_shown_and_asked_about_slowly() -> None:
    refusal = code(answer(401, error("invalid_device", "device with given uuid not configured")))
    assert isinstance(refusal, Refused)
    journey = pairing_journey()
    for _ in range(3):
        assert journey.ask == RequestCode()
        journey.tell(refusal)
        assert journey.state == Resting(why=refusal, codes_left=6)
        assert journey.bounds()[0] >= 60.0
        journey.wait()
