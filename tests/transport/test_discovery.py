"""Endpoints through RFC 8414: fetched once, kept through outages."""

import json

import pytest

from agent.oauth.events import TransportFailed
from agent.oauth.exchange import METADATA_LIFE, METADATA_RETRY, Discovery
from agent.oauth.transport import Transport
from agent.oauth.wire import Endpoints
from tests.transport import hostile
from tests.transport.clocks import FakeClock
from tests.transport.hostile import Behaviour, Hostile, serving


def document(server: Hostile, **changes: object) -> bytes:
    issuer = f"http://127.0.0.1:{server.port}"
    members = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "device_authorization_endpoint": f"{issuer}/device/auth",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    return json.dumps({**members, **changes}).encode()


def publishing(server: Hostile, **changes: object) -> Behaviour:
    return hostile.answer(200, document(server, **changes))


class Site:
    """A server whose behaviour a test changes while it runs."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = hostile.answer(404, b"")

    async def __call__(self, request: bytes, writer: object) -> None:
        await self.behaviour(request, writer)  # type: ignore[arg-type]


def paths(server: Hostile) -> list[str]:
    return [request.split(b" ", 2)[1].decode() for request in server.requests]


async def test_G1_G6_the_document_is_fetched_once_a_day(
    transport: Transport, clock: FakeClock
) -> None:
    site = Site()
    async with serving(site) as server:
        site.behaviour = publishing(server)
        discovery = Discovery(
            issuer=f"http://127.0.0.1:{server.port}", transport=transport, clock=clock
        )
        first = await discovery.endpoints()
        assert isinstance(first, Endpoints)
        assert first.token.endswith("/token")
        assert first.device_authorization.endswith("/device/auth")
        clock.advance(METADATA_LIFE - 1)
        assert await discovery.endpoints() is first
        assert paths(server) == ["/.well-known/oauth-authorization-server"]
        clock.advance(2)
        await discovery.endpoints()
        assert len(server.requests) == 2


async def test_G1_the_older_place_is_tried_when_the_first_has_none(
    transport: Transport, clock: FakeClock
) -> None:
    async with serving(hostile.answer(404, b"")) as server:
        issuer = f"http://127.0.0.1:{server.port}"
        failed = await Discovery(issuer=issuer, transport=transport, clock=clock).endpoints()
    assert paths(server) == [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ]
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("server", False)
    assert issuer in failed.reason
    assert "404" in failed.reason


async def test_G6_the_last_good_copy_survives_outages_without_hammering(
    transport: Transport, clock: FakeClock
) -> None:
    site = Site()
    async with serving(site) as server:
        site.behaviour = publishing(server)
        discovery = Discovery(
            issuer=f"http://127.0.0.1:{server.port}", transport=transport, clock=clock
        )
        good = await discovery.endpoints()
        for trouble in (hostile.reset, hostile.answer(503, b""), publishing(server, issuer="x")):
            site.behaviour = trouble
            clock.advance(METADATA_LIFE + METADATA_RETRY)
            before = len(server.requests)
            assert await discovery.endpoints() is good
            asked = len(server.requests)
            assert asked > before
            clock.advance(METADATA_RETRY - 1)
            assert await discovery.endpoints() is good
            assert len(server.requests) == asked


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "https://elsewhere.example/token"},
        {"device_authorization_endpoint": None},
    ],
)
async def test_G2_G3_a_document_that_points_elsewhere_is_not_used(
    transport: Transport, clock: FakeClock, changes: dict[str, object]
) -> None:
    site = Site()
    async with serving(site) as server:
        site.behaviour = publishing(server, **changes)
        issuer = f"http://127.0.0.1:{server.port}"
        discovery = Discovery(issuer=issuer, transport=transport, clock=clock)
        failed = await discovery.endpoints()
        assert isinstance(failed, TransportFailed)
        assert failed.kind == "server"
        site.behaviour = publishing(server)  # mended: no need to wait for anything
        assert isinstance(await discovery.endpoints(), Endpoints)


async def test_an_outage_before_the_first_document_has_lost_no_token(
    transport: Transport, clock: FakeClock
) -> None:
    async with serving(hostile.reset) as server:
        issuer = f"http://127.0.0.1:{server.port}"
        failed = await Discovery(issuer=issuer, transport=transport, clock=clock).endpoints()
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("network", False)
    assert len(server.requests) == 1
