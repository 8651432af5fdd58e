"""The authorization server over HTTP: what each ask becomes when the other side misbehaves."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import pytest

from agent.errors import ConfigError, InvalidTransition
from agent.oauth.events import (
    AccessDenied,
    AccessToken,
    AuthorizationPending,
    CodeDead,
    CodeEvent,
    DeviceAuthorization,
    ExpiredToken,
    Fault,
    InvalidGrant,
    PollEvent,
    RefreshEvent,
    Refused,
    SlowDown,
    TokenResponse,
    TransportFailed,
    Unreadable,
)
from agent.oauth.exchange import Server
from agent.oauth.interface import AuthorizationServer, ClientCredentials
from agent.oauth.patience import BUDGET, TRIES
from agent.oauth.transport import Transport
from agent.oauth.wire import RFC8628, SECUCARD, Endpoints
from agent.secret import Secret
from tests.transport import hostile
from tests.transport.clocks import FakeClock
from tests.transport.conftest import DEADLINE, NEVER
from tests.transport.hostile import Behaviour, Hostile, serving

CODE = json.dumps(
    {
        "device_code": "dc-0123456789abcdef",
        "user_code": "abcfgh23",
        "verification_url": "http://www.example.com",
        "expires_in": 1200,
        "interval": 5,
    }
).encode()
PENDING = hostile.error(401, "authorization_pending")
GOOD = hostile.answer()
DEVICE_CODE = Secret("dc-0123456789abcdef")
REFRESH_TOKEN = Secret("rt-0123456789abcdef")
TOKEN = AccessToken(value=Secret("at"), issued_at=0, expires_at=1)


async def credentials() -> ClientCredentials:
    return ClientCredentials(client_id="pos", client_secret=Secret("canary-secret"))


@asynccontextmanager
async def talking(
    *behaviours: Behaviour,
    clock: FakeClock | None = None,
    deadline: float = NEVER,
    **options: Any,
) -> AsyncIterator[tuple[Server, Hostile]]:
    clock = clock or FakeClock()
    transport = Transport(clock=clock, deadline=deadline)
    async with serving(*behaviours) as hostile_server:
        url = hostile_server.url
        defaults: dict[str, Any] = {
            "dialect": SECUCARD,
            "endpoints": Endpoints(issuer=url, token=url, device_authorization=url),
            "credentials": credentials,
            "uuid": "/vendor/test/serial/1",
            "rng": random.Random(7),
        }
        yield Server(transport=transport, clock=clock, **{**defaults, **options}), hostile_server
    await transport.aclose()


def forms(server: Hostile) -> list[dict[str, str]]:
    return [dict(parse_qsl(each.split(b"\r\n\r\n", 1)[1].decode())) for each in server.requests]


async def polled(behaviour: Behaviour, **options: Any) -> PollEvent:
    async with talking(behaviour, **options) as (server, _):
        return await server.poll_token(DEVICE_CODE)


async def refreshed(*behaviours: Behaviour, **options: Any) -> RefreshEvent:
    async with talking(*behaviours, **options) as (server, _):
        return await server.refresh_token(REFRESH_TOKEN)


# -- each ask sends its own fields ----------------------------------------------------------------


async def test_it_is_an_authorization_server() -> None:
    async with talking(GOOD) as (server, hostile_server):
        needed: AuthorizationServer = server
        assert needed.issuer == hostile_server.url


async def test_D1_S10_24_each_request_has_the_fields_of_the_dialect() -> None:
    async with talking(hostile.answer(200, CODE), GOOD) as (server, hostile_server):
        code = await server.request_code()
        assert isinstance(code, DeviceAuthorization)
        await server.poll_token(code.device_code)
        await server.refresh_token(REFRESH_TOKEN)
    client = {"client_id": "pos", "client_secret": "canary-secret"}
    assert forms(hostile_server) == [
        {"grant_type": "device", "uuid": "/vendor/test/serial/1", **client},
        {"grant_type": "device", "code": "dc-0123456789abcdef", **client},
        {"grant_type": "refresh_token", "refresh_token": "rt-0123456789abcdef", **client},
    ]


async def test_S10_25_grants_without_a_person_send_what_was_configured() -> None:
    async def pin() -> Secret:
        return Secret("A-pin-of-15-chars")

    async with talking(GOOD, grant="client_credentials") as (server, first):
        assert isinstance(await server.request_token(), TokenResponse)
    async with talking(GOOD, grant="device_pin", pin=pin) as (server, second):
        assert isinstance(await server.request_token(), TokenResponse)
    assert forms(first)[0]["grant_type"] == "client_credentials"
    assert forms(second)[0]["grant_type"] == "device_pin"
    assert forms(second)[0]["device_pin"] == "A-pin-of-15-chars"


async def test_asking_for_a_token_with_a_grant_that_needs_a_person_is_a_bug() -> None:
    for grant in ("device", "device_pin"):
        async with talking(GOOD, grant=grant) as (server, _):
            with pytest.raises(InvalidTransition):
                await server.request_token()


async def test_S10_15_credentials_are_asked_for_before_every_request() -> None:
    issued = iter(("old", "new"))

    async def changing() -> ClientCredentials:
        return ClientCredentials(client_id="pos", client_secret=Secret(next(issued)))

    async with talking(PENDING, credentials=changing) as (server, hostile_server):
        await server.poll_token(DEVICE_CODE)
        await server.poll_token(DEVICE_CODE)
    assert [form["client_secret"] for form in forms(hostile_server)] == ["old", "new"]


# -- credentials that are not there ---------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [ConfigError("secret file /x does not exist"), PermissionError(13, "denied", "/x"), OSError()],
)
async def test_missing_credentials_are_an_event_and_nothing_is_sent(error: Exception) -> None:
    async def failing() -> ClientCredentials:
        raise error

    async with talking(GOOD, credentials=failing) as (server, hostile_server):
        outcomes = (
            await server.request_code(),
            await server.poll_token(DEVICE_CODE),
            await server.refresh_token(REFRESH_TOKEN),
        )
    assert hostile_server.connections == 0
    for outcome in outcomes:
        assert isinstance(outcome, TransportFailed)
        assert (outcome.kind, outcome.answer_lost) == ("credentials", False)
        assert str(error)[:20] in outcome.reason


async def test_a_missing_pin_is_an_event() -> None:
    async def failing() -> Secret:
        raise ConfigError("no pin\x1b[2J")

    clock = FakeClock()
    async with talking(GOOD, grant="device_pin", pin=failing, clock=clock) as (server, other):
        outcome = await server.request_token()
    assert isinstance(outcome, TransportFailed)
    assert outcome.kind == "credentials"
    assert outcome.reason.isprintable()
    assert other.connections == 0
    assert clock.slept == []


# -- patience -------------------------------------------------------------------------------------


async def test_S10_4_a_passing_trouble_is_repeated_without_anybody_noticing() -> None:
    clock = FakeClock()
    outcome = await refreshed(hostile.error(503, ""), hostile.reset, GOOD, clock=clock)
    assert isinstance(outcome, TokenResponse)
    assert len(clock.slept) == 2
    assert 0 <= clock.slept[0] <= 1.0
    assert 0 <= clock.slept[1] <= 2.0


async def test_trouble_that_stays_is_reported_after_three_tries() -> None:
    asks = (Server.request_code, lambda s: s.refresh_token(REFRESH_TOKEN))
    for ask in asks:
        async with talking(hostile.answer(502, b"")) as (server, other):
            outcome = await ask(server)
        assert isinstance(outcome, TransportFailed)
        assert len(other.requests) == TRIES


async def test_full_jitter_comes_from_the_given_randomness() -> None:
    slept = []
    for seed in (1, 1, 2):
        clock = FakeClock()
        await refreshed(hostile.answer(502, b""), clock=clock, rng=random.Random(seed))
        slept.append(clock.slept)
    assert slept[0] == slept[1] != slept[2]


async def test_E1_S10_2_retry_after_is_obeyed_with_jitter_on_top() -> None:
    clock = FakeClock(wall=1_780_000_000)
    later = formatdate(1_780_000_006, usegmt=True)
    outcome = await refreshed(
        hostile.error(503, "", "Retry-After: 4"),
        hostile.error(429, "", f"Retry-After: {later}", f"Date: {formatdate(1_780_000_000)}"),
        GOOD,
        clock=clock,
    )
    assert isinstance(outcome, TokenResponse)
    assert 4.0 <= clock.slept[0] <= 5.0
    assert 6.0 <= clock.slept[1] <= 8.0


async def test_E1_a_retry_after_beyond_the_budget_is_left_to_the_machine() -> None:
    clock = FakeClock()
    outcome = await refreshed(hostile.error(503, "", "Retry-After: 300"), clock=clock)
    assert isinstance(outcome, TransportFailed)
    assert outcome.retry_after == 300
    assert clock.slept == []


@pytest.mark.parametrize("value", ["0", "-5", "junk", "Mon, 01 Jan 2001 00:00:00 GMT"])
async def test_E1_a_useless_retry_after_counts_as_none(value: str) -> None:
    clock = FakeClock()
    await refreshed(hostile.error(503, "", f"Retry-After: {value}"), GOOD, clock=clock)
    assert len(clock.slept) == 1
    assert clock.slept[0] <= 1.0


async def test_E13_tls_trouble_is_not_retried_within_seconds() -> None:
    clock, connections = FakeClock(), 0

    async def no_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}/"
    where = Endpoints(issuer=url, token=url, device_authorization=url)
    async with talking(GOOD, endpoints=where, clock=clock) as (server, _):
        outcome = await server.refresh_token(REFRESH_TOKEN)
    plain.close()
    assert isinstance(outcome, TransportFailed)
    assert outcome.kind == "tls"
    assert (connections, clock.slept) == (1, [])


async def test_no_try_starts_after_the_budget() -> None:
    clock = FakeClock()

    async def slow(request: bytes, writer: asyncio.StreamWriter) -> None:
        clock.advance(BUDGET)
        await hostile.answer(429, b"")(request, writer)

    async with talking(slow, clock=clock) as (server, other):
        await server.refresh_token(REFRESH_TOKEN)
    assert len(other.requests) == 1


async def test_F7_a_lost_answer_is_asked_for_once_more_however_long_it_took() -> None:
    clock = FakeClock()

    async def slow(request: bytes, writer: asyncio.StreamWriter) -> None:
        clock.advance(BUDGET)
        await hostile.reset(request, writer)

    async with talking(slow, clock=clock) as (server, other):
        outcome = await server.refresh_token(REFRESH_TOKEN)
    assert isinstance(outcome, TransportFailed)
    assert outcome.answer_lost
    assert len(other.requests) == 2


@pytest.mark.parametrize("behaviour", [hostile.reset, hostile.answer(503, b""), hostile.silent])
async def test_D3_D13_polls_are_never_repeated_inside(behaviour: Behaviour) -> None:
    clock = FakeClock()
    async with talking(behaviour, clock=clock, deadline=DEADLINE) as (server, other):
        assert isinstance(await server.poll_token(DEVICE_CODE), TransportFailed)
    assert len(other.requests) == 1
    assert clock.slept == []


async def test_D18_S10_12_cancelling_ends_a_wait_between_tries_at_once() -> None:
    class StuckClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            waiting.set()
            await asyncio.sleep(3600)

    waiting = asyncio.Event()
    async with talking(hostile.answer(502, b""), clock=StuckClock()) as (server, _):
        task = asyncio.create_task(server.refresh_token(REFRESH_TOKEN))
        await waiting.wait()
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert time.monotonic() - started < 1.0


# -- lost answers ---------------------------------------------------------------------------------

INVALID_GRANT = hostile.error(400, "invalid_grant")
DENIED = hostile.error(400, "access_denied")


async def test_F7_invalid_grant_after_a_lost_answer_says_so() -> None:
    outcome = await refreshed(hostile.reset, INVALID_GRANT)
    assert outcome == InvalidGrant(description="", after_lost_answer=True)


async def test_F6_invalid_grant_out_of_the_blue_is_just_that() -> None:
    assert await refreshed(INVALID_GRANT) == InvalidGrant(after_lost_answer=False)


async def test_F7_a_lost_answer_is_remembered_beyond_one_call() -> None:
    lost = (hostile.reset,) * TRIES
    async with talking(*lost, INVALID_GRANT) as (server, _):
        assert isinstance(await server.refresh_token(REFRESH_TOKEN), TransportFailed)
        outcome = await server.refresh_token(REFRESH_TOKEN)
    assert outcome == InvalidGrant(after_lost_answer=True)


async def test_F7_a_lost_answer_is_forgotten_once_the_token_has_worked() -> None:
    async with talking(hostile.reset, GOOD, INVALID_GRANT) as (server, _):
        assert isinstance(await server.refresh_token(REFRESH_TOKEN), TokenResponse)
        assert await server.refresh_token(REFRESH_TOKEN) == InvalidGrant(after_lost_answer=False)


async def test_F7_a_lost_answer_says_nothing_about_another_token() -> None:
    lost = (hostile.reset,) * TRIES
    async with talking(*lost, INVALID_GRANT) as (server, _):
        await server.refresh_token(REFRESH_TOKEN)
        outcome = await server.refresh_token(Secret("another-token"))
    assert outcome == InvalidGrant(after_lost_answer=False)


async def test_D19_denied_after_a_lost_poll_means_unknown() -> None:
    async with talking(hostile.reset, DENIED, dialect=RFC8628) as (server, _):
        await server.poll_token(DEVICE_CODE)
        assert isinstance(await server.poll_token(DEVICE_CODE), CodeDead)


async def test_D19_denied_after_a_later_pending_means_denied() -> None:
    async with talking(hostile.reset, PENDING, DENIED, dialect=RFC8628) as (server, _):
        await server.poll_token(DEVICE_CODE)
        assert isinstance(await server.poll_token(DEVICE_CODE), AuthorizationPending)
        assert isinstance(await server.poll_token(DEVICE_CODE), AccessDenied)


# -- every answer is an event ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("authorization_pending", AuthorizationPending),
        ("slow_down", SlowDown),
        ("access_denied", AccessDenied),
        ("expired_token", ExpiredToken),
        ("invalid_grant", CodeDead),
        ("invalid_client", Refused),
        ("unauthorized_client", Refused),
        ("unsupported_grant_type", Refused),
        ("invalid_request", Refused),
        ("invalid_scope", Refused),
        ("invalid_device", Refused),
        ("something_new", Refused),
    ],
)
async def test_S10_1_S10_29_a_401_means_what_its_error_says(error: str, expected: type) -> None:
    assert type(await polled(hostile.error(401, error))) is expected


async def test_S10_21_a_401_without_an_error_is_no_pending() -> None:
    assert isinstance(await polled(hostile.answer(401, b"")), Unreadable)
    assert isinstance(await refreshed(hostile.error(401, "invalid_client")), Refused)


RUBBISH = {
    "captive portal": hostile.answer(200, b"<html>Welcome</html>", content_type="text/html"),
    "html, 511": hostile.answer(511, b"<html>Log in</html>", content_type="text/html"),
    "deep": hostile.answer(200, b"[" * 60_000),
    "deep object": hostile.answer(200, b'{"access_token":' + b'{"a":' * 10_000),
    "nan": hostile.answer(200, b'{"access_token":"at","token_type":"bearer","expires_in":NaN}'),
    "1e999": hostile.answer(200, hostile.TOKEN.replace(b"1200", b"1e999")),
    "list": hostile.answer(200, b"[]"),
    "null": hostile.answer(200, b"null"),
    "wrong types": hostile.answer(200, b'{"access_token":7,"token_type":[],"expires_in":{}}'),
    "wrong code types": hostile.answer(200, b'{"device_code":[],"user_code":1,"interval":"x"}'),
    "bom": hostile.answer(200, b"\xef\xbb\xbf" + hostile.TOKEN),
    "utf-16": hostile.answer(200, hostile.TOKEN.decode().encode("utf-16")),
    "twice": hostile.answer(200, b'{"access_token":"a","access_token":"b"}'),
    "empty": hostile.answer(200, b""),
    "bytes": hostile.answer(200, bytes(range(256))),
    "error of wrong type": hostile.answer(400, b'{"error":{"a":1}}'),
    "long error": hostile.answer(400, b'{"error":"' + b"x" * 60_000 + b'"}'),
    "escape codes": hostile.answer(400, b'{"error":"a\\u001b[2J","error_description":"\\u0007"}'),
    "gzip": hostile.gzip_bomb(),
    "redirect": hostile.answer(302, b"", "Location: http://127.0.0.1:1/"),
    "big header": hostile.BIG_HEADER,
    "endless": hostile.ENDLESS_BODY,
    "half": hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + hostile.TOKEN[:40]),
    "reset": hostile.reset,
    "status 999": hostile.answer(999, b"{}"),
    "switching protocols": hostile.raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "status 204": hostile.raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
}


@pytest.mark.parametrize("name", RUBBISH)
async def test_E7_E8_whatever_comes_back_only_events_come_out(name: str) -> None:
    behaviour = RUBBISH[name]
    outcomes: list[CodeEvent | PollEvent | RefreshEvent] = []
    async with talking(behaviour, owner_endpoint="http://127.0.0.1:1/") as (server, _):
        outcomes.append(await server.request_code())
        outcomes.append(await server.poll_token(DEVICE_CODE))
        outcomes.append(await server.refresh_token(REFRESH_TOKEN))
    usable = {type(outcome) for outcome in outcomes} & {DeviceAuthorization, TokenResponse}
    assert usable == set()
    for outcome in outcomes:
        assert "canary" not in repr(outcome)
        assert "\x1b" not in repr(outcome)


async def test_A7_a_wrong_secret_is_the_operators_affair() -> None:
    for status in (400, 401, 403):
        outcome = await refreshed(hostile.error(status, "invalid_client"))
        assert isinstance(outcome, Refused)
        assert outcome.fault is Fault.CONFIGURATION


# -- who it was paired to -------------------------------------------------------------------------


async def owner(behaviour: Behaviour) -> str | None:
    async with serving(behaviour) as api:
        async with talking(GOOD, owner_endpoint=api.url, deadline=DEADLINE) as (server, _):
            found = await server.owner_of(TOKEN)
    assert all(b"\r\nAuthorization: Bearer at\r\n" in request for request in api.requests)
    return found


async def test_the_owner_is_read_with_the_access_token() -> None:
    assert await owner(hostile.answer(200, b'{"name":"Caf\xc3\xa9 Ost"}')) == "Café Ost"


@pytest.mark.parametrize(
    "behaviour", [hostile.silent, hostile.reset, hostile.answer(403, b"{}"), RUBBISH["deep"]]
)
async def test_no_trouble_with_the_owner_is_anybodys_trouble(behaviour: Behaviour) -> None:
    assert await owner(behaviour) is None


async def test_without_an_owner_endpoint_nobody_is_asked() -> None:
    async with talking(GOOD) as (server, other):
        assert await server.owner_of(TOKEN) is None
    assert other.connections == 0


async def test_the_owner_is_waited_for_three_seconds_at_most() -> None:
    async with serving(hostile.silent) as api, talking(GOOD, owner_endpoint=api.url) as (server, _):
        started = time.monotonic()
        assert await server.owner_of(TOKEN) is None
    assert 2.9 < time.monotonic() - started < 5.0
