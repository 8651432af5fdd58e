"""Which keys this terminal has: where they come from, how one is replaced, how one is destroyed.

Read once at start, before the first record is opened; never while writing one. A source that is
missing is an error and not a reason to try another: which ones there are is part of every record.

Replacing the key file ("rekeying") survives a cut anywhere, as every slot opens with one of two:

    make grant.key.next -> reseal one slot -> reseal the other -> overwrite grant.key, take its name
"""

import os
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from agent.errors import ConfigError, StoreError
from agent.store.disk import Disk, SystemDisk
from agent.store.keyfile import KeyFile, whole_key
from agent.store.keys import CREDENTIAL, HARDWARE, KEY_FILE, KEY_SIZE, Keys
from agent.store.record import RecordKeys

_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)
_ID_LIMIT: Final = 4096  # B of one hardware id; real ones have 8 to 64


class KeyRing(Protocol):
    """What a store asks for keys. Methods raise StoreError or OSError."""

    def known(self) -> Sequence[RecordKeys]:
        """Those a record may be sealed with; more than one while a key is being replaced."""
        ...

    def current(self) -> RecordKeys:
        """The one to seal with, made if there is none yet."""
        ...

    def anchor(self) -> None:
        """Before anything is sealed: what there is of keys is known to be durable."""
        ...

    def successor(self) -> RecordKeys | None:
        """The one that is about to replace it, if somebody began to."""
        ...

    def begin_replacing(self) -> RecordKeys:
        """A successor, durable. Nothing is sealed with it yet."""
        ...

    def replaced(self) -> None:
        """Every record is sealed with the successor: destroy the one before."""
        ...

    def destroy(self) -> None:
        """Every record is gone: so shall the key, as far as it is ours."""
        ...


class GivenKeys:
    """Keys that somebody else keeps: neither replaced nor destroyed here."""

    def __init__(self, keys: RecordKeys) -> None:
        self._keys = keys

    def known(self) -> Sequence[RecordKeys]:
        return (self._keys,)

    def current(self) -> RecordKeys:
        return self._keys

    def anchor(self) -> None:
        return

    def successor(self) -> RecordKeys | None:
        return None

    def begin_replacing(self) -> RecordKeys:
        raise StoreError(
            "the key comes from a credential alone, which only its owner can replace: add "
            "store.key_file to mix in one that can be, or replace the credential and pair again"
        )

    def replaced(self) -> None:
        raise StoreError("there is no successor")

    def destroy(self) -> None:
        return


class FileKeys:
    """A key file, mixed with `others`: (id, bytes) of a credential and hardware ids."""

    def __init__(
        self,
        *,
        file: KeyFile,
        others: Sequence[tuple[int, bytes]] = (),
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._file = file
        self._others = tuple(others)
        self._random = random
        self._anchored = False
        self._next = self._mixed(file.read_next())
        self._current = self._mixed(file.read())

    def known(self) -> Sequence[RecordKeys]:
        return [keys for keys in (self._current, self._next) if keys is not None]

    def current(self) -> RecordKeys:
        if self._current is None:
            key = self._random(KEY_SIZE)
            self._file.make(key)
            self._current = self._mixed(key)
        assert self._current is not None  # noqa: S101  # mixed from a key
        return self._current

    def anchor(self) -> None:
        """Once a process, and only for what agents of this terminal made."""
        if not self._anchored and self._file.ours():
            self._file.anchor()
        self._anchored = True

    def successor(self) -> RecordKeys | None:
        return self._next

    def begin_replacing(self) -> RecordKeys:
        if not self._file.ours():
            raise StoreError(
                f"the key file {self._file.path} belongs to another user, who put it there: it is "
                "not replaced here"
            )
        if self._next is None:
            key = self._random(KEY_SIZE)
            self._file.make_next(key)
            self._next = self._mixed(key)
        assert self._next is not None  # noqa: S101  # mixed from a key
        return self._next

    def replaced(self) -> None:
        self._file.take_over()
        self._current, self._next = self._next, None

    def destroy(self) -> None:
        if not self._file.ours():
            return
        self._current = self._next = None  # half destroyed is destroyed: never seal with it again
        self._file.destroy()

    def _mixed(self, key: bytes | None) -> Keys | None:
        return None if key is None else Keys.mixed([(KEY_FILE, key), *self._others])


class DoomedKeys:
    """For erasing a store without opening it: opens nothing, and destroys the key file."""

    def __init__(self, file: KeyFile | None) -> None:
        self._file = file

    def known(self) -> Sequence[RecordKeys]:
        return ()

    def current(self) -> RecordKeys:
        raise StoreError("the store is being erased")

    def anchor(self) -> None:
        return

    def successor(self) -> RecordKeys | None:
        return None

    def begin_replacing(self) -> RecordKeys:
        return self.current()

    def replaced(self) -> None:
        return

    def destroy(self) -> None:
        if self._file is not None and self._file.ours():
            self._file.destroy()


def load_keys(
    *,
    key_file: str | None = None,
    key_credential: str | None = None,
    credentials_directory: str | None = None,
    bind_to: Sequence[str] = (),
    enrolled: bool = True,
    disk: Disk | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> KeyRing:
    """Read every configured source. `enrolled`: there is a store already, so a missing key file is
    an error; otherwise one is made with the first save. `bind_to`: files with hardware ids.

    Raises ConfigError for what the operator has to change, StoreError for a key that is missing
    and may come back (a partition not mounted yet, a TPM that does not answer).
    """
    others: list[tuple[int, bytes]] = []
    if key_credential is not None:
        directory = credentials_directory or os.environ.get(_CREDENTIALS)
        others.append((CREDENTIAL, _read_credential(key_credential, directory)))
    if bind_to:
        others.append((HARDWARE, b"\0".join(map(_read_hardware_id, bind_to))))
    if key_file is None:
        if key_credential is None:
            raise ConfigError(
                "the store has no key: set store.key_file, store.key_credential or both"
            )
        return GivenKeys(Keys.mixed(others))
    keys = FileKeys(
        file=KeyFile(path=key_file, disk=disk or SystemDisk()), others=others, random=random
    )
    if enrolled and not keys.known():
        raise StoreError(
            f"the key file {key_file} is missing; without it the stored grant stays shut: mount or "
            "restore it, or remove the store to pair again with a new key"
        )
    return keys


def _read_credential(name: str, directory: str | None) -> bytes:
    if directory is None:
        raise ConfigError(
            f"store.key_credential is {name!r}, but systemd passed no credentials: add "
            f"LoadCredentialEncrypted={name} to the service"
        )
    path = os.path.join(directory, name)
    try:
        with open(path, "rb") as file:
            return whole_key(file.read(KEY_SIZE + 1), f"the credential {name}")
    except OSError as error:
        raise StoreError(
            f"the credential {name} cannot be read ({error.strerror}): see `systemctl status` for "
            "why systemd could not unseal it; nothing was deleted"
        ) from error


def _read_hardware_id(path: str) -> bytes:
    """As the kernel gives it, less the line end or NUL it may add."""
    try:
        with open(path, "rb") as file:
            found = file.read(_ID_LIMIT).strip(b"\0\n")
    except OSError as error:
        raise StoreError(
            f"store.bind_to: {path} cannot be read ({error.strerror}); without it the stored grant "
            "stays shut"
        ) from error
    if not found:
        raise StoreError(f"store.bind_to: {path} is empty")
    return found
