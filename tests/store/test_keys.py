"""Where the keys come from, and that a missing one is never replaced in silence."""

import os
import stat
from pathlib import Path

import pytest

from agent.errors import ConfigError, StoreCorrupt, StoreError
from agent.store.keys import KEY_SIZE, Keys, load_keys
from tests.store.rig import flash, grant

FILE, CREDENTIAL = bytes(range(32)), bytes(range(100, 132))


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


def test_a_key_file_is_made_at_enrolment_and_then_kept(directory: str) -> None:
    path = f"{directory}/key"
    first = load_keys(key_file=path, create=True)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o400
    assert os.stat(path).st_size == KEY_SIZE
    assert load_keys(key_file=path, create=True) == first
    assert load_keys(key_file=path) == first
    assert os.listdir(directory) == ["key"]


def test_two_terminals_make_different_keys(directory: str) -> None:
    one, two = (load_keys(key_file=f"{directory}/{name}", create=True) for name in ("a", "b"))
    assert one.root != two.root


def test_the_leftover_of_a_creation_cut_short_is_no_key(directory: str) -> None:
    Path(f"{directory}/key.new").write_bytes(b"half")
    load_keys(key_file=f"{directory}/key", create=True)
    assert os.listdir(directory) == ["key"]


def test_a_missing_key_file_is_not_replaced_once_enrolled(directory: str) -> None:
    with pytest.raises(StoreError, match="mount or restore it, or remove the store"):
        load_keys(key_file=f"{directory}/key")
    assert os.listdir(directory) == []


def test_a_key_is_not_made_where_others_may_write(directory: str) -> None:
    os.chmod(directory, 0o777)
    with pytest.raises(ConfigError, match=r"not ours alone.*head -c 32 /dev/urandom"):
        load_keys(key_file=f"{directory}/key", create=True)
    assert os.listdir(directory) == []


def test_a_key_cannot_be_made_in_a_missing_directory(directory: str) -> None:
    with pytest.raises(StoreError, match=r"cannot be made.*must exist"):
        load_keys(key_file=f"{directory}/missing/key", create=True)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o600 | 0o020])
def test_a_key_file_open_to_others_is_refused(key_file: str, mode: int) -> None:
    os.chmod(key_file, mode)
    with pytest.raises(ConfigError, match=f"open to others.*mode {mode:04o}.*chmod 0400"):
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
    keys = load_keys(key_credential="store-key", credentials_directory=credentials)
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
        load_keys(hardware_ids=("only", "ids"))


def test_every_source_counts(key_file: str, credentials: str) -> None:
    both = load_keys(
        key_file=key_file,
        key_credential="store-key",
        credentials_directory=credentials,
        hardware_ids=("soc-1", "cid-2"),
    )
    assert both.root == b"\1\x20\0" + FILE + b"\2\x20\0" + CREDENTIAL + b"\3\x0b\0soc-1\0cid-2"
    assert both.sources == 7


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


def test_keys_do_not_print() -> None:
    text = repr(Keys(root=FILE, sources=1, hardware_ids=b"board-serial"))
    assert text == "Keys(sources=1, epoch=1)"
