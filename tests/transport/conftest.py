"""A transport with a short deadline, closed when the test ends."""

from collections.abc import AsyncIterator

import pytest

from agent.oauth.transport import Transport
from tests.transport.clocks import FakeClock

DEADLINE = 0.6  # s; long enough for a loopback TLS handshake on a busy machine


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def transport(clock: FakeClock) -> AsyncIterator[Transport]:
    transport = Transport(clock=clock, deadline=DEADLINE)
    yield transport
    await transport.aclose()
