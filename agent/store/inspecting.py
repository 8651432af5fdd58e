"""What a store's headers say of it, without a key and without changing anything. No secret."""

import os
import stat
from collections.abc import Mapping
from typing import Final

from agent.store.ground import file_system
from agent.store.keys import CREDENTIAL, HARDWARE, KEY_FILE
from agent.store.record import HEADER_SIZE, SLOT_SIZE, SLOTS, STRIDE, Header, device_of, header_of

_SOURCES: Final = {KEY_FILE: "key file", CREDENTIAL: "credential", HARDWARE: "hardware ids"}

Facts = Mapping[str, str | int | None]


def inspect(path: str, uuid: str | None) -> list[Facts]:
    """The file's facts, then each slot's. `uuid`: this terminal's, if it is known.

    Raises OSError if there is nothing to read.
    """
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        slots = []
        for slot in range(SLOTS):
            file.seek(slot * STRIDE)
            slots.append(file.read(SLOT_SIZE))
    about: Facts = {
        "path": path,
        "file_system": file_system(path),
        "bytes": found.st_size if stat.S_ISREG(found.st_mode) else None,
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "uid": found.st_uid,
    }
    return [about, *(_slot(slot, raw, uuid) for slot, raw in enumerate(slots))]


def _slot(slot: int, raw: bytes, uuid: str | None) -> Facts:
    if not raw.strip(b"\0"):
        return {"slot": slot, "finding": "never written"}
    header = header_of(raw[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0"))
    if not isinstance(header, Header):
        return {"slot": slot, "finding": header.value}
    return {
        "slot": slot,
        "generation": header.generation,
        "epoch": header.epoch,
        "key": " + ".join(
            name for bit, name in _SOURCES.items() if header.sources >> (bit - 1) & 1
        ),
        "store": header.store_id.hex(),
        "terminal": _terminal(header.device, uuid),
        "finding": None if header.slot == slot else f"a copy of slot {header.slot}",
    }


def _terminal(device: bytes, uuid: str | None) -> str:
    if uuid is None:
        return f"sha256:{device.hex()}"
    return "this one" if device == device_of(uuid) else f"another one (sha256:{device.hex()})"
