"""What a store does when a system call fails; `tests.crash.errnos` fails each, in every way."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from agent.errors import StoreError, StoreNotWritable
from agent.oauth.events import Grant
from agent.store.flash import FlashStore
from tests.store.faulty import FaultyDisk
from tests.store.rig import flash, grant


@pytest.fixture
def path() -> Iterator[str]:
    """tmpfs only: the faults are what differs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield os.path.join(directory, "grant")


def outcome(action: Callable[[], object]) -> StoreError | None:
    """None if it was acknowledged. Anything but a StoreError fails the test."""
    try:
        action()
    except StoreError as error:
        return error
    return None


def prepared(path: str, saves: int) -> Grant | None:
    """`saves` grants saved on a healthy disk; the last one, if any."""
    for name in os.listdir(os.path.dirname(path)):
        os.unlink(os.path.join(os.path.dirname(path), name))
    store = flash(path)
    for number in range(saves):
        store.save(grant(number))
    return grant(saves - 1) if saves else None


@pytest.mark.parametrize("slot", [0, 1])
def test_one_slot_that_cannot_be_read_is_not_fatal(path: str, slot: int) -> None:
    prepared(path, 2)  # slot 0 holds the newest
    store = flash(path, disk=FaultyDisk(fail_at=slot + 1, only="pread"))
    assert store.load() == (grant(0) if slot == 0 else grant(1))
    assert "unreadable" in store.health().slots


def test_a_slot_that_cannot_be_read_is_left_alone_by_the_next_save(path: str) -> None:
    """It may be the newest. The save goes to a new file, on other blocks."""
    prepared(path, 2)
    with open(path, "rb") as old_file:
        before = old_file.read()
        store = flash(path, disk=FaultyDisk(fail_at=1, only="pread"))
        store.save(grant(2))
        old_file.seek(0)
        assert old_file.read() == before
    assert store.health().slots == ("valid", "valid")
    assert flash(path).load() == grant(2)


def test_a_medium_that_cannot_be_read_at_all_is_an_error_and_no_clearing(path: str) -> None:
    prepared(path, 2)
    disk = FaultyDisk(fail_at=3, sticky=True, only="pread")
    store = flash(path, disk=disk)
    assert store.load() == grant(1)
    with pytest.raises(StoreError, match="no slot can be read"):
        store.load()
    os.utime(path)
    assert not os.path.exists(path + ".corrupt-1")


def test_after_a_failed_save_the_page_cache_is_not_believed(path: str) -> None:
    """Buffered, the slot reads as if it had been written; the medium may hold anything."""
    old = prepared(path, 2)
    store = flash(path, disk=FaultyDisk(fail_at=1, only="fdatasync", direct=False))
    assert outcome(partial(store.save, grant(77))) is not None
    assert flash(path).load() == grant(77)  # so says the cache
    assert store.load() == old
    assert store.health().slots == ("valid", "suspect")


def test_a_failed_save_never_makes_the_good_slot_the_next_victim(path: str) -> None:
    old = prepared(path, 2)
    disk = FaultyDisk(fail_at=1, sticky=True, only="fdatasync", direct=False)
    store = flash(path, disk=disk)
    with open(path, "rb") as file:
        good = file.read(4096)
        for number in range(5):
            assert outcome(partial(store.save, grant(80 + number))) is not None
            file.seek(0)
            assert file.read(4096) == good
    assert store.load() == old


def generations(path: str) -> set[int]:
    with open(path, "rb") as file:
        raw = file.read()
    return {int.from_bytes(raw[at + 24 : at + 32], "little") for at in (0, 65536)}


def test_a_generation_is_used_up_by_a_save_that_failed(path: str) -> None:
    prepared(path, 2)
    disk = FaultyDisk(fail_at=1, only="pwrite")
    store = flash(path, disk=disk)
    assert outcome(partial(store.save, grant(77))) is not None
    assert generations(path) == {3, 4}
    store.save(grant(78))
    assert generations(path) == {3, 5}
    assert store.health().writes == 5


def test_a_creation_that_failed_after_its_rename_is_started_again(path: str) -> None:
    """The name may be lost at the next power cut, so nothing may be built on that file."""
    disk = FaultyDisk(fail_at=2, only="fsync")  # the directory's
    store = flash(path, disk=disk)
    assert outcome(partial(store.save, grant(1))) is not None
    disk.calls.clear()
    store.save(grant(1))
    assert [call for call in disk.calls if call in ("rename", "fsync")] == [
        "fsync",
        "rename",
        "fsync",
    ]


def test_a_creation_that_fails_early_costs_nothing(path: str) -> None:
    """Only a file that is in the way of a bad block is created while there is a grant."""
    old = prepared(path, 2)
    store = flash(path, disk=FaultyDisk(fail_at=2, only="pread"))
    assert store.load() == old  # slot 0
    os.mkdir(path + ".new")
    assert outcome(partial(store.save, grant(2))) is not None
    assert store.holds_grant()
    assert store.load() == old


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.EIO, "the medium failed; if this repeats.*EIO"),
        (errno.ENOSPC, "full: free some space.*ENOSPC"),
        (errno.EDQUOT, "quota is used up.*EDQUOT"),
        (errno.EROFS, "read-only: remount it.*EROFS"),
        (errno.EACCES, "belong to the agent's user.*EACCES"),
        (errno.EINTR, "interrupted.*EINTR"),
        (errno.ENXIO, "pos-agent doctor.*ENXIO"),
    ],
)
def test_each_kind_of_trouble_is_told_apart_with_a_next_step(
    path: str, error: int, words: str
) -> None:
    prepared(path, 2)
    store = flash(path, disk=FaultyDisk(fail_at=1, only="pwrite", error=error))
    with pytest.raises(StoreNotWritable, match=words):
        store.save(grant(77))
    assert path in str(store.health().last_error)


def test_a_short_write_is_a_failure_with_both_counts(path: str) -> None:
    prepared(path, 2)
    store = flash(path, disk=FaultyDisk(fail_at=1, only="pwrite", short=True))
    with pytest.raises(StoreNotWritable, match="short write: 2048 of 4096 bytes"):
        store.save(grant(77))


def test_a_store_that_is_busy_saving_does_not_make_anybody_wait(path: str) -> None:
    store: FlashStore
    answers: list[bool] = []

    class Asking(FaultyDisk):
        def fsync(self, fd: int) -> None:
            answers.append(store.holds_grant())
            super().fsync(fd)

    store = flash(path, disk=Asking())
    store.save(grant())
    assert answers == [True, True]
