"""The life of a store that is recorded, and two stores that are known to be broken.

The log is told before and after each step which grants a power cut may leave: acknowledged <=
recovered <= started; while the grant is cleared the newest or none, afterwards none.
"""

import contextlib
import hashlib
import mmap
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

from agent.errors import StoreCorrupt
from agent.oauth.events import Grant
from agent.store.disk import Disk, SystemDisk
from agent.store.flash import FlashStore
from agent.store.record import SLOT_SIZE
from tests.crash.blockgrounds import Ground
from tests.store.rig import grant

_ENROLMENT: Final = 9  # writes, syncs and renames it takes: a key, two slots, their names
_CLEARING: Final = 6
_CHAPTERS: Final = 6


class Store(Protocol):
    """What even a broken store can do."""

    def load(self) -> Grant | None: ...

    def save(self, grant: Grant) -> None: ...


class Died(BaseException):
    """The process ended here."""


@dataclass(kw_only=True)
class MortalDisk(SystemDisk):
    """Ends the process just before its `dies_at`-th write, sync or rename."""

    dies_at: int

    def _live(self) -> None:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise Died

    def pwrite(self, fd: int, buffer: mmap.mmap, offset: int) -> int:
        self._live()
        return super().pwrite(fd, buffer, offset)

    def fsync(self, fd: int) -> None:
        self._live()
        super().fsync(fd)

    def rename(self, source: str, target: str) -> None:
        self._live()
        super().rename(source, target)


@dataclass(kw_only=True)
class Life:
    """The store at `path`; `mark` writes into the log."""

    ground: Ground
    path: str
    mark: Callable[[str], None]
    dice: random.Random
    store: FlashStore = field(init=False)
    _number: int = 0
    _allowed: frozenset[int] = frozenset({0})

    def live(self) -> None:
        """A chapter begins with an enrolment; all but the last end with the grant cleared."""
        self.store = self._started(SystemDisk())
        for chapter in range(_CHAPTERS):
            if chapter:
                self._clear(dies_at=self.dice.randint(1, _CLEARING))
                self._clear()
            self._chapter()

    def _chapter(self) -> None:
        self._save(dies_at=self.dice.randint(1, _ENROLMENT))
        self._saves(6)
        self.store = self._started(SystemDisk())
        self._saves(3)
        self._save(dies_at=self.dice.randint(1, 2))
        self._saves(1)
        if self.ground.rekeys:
            self._rekey(dies_at=self.dice.randint(1, _ENROLMENT))
            self._rekey()
            self._saves(2)

    def _saves(self, count: int) -> None:
        for _ in range(count):
            self._save()

    def _save(self, *, dies_at: int = 0) -> None:
        self._number += 1
        new = grant(self._number)
        self._do(lambda store: store.save(new), self._number, dies_at)

    def _rekey(self, *, dies_at: int = 0) -> None:
        self._do(lambda store: store.rekey(), self._number, dies_at)

    def _clear(self, *, dies_at: int = 0) -> None:
        self._do(lambda store: store.clear(), 0, dies_at)

    def _do(self, step: Callable[[FlashStore], None], outcome: int, dies_at: int) -> None:
        """`outcome`: the grant there is after the step; `dies_at`: see MortalDisk, 0 for never."""
        self._allow(self._allowed | {outcome})
        if dies_at:
            self.store = self._started(MortalDisk(dies_at=dies_at))
        with contextlib.suppress(Died), self._kernel_at_work():
            step(self.store)
            self._allow(frozenset({outcome}))
        if dies_at:
            self.store = self._started(SystemDisk())
        self.ground.stir(self.path, self.dice)

    @contextlib.contextmanager
    def _kernel_at_work(self) -> Iterator[None]:
        """Now and then it writes back at the same time."""
        if self.dice.random() < 0.8:
            yield
            return
        with ThreadPoolExecutor(max_workers=1) as kernel:
            written = kernel.submit(self.ground.write_back, self.path)
            yield
        written.result()

    def _allow(self, grants: frozenset[int]) -> None:
        self._allowed = grants
        self.mark(" ".join(map(str, sorted(grants))))

    def _started(self, disk: Disk) -> FlashStore:
        store = self.ground.start(self.path, disk)
        found = number_in(store)
        if found not in self._allowed:
            raise AssertionError(f"found {found} without any cut, allowed {set(self._allowed)}")
        return store


def number_in(store: Store) -> int:
    """Of the grant that a starting process finds; 0 for none. Raises StoreError."""
    try:
        found = store.load()
    except StoreCorrupt:
        return 0  # told to a person, and the terminal pairs again
    if found is None:
        return 0
    if found != grant(found.obtained_at):
        raise AssertionError(f"a grant that was never saved: {found}")
    return found.obtained_at


class RenamesUnsynced:
    """Broken: a new file takes the name, but nothing is synced."""

    def __init__(self, path: str) -> None:
        self._path = path

    def load(self) -> Grant | None:
        try:
            with open(self._path, "rb") as file:
                return _unpacked(file.read())
        except FileNotFoundError:
            return None

    def save(self, grant: Grant) -> None:
        with open(self._path + ".new", "wb") as file:
            file.write(_packed(grant))
        os.rename(self._path + ".new", self._path)


class OneSlot:
    """Broken: overwrites the only record, if durably."""

    def __init__(self, path: str) -> None:
        self._path = path

    def load(self) -> Grant | None:
        with open(self._path, "rb") as file:
            return _unpacked(file.read(SLOT_SIZE))

    def save(self, grant: Grant) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC)
        try:
            with mmap.mmap(-1, SLOT_SIZE) as buffer:
                buffer[:] = _packed(grant)
                os.pwrite(fd, buffer, 0)
        finally:
            os.close(fd)


def _packed(grant: Grant) -> bytes:
    """A checksum over the whole slot, so that a torn record is not taken for one."""
    number = grant.obtained_at.to_bytes(8, "little")
    body = number * ((SLOT_SIZE - 32) // len(number))
    return hashlib.sha256(body).digest() + body


def _unpacked(raw: bytes) -> Grant | None:
    checksum, body = raw[:32], raw[32:]
    if hashlib.sha256(body).digest() != checksum:
        return None
    return grant(int.from_bytes(body[:8], "little"))
