"""A transport with a short deadline, closed when the test ends."""

from collections.abc import AsyncIterator

import pytest

from agent.oauth.transport import Transport
from tests.transport.clocks import FakeClock

DEADLINE = 1.0  # s; short enough to wait for, long enough for loopback on a busy machine
NEVER = 30.0  # s; for tests that must not run into it


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def transport(clock: FakeClock) -> AsyncIterator[Transport]:
    transport = Transport(clock=clock, deadline=DEADLINE, link=lambda: True)
    yield transport
    await transport.aclose()
