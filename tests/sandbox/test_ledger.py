"""What survives a restart of the sandbox, and how it is kept."""

import json
import os
import stat
from pathlib import Path

import httpx
import pytest

from agent.errors import ConfigError
from agent.sandbox import ledger, payments, rules
from agent.sandbox.ledger import Ledger
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Approved, Denied, Options, World
from tests.sandbox.chance import seeded
from tests.sandbox.device import Device


def lively_world() -> World:
    """One of everything."""
    draw, options, world = seeded(), Options(rotate=True), World()
    for number, verdict in enumerate(
        (Denied(), Approved(merchant="Café"), Approved(merchant="X"), None)
    ):
        world, _ = rules.request_code(world, options, uuid=f"/{number}", now=0, draw=draw)
        if verdict is not None:
            user_code = world.codes[-1].user_code
            world, _ = rules.decide(world, verdict, user_code=user_code, now=0)
    spent = world.codes[1].device_code
    world, _ = rules.poll(world, options, device_code=spent, now=1, draw=draw)
    token = world.sessions[0].refresh_token
    world, _ = rules.refresh(world, options, refresh_token=token, now=2, draw=draw)
    world, _ = payments.create(
        world, world.sessions[0], sum_cents=1, currency="EUR", now=3, draw=draw
    )
    return world


def test_a_world_survives_being_written_down(tmp_path: Path) -> None:
    world, path = lively_world(), str(tmp_path / "state.json")
    ledger.save(path, world)
    assert ledger.load(path) == world


def test_only_the_owner_may_read_the_state_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("{}")
    path.chmod(0o644)
    ledger.save(str(path), lively_world())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["state.json"]


def test_no_file_is_an_empty_world(tmp_path: Path) -> None:
    assert ledger.load(str(tmp_path / "state.json")) == World()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"codes": 1}', '{"codes": [{}]}'])
def test_a_file_that_is_no_state_is_refused_with_advice(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not a state file of this sandbox; remove it"):
        Ledger(options=Options(), path=str(path))


def test_a_change_is_on_disk_before_it_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    kept = Ledger(options=Options(), path=str(path), clock=lambda: 7.0)
    code = kept.change(
        lambda world, now: rules.request_code(
            world, kept.options, uuid="/a", now=now, draw=ledger.draw
        )
    )
    assert json.loads(path.read_text())["codes"][0]["asked_at"] == 7.0
    assert kept.world.codes == (code,)


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    kept = Ledger(options=Options(), path=str(path))
    kept.change(lambda world, now: (world, None))
    assert not path.exists()


def test_a_pairing_survives_a_restart_of_the_sandbox(tmp_path: Path, client: httpx.Client) -> None:
    path = str(tmp_path / "state.json")
    with SandboxServer(state_file=path) as first:
        tokens = Device(client=client, sandbox=first).pair()
    with SandboxServer(state_file=path, port=first.port) as second:
        device = Device(client=client, sandbox=second)
        assert device.api("GET", "/General/Merchants/me", tokens["access_token"]).is_success
        assert device.refresh(tokens["refresh_token"]).is_success
