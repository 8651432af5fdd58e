"""A store as the agent and the commands open it: locked, with its keys, once."""

import os
from dataclasses import dataclass
from typing import Final

from agent.errors import StoreError
from agent.store import ground
from agent.store.disk import SystemDisk
from agent.store.flash import FlashStore, enrolled
from agent.store.keyfile import KeyFile
from agent.store.keyring import DoomedKeys, KeyRing, load_keys
from agent.store.lock import StoreLock, lock

_STATE: Final = "/var/lib/pos-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`remarks`: sentences for the log about what is less than it could be."""

    store: FlashStore
    keys: KeyRing
    lock: StoreLock
    remarks: tuple[str, ...]


def open_store(
    *,
    path: str,
    uuid: str,
    key_file: str | None,
    key_credential: str | None = None,
    bind_to: tuple[str, ...] = (),
) -> Opened:
    """Lock the store and unseal its keys; a rekeying that was cut short is brought to its end.

    Raises StoreLocked, StoreError for what may come back by itself, ConfigError for what will not.
    """
    held = lock(path)
    try:
        keys = load_keys(
            key_file=key_file,
            key_credential=key_credential,
            bind_to=bind_to,
            enrolled=enrolled(path),
        )
        store = FlashStore(path=path, keys=keys, uuid=uuid, set_aside_in=_set_aside_in(path))
        remarks = (ground.remark(ground.file_system(path)), _end_rekeying(store))
    except BaseException:
        held.release()
        raise
    return Opened(
        store=store,
        keys=keys,
        lock=held,
        remarks=tuple(remark for remark in remarks if remark is not None),
    )


def erase(*, path: str, key_file: str | None) -> None:
    """Clear a store nobody uses, and destroy its key. Needs neither key nor identity.

    Raises StoreError, StoreLocked if an agent uses it after all.
    """
    with lock(path):
        disk = SystemDisk()
        keys = DoomedKeys(None if key_file is None else KeyFile(path=key_file, disk=disk))
        FlashStore(path=path, keys=keys, uuid="", disk=disk).clear()


def _set_aside_in(path: str) -> str | None:
    """Copies of a corrupt partition go where the service may write and a reboot leaves them."""
    if not path.startswith("/dev/"):
        return None
    return os.environ.get("STATE_DIRECTORY", _STATE).partition(":")[0]  # systemd.exec(5)


def _end_rekeying(store: FlashStore) -> str | None:
    """Both keys open the store until then, so trouble is no reason not to start."""
    if not store.rekeying:
        return None
    try:
        store.rekey()
    except StoreError as error:
        return f"a new key was begun and is not in use everywhere yet: {error}"
    return None
