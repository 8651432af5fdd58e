"""Pairing with and renewing at oidc-provider, certified and by third parties: nothing here is ours
but the terminal's side."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.keeper import Keeper
from agent.oauth.events import (
    AccessDenied,
    AuthorizationPending,
    DeviceAuthorization,
    Fault,
    InvalidGrant,
    Refused,
    TokenResponse,
)
from agent.oauth.exchange import Discovery, Server
from agent.oauth.interface import ClientCredentials
from agent.oauth.pairing import Rules
from agent.oauth.transport import Transport
from agent.oauth.wire import RFC8628
from agent.secret import Secret
from agent.situation import Paired, Pairing, Situation
from agent.store.memory import MemoryStore
from agent.supply.interface import Handout
from tests.interop.conftest import Counterpart
from tests.interop.node import HERE
from tests.interop.person import visit

pytestmark = pytest.mark.interop

UUID = "/vendor/test/serial/1"


class FastClock(SystemClock):
    """Half a minute passes in a second, so intervals of 5 s and lives of 60 s need no patience."""

    PACE = 30.0

    def now(self) -> float:
        return super().now() * self.PACE

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.PACE)


@asynccontextmanager
async def terminal(
    counterpart: Counterpart, *, secret: str = "invented-for-tests", **options: Any
) -> AsyncIterator[Server]:
    async def credentials() -> ClientCredentials:
        return ClientCredentials(client_id="pos", client_secret=Secret(secret))

    clock = options.setdefault("clock", SystemClock())
    transport = Transport(clock=clock, ca_file=counterpart.ca_file)
    yield Server(
        dialect=RFC8628,
        endpoints=Discovery(issuer=counterpart.issuer, transport=transport, clock=clock),
        transport=transport,
        credentials=credentials,
        uuid=UUID,
        scope="openid profile offline_access",
        rng=random.Random(1),
        owner_endpoint=f"{counterpart.issuer}/me",
        **options,
    )
    await transport.aclose()


async def code_from(server: Server) -> DeviceAuthorization:
    code = await server.request_code()
    assert isinstance(code, DeviceAuthorization)
    return code


async def paired(server: Server, counterpart: Counterpart) -> TokenResponse:
    code = await code_from(server)
    assert isinstance(await server.poll_token(code.device_code), AuthorizationPending)
    assert code.verification_uri_complete is not None
    title = await visit(code.verification_uri_complete, counterpart.trust(), approve=True)
    assert title == "Sign-in Success"
    token = await server.poll_token(code.device_code)
    assert isinstance(token, TokenResponse)
    return token


async def renewed(server: Server, refresh_token: Secret | None) -> TokenResponse:
    assert refresh_token is not None
    token = await server.refresh_token(refresh_token)
    assert isinstance(token, TokenResponse)
    return token


async def test_A1_B1_B2_G1_a_code_comes_from_discovered_endpoints(counterpart: Counterpart) -> None:
    async with terminal(counterpart) as server:
        code = await code_from(server)
    assert code.verification_uri == f"{counterpart.issuer}/device"
    assert code.interval == 5.0
    assert code.expires_in == 600.0
    assert server.issuer == counterpart.issuer


async def test_D15_a_person_approves_and_the_terminal_is_told_to_whom_it_belongs(
    counterpart: Counterpart,
) -> None:
    async with terminal(counterpart) as server:
        token = await paired(server, counterpart)
        assert token.refresh_token is not None
        assert 50 < token.expires_in <= 60
        assert abs(token.server_time - time.time()) < 60
        assert await server.owner_of(token.access()) == "merchant-7"


async def test_D8_a_person_who_says_no_is_heard(counterpart: Counterpart) -> None:
    async with terminal(counterpart) as server:
        code = await code_from(server)
        assert code.verification_uri_complete is not None
        await visit(code.verification_uri_complete, counterpart.trust(), approve=False)
        assert isinstance(await server.poll_token(code.device_code), AccessDenied)


async def test_F2_S10_22_rotated_refresh_tokens_are_adopted_one_after_the_other(
    counterpart: Counterpart,
) -> None:
    async with terminal(counterpart) as server:
        tokens = [await paired(server, counterpart)]
        for _ in range(3):
            tokens.append(await renewed(server, tokens[-1].refresh_token))
        assert len({token.refresh_token for token in tokens}) == 4
        assert len({token.access_token for token in tokens}) == 4
        assert await server.owner_of(tokens[-1].access()) == "merchant-7"


async def test_F6_a_reused_refresh_token_is_dead_and_takes_its_successor_along(
    counterpart: Counterpart,
) -> None:
    async with terminal(counterpart) as server:
        first = await paired(server, counterpart)
        second = await renewed(server, first.refresh_token)
        assert first.refresh_token is not None
        assert second.refresh_token is not None
        assert isinstance(await server.refresh_token(first.refresh_token), InvalidGrant)
        assert isinstance(await server.refresh_token(second.refresh_token), InvalidGrant)


async def test_A7_a_wrong_secret_is_the_operators_affair(counterpart: Counterpart) -> None:
    async with terminal(counterpart, secret="wrong") as server:
        outcomes = (await server.request_code(), await server.refresh_token(Secret("any")))
    for outcome in outcomes:
        assert isinstance(outcome, Refused)
        assert (outcome.error, outcome.fault) == ("invalid_client", Fault.CONFIGURATION)


async def test_A5_E13_a_server_of_an_unknown_ca_is_told_nothing(counterpart: Counterpart) -> None:
    clock = SystemClock()
    transport = Transport(clock=clock)
    found = await Discovery(issuer=counterpart.issuer, transport=transport, clock=clock).endpoints()
    await transport.aclose()
    assert getattr(found, "kind", None) == "tls"


async def test_the_whole_road_through_the_keeper(counterpart: Counterpart) -> None:
    """From no grant to the third successor of the first refresh token."""
    clock, storage, seen = FastClock(), MemoryStore(), asyncio.Queue[Situation]()
    async with terminal(counterpart, clock=clock) as server:
        keeper = Keeper(
            server=server,
            storage=storage,
            rules=Rules(issuer=server.issuer, client_id="pos", uuid=UUID),
            clock=clock,
            rng=random.Random(2),
            on_situation=seen.put_nowait,
        )
        living = asyncio.create_task(keeper.run())
        try:
            async with asyncio.timeout(30):
                code = await situation(seen, Pairing)
                uri = f"{code.verification_uri}?user_code={code.user_code}"
                await visit(uri, counterpart.trust(), approve=True)
                assert (await situation(seen, Paired)).owner == "merchant-7"
                grants = [storage.load()]
                while len(grants) < 4:
                    handout = await keeper.token(min_ttl=0)
                    assert isinstance(handout, Handout)
                    if (grant := storage.load()) != grants[-1]:
                        grants.append(grant)
                    await asyncio.sleep(0.02)
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
    assert len({grant.refresh_token for grant in grants if grant}) == 4


async def situation(seen: asyncio.Queue[Situation], wanted: type) -> Any:
    while not isinstance(found := await seen.get(), wanted):
        pass
    return found


def test_the_lock_file_has_hashes_and_no_download_addresses() -> None:
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    locked = [package for path, package in packages.items() if path]
    assert all(package["integrity"].startswith("sha512-") for package in locked)
    assert not [package for package in locked if "resolved" in package]
