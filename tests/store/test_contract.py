"""What every store must do, whatever it is made of."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent.secret import Secret
from agent.store.interface import Storage
from agent.store.memory import MemoryStore
from tests.store.faulty import FaultyDisk
from tests.store.rig import flash, grant

Maker = Callable[[str], Storage]

MAKERS: dict[str, tuple[str, Maker]] = {
    "memory": ("/dev/shm", lambda _: MemoryStore()),
    "ext4": ("/var/tmp", flash),
    "tmpfs": ("/dev/shm", flash),
    "without direct I/O": ("/var/tmp", lambda path: flash(path, disk=FaultyDisk(direct=False))),
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest) -> Iterator[Storage]:
    where, make = MAKERS[request.param]
    with tempfile.TemporaryDirectory(dir=where) as directory:
        yield make(os.path.join(directory, "grant"))


def test_a_new_store_is_empty(store: Storage) -> None:
    assert store.load() is None
    assert not store.holds_grant()


def test_what_was_saved_is_loaded(store: Storage) -> None:
    store.save(grant(1))
    assert store.holds_grant()
    assert store.load() == grant(1)


def test_every_field_survives(store: Storage) -> None:
    full = replace(
        grant(7), previous_refresh_token=Secret("refresh-6"), scope="a b", obtained_at=1_790_000_000
    )
    store.save(full)
    assert store.load() == full


def test_the_last_save_counts(store: Storage) -> None:
    for number in range(7):
        store.save(grant(number))
        assert store.load() == grant(number)


def test_a_cleared_store_is_empty_and_usable(store: Storage) -> None:
    store.save(grant(1))
    store.clear()
    assert not store.holds_grant()
    assert store.load() is None
    store.save(grant(1))
    assert store.holds_grant()
    assert store.load() == grant(1)


def test_clearing_an_empty_store_is_no_error(store: Storage) -> None:
    store.clear()
    store.clear()
    assert not store.holds_grant()


def test_saving_the_same_again_changes_nothing(store: Storage) -> None:
    store.save(grant(1))
    store.save(grant(1))
    assert store.load() == grant(1)
