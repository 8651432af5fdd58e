"""Misbehaving on demand."""

import time

import httpx
import pytest

from agent.sandbox.server import SandboxServer
from tests.sandbox.device import Device


def control(client: httpx.Client, sandbox: SandboxServer, wanted: object) -> httpx.Response:
    return client.post(sandbox.url + "/control", json=wanted)


def test_down_is_a_503_that_is_not_json_until_it_ends(
    sandbox: SandboxServer, client: httpx.Client
) -> None:
    device = Device(client=client, sandbox=sandbox)
    sandbox.down(60)
    answer = device.token(grant_type="client_credentials")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert client.get(sandbox.portal).status_code == 503
    sandbox.well()
    assert device.token(grant_type="client_credentials").is_success


def test_slow_answers_come_later(sandbox: SandboxServer, client: httpx.Client) -> None:
    sandbox.slow(0.2)
    began = time.monotonic()
    assert client.get(sandbox.portal).is_success
    assert time.monotonic() - began >= 0.2


def test_the_control_endpoint_turns_the_same_knobs(
    sandbox: SandboxServer, client: httpx.Client
) -> None:
    assert control(client, sandbox, {"down": 60, "slow": 0}).json()["down_until"] > time.time()
    assert client.get(sandbox.portal).status_code == 503
    assert control(client, sandbox, {"down": 0}).is_success
    assert client.get(sandbox.portal).is_success


def test_a_reset_sandbox_is_as_new(sandbox: SandboxServer, client: httpx.Client) -> None:
    device = Device(client=client, sandbox=sandbox)
    tokens = device.pair()
    sandbox.set(interval=9)
    sandbox.down(60)
    sandbox.reset()
    assert client.get(sandbox.portal).is_success
    assert (sandbox.world.codes, sandbox.world.sessions) == ((), ())
    assert sandbox.options.interval == 5
    assert device.refresh(tokens["refresh_token"]).status_code == 400


@pytest.mark.parametrize("kind", ["access_tokens", "refresh_tokens"])
def test_tokens_are_killed_by_request(
    sandbox: SandboxServer, client: httpx.Client, kind: str
) -> None:
    device = Device(client=client, sandbox=sandbox)
    tokens = device.pair()
    assert control(client, sandbox, {"kill": kind}).is_success
    answer = device.api("GET", "/auth/sessions/me/debug", tokens["access_token"])
    assert answer.is_success is (kind == "refresh_tokens")
    assert device.refresh(tokens["refresh_token"]).is_success is (kind == "access_tokens")


@pytest.mark.parametrize(
    "wanted", [{"down": -1}, {"slow": "1"}, {"down": 3601}, {"kill": "everything"}, {"kill": []}, 5]
)
def test_what_is_not_understood_changes_nothing(
    sandbox: SandboxServer, client: httpx.Client, wanted: object
) -> None:
    assert control(client, sandbox, wanted).status_code == 400
    assert client.get(sandbox.portal).is_success


def test_a_web_page_cannot_turn_the_knobs(sandbox: SandboxServer, client: httpx.Client) -> None:
    answer = client.post(sandbox.url + "/control", content=b'{"down": 60}')
    assert answer.status_code == 415
    plain = {"Content-Type": "text/plain"}
    assert client.post(sandbox.url + "/control", content=b"{}", headers=plain).status_code == 415
    assert client.get(sandbox.portal).is_success
