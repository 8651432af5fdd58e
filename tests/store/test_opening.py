"""A store as the agent opens it: one at a time, with its keys, brought to order."""

import os
from pathlib import Path

import pytest

from agent.errors import StoreError, StoreLocked
from agent.store.keyring import load_keys
from agent.store.opening import Opened, erase, open_store
from tests.store.faulty import FaultyDisk
from tests.store.rig import UUID, flash, grant


def opened(path: str) -> Opened:
    return open_store(path=path, uuid=UUID, key_file=path + ".key")


def test_one_agent_at_a_time(path: str) -> None:
    first = opened(path)
    with pytest.raises(StoreLocked, match="another agent uses"):
        opened(path)
    with pytest.raises(StoreLocked):
        erase(path=path, key_file=path + ".key")
    first.lock.release()
    opened(path).lock.release()


def test_a_store_that_cannot_be_opened_is_not_left_locked(path: str) -> None:
    first = opened(path)
    first.store.save(grant(1))
    first.lock.release()
    os.rename(path + ".key", path + ".gone")
    for _ in range(2):
        with pytest.raises(StoreError, match="is missing; without it the stored grant stays shut"):
            opened(path)
    os.rename(path + ".gone", path + ".key")
    again = opened(path)
    assert again.store.load() == grant(1)
    again.lock.release()


def test_a_rekeying_cut_short_is_ended_at_the_next_start(path: str) -> None:
    first = opened(path)
    first.store.save(grant(1))
    first.lock.release()
    disk = FaultyDisk(fail_at=2, only="pwrite", sticky=True)
    with pytest.raises(StoreError):
        flash(path, disk=disk, keys=load_keys(key_file=path + ".key")).rekey()
    assert os.path.exists(path + ".key.next")
    second = opened(path)
    assert not os.path.exists(path + ".key.next")
    assert not [remark for remark in second.remarks if "key" in remark]
    assert second.store.load() == grant(1)
    second.lock.release()


def test_what_the_store_stands_on_is_remarked_once(directory: str, path: str) -> None:
    with opened(path).lock:
        pass
    with opened(path).lock:
        remarks = opened_remarks(path + "2")
    assert bool(remarks) == directory.startswith("/dev/shm")


def opened_remarks(path: str) -> tuple[str, ...]:
    found = opened(path)
    found.lock.release()
    return found.remarks


def test_erasing_takes_the_grant_and_its_key_and_needs_neither(path: str) -> None:
    first = opened(path)
    first.store.save(grant(1))
    first.lock.release()
    Path(path + ".key").write_bytes(b"no key at all")
    erase(path=path, key_file=path + ".key")
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path) + ".lock"]
    erase(path=path, key_file=None)
