"""The keys of this terminal: from a file, a systemd credential or both, mixed with hardware ids.

    root   = for each source: id (1 byte), length (2), bytes
               1 key file      32 random bytes, made at enrolment
               2 credential    32 bytes from $CREDENTIALS_DIRECTORY, so sealed by TPM2 or host key
               3 hardware ids  bind, but keep no secret: anybody may read them off the board
    KEK    = HKDF-SHA256(root, salt = store id, info = "tokstore/1/kek", epoch, device UUID)
    record = HKDF-SHA256(KEK, salt = record's salt, info = "tokstore/1/rec", header[0:64])

Read once at start, before the first record is opened; never while writing one. A source that is
missing is an error and not a reason to try another: which ones there are is part of every record.
"""

import errno
import hashlib
import hmac
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.errors import ConfigError, StoreError
from agent.store.record import Header

KEY_SIZE: Final = 32  # B
_FILE, _CREDENTIAL, _HARDWARE = 1, 2, 3
_EPOCH: Final = 1
_CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)
_MAKE_ONE = "`head -c 32 /dev/urandom` makes one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The unsealed root, for one epoch. Does the cryptography of `agent.store.record`."""

    root: bytes = field(repr=False)
    sources: int
    hardware_ids: bytes = field(default=b"", repr=False)
    epoch: int = _EPOCH

    def check_value(self, *, store_id: bytes, uuid: str) -> bytes:
        return _derive(self._kek(store_id, uuid), salt=None, info=b"tokstore/1/kcv")[:8]

    def fingerprint(self, store_id: bytes) -> bytes:
        return hmac.digest(store_id, self.hardware_ids, hashlib.sha256)[:4]

    def encrypt(self, plaintext: bytes, *, header: Header, uuid: str) -> bytes:
        cipher, associated = self._record_cipher(header, uuid)
        return cipher.encrypt(header.nonce, plaintext, associated)

    def decrypt(self, body: bytes, *, header: Header, uuid: str) -> bytes | None:
        cipher, associated = self._record_cipher(header, uuid)
        try:
            return cipher.decrypt(header.nonce, body, associated)
        except InvalidTag:
            return None

    def _kek(self, store_id: bytes, uuid: str) -> bytes:
        info = b"tokstore/1/kek" + self.epoch.to_bytes(4, "little") + uuid.encode()
        return _derive(self.root, salt=store_id, info=info)

    def _record_cipher(self, header: Header, uuid: str) -> tuple[AESGCM, bytes]:
        packed = header.pack()
        kek = self._kek(header.store_id, uuid)
        key = _derive(kek, salt=header.salt, info=b"tokstore/1/rec" + packed[:64])
        return AESGCM(key), packed


def _derive(secret: bytes, *, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=info).derive(secret)


def load_keys(
    *,
    key_file: str | None = None,
    key_credential: str | None = None,
    credentials_directory: str | None = None,
    hardware_ids: tuple[str, ...] = (),
    create: bool = False,
    random: Callable[[int], bytes] = os.urandom,
) -> Keys:
    """Read every configured source. `create` makes a missing key file: only right while there is
    no store yet (`agent.store.flash.enrolled`), or a lost key would be replaced in silence.

    Raises ConfigError for what the operator has to change, StoreError for a key that is missing
    and may come back (a partition not mounted yet, a TPM that does not answer).
    """
    found: list[tuple[int, bytes]] = []
    if key_file is not None:
        if create and not os.path.lexists(key_file):
            _create_key_file(key_file, random(KEY_SIZE))
        found.append((_FILE, _read_key_file(key_file)))
    if key_credential is not None:
        directory = credentials_directory or os.environ.get(_CREDENTIALS)
        found.append((_CREDENTIAL, _read_credential(key_credential, directory)))
    if not found:
        raise ConfigError("the store has no key: set store.key_file, store.key_credential or both")
    hardware = "\0".join(hardware_ids).encode()
    if hardware:
        found.append((_HARDWARE, hardware))
    return Keys(
        root=b"".join(
            bytes((source,)) + len(key).to_bytes(2, "little") + key for source, key in found
        ),
        sources=sum(1 << (source - 1) for source, _ in found),
        hardware_ids=hardware,
    )


def _read_key_file(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(
            f"the key file {path} cannot be read ({error.strerror}); without it the stored grant "
            "stays shut: mount or restore it, or remove the store to pair again with a new key"
        ) from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"the key file {path} is not a regular file")
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
            raise ConfigError(
                f"the key file {path} is open to others (uid {status.st_uid}, mode "
                f"{stat.S_IMODE(status.st_mode):04o}): chown {os.geteuid()} and chmod 0400 it"
            )
        return _whole_key(os.read(fd, KEY_SIZE + 1), f"the key file {path}")
    finally:
        os.close(fd)


def _read_credential(name: str, directory: str | None) -> bytes:
    if directory is None:
        raise ConfigError(
            f"store.key_credential is {name!r}, but systemd passed no credentials: add "
            f"LoadCredentialEncrypted={name} to the service"
        )
    path = os.path.join(directory, name)
    try:
        with open(path, "rb") as file:
            return _whole_key(file.read(KEY_SIZE + 1), f"the credential {name}")
    except OSError as error:
        raise StoreError(
            f"the credential {name} cannot be read ({error.strerror}): see `systemctl status` for "
            "why systemd could not unseal it; nothing was deleted"
        ) from error


def _whole_key(key: bytes, what: str) -> bytes:
    if len(key) != KEY_SIZE:
        size = f"{len(key)} bytes" if len(key) < KEY_SIZE else f"more than {KEY_SIZE} bytes"
        raise ConfigError(f"{what} has {size}, must have exactly {KEY_SIZE}: {_MAKE_ONE}")
    return key


def _create_key_file(path: str, key: bytes) -> None:
    """Durable before anything is sealed with it: a record outliving its key is a lost grant."""
    directory = os.path.dirname(path) or "."
    new = path + ".new"
    try:
        status = os.stat(directory)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise ConfigError(
                f"the key file {path} is missing and its directory is not ours alone: put 32 "
                f"random bytes there, mode 0400, readable by uid {os.geteuid()}; {_MAKE_ONE}"
            )
        _remove(new)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        try:
            if os.write(fd, key) != len(key):
                raise OSError(errno.ENOSPC, "short write")
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(new, path)
        _sync_directory(directory)
    except OSError as error:
        raise StoreError(
            f"the key file {path} cannot be made ({error.strerror}): {directory} must exist, "
            f"belong to uid {os.geteuid()}, mode 0700, on a medium that can be written"
        ) from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
