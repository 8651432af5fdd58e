"""Where a terminal keeps its grant and its key, on a model disk, and what it starts with."""

import contextlib
import random
import stat
from dataclasses import dataclass
from typing import Final

from agent.errors import StoreCorrupt, StoreError
from agent.store.flash import FlashStore, enrolled
from agent.store.keyring import load_keys
from tests.crash.model import ModelDisk
from tests.crash.states import EMPTY, File, Image
from tests.store.rig import UUID, grant

CORRUPT: Final = "corrupt"  # StoreCorrupt: reported, then pairing goes on
Found = int | str | None  # a grant's number; CORRUPT or a complaint; no grant

_KEYS: Final = "/keys/grant.key"
_PARTITION: Final = "/dev/mmcblk0p3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where one keeps its grant and its key, and how the two are opened at boot."""

    name: str
    path: str = "/state/grant"
    key_file: str = _KEYS
    direct: bool = True
    new: Image = EMPTY  # before anything was ever stored

    @property
    def partition(self) -> bool:
        file = self.new.file(self.path)
        return file is not None and stat.S_ISBLK(file.mode)

    def disk(self, image: Image) -> ModelDisk:
        return ModelDisk(image, directories=("/state", "/keys", "/dev"), direct=self.direct)

    def boot(self, disk: ModelDisk, dice: random.Random) -> FlashStore:
        """As agent.store.opening does, on this disk."""
        store = self._opened(disk, dice, known=enrolled(self.path, disk=disk))
        if store.rekeying:
            with contextlib.suppress(StoreError):
                store.rekey()
        return store

    def recovered(self, image: Image, dice: random.Random) -> Found:
        """What this terminal starts with after a power cut."""
        disk = self.disk(image)
        try:
            try:
                store = self._opened(disk, dice, known=True)
            except StoreError:  # only then does it matter, and looking takes as long as loading
                store = self._opened(disk, dice, known=enrolled(self.path, disk=disk))
            return loaded(store)
        except StoreError as error:
            return f"StoreError: {error}"
        except Exception as error:
            return repr(error)

    def _opened(self, disk: ModelDisk, dice: random.Random, *, known: bool) -> FlashStore:
        keys = load_keys(key_file=self.key_file, enrolled=known, disk=disk, random=dice.randbytes)
        return FlashStore(
            path=self.path,
            keys=keys,
            uuid=UUID,
            disk=disk,
            random=dice.randbytes,
            set_aside_in="/state",
        )


FILE: Final = Terminal(name="file")
KEY_BESIDE: Final = Terminal(name="key beside", key_file="/state/grant.key")
BUFFERED: Final = Terminal(name="no direct I/O", direct=False)
RAW: Final = Terminal(
    name="partition",
    path=_PARTITION,
    new=Image(
        names={_PARTITION: 1},
        files={1: File(mode=stat.S_IFBLK | 0o600, size=1 << 20, chunks={})},
    ),
)
TERMINALS: Final = (FILE, RAW, BUFFERED, KEY_BESIDE)


def loaded(store: FlashStore) -> Found:
    """The number of the grant, if it is one of ours, whole. Raises StoreError but StoreCorrupt."""
    try:
        found = store.load()
    except StoreCorrupt:
        return CORRUPT
    if found is None:
        return None
    number = found.obtained_at
    return number if found == grant(number) else f"a grant nobody saved: {found!r}"
