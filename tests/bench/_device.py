"""What one save costs the block device: `python -m tests.bench._device` prints it as JSON.

Each store saves on an ext4 of its own, on a block device that logs. `at_once` is what happens
until `save` returns. `settled` is what has happened when the file system has put everything in its
place as well, which it does within half a minute: for a store that overwrites in place, the file's
time stamp. Runs in namespaces of its own, see `tests.crash.mounting`.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count, pairwise
from typing import Final

from agent.oauth.events import Grant
from tests.bench._rivals import RenameStore, SqliteStore, large_grant
from tests.crash.blocklog import Entry, Flush, Mark, Write, logged_device, read_log
from tests.crash.mounting import mount, mounted, sync_file_system
from tests.store.rig import flash

_SIZE: Final = 256 << 20  # B
_RAM: Final = "/dev/shm"
_SAVES: Final = 100
_WARM_UP: Final = 5
# s; so that the journal is only written when a store, or this module, asks for it
_QUIET: Final = "commit=300"
_DONE_WITH: Final = ("-E", "lazy_itable_init=0,lazy_journal_init=0")  # nothing left to do later


Save = Callable[[Grant], None]
Cost = dict[str, float]


def main() -> dict[str, dict[str, Cost]]:
    """Store -> `at_once` or `settled` -> what one save takes: `writes`, `flushes`, `bytes`."""
    mount("tmpfs", _RAM, "tmpfs")
    return {
        "ours": _measured(_ours),
        "rename": _measured(_rename),
        "sqlite": _measured(_sqlite),
    }


@contextmanager
def _ours(path: str) -> Iterator[Save]:
    store = flash(path)
    yield store.save
    if not store.health().direct_io:
        raise AssertionError("no direct I/O on this ext4")


@contextmanager
def _rename(path: str) -> Iterator[Save]:
    yield RenameStore(path).save


@contextmanager
def _sqlite(path: str) -> Iterator[Save]:
    with closing(SqliteStore(path)) as store:
        yield store.save


def _measured(opened: Callable[[str], AbstractContextManager[Save]]) -> dict[str, Cost]:
    with tempfile.TemporaryDirectory(dir=_RAM) as folder:
        image, log, place = f"{folder}/image", f"{folder}/log", f"{folder}/mnt"
        os.mkdir(place, 0o700)
        with open(image, "wb") as file:
            file.truncate(_SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-b", "4096", *_DONE_WITH, image], check=True)
        with (
            logged_device(image, log, size=_SIZE) as device,
            mounted(device.loop.path, place, "ext4", _QUIET),
            opened(f"{place}/grant") as save,
        ):
            _save_on(save, device.mark, lambda: sync_file_system(place))
        return dict(_costs(read_log(log, size=_SIZE)))


def _save_on(save: Save, mark: Callable[[str], None], settle: Callable[[], None]) -> None:
    numbers = count(1)
    for _ in range(_WARM_UP):
        save(large_grant(next(numbers)))
    settle()
    mark("at_once")
    for _ in range(_SAVES):
        save(large_grant(next(numbers)))
    mark("")
    settle()
    mark("settled")
    for _ in range(_SAVES):
        save(large_grant(next(numbers)))
        settle()
    mark("")


def _costs(log: list[Entry]) -> Iterator[tuple[str, Cost]]:
    """Between a mark with a name and the next mark."""
    marks = [place for place, entry in enumerate(log) if isinstance(entry, Mark)]
    for begin, end in pairwise(marks):
        mark = log[begin]
        if isinstance(mark, Mark) and mark.text:
            yield mark.text, _cost(log[begin + 1 : end])


def _cost(entries: list[Entry]) -> Cost:
    writes = [entry for entry in entries if isinstance(entry, Write)]
    return {
        "writes": len(writes) / _SAVES,
        "flushes": sum(isinstance(entry, Flush) for entry in entries) / _SAVES,
        "bytes": sum(len(write.data) for write in writes) / _SAVES,
    }


if __name__ == "__main__":
    print(json.dumps(main()))
