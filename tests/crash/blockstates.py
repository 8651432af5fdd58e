"""Everything a power cut may leave on a block device, from the log of what was written to it.

A flush makes the writes before it durable. Of those since then any may have arrived, in any order,
and one of them only in part: up to, or only from, one of its sectors. States of the same content
are one state, which then has to satisfy whoever may meet it.
"""

import mmap
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import combinations
from typing import Final

from tests.crash.blocklog import SECTOR, Entry, Flush, Mark, Write

_ALL_SUBSETS: Final = 5  # pending writes of which every subset is tried; of more: none, all, and
_SAMPLES: Final = 24  # so many at random, anew with every write
_NEAR: Final = 64 * 1024  # B between extents that are written out as one


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A device of `size` bytes: what was on it (the rest is zero), and what became of it.

    Marks are the numbers of the grants that may be found from then on; 0 is none. `superblock`:
    the byte at which ext4's superblock tears in two, or None.
    """

    size: int
    superblock: int | None
    base: tuple[Write, ...]
    log: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `begin` to `end` of the write that is entry `entry` of the log."""

    entry: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was durable after `position` entries of the log, and `pieces` on top of it.

    `allowed`: the grants that may be found. `superblock`: only to be had by tearing ext4's
    superblock in two.
    """

    position: int
    pieces: tuple[Piece, ...]
    allowed: frozenset[int]
    superblock: bool


class Content:
    """A device's bytes in memory; sparse, as what nobody wrote is zero."""

    def __init__(self, recording: Recording) -> None:
        self._size = recording.size
        self._bytes = mmap.mmap(-1, recording.size)
        self._extents = _extents(recording)
        for write in recording.base:
            self.apply(write)

    def apply(self, write: Write) -> None:
        self._bytes[write.offset : write.offset + len(write.data)] = write.data

    def sector(self, number: int) -> bytes:
        return self._bytes[number * SECTOR : (number + 1) * SECTOR]

    def under(self, write: Write) -> Write:
        """What `write` would overwrite."""
        return replace(write, data=self._bytes[write.offset : write.offset + len(write.data)])

    def write_to(self, file: int) -> None:
        """Into a file, in place of all that is in it."""
        os.ftruncate(file, 0)
        os.ftruncate(file, self._size)
        with memoryview(self._bytes) as view:
            for begin, end in self._extents:
                os.pwrite(file, view[begin:end], begin)


def crash_states(recording: Recording, dice: random.Random) -> list[State]:
    """All of them, by position."""
    return sorted(_Walk(recording, dice).found(), key=lambda state: state.position)


def contents(recording: Recording, states: Iterable[State]) -> Iterator[tuple[State, Content]]:
    """Each state with the device as it then is; `states` are sorted by position."""
    log, content, done = recording.log, Content(recording), 0
    pending: list[Write] = []
    for state in states:
        for entry in log[done : state.position]:
            if isinstance(entry, Write):
                pending.append(entry)
            elif isinstance(entry, Flush):
                for write in pending:
                    content.apply(write)
                pending.clear()
        done = state.position
        before = []
        for piece in state.pieces:
            arrived = cut_out(log, piece)
            before.append(content.under(arrived))
            content.apply(arrived)
        yield state, content
        for write in reversed(before):
            content.apply(write)


def cut_out(log: Sequence[Entry], piece: Piece) -> Write:
    whole = log[piece.entry]
    assert isinstance(whole, Write)
    return Write(whole.offset + piece.begin, whole.data[piece.begin : piece.end])


class _Walk:
    """Through the log once. A content's key is the exclusive or of its sectors' hashes, so that a
    state costs only what differs from the durable content.
    """

    def __init__(self, recording: Recording, dice: random.Random) -> None:
        self._log = recording.log
        self._superblock = recording.superblock
        self._dice = dice
        self._durable = Content(recording)
        self._durable_hashes: dict[int, int] = {}  # of the sectors anybody asked for
        self._durable_key = 0
        self._pending: list[int] = []
        self._hashes: dict[int, list[tuple[int, int]]] = {}  # of the pending: sector, hash
        self._allowed = frozenset({0})
        self._possible: set[int] = set()  # keys of the states that may be found at this moment
        self._states: dict[int, State] = {}

    def found(self) -> Iterable[State]:
        self._meet((), 0)
        for index, entry in enumerate(self._log):
            match entry:
                case Write():
                    self._write(index, entry)
                case Flush():
                    self._flush(index)
                case Mark(text=text):
                    self._allowed = frozenset(map(int, text.split()))
                    for key in self._possible:
                        self._narrow(key)
        return self._states.values()

    def _write(self, index: int, write: Write) -> None:
        self._pending.append(index)
        first = write.offset // SECTOR
        self._hashes[index] = [
            (first + number, _hash(first + number, write.data[at : at + SECTOR]))
            for number, at in enumerate(range(0, len(write.data), SECTOR))
        ]
        for subset in self._subsets():
            self._meet(tuple(map(self._whole, subset)), index + 1)
        earlier = tuple(map(self._whole, self._pending[:-1]))
        for torn in self._torn(index):
            self._meet((torn,), index + 1)
            self._meet((*earlier, torn), index + 1)

    def _flush(self, index: int) -> None:
        for place, entry in enumerate(self._pending):
            whole = tuple(map(self._whole, self._pending))
            for torn in self._torn(entry):
                self._meet((*whole[:place], torn, *whole[place + 1 :]), index)
        for entry in self._pending:
            self._durable_key ^= self._difference((self._whole(entry),))
            self._durable_hashes.update(self._hashes[entry])
            write = self._log[entry]
            assert isinstance(write, Write)
            self._durable.apply(write)
        self._pending.clear()
        self._hashes.clear()
        self._possible.clear()
        self._meet((), index + 1)

    def _subsets(self) -> Iterator[tuple[int, ...]]:
        """Of the pending writes, those that were not there before the last one."""
        *earlier, newest = self._pending
        if len(self._pending) <= _ALL_SUBSETS:
            for size in range(len(self._pending)):
                for subset in combinations(earlier, size):
                    yield (*subset, newest)
            return
        yield tuple(self._pending)
        for _ in range(_SAMPLES):
            yield tuple(entry for entry in self._pending if self._dice.random() < 0.5)

    def _torn(self, entry: int) -> Iterator[Piece]:
        end = self._whole(entry).end
        for cut in range(SECTOR, end, SECTOR):
            yield Piece(entry, 0, cut)
            yield Piece(entry, cut, end)

    def _whole(self, entry: int) -> Piece:
        return Piece(entry, 0, len(self._hashes[entry]) * SECTOR)

    def _meet(self, pieces: tuple[Piece, ...], position: int) -> None:
        key = self._durable_key ^ self._difference(pieces)
        superblock = any(map(self._tears_superblock, pieces))
        if key not in self._states:
            self._states[key] = State(
                position=position, pieces=pieces, allowed=self._allowed, superblock=superblock
            )
        elif not superblock and self._states[key].superblock:
            self._states[key] = replace(self._states[key], superblock=False)
        self._possible.add(key)
        self._narrow(key)

    def _narrow(self, key: int) -> None:
        state = self._states[key]
        if not state.allowed <= self._allowed:
            self._states[key] = replace(state, allowed=state.allowed & self._allowed)

    def _difference(self, pieces: tuple[Piece, ...]) -> int:
        """What the pieces do to the key of the durable content."""
        changed: dict[int, int] = {}
        for piece in pieces:
            changed.update(self._hashes[piece.entry][piece.begin // SECTOR : piece.end // SECTOR])
        difference = 0
        for sector, now in changed.items():
            difference ^= now ^ self._durable_hash(sector)
        return difference

    def _durable_hash(self, sector: int) -> int:
        if sector not in self._durable_hashes:
            self._durable_hashes[sector] = _hash(sector, self._durable.sector(sector))
        return self._durable_hashes[sector]

    def _tears_superblock(self, piece: Piece) -> bool:
        write = self._log[piece.entry]
        assert isinstance(write, Write)
        cuts = {piece.begin, piece.end} - {0, len(write.data)}
        return self._superblock is not None and self._superblock - write.offset in cuts


def _hash(sector: int, data: bytes) -> int:
    return int.from_bytes(
        blake2b(data, digest_size=16, salt=sector.to_bytes(16, "little")).digest()
    )


def _extents(recording: Recording) -> list[tuple[int, int]]:
    """Where there ever is anything but zeros, near ones merged."""
    writes = [*recording.base, *(entry for entry in recording.log if isinstance(entry, Write))]
    merged: list[tuple[int, int]] = []
    for begin, end in sorted((write.offset, write.offset + len(write.data)) for write in writes):
        if merged and begin <= merged[-1][1] + _NEAR:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
