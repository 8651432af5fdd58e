"""Tells when processes have ended, by their pidfds: holds may end with a process."""

import asyncio
import itertools
import os
from collections.abc import Callable
from typing import Final

from agent.supply.peer import has_ended

_MOST: Final = 64  # as many as there can be holds; the oldest is forgotten, its holds end by time


class ProcessWatch:
    """`ended` is called in the event loop with the name that `add` gave the process. Names begin
    with `prefix`. A process has one name and costs one descriptor, however often it connects."""

    def __init__(self, ended: Callable[[str], None], *, prefix: str) -> None:
        self._ended = ended
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._watched: dict[int, tuple[str, int]] = {}  # name and descriptor, by process id

    def add(self, pid: int, pidfd: int) -> str | None:
        """Watch it until it ends. None if it has, or there is no descriptor left for it. The
        descriptor is copied: the caller may close its own."""
        if has_ended(pidfd):
            return None
        if pid in self._watched:
            name, own = self._watched[pid]
            if not has_ended(own):  # the number is still its own, so this is the same process
                return name
            self._over(pid)
        try:
            own = os.dup(pidfd)
        except OSError:
            return None
        if len(self._watched) >= _MOST:
            self._forget(next(iter(self._watched)))
        name = f"{self._prefix}{next(self._numbers)}"
        self._watched[pid] = name, own
        asyncio.get_running_loop().add_reader(own, self._over, pid)
        return name

    def close(self) -> None:
        for pid in tuple(self._watched):
            self._forget(pid)

    def _over(self, pid: int) -> None:
        self._ended(self._forget(pid))

    def _forget(self, pid: int) -> str:
        name, own = self._watched.pop(pid)
        asyncio.get_running_loop().remove_reader(own)
        os.close(own)
        return name
