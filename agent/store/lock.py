"""One agent per store: two would refresh one grant at the same time and kill each other's tokens.

flock(2) on a file beside the store, because the store's own file can be replaced; on a partition,
on the device itself, which is also what keeps udev from probing it meanwhile
(systemd.io/BLOCK_DEVICE_LOCKING). The lock goes with the process, however it ends.
"""

import fcntl
import os
import stat
from types import TracebackType
from typing import Self

from agent.errors import StoreError, StoreLocked
from agent.store.trouble import explain


class StoreLock:
    """Held until `release()` or the end of the process."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def lock(path: str) -> StoreLock:
    """Lock the store at `path` for this process. Never waits.

    Raises StoreLocked if another process has it, StoreError if it cannot be locked at all.
    """
    target = path if _is_device(path) else path + ".lock"
    try:
        flags = os.O_RDWR | os.O_CLOEXEC
        if target != path:
            flags |= os.O_CREAT | os.O_NOFOLLOW
        fd = os.open(target, flags, 0o600)
    except OSError as error:
        raise StoreError(explain(target, error)) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise StoreLocked(
            f"another agent uses {path}: there must be one only; `systemctl status pos-agent` and "
            f"`fuser -v {target}` show it"
        ) from error
    except OSError as error:
        os.close(fd)
        raise StoreError(explain(target, error)) from error
    return StoreLock(fd)


def _is_device(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False
