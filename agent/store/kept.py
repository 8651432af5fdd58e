"""The access token over a restart of the agent, so that an upgrade or a crash in the middle of a
payment costs nothing.

One small file on tmpfs: sealed, gone with the power, and no wear on the flash. It is a cache:
whatever is wrong with it, the agent asks the server for another token.

    magic 8 | salt 32 | nonce 12 | AES-256-GCM of JSON; the front is associated data
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.errors import StoreError
from agent.oauth.events import AccessToken, Grant
from agent.secret import Secret
from agent.store.interface import Kept
from agent.store.keyring import KeyRing
from agent.store.keys import Keys
from agent.store.trouble import explain

_MAGIC: Final = b"TOKKEPT1"
_SALT: Final = 32
_FRONT: Final = len(_MAGIC) + _SALT + 12
_LIMIT: Final = 64 * 1024  # B; a token has a few hundred


class KeptToken:
    """The token that goes with one grant of one terminal, in a file of its own on tmpfs."""

    def __init__(
        self,
        *,
        path: str,
        keys: KeyRing,
        uuid: str,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._path = path
        self._keys = keys
        self._uuid = uuid
        self._random = random

    def load(self, grant: Grant, now: float) -> Kept | None:
        """The token, if it came with this grant and has life left. Never raises."""
        try:
            with open(self._path, "rb") as file:
                raw = file.read(_LIMIT)
        except OSError:
            return None
        for keys in self._keys.known():
            if isinstance(keys, Keys) and (text := self._open(raw, keys)) is not None:
                kept = _decode(text, grant)
                # Instants of another boot would lie in the future: CLOCK_BOOTTIME began anew.
                lives = kept and kept.token.issued_at <= now < kept.token.expires_at
                return kept if lives else None
        return None

    def save(self, grant: Grant, kept: Kept) -> None:
        """Raises StoreError."""
        keys = next((each for each in self._keys.known() if isinstance(each, Keys)), None)
        if keys is None:
            return  # not even the grant could be saved
        new = self._path + ".new"
        try:
            with open(new, "wb", opener=_private) as file:
                file.write(self._seal(_encode(grant, kept), keys))
            os.rename(new, self._path)
        except OSError as error:
            raise StoreError(explain(self._path, error)) from error

    def forget(self) -> None:
        with suppress(OSError):
            os.unlink(self._path)

    def _seal(self, text: bytes, keys: Keys) -> bytes:
        salt, nonce = self._random(_SALT), self._random(12)
        front = _MAGIC + salt + nonce
        return front + self._cipher(keys, salt).encrypt(nonce, text, front)

    def _open(self, raw: bytes, keys: Keys) -> bytes | None:
        front, body = raw[:_FRONT], raw[_FRONT:]
        if len(front) < _FRONT or not front.startswith(_MAGIC):
            return None
        salt, nonce = front[len(_MAGIC) : -12], front[-12:]
        try:
            return self._cipher(keys, salt).decrypt(nonce, body, front)
        except InvalidTag:
            return None

    def _cipher(self, keys: Keys, salt: bytes) -> AESGCM:
        return AESGCM(keys.derive(salt=salt, info=b"tokstore/1/kept" + self._uuid.encode()))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _encode(grant: Grant, kept: Kept) -> bytes:
    token = kept.token
    return json.dumps(
        {
            "access_token": token.value.reveal(),
            "issued_at": token.issued_at,
            "expires_at": token.expires_at,
            "scope": token.scope,
            "grant": grant.refresh_token.fingerprint(),
            "holds": kept.holds,
        }
    ).encode()


def _decode(text: bytes, grant: Grant) -> Kept | None:
    """None for another grant's token, or for what a later version may have written."""
    try:
        members = json.loads(text)
        if members["grant"] != grant.refresh_token.fingerprint():
            return None
        token = AccessToken(
            value=Secret(str(members["access_token"])),
            issued_at=float(members["issued_at"]),
            expires_at=float(members["expires_at"]),
            scope=members["scope"],
        )
        return Kept(token=token, holds=members["holds"])
    except (KeyError, TypeError, ValueError):
        return None
