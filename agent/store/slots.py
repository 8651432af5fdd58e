"""The slots of one store as they were last seen, and the only ways to change them.

What is written is read back from the medium, opened and compared before it counts. A slot whose
last write was not confirmed is suspect until the next one is: the page cache is no witness.
"""

import errno
import os
from collections.abc import Callable, Sequence
from typing import Final

from agent.oauth.events import Grant
from agent.store.keyring import KeyRing
from agent.store.medium import Medium, Signature
from agent.store.record import (
    SLOT_SIZE,
    SLOTS,
    Finding,
    Opened,
    RecordKeys,
    Slot,
    Spoiled,
    next_generation,
    open_slot,
    open_with_any,
    seal,
)

_ABSENT: Final[tuple[Slot, ...]] = tuple(
    Spoiled(slot=slot, finding=Finding.BLANK) for slot in range(SLOTS)
)


class Slots:
    """`SLOTS` slots on one medium. Not thread-safe; methods raise OSError or StoreError."""

    def __init__(
        self,
        *,
        medium: Medium,
        keys: KeyRing,
        uuid: str,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._medium = medium
        self._keys = keys
        self._uuid = uuid
        self._random = random
        self.seen = _ABSENT
        self._signature: Signature | None = None
        self._attempted = 0  # highest generation ever given to the medium
        self._suspect: set[int] = set()
        self._anchored = False  # what an earlier process wrote is known to be durable
        self._half_created = False

    @property
    def generation(self) -> int:
        """Slots written since enrolment, failed tries included."""
        return next_generation(self.seen, attempted=self._attempted) - 1

    @property
    def absent(self) -> bool:
        """Whether there was no file at the last look, or one that must not be built on."""
        return self._signature is None or self._half_created

    @property
    def untouched(self) -> bool:
        """Whether the last look found no file, or a partition: where blank means new."""
        return not self._signature

    @property
    def only_reading_tells(self) -> bool:
        """Whether the last look found a partition: nothing but its content shows a change."""
        return self._signature == ()

    def look(self, *, again: bool = False) -> tuple[Slot, ...]:
        """The slots as they are now, read again only if somebody may have written."""
        if again:
            self._signature = None
        try:
            signature = self._medium.signature()
            if signature is None:
                self.seen = _ABSENT
            elif signature != self._signature or not signature:
                self.seen = tuple(
                    self._judge(slot, raw) for slot, raw in enumerate(self._medium.read())
                )
        except FileNotFoundError:  # removed between the two
            signature, self.seen = None, _ABSENT
        self._signature = signature
        return self.seen

    def anchor(self) -> None:
        """A process killed in mid-save leaves records that can be read, but may still sit in a
        cache. Nothing is promised on top of them before they are known to be down.
        """
        if not self._anchored:
            self._medium.anchor()
            self._anchored = True

    def create(self, grant: Grant, *, keys: RecordKeys, epoch: int) -> None:
        """A new store with the grant in every slot, in place of whatever has the name."""
        store_id = self.new_store_id()
        records = [self._seal(slot, grant, store_id, keys, epoch) for slot in range(SLOTS)]
        expected = tuple(opened for _, opened in records)
        self._half_created = True  # the name may not be durable: never build on this file
        self._medium.create(
            [raw for raw, _ in records],
            lambda found: self._require_all(found, expected, keys),
        )
        self._suspect.clear()
        self.seen = expected
        self._signature = self._medium.signature()
        self._half_created = False
        self._anchored = True

    def overwrite(
        self, slot: int, grant: Grant, *, keys: RecordKeys, epoch: int, store_id: bytes
    ) -> None:
        """In place, with one write and one flush."""
        raw, expected = self._seal(slot, grant, store_id, keys, epoch)
        self._suspect.add(slot)
        self._medium.write(slot, raw)
        self._confirm(slot, expected, keys)

    def new_store_id(self) -> bytes:
        return self._random(16)

    def zero(self) -> None:
        """The newest last: a power cut in between must not bring an older grant back to life."""
        for slot in sorted(self.look(), key=lambda s: (isinstance(s, Opened), s.generation)):
            self._medium.write(slot.slot, bytes(SLOT_SIZE))

    def forget(self) -> None:
        """As after the removal of everything."""
        self.seen, self._signature, self._half_created = _ABSENT, None, False
        self._suspect.clear()

    def _judge(self, slot: int, raw: bytes | OSError) -> Slot:
        if slot in self._suspect:
            return Spoiled(slot=slot, finding=Finding.SUSPECT)
        if isinstance(raw, OSError):
            return Spoiled(slot=slot, finding=Finding.UNREADABLE)
        return open_with_any(raw, slot=slot, uuid=self._uuid, keys=self._keys.known())

    def _open(self, slot: int, raw: bytes, keys: RecordKeys) -> Slot:
        return open_slot(raw, slot=slot, uuid=self._uuid, keys=keys)

    def _seal(
        self, slot: int, grant: Grant, store_id: bytes, keys: RecordKeys, epoch: int
    ) -> tuple[bytes, Opened]:
        """From here on the generation is used up, whatever happens."""
        generation = next_generation(self.seen, attempted=self._attempted)
        self._attempted = generation
        self._signature = None
        raw = seal(
            grant,
            slot=slot,
            generation=generation,
            epoch=epoch,
            store_id=store_id,
            uuid=self._uuid,
            keys=keys,
            salt=self._random(32),
            nonce=self._random(12),
        )
        expected = Opened(
            slot=slot, generation=generation, epoch=epoch, store_id=store_id, grant=grant
        )
        return raw, expected

    def _confirm(self, slot: int, expected: Opened, keys: RecordKeys) -> None:
        """Read back from the medium, open and compare."""
        self._require(self._medium.read()[slot], expected, keys)
        self._suspect.discard(slot)
        self.seen = tuple(expected if old.slot == slot else old for old in self.seen)
        self._signature = self._medium.signature()

    def _require_all(
        self, found: Sequence[bytes | OSError], expected: Sequence[Opened], keys: RecordKeys
    ) -> None:
        for raw, opened in zip(found, expected, strict=True):
            self._require(raw, opened, keys)

    def _require(self, raw: bytes | OSError, expected: Opened, keys: RecordKeys) -> None:
        if isinstance(raw, OSError):
            raise raw
        if self._open(expected.slot, raw, keys) != expected:
            raise OSError(errno.EIO, "what was written reads back differently")
