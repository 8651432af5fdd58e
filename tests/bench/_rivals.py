"""Two usual ways to keep one record through power cuts, to compare the store with.

They get the grant as plain JSON: no encryption, no reading back.
"""

import os
import sqlite3

from agent.oauth.events import Grant
from agent.secret import Secret
from agent.store.payload import decode, encode
from tests.store.rig import UUID


def large_grant(number: int) -> Grant:
    """3.3 KB as JSON: two refresh tokens that are JSON Web Tokens with some claims."""
    return Grant(
        refresh_token=Secret(f"{number:08}" * 190),
        previous_refresh_token=Secret(f"{number - 1:08}" * 190),
        issuer="https://as.example/oauth/token",
        client_id="client",
        uuid=UUID,
        obtained_at=1_800_000_000 + number,
    )


class RenameStore:
    """Temporary file, fsync, rename, fsync of the directory."""

    def __init__(self, path: str) -> None:
        self._path = path

    def load(self) -> Grant | None:
        with open(self._path, "rb") as file:
            return decode(file.read())

    def clear(self) -> None:
        os.unlink(self._path)

    only_reading_tells = False

    def look(self) -> None:
        return

    def holds_grant(self) -> bool:
        return os.path.exists(self._path)

    def save(self, grant: Grant) -> None:
        new = self._path + ".new"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, encode(grant))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(new, self._path)
        directory = os.open(os.path.dirname(self._path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class SqliteStore:
    """One row, in WAL mode with `synchronous=FULL`, as durable as SQLite's default journal."""

    def __init__(self, path: str) -> None:
        # The runner saves in whatever thread is free, one at a time.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE grants (id INTEGER PRIMARY KEY, body BLOB)")

    def save(self, grant: Grant) -> None:
        self._connection.execute("REPLACE INTO grants VALUES (1, ?)", (encode(grant),))

    def close(self) -> None:
        self._connection.close()
