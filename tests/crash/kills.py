"""A saving process is killed at random moments: `python -m tests.crash.kills DIRECTORY KILLS SEED`.

On a real file system. The page cache survives the kill, so this proves less than a power cut would;
it does prove it for the real kernel. The process that runs this forks, so it has no threads.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from agent.errors import StoreError
from agent.store.flash import FlashStore, enrolled
from agent.store.keyring import load_keys
from tests.crash import Losses
from tests.store.rig import UUID, grant

_KILLS: Final = 1_500
_KILLS_LONG: Final = 20_000
_SAVES_LONG: Final = 5  # a process lives for up to so many saves after its first has begun
_RESTART_EVERY: Final = 10  # kills; then the store is cleared, so that its creation is cut as well
_BUILD: Final = Path(__file__).parents[2] / "build"


def run(*, long: bool, seed: int) -> dict[str, int]:
    place = os.environ.get("TMPDIR") or _BUILD
    Path(place).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix="kills-") as directory:
        counts = kill_often(directory, _KILLS_LONG if long else _KILLS, seed)
    return {"kills": counts["kills"], "losses": counts["losses"]}


def kill_often(directory: str, kills: int, seed: int) -> dict[str, int]:
    """`in_flight`: kills between the beginning of a save and its acknowledgement."""
    dice = random.Random(seed)
    losses = Losses("kills", seed=seed)
    longest = _seconds_a_save(directory) * _SAVES_LONG
    saves = in_flight = safe = 0
    started = {0}
    for kill in range(kills):
        if kill % _RESTART_EVERY == 0:
            _store(directory).clear()
            safe, started = 0, {0}
        for mark in _killed_in_mid_save(directory, max(started) + 1, dice.uniform(0, longest)):
            number = int(mark[1:])
            if mark[0] == "s":
                started.add(number)
            else:
                safe, saves = number, saves + 1
        recovered = _recovered(directory)
        # Acknowledged <= recovered <= started, and what was given up once never reappears.
        if not isinstance(recovered, int) or recovered < safe or recovered not in started:
            losses.add(f"kill {kill}: loads {recovered}, safe {safe}, started {sorted(started)}")
        in_flight += max(started) > safe
        safe = recovered if isinstance(recovered, int) else 0
        started = {safe}
    return {"kills": kills, "saves": saves, "in_flight": in_flight, "losses": losses.count}


def _store(directory: str) -> FlashStore:
    path = os.path.join(directory, "grant")
    keys = load_keys(key_file=path + ".key", enrolled=enrolled(path))
    return FlashStore(path=path, keys=keys, uuid=UUID)


def _recovered(directory: str) -> int | str:
    """The number of the grant that is there, or what kept it from being found."""
    try:
        found = _store(directory).load()
    except StoreError as error:
        return str(error)
    return 0 if found is None else found.obtained_at


def _killed_in_mid_save(directory: str, first: int, after: float) -> list[str]:
    """What the child said it started and what it was told is safe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _save_for_ever(directory, first, writer)
        finally:
            os._exit(1)  # only a killed child ends as it should
    os.close(writer)
    begun = os.read(reader, 1).decode()
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise RuntimeError(f"the saving process ended by itself: {status}")
    with os.fdopen(reader) as marks:
        return (begun + marks.read()).split()


def _save_for_ever(directory: str, first: int, marks: int) -> None:
    store = _store(directory)
    number = first
    while True:
        os.write(marks, b"s%d\n" % number)
        store.save(grant(number))
        os.write(marks, b"a%d\n" % number)
        number += 1


def _seconds_a_save(directory: str) -> float:
    store, begun = _store(directory), time.monotonic()
    for number in range(10):
        store.save(grant(number))
    store.clear()
    return (time.monotonic() - begun) / 10


if __name__ == "__main__":
    print(json.dumps(kill_often(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
