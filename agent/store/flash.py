"""The grant on flash, so that a power cut at any moment leaves the old one or the new one.

A save overwrites the slot that is not the newest, in place, with one write and one flush, reads it
back from the medium, and only then counts. It takes no space, so a full disk does not matter, and
touches no directory. `docs/durability.md` has the picture, the promises and their limits.
"""

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.errors import StoreCorrupt, StoreError, StoreNotWritable
from agent.oauth.events import Grant
from agent.store.aside import set_aside
from agent.store.disk import Disk, SystemDisk
from agent.store.medium import Medium, Signature
from agent.store.payload import RecordTooLarge, stored_form
from agent.store.record import (
    SLOT_SIZE,
    SLOTS,
    Finding,
    Opened,
    RecordKeys,
    Slot,
    Spoiled,
    all_blank,
    newest,
    next_generation,
    open_slot,
    seal,
    unreadable,
    victim,
    worst,
)
from agent.store.trouble import explain

_STEPS: Final = {
    Finding.KEY_UNAVAILABLE: "put the key back and restart, or pair this terminal again",
    Finding.NEWER_FORMAT: "update the agent and put the copy back, or pair this terminal again",
}
_ABSENT: Final[tuple[Slot, ...]] = tuple(
    Spoiled(slot=slot, finding=Finding.BLANK) for slot in range(SLOTS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """For status and doctor; nothing in it is secret.

    `generation` counts slots written since enrolment, failed tries included. Without `direct_io`
    a save rests on the page cache's word. `slots` are `valid` or the finding.
    """

    path: str
    direct_io: bool
    generation: int
    bytes_written: int
    slots: tuple[str, ...]
    last_error: str | None


class FlashStore:
    """`Storage` on a file, or on a raw partition named below /dev/disk/."""

    def __init__(
        self,
        *,
        path: str,
        keys: RecordKeys,
        uuid: str,
        disk: Disk | None = None,
        random: Callable[[int], bytes] = os.urandom,
        set_aside_in: str | None = None,
    ) -> None:
        """`set_aside_in`: directory for copies of a corrupt store; the store's own by default,
        which on a partition's /dev would not outlive a reboot.
        """
        self._path = path
        self._keys = keys
        self._uuid = uuid
        self._disk = disk or SystemDisk()
        self._random = random
        self._set_aside_in = set_aside_in or os.path.dirname(path)
        self._medium = Medium(path=path, disk=self._disk)
        self._lock = threading.Lock()
        self._slots = _ABSENT
        self._signature: Signature | None = None
        self._held = False
        self._attempted = 0  # highest generation ever given to the medium
        self._suspect: set[int] = set()  # slots whose last write in place was not confirmed
        self._anchored = False  # what an earlier process wrote is known to be durable
        self._half_created = False
        self._complained = False
        self._last_error: str | None = None

    def load(self) -> Grant | None:
        with self._lock:
            self._signature = None
            try:
                slots = self._look()
            except OSError as error:
                raise StoreError(explain(self._path, error)) from error
            found = newest(slots)
            self._held = found is not None
            if found is None:
                self._report_loss(slots)
                return None
            return found.grant

    def save(self, grant: Grant) -> None:
        with self._lock:
            try:
                self._save(stored_form(grant))
            except OSError as error:
                self._last_error = explain(self._path, error)
                raise StoreNotWritable(self._last_error) from error
            except (RecordTooLarge, StoreError) as error:
                self._last_error = str(error)
                raise StoreNotWritable(self._last_error) from error
            self._held = True
            self._complained = False
            self._last_error = None

    def clear(self) -> None:
        """Overwrites before it removes, but flash may keep what was overwritten: only the server
        can make a grant worthless for certain.
        """
        with self._lock:
            self._signature = None
            try:
                partition = self._medium.is_partition()
                kept = self._overwrite_with_zeros()
                if not partition:
                    self._medium.remove()
            except OSError as error:
                raise StoreNotWritable(explain(self._path, error)) from error
            if kept is not None and partition:
                raise StoreNotWritable(f"not cleared: {kept}") from kept
            self._slots, self._held, self._half_created = _ABSENT, False, False
            self._suspect.clear()
            if kept is not None:
                raise StoreNotWritable(
                    f"removed, but not overwritten before, so the medium may still hold the sealed "
                    f"grant: have it revoked at the server ({kept})"
                ) from kept

    def holds_grant(self) -> bool:
        """Trouble in looking is not a decision to forget: then the last certain answer stands."""
        if not self._lock.acquire(blocking=False):
            return True  # a load, save or clear is under way; the next question will tell
        try:
            slots = self._look()
            if newest(slots) is not None:
                self._held = True
            elif all_blank(slots):
                self._held = False
        except (OSError, StoreError) as error:
            self._last_error = str(error)
        finally:
            self._lock.release()
        return self._held

    def health(self) -> Health:
        """As of the last look; never waits for a save."""
        generation = next_generation(self._slots, attempted=self._attempted) - 1
        return Health(
            path=self._path,
            direct_io=self._medium.direct,
            generation=generation,
            bytes_written=generation * SLOT_SIZE,
            slots=tuple(
                "valid" if isinstance(slot, Opened) else slot.finding.name.lower()
                for slot in self._slots
            ),
            last_error=self._last_error,
        )

    def _look(self) -> tuple[Slot, ...]:
        """The slots as they are now, read again only if somebody may have written."""
        try:
            signature = self._medium.signature()
            if signature is None:
                self._slots = _ABSENT
            elif signature != self._signature or not signature:
                self._slots = tuple(
                    self._judge(slot, raw) for slot, raw in enumerate(self._medium.read())
                )
        except FileNotFoundError:  # removed between the two
            signature, self._slots = None, _ABSENT
        self._signature = signature
        return self._slots

    def _judge(self, slot: int, raw: bytes | OSError) -> Slot:
        if slot in self._suspect:
            return Spoiled(slot=slot, finding=Finding.SUSPECT)
        if isinstance(raw, OSError):
            return Spoiled(slot=slot, finding=Finding.UNREADABLE)
        return open_slot(raw, slot=slot, uuid=self._uuid, keys=self._keys)

    def _save(self, grant: Grant) -> None:
        slots = self._look()
        if self._signature is None or self._half_created:
            self._create(grant)
            return
        if not self._anchored:
            # A process killed in mid-save leaves records that can be read, but may still sit in a
            # cache. Nothing is promised on top of them before they are known to be down.
            self._medium.anchor()
            self._anchored = True
        current = newest(slots)
        if current is not None and current.grant == grant:
            return
        if unreadable(slots) and not self._medium.is_partition():
            # The slot that cannot be read may be the newest, so it is no victim; and a new file
            # lies on other blocks.
            self._create(grant)
        elif current is not None:
            self._overwrite(victim(slots), grant, current.store_id)
        else:
            self._require_readable(slots)
            store_id = self._random(16)
            for slot in range(SLOTS):
                self._overwrite(slot, grant, store_id)

    def _create(self, grant: Grant) -> None:
        store_id = self._random(16)
        records = [self._seal(slot, grant, store_id) for slot in range(SLOTS)]
        self._half_created = True  # the name may not be durable: never build on this file
        self._medium.create([raw for raw, _ in records])
        for slot, (_, expected) in enumerate(records):
            self._confirm(slot, expected)
        self._half_created = False
        self._anchored = True

    def _overwrite(self, slot: int, grant: Grant, store_id: bytes) -> None:
        raw, expected = self._seal(slot, grant, store_id)
        self._suspect.add(slot)  # until it was read back; the page cache is no witness
        self._medium.write(slot, raw)
        self._confirm(slot, expected)

    def _seal(self, slot: int, grant: Grant, store_id: bytes) -> tuple[bytes, Opened]:
        """From here on the generation is used up, whatever happens."""
        generation = next_generation(self._slots, attempted=self._attempted)
        self._attempted = generation
        self._signature = None
        raw = seal(
            grant,
            slot=slot,
            generation=generation,
            store_id=store_id,
            uuid=self._uuid,
            keys=self._keys,
            salt=self._random(32),
            nonce=self._random(12),
        )
        expected = Opened(slot=slot, generation=generation, store_id=store_id, grant=grant)
        return raw, expected

    def _confirm(self, slot: int, expected: Opened) -> None:
        """Read back from the medium, open and compare."""
        raw = self._medium.read()[slot]
        if isinstance(raw, OSError):
            raise raw
        if open_slot(raw, slot=slot, uuid=self._uuid, keys=self._keys) != expected:
            raise OSError(errno.EIO, "what was written reads back differently")
        self._suspect.discard(slot)
        self._slots = tuple(expected if old.slot == slot else old for old in self._slots)
        self._signature = self._medium.signature()

    def _overwrite_with_zeros(self) -> StoreError | None:
        """The newest last: a power cut in between must not bring an older grant back to life."""
        try:
            slots = sorted(self._look(), key=lambda s: (isinstance(s, Opened), s.generation))
            for slot in slots:
                self._medium.write(slot.slot, bytes(SLOT_SIZE))
        except FileNotFoundError:
            return None
        except OSError as error:
            return StoreNotWritable(explain(self._path, error))
        except StoreError as error:
            return error
        return None

    def _require_readable(self, slots: tuple[Slot, ...]) -> None:
        """What cannot be read may be the grant: it is neither set aside nor overwritten."""
        if unreadable(slots):
            raise StoreError(f"{self._path}: no slot can be read: the medium failed; replace it")

    def _report_loss(self, slots: tuple[Slot, ...]) -> None:
        """Say once why there is no grant, unless there never was one. Raises StoreError."""
        self._require_readable(slots)
        fresh = all_blank(slots) and not self._signature  # no file, or a new partition
        if fresh or self._complained:
            return
        self._complained = True
        finding = worst(slots)
        kept = set_aside(self._medium, directory=self._set_aside_in, disk=self._disk)
        raise StoreCorrupt(
            f"{self._path}: the stored grant is {finding.value}; {kept}; "
            f"{_STEPS.get(finding, 'pair this terminal again')}"
        )


def enrolled(path: str, *, disk: Disk | None = None) -> bool:
    """Whether anything was ever stored there: then a missing key must not be replaced.

    Raises StoreError if the medium cannot be read.
    """
    try:
        found = Medium(path=path, disk=disk or SystemDisk()).read()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(explain(path, error)) from error
    return any(isinstance(raw, OSError) or raw.strip(b"\0") for raw in found)
