"""Records that are not what was written: bits flipped, parts swapped, numbers forged.

Refused, always, without a stray exception; a store with one such slot gives the other one's grant.
"""

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from agent.store.keys import Keys
from agent.store.record import (
    HEADER_SIZE,
    SLOT_SIZE,
    STRIDE,
    Finding,
    Header,
    Opened,
    header_of,
    open_slot,
    seal,
)
from tests.crash import Losses
from tests.crash.model import ModelDisk
from tests.crash.states import CHUNK, Image
from tests.crash.terminals import loaded
from tests.store.rig import KEYS, UUID, flash, grant

_BITS: Final = SLOT_SIZE * 8
_CRC_AT: Final = HEADER_SIZE - 4
_PATH: Final = "/state/grant"
_MUTATIONS: Final = 1_000_000  # in a long run
_OLDER_STRIDE: Final = 7  # of the older slot's bits every seventh, in a short run
_OTHER_KEYS: Final = Keys(root=bytes(32), sources=1)
_OTHER_UUID: Final = "/vendor/acme/serial/4712"


def run(*, long: bool, seed: int) -> dict[str, int]:
    losses = Losses("flips", seed=seed)
    return {**_try(losses, long=long, seed=seed), "losses": losses.count}


def probe(*, seed: int) -> None:
    """The record without the store around it. The first loss raises Enough."""
    losses = Losses("flips", seed=seed, first_only=True)
    records = Records(losses, random.Random(seed))
    records.swap()
    records.flip(range(HEADER_SIZE * 8))
    records.flip_and_mend()


def _try(losses: Losses, *, long: bool, seed: int) -> dict[str, int]:
    records = Records(losses, random.Random(seed))
    flips = records.flip(range(_BITS)) + records.flip_and_mend()
    flips += records.mutate(_MUTATIONS if long else 0)
    swaps = records.swap()
    flips += flip_in_store(losses, slot=0, other=1, bits=range(_BITS))
    step = 1 if long else _OLDER_STRIDE
    flips += flip_in_store(losses, slot=1, other=2, bits=range(0, _BITS, step))
    return {"bit_flips": flips, "swaps": swaps}


# -- one record -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """All that a record is bound to."""

    slot: int = 0
    generation: int = 58
    epoch: int = 1
    store_id: bytes = b"store-1 of sixte"
    uuid: str = UUID
    keys: Keys = KEYS

    def record(self, dice: random.Random) -> bytes:
        return seal(
            grant(self.generation),
            slot=self.slot,
            generation=self.generation,
            epoch=self.epoch,
            store_id=self.store_id,
            uuid=self.uuid,
            keys=self.keys,
            salt=dice.randbytes(32),
            nonce=dice.randbytes(12),
        )

    def opens(self, raw: bytes) -> Opened | None:
        found = open_slot(raw, slot=self.slot, uuid=self.uuid, keys=self.keys)
        return found if isinstance(found, Opened) else None


_SEALS: Final = tuple(
    Seal(slot=slot, generation=generation, epoch=epoch, store_id=store, uuid=uuid, keys=keys)
    for slot, generation, epoch, store, uuid, keys in product(
        (0, 1), (58, 59), (1, 2), (b"store-1 of sixte", b"store-2 of sixte"), (UUID, _OTHER_UUID),
        (KEYS, _OTHER_KEYS),
    )
)  # fmt: skip


class Records:
    """Each method tells how many records it tried."""

    def __init__(self, losses: Losses, dice: random.Random) -> None:
        self._losses = losses
        self._dice = dice
        self._seal = Seal()
        self._raw = self._seal.record(dice)
        if self._seal.opens(self._raw) is None:
            self._losses.add("a record that is as it was sealed does not open")

    def flip(self, bits: range) -> int:
        raw = bytearray(self._raw)
        for bit in bits:
            raw[bit // 8] ^= 1 << bit % 8
            self._refuse(bytes(raw), f"with bit {bit} flipped")
            raw[bit // 8] ^= 1 << bit % 8
        return len(bits)

    def flip_and_mend(self) -> int:
        """By somebody who knows how to make the checksum good again."""
        for bit in range(_CRC_AT * 8):
            head = bytearray(self._raw[:_CRC_AT])
            head[bit // 8] ^= 1 << bit % 8
            self._refuse(self._mended(head), f"with bit {bit} flipped and its checksum mended")
        return _CRC_AT * 8

    def mutate(self, times: int) -> int:
        """Several places at once, in any length."""
        for _ in range(times):
            raw = bytearray(self._raw)
            for _ in range(self._dice.randint(1, 4)):
                at, size = self._dice.randrange(SLOT_SIZE), self._dice.randint(1, 64)
                raw[at : at + size] = self._dice.randbytes(len(raw[at : at + size]))
            if raw != self._raw:
                self._refuse(bytes(raw), f"mutated to {bytes(raw).hex()}")
        return times

    def swap(self) -> int:
        """Whole records and parts of them, moved to where another would belong."""
        records = {each: each.record(self._dice) for each in _SEALS}
        tried = 0
        for there, here in product(_SEALS, _SEALS):
            fits = (there.slot, there.uuid, there.keys) == (here.slot, here.uuid, here.keys)
            found = self._opened(records[there], here, f"{there} at {here}")
            if (found is not None) != fits:
                self._losses.add(f"a record of {there} at {here}: {found}")
            if there != here:
                mixed = records[here][:HEADER_SIZE] + records[there][HEADER_SIZE:]
                self._refuse(mixed, f"with the head of {here}, the body of {there}", by=here)
            tried += 2
        return tried + self._forge(records) + self._open_with_other_headers()

    def _forge(self, records: dict[Seal, bytes]) -> int:
        """One field of the head from another record of ours, and the checksum mended."""
        fields = ((16, 17), (18, 20), (20, 24), (24, 32), (32, 48), (48, 64), (64, 96), (96, 108),
                  (112, 120), (120, 124))  # fmt: skip
        tried = 0
        for other, (first, end) in product(records.values(), fields):
            head = bytearray(self._raw[:_CRC_AT])
            head[first:end] = other[first:end]
            if head != self._raw[:_CRC_AT]:
                self._refuse(self._mended(head), f"with bytes {first} to {end} forged")
                tried += 1
        return tried

    def _open_with_other_headers(self) -> int:
        """Asked of the keys themselves: nothing before them has sorted anything out."""
        header = header_of(self._raw[:HEADER_SIZE])
        if isinstance(header, Finding):
            self._losses.add(f"the head of a record that is as it was sealed: {header}")
            return 1
        body = self._raw[HEADER_SIZE:]
        asked: list[tuple[str, Header, str, Keys]] = [
            (name, replace(header, **{name: other}), UUID, KEYS)  # type: ignore[arg-type]
            for name, other in _other_fields(header)
        ]
        asked += [("uuid", header, _OTHER_UUID, KEYS), ("key", header, UUID, _OTHER_KEYS)]
        for name, changed, uuid, keys in asked:
            if keys.decrypt(body, header=changed, uuid=uuid) is not None:
                self._losses.add(f"a body opens although its {name} is another's")
        if KEYS.decrypt(body, header=header, uuid=UUID) is None:
            self._losses.add("a body does not open although nothing was changed")
        return len(asked)

    def _mended(self, head: bytearray) -> bytes:
        return bytes(head) + zlib.crc32(head).to_bytes(4, "little") + self._raw[HEADER_SIZE:]

    def _refuse(self, raw: bytes, what: str, *, by: Seal | None = None) -> None:
        if self._opened(raw, by or self._seal, what) is not None:
            self._losses.add(f"a record {what} is accepted")

    def _opened(self, raw: bytes, by: Seal, what: str) -> Opened | None:
        try:
            return by.opens(raw)
        except Exception as error:
            self._losses.add(f"a record {what}: a stray {error!r}")
            return None


def _other_fields(header: Header) -> Iterator[tuple[str, int | bytes]]:
    for name in ("slot", "sources", "epoch", "generation"):
        yield name, getattr(header, name) ^ 1
    for name in ("store_id", "device", "salt", "nonce", "check_value", "fingerprint"):
        value: bytes = getattr(header, name)
        yield name, bytes((value[0] ^ 1,)) + value[1:]


# -- one slot of a store --------------------------------------------------------------------------


def flip_in_store(losses: Losses, *, slot: int, other: int, bits: range) -> int:
    """Grant 2 is the newest, in slot 0; grant 1 is in slot 1. `other`: what has to load."""
    image = _two_grants()
    inode = image.names[_PATH]
    file = image.files[inode]
    for bit in bits:
        place = slot * STRIDE // CHUNK + bit // 8 // CHUNK
        raw = bytearray(file.chunks[place])
        raw[bit // 8 % CHUNK] ^= 1 << bit % 8
        flipped = replace(file, chunks={**file.chunks, place: bytes(raw)})
        disk = ModelDisk(replace(image, files={inode: flipped}))
        try:
            found = loaded(flash(_PATH, disk=disk))
        except Exception as error:
            found = repr(error)
        if found != other:
            losses.add(f"slot {slot}, bit {bit} flipped: loads {found}, not {other}")
    return len(bits)


def _two_grants() -> Image:
    disk = ModelDisk()
    store = flash(_PATH, disk=disk)
    for number in (1, 2):
        store.save(grant(number))
    return disk.durable
