"""The access token over a restart: there after a crash, gone with anything that is not right."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.store.interface import Kept
from agent.store.kept import KeptToken
from agent.store.keyring import DoomedKeys, GivenKeys
from agent.store.keys import Keys
from tests.store.rig import KEYS, UUID, grant

TOKEN = AccessToken(value=Secret("access-1"), issued_at=1000.0, expires_at=2200.0, scope="pay")
KEPT = Kept(token=TOKEN, holds={"active": []})
NOW = 1500.0


def kept(path: str, *, keys: Keys = KEYS, uuid: str = UUID) -> KeptToken:
    return KeptToken(path=path, keys=GivenKeys(keys), uuid=uuid)


def test_a_token_comes_back(path: str) -> None:
    kept(path).save(grant(1), KEPT)
    assert kept(path).load(grant(1), NOW) == KEPT


def test_the_last_one_counts(path: str) -> None:
    kept(path).save(grant(1), KEPT)
    later = Kept(token=replace(TOKEN, value=Secret("access-2"), scope=None))
    kept(path).save(grant(1), later)
    assert kept(path).load(grant(1), NOW) == later
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_it_is_sealed_and_ours_alone(path: str) -> None:
    umask = os.umask(0)
    try:
        kept(path).save(grant(1), KEPT)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    raw = Path(path).read_bytes()
    assert b"access" not in raw
    kept(path).save(grant(1), KEPT)
    assert Path(path).read_bytes()[:52] != raw[:52]  # salt and nonce are fresh


def test_nothing_kept_is_no_trouble(path: str) -> None:
    assert kept(path).load(grant(1), NOW) is None
    kept(path).forget()


@pytest.mark.parametrize("now", [2200.0, 5000.0, 999.0], ids=["over", "long over", "another boot"])
def test_a_token_without_life_left_does_not_come_back(path: str, now: float) -> None:
    kept(path).save(grant(1), KEPT)
    assert kept(path).load(grant(1), now) is None


def test_a_token_of_another_grant_terminal_or_key_does_not_come_back(path: str) -> None:
    kept(path).save(grant(1), KEPT)
    assert kept(path).load(grant(2), NOW) is None
    assert kept(path, uuid="/vendor/acme/serial/1").load(grant(1), NOW) is None
    assert kept(path, keys=replace(KEYS, root=bytes(32))).load(grant(1), NOW) is None


def test_every_flipped_bit_and_every_cut_costs_the_token_and_nothing_else(path: str) -> None:
    kept(path).save(grant(1), KEPT)
    raw = Path(path).read_bytes()
    for bit in range(len(raw) * 8):
        spoiled = bytearray(raw)
        spoiled[bit // 8] ^= 1 << bit % 8
        Path(path).write_bytes(spoiled)
        assert kept(path).load(grant(1), NOW) is None, bit
    for size in range(len(raw)):
        Path(path).write_bytes(raw[:size])
        assert kept(path).load(grant(1), NOW) is None, size


def test_without_a_key_nothing_is_kept(path: str) -> None:
    KeptToken(path=path, keys=DoomedKeys(None), uuid=UUID).save(grant(1), KEPT)
    assert not os.path.exists(path)


def test_a_link_planted_in_its_way_is_not_written_through(path: str) -> None:
    target = path + ".target"
    Path(target).touch()
    os.symlink(target, path + ".new")
    with pytest.raises(StoreError, match="symbolic link"):
        kept(path).save(grant(1), KEPT)
    assert Path(target).read_bytes() == b""


def test_a_missing_directory_is_named(path: str) -> None:
    with pytest.raises(StoreError, match="directory does not exist"):
        kept(path + "/x").save(grant(1), KEPT)


def test_it_says_nothing_secret(path: str) -> None:
    assert "access" not in repr(kept(path))
