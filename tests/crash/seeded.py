"""The defects a layer has to find, or it proves nothing: each is one way to lose a grant.

A text that does not match exactly once is an error: the product has moved, and the defect follows.
"""

from dataclasses import dataclass
from typing import Final

MEDIUM: Final = "agent/store/medium.py"
SLOTS: Final = "agent/store/slots.py"
FLASH: Final = "agent/store/flash.py"
RECORD: Final = "agent/store/record.py"
KEYS: Final = "agent/store/keys.py"
KEY_FILE: Final = "agent/store/keyfile.py"
RENEWAL: Final = "agent/oauth/renewal.py"


@dataclass(frozen=True, slots=True)
class Edit:
    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """`layers`: each of them has to find it, alone."""

    name: str
    edits: tuple[Edit, ...]
    layers: tuple[str, ...]


_VICTIM: Final = "    return oldest_first(slots)[0]\n"
_KEPT: Final = "    kept = used if used != newest else None\n"
_RENAME: Final = "        self._disk.rename(new.path, self.path)\n"
_HEADER_IN_TAG: Final = Edit(KEYS, "return AESGCM(key), packed\n", 'return AESGCM(key), b""\n')
_HEADER_IN_KEY: Final = Edit(
    KEYS, 'info=b"tokstore/1/rec" + packed[:64])', 'info=b"tokstore/1/rec")'
)

DEFECTS: Final = (
    Defect(
        name="creation without fsync of the file",
        edits=(
            Edit(
                MEDIUM,
                "                self._pwrite(fd, slot, raw)\n            self._disk.fsync(fd)\n",
                "                self._pwrite(fd, slot, raw)\n",
            ),
        ),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="rename without fsync of the directory",
        edits=(Edit(MEDIUM, _RENAME + "        self.sync_directory()\n", _RENAME),),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="unlink before rename",
        edits=(Edit(MEDIUM, _RENAME, "        self._unlink(self.path)\n" + _RENAME),),
        layers=("explorer",),
    ),
    Defect(
        name="no sync in a save",
        edits=(
            Edit(MEDIUM, "os.O_WRONLY: os.O_DSYNC}", "os.O_WRONLY: 0}"),
            Edit(MEDIUM, "            self._disk.fdatasync(fd)\n", "            pass\n"),
        ),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="O_TRUNC instead of in place",
        edits=(Edit(MEDIUM, "os.O_WRONLY: os.O_DSYNC}", "os.O_WRONLY: os.O_DSYNC | os.O_TRUNC}"),),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="error of a sync swallowed",
        edits=(
            Edit(
                MEDIUM,
                "            self._disk.fdatasync(fd)\n",
                "            with contextlib.suppress(OSError):\n"
                "                self._disk.fdatasync(fd)\n",
            ),
        ),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="buffered read-back",
        edits=(
            Edit(
                MEDIUM,
                "self._on_descriptor(flags | os.O_DIRECT | _SYNC[flags], work)",
                "self._on_descriptor(flags | (os.O_DIRECT if flags else 0) | _SYNC[flags], work)",
            ),
        ),
        layers=("errnos",),
    ),
    Defect(
        name="EIO in one slot is fatal",
        edits=(Edit(MEDIUM, "                found.append(error)\n", "                raise\n"),),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="short write of a key accepted",
        edits=(
            Edit(
                KEY_FILE,
                "if self._disk.pwrite(fd, buffer, 0) != KEY_SIZE:",
                "if self._disk.pwrite(fd, buffer, 0) == 0:",
            ),
        ),
        layers=("errnos",),
    ),
    Defect(
        name="short write of a slot accepted, and not read back",
        edits=(
            Edit(MEDIUM, "        if count != SLOT_SIZE:\n", "        if count == 0:\n"),
            Edit(
                SLOTS,
                "        if self._open(expected.slot, raw, keys) != expected:\n",
                "        if not expected:\n",
            ),
        ),
        layers=("errnos",),
    ),
    Defect(
        name="generation used again after a failure",
        edits=(
            Edit(
                SLOTS,
                '        """In place, with one write and one flush."""\n',
                "        self._attempted = 0\n",
            ),
        ),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="a slot that was not confirmed counts as written",
        edits=(Edit(SLOTS, "        self._suspect.add(slot)\n", ""),),
        layers=("explorer",),
    ),
    Defect(
        name="what an earlier process left counts as durable",
        edits=(Edit(FLASH, "        self._slots.anchor()\n", ""),),
        layers=("explorer",),
    ),
    Defect(
        name="what an earlier process left of a key counts as durable",
        edits=(Edit(FLASH, "        self._keys.anchor()\n", ""),),
        layers=("explorer",),
    ),
    Defect(
        name="replacing a key starts over although its name is taken",
        edits=(Edit(KEY_FILE, "            self._disk.lstat(self.path + _NEXT)\n", ""),),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="a new file takes the name before it is read back",
        edits=(
            Edit(
                MEDIUM,
                "        check(new.read())\n        self.direct = new.direct\n" + _RENAME,
                _RENAME + "        check(self.read())\n",
            ),
        ),
        layers=("errnos",),
    ),
    Defect(
        name="single slot",
        edits=(Edit(RECORD, _VICTIM, "    return 0\n"),),
        layers=("explorer",),
    ),
    Defect(
        name="newest slot is the victim",
        edits=(
            Edit(
                RECORD,
                "    return oldest_first(slots)[0]\n",
                "    return oldest_first(slots)[-1]\n",
            ),
        ),
        layers=("explorer",),
    ),
    Defect(
        name="first valid slot counts, not the newest",
        edits=(
            Edit(
                RECORD,
                "    return max(opened, key=lambda slot: slot.generation, default=None)\n",
                "    return next(iter(opened), None)\n",
            ),
        ),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="clearing takes the newest first",
        edits=(
            Edit(
                SLOTS,
                "key=lambda s: (isinstance(s, Opened), s.generation)):",
                "key=lambda s: (isinstance(s, Opened), s.generation), reverse=True):",
            ),
        ),
        layers=("explorer",),
    ),
    Defect(
        name="corrupt store deleted instead of set aside",
        edits=(
            Edit(
                FLASH,
                "        kept = set_aside(self._medium, directory=self._set_aside_in, "
                "disk=self._disk)\n",
                '        self._medium.remove()\n        kept = "it is removed"\n',
            ),
        ),
        layers=("explorer",),
    ),
    Defect(
        name="key taken for durable before its name is",
        edits=(
            Edit(
                KEY_FILE,
                "            self._disk.rename(new, path)\n            self._sync_directory()\n",
                "            self._disk.rename(new, path)\n",
            ),
        ),
        layers=("explorer", "errnos"),
    ),
    Defect(
        name="old key destroyed before the grant is sealed anew",
        edits=(
            Edit(
                FLASH,
                "        if create:\n            self._slots.create(",
                "        if successor is not None:\n            self._keys.replaced()\n"
                "        if create:\n            self._slots.create(",
            ),
            Edit(
                FLASH,
                "store_id=store_id)\n        if successor is not None:\n",
                "store_id=store_id)\n        if successor is not None and create:\n",
            ),
        ),
        layers=("explorer",),
    ),
    Defect(
        name="key outlives the clearing",
        edits=(Edit(FLASH, "                self._keys.destroy()\n", ""),),
        layers=("explorer",),
    ),
    Defect(
        name="key of a record without the UUID",
        edits=(Edit(KEYS, ' + epoch.to_bytes(4, "little") + uuid.encode()\n', "\n"),),
        layers=("flips",),
    ),
    Defect(name="header not in the tag", edits=(_HEADER_IN_TAG,), layers=("flips",)),
    Defect(
        name="header bound to the body by nothing",
        edits=(_HEADER_IN_TAG, _HEADER_IN_KEY),
        layers=("flips",),
    ),
    Defect(
        name="checksum of the header not looked at",
        edits=(
            Edit(
                RECORD,
                "    if magic != _MAGIC or crc != zlib.crc32(raw[:-4]):\n",
                "    if magic != _MAGIC:\n",
            ),
        ),
        layers=("flips",),
    ),
    Defect(
        name="access token served before its grant is saved",
        edits=(
            Edit(
                RENEWAL,
                "return Saving(before=state.before, then=serving), SaveToken(grant=grant)",
                "return Saving(before=serving, then=serving), SaveToken(grant=grant)",
            ),
        ),
        layers=("rotation",),
    ),
    Defect(
        name="previous refresh token tried again and again",
        edits=(
            Edit(
                RENEWAL,
                "    if not state.previous and grant.previous_refresh_token is not None:\n",
                "    if grant.previous_refresh_token is not None:\n",
            ),
        ),
        layers=("rotation",),
    ),
    Defect(
        name="previous refresh token not kept",
        edits=(
            Edit(RENEWAL, "    kept = used if used != newest else None\n", "    kept = None\n"),
        ),
        layers=("rotation",),
    ),
)
