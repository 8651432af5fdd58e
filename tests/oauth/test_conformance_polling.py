"""Rows D1 to D20, polling (RFC 8628 sections 3.4 and 3.5); the index is test_conformance.py."""

import asyncio
import random
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from agent.errors import InvalidTransition
from agent.oauth import pairing
from agent.oauth.events import (
    AccessDenied,
    AuthorizationPending,
    CodeDead,
    ExpiredToken,
    Fault,
    PersonActed,
    PollToken,
    Refused,
    RequestCode,
    SaveToken,
    SlowDown,
    TokenResponse,
    TransportFailed,
    Wait,
)
from agent.oauth.pairing import AwaitingUser, RequestingCode, Resting, Saving
from agent.oauth.runner import Doorbell
from agent.oauth.wire import RFC8628, SECUCARD, Dialect
from tests.oauth.journey import Journey, pairing_journey
from tests.oauth.samples import (
    CODES,
    DIALECTS,
    NOW,
    TOKEN,
    answer,
    authorization,
    error,
    poll,
)
from tests.oauth.states import DENIED, GRANTED, OFFLINE

PENDING = AuthorizationPending()


def with_code(**changes: object) -> Journey[pairing.State, pairing.Event]:
    journey = pairing_journey()
    journey.tell(authorization(**changes))
    return journey


def test_D3_D4_every_poll_waits_the_interval_with_a_margin_even_the_first() -> None:
    journey = with_code(interval=10)
    assert journey.bounds() == pytest.approx((10.5, 12.0))
    journey.wait()
    journey.tell(PENDING, after=7.0)  # a slow answer: counted from its end
    assert journey.bounds() == pytest.approx((10.5, 12.0))


def test_D5_slow_down_adds_five_seconds_to_all_later_polls() -> None:
    journey = with_code()
    for expected in (10.0, 15.0, 20.0):
        journey.wait()
        journey.tell(SlowDown())
        assert journey.bounds()[0] == pytest.approx(1.05 * expected)
        journey.wait()
        journey.tell(PENDING)
        assert journey.bounds()[0] == pytest.approx(1.05 * expected)


def test_D5_a_larger_interval_in_the_body_is_honoured() -> None:
    said = poll(answer(400, error("slow_down") | {"interval": 42}))
    journey = with_code()
    journey.wait()
    journey.tell(said)
    assert journey.bounds()[0] == pytest.approx(1.05 * 42)


def test_D5_a_retry_after_beside_slow_down_does_not_cancel_the_step() -> None:
    journey = with_code()
    journey.wait()
    journey.tell(poll(answer(429, error("slow_down"), retry_after="1")))
    assert journey.bounds()[0] == pytest.approx(1.05 * 10)


def test_D6_slow_down_for_ever_ends_with_the_code() -> None:
    journey = with_code(expires_in=600)
    polls = 0
    while isinstance(journey.state, AwaitingUser):
        if isinstance(journey.ask, PollToken):
            polls += 1
            journey.tell(SlowDown())
        else:
            journey.wait()
    assert journey.now == NOW + 600.0
    assert polls == 14  # after 5, 10, 15, … s and their margins: 5.25 s x (1 + 2 + … + 14) = 551 s


def test_D7_pending_repeats_at_the_same_pace() -> None:
    journey = with_code()
    for _ in range(50):
        assert isinstance(journey.wait(), PollToken)
        journey.tell(PENDING)
        assert journey.bounds() == pytest.approx((5.25, 6.0))


def test_D8_denied_means_no_further_poll_of_this_code() -> None:
    journey = with_code()
    journey.wait()
    journey.tell(poll(answer(403, error("access_denied", "Nicht mein Gerät"))))
    assert journey.state == Resting(why=AccessDenied(description="Nicht mein Gerät"), codes_left=5)
    assert journey.bounds()[0] == 600.0
    assert journey.wait() == RequestCode()


def test_D9_an_expired_code_is_not_polled_again() -> None:
    journey = with_code()
    journey.wait()
    journey.now += 300
    assert journey.tell(poll(answer(400, error("expired_token")))) == RequestCode()
    assert journey.state == RequestingCode(codes_left=5)


@pytest.mark.parametrize(
    "name", ["authorization_declined", "bad_verification_code", "code_expired", "device_not_found"]
)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404])
def test_D10_any_other_error_stops_and_is_shown(name: str, status: int) -> None:
    event = poll(answer(status, error(name, "In its words")), RFC8628)
    assert event == Refused(error=name, description="In its words", fault=Fault.SERVER)
    journey = with_code()
    journey.wait()
    journey.tell(event)
    assert journey.state == Resting(why=event, codes_left=5)


def test_D11_pending_for_ever_ends_with_the_codes_life() -> None:
    journey = with_code(expires_in=600)
    while isinstance(journey.state, AwaitingUser):
        journey.tell(PENDING) if isinstance(journey.ask, PollToken) else journey.wait()
    assert journey.now == NOW + 600.0


@pytest.mark.parametrize("trouble", [PENDING, OFFLINE])
def test_D12_the_last_poll_is_just_before_the_end(trouble: pairing.Event) -> None:
    journey = with_code(expires_in=600)
    last = 0.0
    while isinstance(journey.state, AwaitingUser):
        if isinstance(journey.ask, PollToken):
            last = journey.now
            journey.tell(trouble)
        else:
            journey.wait()
    assert 600.0 - 6.3 <= last - NOW < 600.0


def test_D13_D14_trouble_doubles_the_pause_until_a_good_answer() -> None:
    journey = with_code(expires_in=1200)
    journey.wait()
    pauses = []
    for event in (OFFLINE, OFFLINE, OFFLINE, OFFLINE, PENDING):
        journey.tell(event)
        pauses.append(journey.bounds()[0] / 1.05)
        journey.wait()
    assert pauses == pytest.approx([10, 20, 40, 60, 5])


def test_D14_trouble_never_undercuts_what_the_server_asked_for() -> None:
    journey = with_code(interval=120)
    journey.wait()
    journey.tell(OFFLINE)
    assert journey.bounds()[0] == pytest.approx(126.0)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, {}),
        (200, CODES),
        (200, TOKEN | {"access_token": None}),
        (200, TOKEN | {"token_type": "mac"}),
        (200, TOKEN | {"token_type": None}),
        (201, TOKEN),
        (400, TOKEN),
        (200, [TOKEN]),
        (200, b""),
    ],
)
def test_D15_only_a_200_with_a_bearer_token_is_success(status: int, said: object) -> None:
    for dialect in DIALECTS:
        assert not isinstance(poll(answer(status, said), dialect), TokenResponse)
        assert isinstance(poll(answer(200, TOKEN), dialect), TokenResponse)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 428])
def test_D16_the_error_outranks_the_status(status: int, dialect: Dialect) -> None:
    assert poll(answer(status, error("authorization_pending")), dialect) == PENDING
    assert poll(answer(status, error("slow_down")), dialect) == SlowDown()
    assert poll(answer(status, TOKEN | error("access_denied")), dialect) == AccessDenied()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_D17_a_redirect_is_refused_before_its_body_is_believed(status: int) -> None:
    for said in (TOKEN, error("access_denied"), error("authorization_pending")):
        event = poll(answer(status, said))
        assert isinstance(event, TransportFailed)
        assert "redirect" in event.reason


async def test_D18_S10_12_a_wait_of_the_machine_ends_at_once() -> None:
    clock = SystemClock()
    bell: Doorbell[PersonActed] = Doorbell(clock, random.Random(1))
    task = asyncio.create_task(bell.wait(Wait(at_least=3600.0, at_most=3600.0)))
    await asyncio.sleep(0)
    began = clock.now()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.now() - began < 1.0


@pytest.mark.parametrize("name", ["access_denied", "invalid_grant", "invalid_request"])
def test_D19_a_replay_after_a_lost_answer_is_not_taken_for_a_refusal(name: str) -> None:
    event = poll(answer(400, error(name, "used already")), RFC8628, lost=True)
    assert event == CodeDead(error=name, description="used already")
    journey = with_code()
    journey.wait()
    journey.now += 60
    assert journey.tell(event) == RequestCode()
    assert not isinstance(poll(answer(400, error(name)), RFC8628), CodeDead)


def test_D19_at_secucard_a_denial_stays_one() -> None:
    assert poll(answer(401, error("access_denied")), SECUCARD, lost=True) == AccessDenied()


def test_D20_S10_13_a_stale_flow_cannot_overwrite_anything() -> None:
    """One ask is outstanding: an answer to a code that is over has nowhere to arrive."""
    journey = with_code()
    journey.wait()
    journey.tell(ExpiredToken(), after=60)
    with pytest.raises(InvalidTransition):
        journey.tell(GRANTED)
    journey.tell(authorization(device_code="second"))
    assert journey.wait() == PollToken(device_code=authorization(device_code="second").device_code)


def test_S10_1_any_401_but_pending_is_something_else() -> None:
    for said in (b"", b"<html>", {}, error("invalid_device"), error("x"), DENIED.description):
        assert poll(answer(401, said)) != PENDING
    assert poll(answer(401, error("authorization_pending"))) == PENDING


def test_S10_14_polling_stops_when_the_code_ends() -> None:
    journey = with_code(expires_in=60)
    while isinstance(journey.state, AwaitingUser):
        if isinstance(journey.ask, PollToken):
            assert journey.now < NOW + 60.0
            journey.tell(replace(OFFLINE, retry_after=500.0))
        else:
            journey.wait()
    assert journey.now == NOW + 60.0


def test_S10_29_a_permanent_error_stops_with_its_cause() -> None:
    journey = with_code()
    journey.wait()
    refusal = poll(answer(400, error("invalid_client", "The client credentials are invalid")))
    journey.tell(refusal)
    assert journey.state == Resting(
        why=Refused(
            error="invalid_client",
            description="The client credentials are invalid",
            fault=Fault.CONFIGURATION,
        ),
        codes_left=5,
    )


def test_S10_3_neither_outage_nor_server_errors_cost_the_code() -> None:
    journey = with_code()
    for trouble in (OFFLINE, poll(answer(500)), poll(answer(502, b"<html>")), poll(answer(408))):
        journey.wait()
        journey.tell(trouble)
        assert isinstance(journey.state, AwaitingUser)
    journey.wait()
    assert isinstance(journey.tell(GRANTED), SaveToken)
    assert isinstance(journey.state, Saving)
