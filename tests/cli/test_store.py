"""`pos-agent store`: what support asks for, and a new key."""

import json
import os
from pathlib import Path

import pytest

from agent.store.opening import open_store
from tests.cli.command import pos_agent
from tests.cli.running import Desk, running
from tests.config.samples import MINIMAL, write
from tests.store.rig import grant

UUID = "/vendor/acme/serial/A-4711"


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "state").mkdir(mode=0o700)
    return write(tmp_path, f'{MINIMAL}\n[store]\npath = "{tmp_path}/state/grant"\n')


def save(tmp_path: Path, uuid: str = UUID, grants: int = 2) -> None:
    path = str(tmp_path / "state/grant")
    opened = open_store(path=path, uuid=uuid, key_file=path + ".key")
    for number in range(grants):
        opened.store.save(grant(number))
    opened.lock.release()


def test_inspect_tells_the_headers_and_no_secret(tmp_path: Path, config: str) -> None:
    save(tmp_path)
    before = (tmp_path / "state/grant").read_bytes()
    told = pos_agent("store", "inspect", "--config", config)
    about, *slots, last = told.stdout.splitlines()
    assert "69632 bytes on " in about
    assert "mode 0600" in about
    assert slots[0].startswith("slot 0:  generation 3, epoch 1, key key file, store ")
    assert slots[1].startswith("slot 1:  generation 2, epoch 1")
    assert all(slot.endswith("terminal this one") for slot in slots)
    assert last == "Slot 0 counts, if it opens. Nothing was opened, nothing was changed"
    assert "refresh" not in told.stdout + told.stderr
    assert (tmp_path / "state/grant").read_bytes() == before


def test_inspect_as_json(tmp_path: Path, config: str) -> None:
    save(tmp_path, uuid="/vendor/acme/serial/other", grants=1)
    with open(tmp_path / "state/grant", "r+b") as file:
        file.write(b"\xff" * 99)
    about, torn, whole = json.loads(
        pos_agent("store", "inspect", "--json", "--config", config).stdout
    )
    assert (about["bytes"], about["uid"]) == (69632, os.geteuid())
    assert torn == {
        "slot": 0,
        "finding": "written only in part, or overwritten by something else",
    }
    assert whole["terminal"].startswith("another one (sha256:")


def test_inspect_without_a_store_says_so(config: str) -> None:
    told = pos_agent("store", "inspect", "--config", config)
    assert told.returncode == 1
    assert "there is no store; it is made by pairing" in told.stderr


def test_rekey_asks_the_running_agent(tmp_path: Path) -> None:
    desk = Desk()
    with running(tmp_path, desk) as (_, admin):
        told = pos_agent("store", "rekey", "--socket", admin)
    assert told.returncode == 0
    assert desk.asked == ["rekey"]
    assert "the old key is destroyed" in told.stdout


def test_rekey_that_fails_repeats_the_agents_words(tmp_path: Path) -> None:
    with running(tmp_path, Desk(broken="the file system is read-only")) as (_, admin):
        told = pos_agent("store", "rekey", "--socket", admin)
    assert told.returncode == 1
    assert "the file system is read-only" in told.stderr


def test_rekey_without_an_agent_says_so(tmp_path: Path) -> None:
    told = pos_agent("store", "rekey", "--socket", str(tmp_path / "none.sock"))
    assert told.returncode == 3
