"""The store on a real file system: what a save does, and what a load makes of damage."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import StoreCorrupt, StoreError, StoreForeign, StoreNotWritable
from agent.secret import Secret
from agent.store.flash import FlashStore, enrolled
from agent.store.keys import Keys
from agent.store.record import SLOT_SIZE, STRIDE
from tests.store.faulty import FaultyDisk
from tests.store.rig import KEYS, STORE_ID, UUID, flash, grant

OTHER_KEYS = Keys(root=bytes(32), sources=1)


def overwrite(path: str, slot: int, raw: bytes, offset: int = 0) -> None:
    with open(path, "r+b") as file:
        file.seek(slot * STRIDE + offset)
        file.write(raw)


def spoil_both(path: str) -> None:
    for slot in range(2):
        overwrite(path, slot, b"rubbish", offset=2000)


@pytest.fixture
def saved(path: str) -> str:
    """A store with two generations in it: grant 0 and, newest, grant 1."""
    store = flash(path)
    store.save(grant(0))
    store.save(grant(1))
    return path


# -- saving ---------------------------------------------------------------------------------------


def test_F3_enrolment_is_durable_before_it_counts(path: str) -> None:
    disk = FaultyDisk()
    flash(path, disk=disk).save(grant())
    writes = [call for call in disk.calls if call not in ("lstat", "fstat", "open", "close")]
    directory_sync = ["fsync"]
    assert writes == [
        "unlink", "allocate", "pwrite", "pwrite", "fsync", "pread", "pread",
        "rename", *directory_sync,
    ]  # fmt: skip


def test_F3_a_save_is_one_synchronous_direct_write_read_back_before_it_counts(saved: str) -> None:
    flags: list[int] = []

    class Recorder(FaultyDisk):
        def open(self, path: str, flags_: int, mode: int = 0o600) -> int:
            flags.append(flags_)
            return super().open(path, flags_, mode)

    disk = Recorder()
    store = flash(saved, disk=disk)
    store.save(grant(2))
    disk.calls.clear()
    flags.clear()
    store.save(grant(3))
    assert disk.calls == [
        "lstat", "open", "fstat", "pwrite", "close", "open", "fstat", "pread", "pread", "close",
        "lstat",
    ]  # fmt: skip
    assert flags[0] & os.O_DIRECT
    assert flags[0] & os.O_DSYNC
    assert flags[1] & os.O_DIRECT


def test_without_direct_io_a_save_is_flushed_and_says_so(saved: str) -> None:
    disk = FaultyDisk(direct=False)
    store = flash(saved, disk=disk)
    store.save(grant(2))
    disk.calls.clear()
    store.save(grant(3))
    assert [call for call in disk.calls if "write" in call or "sync" in call] == [
        "pwrite",
        "fdatasync",
    ]
    assert not store.health().direct_io
    assert flash(saved).load() == grant(3)


def test_the_first_save_after_a_start_flushes_what_an_earlier_process_left(saved: str) -> None:
    """A process killed between rename and directory fsync left a file that a power cut can take."""
    disk = FaultyDisk()
    store = flash(saved, disk=disk)
    store.save(grant(1))
    assert disk.calls.count("fsync") == 2  # the file, its directory
    assert "pwrite" not in disk.calls
    store.save(grant(2))
    assert disk.calls.count("fsync") == 2


def test_an_equal_grant_is_not_written(saved: str) -> None:
    before = Path(saved).read_bytes(), os.stat(saved).st_mtime_ns
    store = flash(saved)
    for _ in range(3):
        store.save(grant(1))
    assert before == (Path(saved).read_bytes(), os.stat(saved).st_mtime_ns)
    assert store.health().writes == 3


def test_saves_alternate_and_leave_the_one_before(saved: str) -> None:
    store = flash(saved)
    for number in range(2, 6):
        before = Path(saved).read_bytes()
        store.save(grant(number))
        after = Path(saved).read_bytes()
        same = [before[at : at + SLOT_SIZE] == after[at : at + SLOT_SIZE] for at in (0, STRIDE)]
        assert sorted(same) == [False, True]


def test_the_file_never_grows_nor_moves(saved: str) -> None:
    before = os.stat(saved)
    store = flash(saved)
    for number in range(2, 9):
        store.save(grant(number))
    after = os.stat(saved)
    assert (before.st_ino, before.st_size, before.st_blocks) == (
        after.st_ino, after.st_size, after.st_blocks,
    )  # fmt: skip


def test_health_counts_the_bytes_written_since_enrolment(saved: str) -> None:
    health = flash(saved).health()
    assert health.writes == 0  # nobody has looked yet
    store = flash(saved)
    store.load()
    assert (store.health().writes, store.health().bytes_written) == (3, 3 * SLOT_SIZE)
    assert store.health().slots == ("valid", "valid")


def test_salt_and_nonce_are_fresh_in_every_record(saved: str) -> None:
    seen = set()
    store = flash(saved)
    for number in range(2, 12):
        store.save(grant(number))
        raw = Path(saved).read_bytes()
        seen |= {raw[at + 64 : at + 108] for at in (0, STRIDE)}
    assert len(seen) == 11


def test_S10_18_nothing_of_the_grant_is_readable_and_nobody_else_may_read(path: str) -> None:
    umask = os.umask(0)
    try:
        flash(path).save(grant())
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    raw = Path(path).read_bytes()
    for text in (b"refresh", b"as.example", b"client", UUID.encode()):
        assert text not in raw


def test_a_grant_too_large_is_refused_and_the_old_one_stays(saved: str) -> None:
    store = flash(saved)
    with pytest.raises(StoreNotWritable, match="a record holds 3948"):
        store.save(replace(grant(), refresh_token=Secret("r" * 4000)))
    assert store.load() == grant(1)
    assert store.health().last_error is not None


def test_a_missing_directory_is_named(directory: str) -> None:
    store = flash(f"{directory}/missing/grant")
    assert store.load() is None
    with pytest.raises(StoreNotWritable, match="directory does not exist: create it"):
        store.save(grant())
    store.clear()


def test_a_creation_cut_short_by_a_power_cut_is_no_hindrance(path: str) -> None:
    Path(path + ".new").write_bytes(b"half a slot")
    store = flash(path)
    assert store.load() is None
    store.save(grant())
    assert flash(path).load() == grant()
    assert not os.path.exists(path + ".new")


# -- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize(
    "damage", [b"\0" * SLOT_SIZE, b"\xff" * SLOT_SIZE, b"x"], ids=["zeroed", "ones", "a byte"]
)
def test_one_damaged_slot_leaves_a_grant_and_the_next_save_mends_it(
    saved: str, slot: int, damage: bytes
) -> None:
    newest = 0  # creation writes generations 1 and 2, the second save overwrites slot 0
    overwrite(saved, slot, damage)
    store = flash(saved)
    assert store.load() == (grant(0) if slot == newest else grant(1))
    store.save(grant(2))
    assert store.health().slots == ("valid", "valid")
    assert flash(saved).load() == grant(2)


def truncated(size: int) -> Callable[[str], None]:
    return lambda path: os.truncate(path, size)


def test_a_file_cut_off_after_the_first_slot_still_opens(saved: str) -> None:
    os.truncate(saved, SLOT_SIZE)
    store = flash(saved)
    assert store.load() == grant(1)
    store.save(grant(2))
    assert flash(saved).health().path == saved
    assert flash(saved).load() == grant(2)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(truncated(0), "never written", id="empty"),
        pytest.param(truncated(100), "only in part", id="truncated"),
        pytest.param(
            lambda p: Path(p).write_bytes(bytes(STRIDE * 2)), "never written", id="zeroed"
        ),
        pytest.param(lambda p: Path(p).write_bytes(b"#!/bin/sh\n"), "something else", id="foreign"),
        pytest.param(spoil_both, "changed after", id="spoiled"),
    ],
)
def test_S10_19_a_store_damaged_throughout_is_reported_once_and_then_empty(
    saved: str, damage: Callable[[str], object], words: str
) -> None:
    damage(saved)
    store = flash(saved)
    with pytest.raises(StoreCorrupt, match=words):
        store.load()
    assert store.load() is None
    assert not store.holds_grant()
    store.save(grant(5))
    assert store.holds_grant()
    assert flash(saved).load() == grant(5)
    assert flash(saved).health().slots


def test_S10_19_a_corrupt_store_is_set_aside_as_it_was(saved: str) -> None:
    spoil_both(saved)
    before = Path(saved).read_bytes()
    with pytest.raises(StoreCorrupt, match=r"a copy is kept as .*grant\.corrupt-1"):
        flash(saved).load()
    assert Path(saved).read_bytes() == before
    assert Path(saved + ".corrupt-1").read_bytes() == before
    assert stat.S_IMODE(os.stat(saved + ".corrupt-1").st_mode) == 0o600


def test_the_same_corrupt_store_is_set_aside_once_however_often_the_terminal_starts(
    saved: str,
) -> None:
    spoil_both(saved)
    for _ in range(6):
        with pytest.raises(StoreCorrupt, match="corrupt-1"):
            flash(saved).load()
    assert not os.path.exists(saved + ".corrupt-2")


def test_copies_do_not_fill_the_flash(saved: str) -> None:
    messages = []
    for number in range(6):
        for slot in range(2):
            overwrite(saved, slot, bytes([65 + number]) * 99)
        with pytest.raises(StoreCorrupt) as caught:
            flash(saved).load()
        messages.append(str(caught.value))
    copies = [name for name in os.listdir(os.path.dirname(saved)) if "corrupt" in name]
    assert sorted(copies) == [f"grant.corrupt-{number}" for number in range(1, 5)]
    assert "there are 4 already" in messages[-1]


def test_a_copy_that_cannot_be_made_does_not_keep_the_terminal_from_pairing(saved: str) -> None:
    spoil_both(saved)
    disk = FaultyDisk(fail_at=1, sticky=True, only="fsync", error=28)
    with pytest.raises(StoreCorrupt, match="no copy could be kept"):
        flash(saved, disk=disk).load()


@pytest.mark.parametrize(
    ("keys", "uuid", "words"),
    [
        (KEYS, "/vendor/acme/serial/4712", "another terminal.*pair this terminal again"),
        (OTHER_KEYS, UUID, "another key.*put the key back and restart"),
    ],
    ids=["cloned card", "lost key"],
)
def test_a_store_of_another_terminal_or_key_is_refused_and_kept(
    saved: str, keys: Keys, uuid: str, words: str
) -> None:
    before = Path(saved).read_bytes()
    store = flash(saved, keys=keys, uuid=uuid)
    with pytest.raises(StoreCorrupt, match=words) as caught:
        store.load()
    assert isinstance(caught.value, StoreForeign) == (uuid != UUID)
    assert Path(saved).read_bytes() == before  # it stays until this terminal is paired
    store.save(replace(grant(9), uuid=uuid))
    assert flash(saved, keys=keys, uuid=uuid).load() == replace(grant(9), uuid=uuid)
    shutil.copy(saved + ".corrupt-1", saved)
    assert Path(saved).read_bytes() == before
    assert flash(saved).load() == grant(1)  # the copy, put back, works


def test_a_store_paired_anew_over_a_corrupt_one_has_a_new_identity(saved: str) -> None:
    before = Path(saved).read_bytes()[32:48]
    spoil_both(saved)
    store = flash(saved)
    with pytest.raises(StoreCorrupt):
        store.load()
    store.save(grant(5))
    after = Path(saved).read_bytes()
    assert after[32:48] == after[STRIDE + 32 : STRIDE + 48] != before
    assert store.health().writes > 3  # numbers seen in the old one are used up


def test_an_older_backup_put_back_opens_as_what_it_is(saved: str) -> None:
    """A file cannot know; the server does, and answers invalid_grant."""
    backup = Path(saved).read_bytes()
    store = flash(saved)
    store.save(grant(2))
    Path(saved).write_bytes(backup)
    assert store.holds_grant()
    assert store.load() == grant(1)
    store.save(grant(3))
    assert flash(saved).load() == grant(3)


# -- refused --------------------------------------------------------------------------------------


def test_a_symbolic_link_is_never_followed(directory: str, saved: str) -> None:
    link = f"{directory}/link"
    os.symlink(saved, link)
    store = flash(link)
    with pytest.raises(StoreError, match="symbolic link, which is never followed"):
        store.load()
    with pytest.raises(StoreNotWritable, match="symbolic link"):
        store.save(grant(5))
    assert flash(saved).load() == grant(1)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
def test_a_store_others_can_reach_is_refused_with_what_to_do(saved: str, mode: int) -> None:
    os.chmod(saved, mode)
    store = flash(saved)
    with pytest.raises(StoreError, match=f"mode {mode:04o}.*chmod 0600"):
        store.load()
    with pytest.raises(StoreNotWritable, match="chmod 0600"):
        store.save(grant(5))
    os.chmod(saved, 0o600)
    assert store.load() == grant(1)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_a_store_of_another_user_is_refused_with_what_to_do(saved: str) -> None:
    os.chown(saved, 1234, 1234)
    with pytest.raises(StoreError, match=f"uid 1234.*chown {os.geteuid()}"):
        flash(saved).load()


@pytest.mark.parametrize("plant", [os.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_something_else_in_its_place_is_refused_without_hanging(
    path: str, plant: Callable[[str], None]
) -> None:
    plant(path)
    store = flash(path)
    with pytest.raises(StoreError):
        store.load()
    with pytest.raises(StoreNotWritable):
        store.save(grant())


# -- clearing -------------------------------------------------------------------------------------


def test_clearing_overwrites_both_slots_before_the_file_goes(saved: str) -> None:
    with open(saved, "rb") as still_open:
        flash(saved).clear()
        assert still_open.read().strip(b"\0") == b""
    assert os.listdir(os.path.dirname(saved)) == []


@pytest.mark.parametrize(
    "command",
    [["rm"], ["truncate", "-s", "0"], ["dd", "if=/dev/zero", "bs=70k", "count=1", "status=none"]],
    ids=["rm", "truncate", "dd"],
)
def test_clearing_by_another_process_is_noticed(saved: str, command: list[str]) -> None:
    store = flash(saved)
    store.load()
    assert store.holds_grant()
    target = f"of={saved}" if command[0] == "dd" else saved
    subprocess.run([*command, target], check=True)
    assert not store.holds_grant()
    store.save(grant(1))
    assert store.holds_grant()
    assert flash(saved).load() == grant(1)


def test_clearing_by_another_agent_is_noticed(saved: str) -> None:
    store = flash(saved)
    store.load()
    flash(saved).clear()
    assert not store.holds_grant()


def test_asking_again_is_one_stat(saved: str) -> None:
    disk = FaultyDisk()
    store = flash(saved, disk=disk)
    store.load()
    disk.calls.clear()
    assert store.holds_grant()
    assert disk.calls == ["lstat"]


def test_trouble_in_looking_is_not_taken_for_clearing(saved: str) -> None:
    store = flash(saved)
    store.load()
    os.chmod(saved, 0o644)
    assert store.holds_grant()
    os.chmod(saved, 0o600)
    spoil_both(saved)
    assert store.holds_grant()  # damage is not a decision to forget either
    Path(saved).unlink()
    assert not store.holds_grant()


def test_clearing_a_link_takes_the_link_and_not_what_it_points_to(
    directory: str, saved: str
) -> None:
    link = f"{directory}/link"
    os.symlink(saved, link)
    with pytest.raises(StoreNotWritable, match="removed, but not overwritten"):
        flash(link).clear()
    assert not os.path.lexists(link)
    assert flash(saved).load() == grant(1)


def test_enrolled_tells_whether_anything_was_ever_stored(path: str) -> None:
    assert not enrolled(path)
    Path(path).touch(mode=0o600)
    assert not enrolled(path)
    store = flash(path)
    store.save(grant())
    assert enrolled(path)
    store.clear()
    assert not enrolled(path)


def test_a_store_says_nothing_secret_of_itself(saved: str) -> None:
    store: FlashStore = flash(saved)
    store.load()
    assert "refresh" not in f"{store!r} {store.health()!r} {KEYS!r}"
    assert KEYS.root.hex() not in repr(KEYS)
    assert repr(KEYS.root) not in repr(KEYS)
    assert STORE_ID.hex() not in repr(store.health())
