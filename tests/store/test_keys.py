"""Where the keys come from, that a missing one is never replaced in silence, and how one goes."""

import os
import stat
from pathlib import Path

import pytest

from agent.errors import ConfigError, StoreCorrupt, StoreError, StoreNotWritable
from agent.store.keyring import KeyRing, load_keys
from agent.store.keys import KEY_SIZE, Keys
from tests.store.faulty import FaultyDisk
from tests.store.rig import flash, grant

FILE, CREDENTIAL = bytes(range(32)), bytes(range(100, 132))


def fresh(path: str) -> KeyRing:
    """As on a terminal without a store."""
    return load_keys(key_file=path, enrolled=False)


def only(keys: KeyRing) -> Keys:
    (found,) = keys.known()
    assert isinstance(found, Keys)
    return found


@pytest.fixture
def key_file(directory: str) -> str:
    path = f"{directory}/key"
    Path(path).write_bytes(FILE)
    os.chmod(path, 0o400)
    return path


@pytest.fixture
def credentials(directory: str) -> str:
    os.mkdir(f"{directory}/credentials")
    Path(f"{directory}/credentials/store-key").write_bytes(CREDENTIAL)
    return f"{directory}/credentials"


def test_a_key_file_is_made_with_the_first_record_and_then_kept(directory: str) -> None:
    path = f"{directory}/key"
    first = fresh(path)
    assert list(first.known()) == []
    assert os.listdir(directory) == []
    made = first.current()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.stat(path).st_size == KEY_SIZE
    assert only(fresh(path)) == only(load_keys(key_file=path)) == first.current() == made
    assert os.listdir(directory) == ["key"]


def test_a_key_is_durable_before_anything_is_sealed_with_it(directory: str) -> None:
    disk = FaultyDisk()
    load_keys(key_file=f"{directory}/key", enrolled=False, disk=disk).current()
    steps = [call for call in disk.calls if call in ("pwrite", "fsync", "rename")]
    assert steps == ["pwrite", "fsync", "rename", "fsync"]


def test_two_terminals_make_different_keys(directory: str) -> None:
    one, two = (fresh(f"{directory}/{name}").current() for name in ("a", "b"))
    assert one != two


def test_the_leftover_of_a_creation_cut_short_is_no_key(directory: str) -> None:
    Path(f"{directory}/key.new").write_bytes(b"half")
    fresh(f"{directory}/key").current()
    assert os.listdir(directory) == ["key"]


def test_a_missing_key_file_is_not_replaced_once_enrolled(directory: str) -> None:
    with pytest.raises(StoreError, match="mount or restore it, or remove the store"):
        load_keys(key_file=f"{directory}/key")
    assert os.listdir(directory) == []


def test_a_key_is_not_made_where_others_may_write(directory: str) -> None:
    os.chmod(directory, 0o777)
    with pytest.raises(StoreError, match=r"not ours alone.*head -c 32 /dev/urandom"):
        fresh(f"{directory}/key").current()
    assert os.listdir(directory) == []


def test_a_key_cannot_be_made_in_a_missing_directory(directory: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be made.*must exist"):
        fresh(f"{directory}/missing/key").current()


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o600 | 0o020])
def test_a_key_file_open_to_others_is_refused(key_file: str, mode: int) -> None:
    os.chmod(key_file, mode)
    with pytest.raises(ConfigError, match=f"open to others.*mode {mode:04o}.*chmod 0600"):
        load_keys(key_file=key_file)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_a_key_file_of_another_user_is_refused(key_file: str) -> None:
    os.chown(key_file, 1234, 1234)
    with pytest.raises(ConfigError, match="uid 1234"):
        load_keys(key_file=key_file)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_the_wrong_size_is_refused(directory: str, size: int) -> None:
    Path(f"{directory}/key").write_bytes(bytes(size))
    os.chmod(f"{directory}/key", 0o400)
    with pytest.raises(ConfigError, match="must have exactly 32"):
        load_keys(key_file=f"{directory}/key")


def test_a_link_or_a_fifo_is_no_key_file(directory: str, key_file: str) -> None:
    os.symlink(key_file, f"{directory}/link")
    os.mkfifo(f"{directory}/fifo", 0o400)
    with pytest.raises(StoreError):
        load_keys(key_file=f"{directory}/link")
    with pytest.raises(ConfigError, match="not a regular file"):
        load_keys(key_file=f"{directory}/fifo")


def test_a_credential_is_a_key(credentials: str) -> None:
    keys = only(load_keys(key_credential="store-key", credentials_directory=credentials))
    assert keys.root == b"\2\x20\0" + CREDENTIAL
    assert keys.sources == 2


def test_without_credentials_the_unit_file_is_named() -> None:
    with pytest.raises(ConfigError, match="LoadCredentialEncrypted=store-key"):
        load_keys(key_credential="store-key")


def test_a_credential_that_was_not_unsealed_may_come_back(credentials: str) -> None:
    with pytest.raises(StoreError, match=r"credential other cannot be read.*nothing was deleted"):
        load_keys(key_credential="other", credentials_directory=credentials)


def test_no_key_at_all_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"store\.key_file"):
        load_keys(bind_to=["/etc/hostname"])


@pytest.fixture
def hardware(directory: str) -> list[str]:
    for name, text in (("soc", "soc-1\n"), ("cid", "cid-2\0")):
        Path(f"{directory}/{name}").write_text(text)
    return [f"{directory}/soc", f"{directory}/cid"]


def test_every_source_counts(key_file: str, credentials: str, hardware: list[str]) -> None:
    both = only(
        load_keys(
            key_file=key_file,
            key_credential="store-key",
            credentials_directory=credentials,
            bind_to=hardware,
        )
    )
    assert both.root == b"\1\x20\0" + FILE + b"\2\x20\0" + CREDENTIAL + b"\3\x0b\0soc-1\0cid-2"
    assert both.sources == 7


def test_a_store_moved_to_another_board_is_told_apart(
    path: str, key_file: str, hardware: list[str]
) -> None:
    flash(path, keys=load_keys(key_file=key_file, bind_to=hardware)).save(grant())
    Path(hardware[1]).write_text("cid-3")
    with pytest.raises(StoreCorrupt, match="on other hardware"):
        flash(path, keys=load_keys(key_file=key_file, bind_to=hardware)).load()


def test_a_hardware_id_that_cannot_be_read_is_waited_for(directory: str, key_file: str) -> None:
    with pytest.raises(StoreError, match=r"bind_to: .*missing cannot be read.*stays shut"):
        load_keys(key_file=key_file, bind_to=[f"{directory}/missing"])
    Path(f"{directory}/empty").touch()
    with pytest.raises(StoreError, match="is empty"):
        load_keys(key_file=key_file, bind_to=[f"{directory}/empty"])


def test_a_store_opens_with_all_its_sources_and_with_none_less(
    path: str, key_file: str, credentials: str
) -> None:
    both = load_keys(
        key_file=key_file, key_credential="store-key", credentials_directory=credentials
    )
    flash(path, keys=both).save(grant())
    assert flash(path, keys=both).load() == grant()
    with pytest.raises(StoreCorrupt, match="another key"):
        flash(path, keys=load_keys(key_file=key_file)).load()


# -- replacing a key ------------------------------------------------------------------------------


@pytest.fixture
def keys(directory: str) -> str:
    return f"{directory}/key"


@pytest.fixture
def saved(path: str, keys: str) -> str:
    store = flash(path, keys=fresh(keys))
    store.save(grant(0))
    store.save(grant(1))
    return path


def test_rekeying_seals_the_same_grant_with_another_key(saved: str, keys: str) -> None:
    old = load_keys(key_file=keys)
    store = flash(saved, keys=load_keys(key_file=keys))
    store.rekey()
    assert store.load() == grant(1)
    assert not store.rekeying
    assert sorted(os.listdir(os.path.dirname(keys))) == ["grant", "key"]
    assert flash(saved, keys=load_keys(key_file=keys)).load() == grant(1)
    assert flash(saved, keys=load_keys(key_file=keys)).health().writes == 0
    with pytest.raises(StoreCorrupt, match="another key"):
        flash(saved, keys=old).load()


def test_the_epoch_tells_how_often_the_key_was_replaced(saved: str, keys: str) -> None:
    store = flash(saved, keys=load_keys(key_file=keys))
    epochs = []
    for _ in range(3):
        raw = Path(saved).read_bytes()
        epochs.append({raw[at + 20] for at in (0, 65536)})
        store.rekey()
    assert epochs == [{1}, {2}, {3}]


def test_the_old_key_is_overwritten_before_it_goes(saved: str, keys: str) -> None:
    with open(keys, "rb") as still_open:
        flash(saved, keys=load_keys(key_file=keys)).rekey()
        assert still_open.read() == bytes(KEY_SIZE)


def test_a_key_file_of_mode_0400_can_be_replaced_as_well(saved: str, keys: str) -> None:
    os.chmod(keys, 0o400)
    flash(saved, keys=load_keys(key_file=keys)).rekey()
    assert flash(saved, keys=load_keys(key_file=keys)).load() == grant(1)


def test_rekeying_cut_short_anywhere_leaves_the_grant_and_is_ended_by_the_next_save(
    saved: str, keys: str
) -> None:
    before = {name: Path(name).read_bytes() for name in (saved, keys)}
    for call in range(1, 99):
        for name, content in before.items():
            Path(name).write_bytes(content)
        Path(keys + ".next").unlink(missing_ok=True)
        disk = FaultyDisk(fail_at=call, sticky=True)
        try:
            flash(saved, disk=disk, keys=load_keys(key_file=keys, disk=disk)).rekey()
        except StoreError:
            pass
        else:
            assert not disk.fired
            break
        after = flash(saved, keys=load_keys(key_file=keys))
        assert after.load() == grant(1), disk.calls
        after.save(grant(1))
        assert not after.rekeying
        assert flash(saved, keys=load_keys(key_file=keys)).load() == grant(1)
    assert call > 20


def test_a_key_overwritten_with_zeros_is_no_key(saved: str, keys: str) -> None:
    Path(keys).write_bytes(bytes(KEY_SIZE))
    assert list(fresh(keys).known()) == []
    with pytest.raises(StoreError, match="is missing"):
        load_keys(key_file=keys)


def test_without_a_grant_there_is_nothing_to_rekey(path: str, keys: str) -> None:
    with pytest.raises(StoreNotWritable, match="no grant to seal anew"):
        flash(path, keys=fresh(keys)).rekey()


def test_a_credential_alone_cannot_be_replaced_here(path: str, credentials: str) -> None:
    ring = load_keys(key_credential="store-key", credentials_directory=credentials)
    store = flash(path, keys=ring)
    store.save(grant(1))
    with pytest.raises(StoreNotWritable, match=r"add store\.key_file"):
        store.rekey()
    assert store.load() == grant(1)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_somebody_elses_key_is_neither_replaced_nor_destroyed(saved: str, keys: str) -> None:
    """Here root's, in the view of an agent that is not root."""
    content = Path(keys).read_bytes()
    ring = load_keys(key_file=keys)
    os.chown(keys, 1234, 1234)
    store = flash(saved, keys=ring)
    with pytest.raises(StoreNotWritable, match="belongs to another user"):
        store.rekey()
    store.clear()
    assert Path(keys).read_bytes() == content


# -- destroying it --------------------------------------------------------------------------------


def test_clearing_destroys_the_key_and_pairing_makes_another(saved: str, keys: str) -> None:
    with open(keys, "rb") as still_open:
        store = flash(saved, keys=load_keys(key_file=keys))
        old = still_open.read()
        store.clear()
        still_open.seek(0)
        assert still_open.read() == bytes(KEY_SIZE)
    assert os.listdir(os.path.dirname(keys)) == []
    store.save(grant(2))
    assert Path(keys).read_bytes() not in (old, bytes(KEY_SIZE))
    assert flash(saved, keys=load_keys(key_file=keys)).load() == grant(2)


def test_a_backup_of_a_cleared_store_stays_shut(saved: str, keys: str) -> None:
    backup = Path(saved).read_bytes()
    store = flash(saved, keys=load_keys(key_file=keys))
    store.clear()
    store.save(grant(2))
    Path(saved).write_bytes(backup)
    with pytest.raises(StoreCorrupt, match="another key"):
        flash(saved, keys=load_keys(key_file=keys)).load()


def test_a_key_that_cannot_be_destroyed_is_said(saved: str, keys: str) -> None:
    disk = FaultyDisk(fail_at=1, only="unlink")
    store = flash(saved, keys=load_keys(key_file=keys, disk=disk))
    with pytest.raises(StoreNotWritable, match=r"key .* could not be destroyed.*revoked"):
        store.clear()
    assert not os.path.exists(saved)


def test_keys_do_not_print() -> None:
    text = repr(Keys(root=FILE, sources=1, hardware_ids=b"board-serial"))
    assert text == "Keys(sources=1)"
