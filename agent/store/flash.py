"""The grant on flash, so that a power cut at any moment leaves the old one or the new one.

A save overwrites the slot that is not the newest, in place, with one write and one flush, reads it
back from the medium, and only then counts. It takes no space, so a full disk does not matter, and
touches no directory. `docs/durability.md` has the picture, the promises and their limits.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from agent.errors import StoreCorrupt, StoreError, StoreForeign, StoreNotWritable
from agent.oauth.events import Grant
from agent.store.aside import set_aside
from agent.store.disk import Disk, SystemDisk
from agent.store.keyring import KeyRing
from agent.store.medium import Medium
from agent.store.payload import RecordTooLarge, stored_form
from agent.store.record import (
    SLOT_SIZE,
    Finding,
    Opened,
    Slot,
    all_blank,
    newest,
    oldest_first,
    unreadable,
    victim,
    worst,
)
from agent.store.slots import Slots
from agent.store.trouble import explain

_STEPS: Final = {
    Finding.KEY_UNAVAILABLE: "put the key back and restart, or pair this terminal again",
    Finding.NEWER_FORMAT: "update the agent and put the copy back, or pair this terminal again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """For status and doctor; nothing in it is secret.

    `writes` counts slots written since enrolment, failed tries included. Without `direct_io` a
    save rests on the page cache's word. `slots` are `valid` or the finding.
    """

    path: str
    direct_io: bool
    writes: int
    bytes_written: int
    slots: tuple[str, ...]
    last_error: str | None


class FlashStore:
    """`Storage` on a file, or on a raw partition named below /dev/disk/."""

    def __init__(
        self,
        *,
        path: str,
        keys: KeyRing,
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
        self._disk = disk or SystemDisk()
        self._set_aside_in = set_aside_in or os.path.dirname(path)
        self._medium = Medium(path=path, disk=self._disk)
        self._slots = Slots(medium=self._medium, keys=keys, uuid=uuid, random=random)
        self._lock = threading.Lock()
        self._held = False
        self._complained = False
        self._last_error: str | None = None

    def load(self) -> Grant | None:
        with self._lock:
            try:
                slots = self._slots.look(again=True)
            except OSError as error:
                raise StoreError(explain(self._path, error)) from error
            found = newest(slots)
            self._held = found is not None
            if found is None:
                self._report_loss(slots)
                return None
            return found.grant

    def save(self, grant: Grant) -> None:
        with self._writing():
            self._save(stored_form(grant))

    def rekey(self) -> None:
        """Seal the grant with a new key and destroy the old one; also ends a rekeying that was cut
        short. Raises StoreNotWritable; then the grant is still there, under one of the two.
        """
        with self._writing():
            current = newest(self._slots.look())
            if current is None:
                raise StoreError(
                    f"{self._path}: there is no grant to seal anew; pairing makes a key of its own"
                )
            self._keys.begin_replacing()
            self._save(current.grant)

    @property
    def rekeying(self) -> bool:
        """Whether a rekeying was begun and is not finished."""
        return self._keys.successor() is not None

    def clear(self) -> None:
        """Overwrites before it removes, then destroys the key. Flash may keep what was overwritten:
        only the server can make a grant worthless for certain.
        """
        with self._lock:
            try:
                partition = self._medium.is_partition()
                kept = self._overwrite_with_zeros()
                if not partition:
                    self._medium.remove()
                elif kept is not None:
                    raise StoreNotWritable(f"not cleared: {kept}") from kept
                self._slots.forget()
                self._held = False
                self._keys.destroy()
            except OSError as error:
                raise StoreNotWritable(explain(self._path, error)) from error
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
            if self.only_reading_tells:  # and what reads may stand, with every client
                return self._held
            self._look()
        finally:
            self._lock.release()
        return self._held

    @property
    def only_reading_tells(self) -> bool:
        return self._slots.only_reading_tells

    def look(self) -> None:
        with self._lock:
            self._look()

    def _look(self) -> None:
        try:
            slots = self._slots.look()
            if newest(slots) is not None:
                self._held = True
            elif all_blank(slots):
                self._held = False
        except (OSError, StoreError) as error:
            self._last_error = str(error)

    def health(self) -> Health:
        """As of the last look; never waits for a save."""
        writes = self._slots.generation
        return Health(
            path=self._path,
            direct_io=self._medium.direct,
            writes=writes,
            bytes_written=writes * SLOT_SIZE,
            slots=tuple(
                "valid" if isinstance(slot, Opened) else slot.finding.name.lower()
                for slot in self._slots.seen
            ),
            last_error=self._last_error,
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError as error:
                self._last_error = explain(self._path, error)
                raise StoreNotWritable(self._last_error) from error
            except (RecordTooLarge, StoreError) as error:
                self._last_error = str(error)
                raise StoreNotWritable(self._last_error) from error
            self._held = True
            self._complained = False
            self._last_error = None

    def _save(self, grant: Grant) -> None:
        slots = self._slots.look()
        current = newest(slots)
        self._keys.anchor()
        if self._slots.absent:
            self._everywhere(grant, current, create=True)
            return
        self._slots.anchor()
        if current is None:
            self._require_readable(slots)
            self._everywhere(grant, None, create=False)
        elif current.grant == grant and not self.rekeying:
            return
        elif unreadable(slots) and not self._medium.is_partition():
            # The slot that cannot be read may be the newest, so it is no victim; and a new file
            # lies on other blocks.
            self._everywhere(grant, current, create=True)
        elif self.rekeying:
            self._everywhere(grant, current, create=False)
        else:
            self._slots.overwrite(
                victim(slots),
                grant,
                keys=self._keys.current(),
                epoch=current.epoch,
                store_id=current.store_id,
            )

    def _everywhere(self, grant: Grant, current: Opened | None, *, create: bool) -> None:
        """Into every slot, under the successor of the key if there is one. What was the newest is
        overwritten last, when its successor is known to be durable.
        """
        successor = self._keys.successor()
        keys = successor or self._keys.current()
        epoch = (current.epoch if current else 0) + (1 if successor or not current else 0)
        if create:
            self._slots.create(grant, keys=keys, epoch=epoch)
        else:
            store_id = current.store_id if current else self._slots.new_store_id()
            for slot in oldest_first(self._slots.seen):
                self._slots.overwrite(slot, grant, keys=keys, epoch=epoch, store_id=store_id)
        if successor is not None:
            self._keys.replaced()

    def _overwrite_with_zeros(self) -> StoreError | None:
        try:
            self._slots.zero()
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
        fresh = all_blank(slots) and self._slots.untouched
        if fresh or self._complained:
            return
        self._complained = True
        finding = worst(slots)
        kept = set_aside(self._medium, directory=self._set_aside_in, disk=self._disk)
        kind = StoreForeign if finding is Finding.FOREIGN_DEVICE else StoreCorrupt
        raise kind(
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
