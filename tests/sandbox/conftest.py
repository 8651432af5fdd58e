"""A sandbox on a free port, as new for each test, and a client for it."""

from collections.abc import Iterator

import httpx
import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(cardholder_seconds=0.05)) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> Iterator[SandboxServer]:
    yield running
    running.reset()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        yield client
