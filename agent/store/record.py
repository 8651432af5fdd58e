"""The bytes of one stored grant: sealing, opening, and which slot to trust or to give up.

A store is two slots of 4096 bytes, slot n at n x 64 KiB, whether the medium is a file or a raw
partition. Each slot is one self-contained record (integers little-endian):

    offset  size  field
         0     8  magic "TOKSLOT1"
         8     2  format version: 1
        10     2  header length: 128
        12     2  AEAD: 1, AES-256-GCM
        14     1  KDF: 1, HKDF-SHA256 (RFC 5869)
        15     1  container: 2, tokens
        16     1  slot index
        17     1  slot count: 2
        18     2  key sources, a bitmap (agent.store.keys)
        20     4  key epoch
        24     8  generation
        32    16  store id, random at enrolment
        48    16  device: SHA-256 of the UUID, cut to 16 bytes
        64    32  salt, random per record
        96    12  nonce, random per record
       108     4  body length: 3968
       112     8  key check value
       120     4  hardware fingerprint
       124     4  CRC-32 of bytes 0-123
       128  3952  ciphertext
      4080    16  tag

The whole header is associated data, so a record cannot be moved to another slot, terminal,
generation or epoch. The plaintext always has the same size, so a record's length tells nothing.
CRC, device, fingerprint and key check value only sort failures into words a technician can act
on; trust comes from the tag alone.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from agent.oauth.events import Grant
from agent.store.payload import SIZE_LIMIT, decode, encode

SLOTS: Final = 2
SLOT_SIZE: Final = 4096  # B; a multiple of every logical sector size in use, as O_DIRECT wants
# B between slots. Managed flash rewrites whole pages (8 to 16 KiB, more when interleaved), so a
# power cut while one slot is written may spoil its neighbours as well: keep the other one away.
STRIDE: Final = 64 * 1024

_MAGIC: Final = b"TOKSLOT1"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<8s HHH BBBB H I Q 16s 16s 32s 12s I 8s 4s I")
_PLAINTEXT: Final = struct.Struct(f"<I {SIZE_LIMIT}s")  # zeros after the text
HEADER_SIZE: Final = _HEADER.size
_BODY_SIZE: Final = SLOT_SIZE - HEADER_SIZE
_LAYOUT: Final = (HEADER_SIZE, 1, 1, 2)  # header length, AEAD, KDF, container
_BLANK: Final = bytes(SLOT_SIZE)
_PLAUSIBLE_GENERATION: Final = 1 << 63  # above it an unauthenticated number is not believed


class Finding(Enum):
    """Why a slot holds no grant for us, in the order of what is best told to a person first."""

    FOREIGN_DEVICE = "written by another terminal (the serial number changed, or a cloned card)"
    FOREIGN_HARDWARE = "written on other hardware (a cloned card or a swapped board)"
    KEY_UNAVAILABLE = "sealed with another key (the key file or credential was replaced)"
    NEWER_FORMAT = "in a format this version does not know (the agent was downgraded)"
    TAMPERED = "changed after it was written, or written only in part"
    TORN = "written only in part, or overwritten by something else"
    UNREADABLE = "on a part of the medium that cannot be read"
    SUSPECT = "left by a save that failed"
    BLANK = "never written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a record says about itself. `keys` fills in `check_value` and `fingerprint`."""

    slot: int
    sources: int
    epoch: int
    generation: int
    store_id: bytes
    device: bytes
    salt: bytes
    nonce: bytes
    check_value: bytes
    fingerprint: bytes

    def pack(self) -> bytes:
        """The 128 bytes on the medium; also the associated data of the body."""
        front = _HEADER.pack(
            _MAGIC, _VERSION, *_LAYOUT, self.slot, SLOTS, self.sources, self.epoch,
            self.generation, self.store_id, self.device, self.salt, self.nonce, _BODY_SIZE,
            self.check_value, self.fingerprint, 0,
        )[:-4]  # fmt: skip
        return front + zlib.crc32(front).to_bytes(4, "little")


class RecordKeys(Protocol):
    """What a record asks of this terminal's keys. The keys themselves stay behind it."""

    @property
    def sources(self) -> int: ...

    def check_value(self, *, store_id: bytes, uuid: str, epoch: int) -> bytes:
        """8 bytes that tell whether these are the keys a record was sealed with."""
        ...

    def fingerprint(self, store_id: bytes) -> bytes:
        """4 bytes that tell whether this is the hardware a record was sealed on."""
        ...

    def encrypt(self, plaintext: bytes, *, header: Header, uuid: str) -> bytes:
        """Ciphertext and tag, under a key of this record alone."""
        ...

    def decrypt(self, body: bytes, *, header: Header, uuid: str) -> bytes | None:
        """The plaintext, or None if the tag does not match."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A slot with a grant in it, authenticated."""

    slot: int
    generation: int
    epoch: int
    store_id: bytes
    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """A slot without one. `generation` is what its header claims, if the header is whole."""

    slot: int
    finding: Finding
    generation: int = 0


Slot = Opened | Spoiled


def device_of(uuid: str) -> bytes:
    """The header's 16 bytes for a device UUID of any length."""
    return hashlib.sha256(uuid.encode()).digest()[:16]


def seal(
    grant: Grant,
    *,
    slot: int,
    generation: int,
    epoch: int,
    store_id: bytes,
    uuid: str,
    keys: RecordKeys,
    salt: bytes,
    nonce: bytes,
) -> bytes:
    """One slot of 4096 bytes. `salt` (32 bytes) and `nonce` (12) are fresh randomness, every time.

    The grant is one that `agent.store.payload.stored_form` has passed.
    """
    header = Header(
        slot=slot,
        sources=keys.sources,
        epoch=epoch,
        generation=generation,
        store_id=store_id,
        device=device_of(uuid),
        salt=salt,
        nonce=nonce,
        check_value=keys.check_value(store_id=store_id, uuid=uuid, epoch=epoch),
        fingerprint=keys.fingerprint(store_id),
    )
    text = encode(grant)
    plaintext = _PLAINTEXT.pack(len(text), text)
    return header.pack() + keys.encrypt(plaintext, header=header, uuid=uuid)


def open_slot(raw: bytes, *, slot: int, uuid: str, keys: RecordKeys) -> Slot:
    """What is in the 4096 bytes read at slot `slot`. A shorter reading counts as zeros beyond."""
    raw = raw.ljust(SLOT_SIZE, b"\0")
    if raw == _BLANK:
        return Spoiled(slot=slot, finding=Finding.BLANK)
    header = header_of(raw[:HEADER_SIZE])
    if isinstance(header, Finding):
        return Spoiled(slot=slot, finding=header)
    finding = _sort(header, slot=slot, uuid=uuid, keys=keys)
    if finding is None:
        plaintext = keys.decrypt(raw[HEADER_SIZE:], header=header, uuid=uuid)
        grant = None if plaintext is None else _unpack(plaintext)
        if grant is not None:
            return Opened(
                slot=slot,
                generation=header.generation,
                epoch=header.epoch,
                store_id=header.store_id,
                grant=grant,
            )
        finding = Finding.TAMPERED if plaintext is None else Finding.NEWER_FORMAT
    return Spoiled(slot=slot, finding=finding, generation=header.generation)


def open_with_any(raw: bytes, *, slot: int, uuid: str, keys: Sequence[RecordKeys]) -> Slot:
    """As `open_slot`, with whichever of the keys fits. Without any, what is there stays shut."""
    found: list[Opened | Spoiled] = [
        open_slot(raw, slot=slot, uuid=uuid, keys=each) for each in keys
    ]
    if not found:
        blank = not raw.strip(b"\0")
        finding = Finding.BLANK if blank else Finding.KEY_UNAVAILABLE
        return Spoiled(slot=slot, finding=finding)
    for each in found:
        if isinstance(each, Opened) or each.finding is not Finding.KEY_UNAVAILABLE:
            return each
    return found[0]


def header_of(raw: bytes) -> Header | Finding:
    """What `HEADER_SIZE` bytes say, if their checksum is right: not authenticated."""
    (
        magic, version, *layout, slot, count, sources, epoch, generation, store_id, device, salt,
        nonce, body_size, check_value, fingerprint, crc,
    ) = _HEADER.unpack(raw)  # fmt: skip
    if magic != _MAGIC or crc != zlib.crc32(raw[:-4]):
        return Finding.TORN
    if (version, *layout, count, body_size) != (_VERSION, *_LAYOUT, SLOTS, _BODY_SIZE):
        return Finding.NEWER_FORMAT
    return Header(
        slot=slot,
        sources=sources,
        epoch=epoch,
        generation=generation,
        store_id=store_id,
        device=device,
        salt=salt,
        nonce=nonce,
        check_value=check_value,
        fingerprint=fingerprint,
    )


def newest(slots: Sequence[Slot]) -> Opened | None:
    """The record that counts."""
    opened = [slot for slot in slots if isinstance(slot, Opened)]
    return max(opened, key=lambda slot: slot.generation, default=None)


def oldest_first(slots: Sequence[Slot]) -> list[int]:
    """The slots in the order to overwrite them: those that hold nothing for us, then by age."""
    by_age = sorted(slots, key=lambda slot: slot.generation if isinstance(slot, Opened) else -1)
    return [slot.slot for slot in by_age]


def victim(slots: Sequence[Slot]) -> int:
    """The slot to overwrite with the next grant. Never the newest."""
    return oldest_first(slots)[0]


def next_generation(slots: Sequence[Slot], *, attempted: int) -> int:
    """Above every number that ever may have reached the medium, failed saves included.

    A header whose tag failed is only believed within reason, or one forged number would use up
    all that are left.
    """
    seen = (
        slot.generation
        for slot in slots
        if isinstance(slot, Opened) or slot.generation < _PLAUSIBLE_GENERATION
    )
    return max(attempted, *seen) + 1


def unreadable(slots: Sequence[Slot]) -> bool:
    """Whether the medium kept any of them to itself: what it holds is then not known."""
    return Finding.UNREADABLE in _findings(slots)


def all_blank(slots: Sequence[Slot]) -> bool:
    """Whether nothing was ever stored, or all of it was cleared."""
    return _findings(slots) == [Finding.BLANK] * len(slots)


def worst(slots: Sequence[Slot]) -> Finding:
    """Of slots that are all spoiled: the finding to tell a person."""
    found = _findings(slots)
    return next(finding for finding in Finding if finding in found)


def _findings(slots: Sequence[Slot]) -> list[Finding]:
    return [slot.finding for slot in slots if isinstance(slot, Spoiled)]


def _unpack(plaintext: bytes) -> Grant | None:
    size, text = _PLAINTEXT.unpack(plaintext)
    return decode(text[:size])


def _sort(header: Header, *, slot: int, uuid: str, keys: RecordKeys) -> Finding | None:
    """Why this header cannot be ours, as far as it can be told without opening the body."""
    if header.device != device_of(uuid):
        return Finding.FOREIGN_DEVICE
    if header.sources != keys.sources:
        return Finding.KEY_UNAVAILABLE
    if header.fingerprint != keys.fingerprint(header.store_id):
        return Finding.FOREIGN_HARDWARE
    if header.check_value != keys.check_value(
        store_id=header.store_id, uuid=uuid, epoch=header.epoch
    ):
        return Finding.KEY_UNAVAILABLE
    if header.slot != slot:
        return Finding.TAMPERED
    return None
