"""What a store can stand on: an ext4, made and mounted as given, or a raw partition."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from agent.store.disk import Disk
from agent.store.flash import FlashStore, enrolled
from agent.store.keyring import GivenKeys, load_keys
from tests.crash.mounting import Loop, mount, sync_file_system, unmount
from tests.store.rig import KEYS, UUID

_MIB: Final = 1 << 20
_LINKS: Final = "/dev/disk"  # where the store follows links; a RAM disk, see tests.crash.ext4


class Ground(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def counts_as(self) -> str:
        """The name of the count of its states."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the device."""
        ...

    @property
    def superblock(self) -> int | None:
        """The byte at which ext4's superblock tears in two."""
        ...

    @property
    def rekeys(self) -> bool:
        """Whether the store's key is there as well, so that it can be replaced."""
        ...

    def make(self, image: str) -> None:
        """As it leaves the factory; `image` is of the right size, and all zeros."""
        ...

    @contextmanager
    def booted(self, loop: Loop, folder: str) -> Iterator[str]:
        """The path of the store. Raises OSError if this device cannot be mounted, or repaired."""
        ...

    def start(self, path: str, disk: Disk) -> FlashStore:
        """The store of a process that starts now (see `agent.store.opening`)."""
        ...

    def stir(self, path: str, dice: random.Random) -> None:
        """Do what else may be done on this medium between two steps of the store."""
        ...

    def write_back(self, path: str) -> None:
        """Put everything in its place, as the kernel does by and by, in the middle of a step."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ext4:
    """256 MiB, so that there is a second superblock."""

    name: str
    mkfs: tuple[str, ...] = ("-b", "4096", "-J", "size=4")
    options: str = ""
    journal: bool = True
    counts_as: str = "ext4_states"
    size: int = 256 * _MIB
    superblock: int = 1536  # B; it takes 1024 to 2047, and a medium may take one sector of it
    rekeys: bool = True

    def make(self, image: str) -> None:
        quiet = ("-q", "-F", "-N", "64", "-E", "lazy_itable_init=0,lazy_journal_init=0")
        subprocess.run(["mkfs.ext4", *quiet, *self.mkfs, image], check=True)

    @contextmanager
    def booted(self, loop: Loop, folder: str) -> Iterator[str]:
        if not self.journal:
            self._repair(loop)
        try:
            mount(loop.path, folder, "ext4", self.options)
        except OSError:
            self._repair(loop)
            mount(loop.path, folder, "ext4", self.options)
        try:
            yield f"{folder}/grant"
        finally:
            unmount(folder)

    def _repair(self, loop: Loop) -> None:
        subprocess.run(["e2fsck", "-fy", loop.path], capture_output=True, check=False)
        loop.drop_buffers()

    def start(self, path: str, disk: Disk) -> FlashStore:
        keys = load_keys(key_file=path + ".key", enrolled=enrolled(path, disk=disk), disk=disk)
        return FlashStore(path=path, keys=keys, uuid=UUID, disk=disk)

    def stir(self, path: str, dice: random.Random) -> None:
        """Another program appends to a log and now and then syncs it, so that the journal is
        written at other times than the store would have it written.
        """
        with open(f"{os.path.dirname(path)}/log", "ab", buffering=0) as file:
            file.write(b"all is well\n" * 50)
            if dice.random() < 0.3:
                os.fsync(file.fileno())

    def write_back(self, path: str) -> None:
        sync_file_system(os.path.dirname(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A partition below /dev/disk/; the key is a credential."""

    name: str = "raw"
    counts_as: str = "raw_states"
    size: int = _MIB
    superblock: None = None
    rekeys: bool = False

    def make(self, image: str) -> None:
        """Blank."""

    @contextmanager
    def booted(self, loop: Loop, folder: str) -> Iterator[str]:
        link = f"{_LINKS}/grant-{os.path.basename(loop.path)}"
        os.symlink(loop.path, link)
        try:
            yield link
        finally:
            os.unlink(link)

    def start(self, path: str, disk: Disk) -> FlashStore:
        keys = GivenKeys(KEYS)
        return FlashStore(path=path, keys=keys, uuid=UUID, disk=disk, set_aside_in=_LINKS)

    def stir(self, path: str, dice: random.Random) -> None:
        """Nobody else writes here."""

    def write_back(self, path: str) -> None:
        """Everything is in its place already."""
