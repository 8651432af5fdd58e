"""The cryptography of records: one key for each, derived from what this terminal keeps.

    root   = for each source: id (1 byte), length (2), bytes
               1 key file      32 random bytes, made at enrolment
               2 credential    32 bytes from $CREDENTIALS_DIRECTORY, so sealed by TPM2 or host key
               3 hardware ids  bind, but keep no secret: anybody may read them off the board
    KEK    = HKDF-SHA256(root, salt = store id, info = "tokstore/1/kek", epoch, device UUID)
    record = HKDF-SHA256(KEK, salt = record's salt, info = "tokstore/1/rec", header[0:64])

Where the sources come from, and how a key is replaced or destroyed, is `agent.store.keyring`.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.store.record import Header

KEY_SIZE: Final = 32  # B
KEY_FILE, CREDENTIAL, HARDWARE = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """An unsealed root. Does the cryptography of `agent.store.record`."""

    root: bytes = field(repr=False)
    sources: int
    hardware_ids: bytes = field(default=b"", repr=False)

    @classmethod
    def mixed(cls, found: Iterable[tuple[int, bytes]]) -> Self:
        """The root of all sources, given as (id, bytes) in the order of their ids."""
        sources = tuple(found)
        return cls(
            root=b"".join(
                bytes((source,)) + len(key).to_bytes(2, "little") + key for source, key in sources
            ),
            sources=sum(1 << (source - 1) for source, _ in sources),
            hardware_ids=dict(sources).get(HARDWARE, b""),
        )

    def check_value(self, *, store_id: bytes, uuid: str, epoch: int) -> bytes:
        return _derive(self._kek(store_id, uuid, epoch), salt=None, info=b"tokstore/1/kcv")[:8]

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

    def derive(self, *, salt: bytes, info: bytes) -> bytes:
        """32 bytes for another purpose than records; `info` names it."""
        return _derive(self.root, salt=salt, info=info)

    def _kek(self, store_id: bytes, uuid: str, epoch: int) -> bytes:
        info = b"tokstore/1/kek" + epoch.to_bytes(4, "little") + uuid.encode()
        return _derive(self.root, salt=store_id, info=info)

    def _record_cipher(self, header: Header, uuid: str) -> tuple[AESGCM, bytes]:
        packed = header.pack()
        kek = self._kek(header.store_id, uuid, header.epoch)
        key = _derive(kek, salt=header.salt, info=b"tokstore/1/rec" + packed[:64])
        return AESGCM(key), packed


def _derive(secret: bytes, *, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=info).derive(secret)
