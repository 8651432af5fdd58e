"""A copy of a store nothing could be read from, for support. Never the only copy of anything."""

import os
from typing import Final

from agent.store.disk import Disk
from agent.store.medium import Medium
from agent.store.record import SLOT_SIZE

_COPIES: Final = 4  # more would only fill the flash


def set_aside(store: Medium, *, directory: str, disk: Disk) -> str:
    """Copy the slots, in place and size as they were, to `grant.corrupt-<n>` in `directory`.

    A copy that is there already is not made twice. Says in half a sentence what became of it, as
    a full or broken disk must not keep the terminal from pairing.
    """
    prefix = os.path.join(directory, os.path.basename(store.path) + ".corrupt-")
    try:
        slots = [_padded(raw) for raw in store.read()]
        if not any(slot.strip(b"\0") for slot in slots):
            return "there is nothing in it to keep"
        for number in range(1, _COPIES + 1):
            copy = Medium(path=f"{prefix}{number}", disk=disk)
            if copy.signature() is None:
                copy.create(slots)
            elif [_padded(raw) for raw in copy.read()] != slots:
                continue
            else:
                copy.anchor()  # whoever made it may have been killed before it was durable
            return f"a copy is kept as {copy.path}"
    except OSError as error:
        return f"no copy could be kept ({error.strerror})"
    return f"no copy is kept, as there are {_COPIES} already"


def _padded(raw: bytes | OSError) -> bytes:
    return b"".ljust(SLOT_SIZE, b"\0") if isinstance(raw, OSError) else raw.ljust(SLOT_SIZE, b"\0")
