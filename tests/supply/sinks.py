"""What the tests of sinks share: tokens, and a room where sinks run."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.delivery import SinkSettings
from agent.supply.sinks import Sinks
from tests.virtual import VirtualClock

NOW = 1000.0
TILL = SinkSettings(name="till")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")


def token(number: int = 1, *, issued_at: float = NOW, life: float = 1200.0) -> AccessToken:
    return AccessToken(
        value=Secret(f"access-{number}"),
        issued_at=issued_at,
        expires_at=issued_at + life,
        scope="pay",
    )


def fingerprint(number: int) -> str:
    return token(number).value.fingerprint()


def facts(path: Path) -> tuple[int, int, int]:
    """Mode, owner, group."""
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


class Clock(VirtualClock):
    """Also tells how long it was asked to sleep."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.naps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await super().sleep(seconds)


class Room:
    """Running sinks, and what is on disk."""

    def __init__(self, folder: Path, sinks: Sequence[SinkSettings]) -> None:
        self.clock = Clock()
        self.folder = folder
        self.sinks = Sinks(
            sinks=sinks,
            clock=self.clock,
            is_memory=lambda _: True,
            folder=str(folder),
        )

    def file(self, name: str = "till") -> Path:
        return self.folder / name / "access_token"

    def holds(self, text: str | None, name: str = "till") -> bool:
        try:
            return self.file(name).read_text() == text
        except FileNotFoundError:
            return text is None

    def health(self, name: str = "till") -> dict[str, object]:
        told = self.sinks.health()[name]
        assert isinstance(told, dict)
        return told


@asynccontextmanager
async def running(folder: Path, *sinks: SinkSettings) -> AsyncIterator[Room]:
    room = Room(folder, sinks or (TILL,))
    task = asyncio.create_task(room.sinks.run())
    try:
        yield room
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
