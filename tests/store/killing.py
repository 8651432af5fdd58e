"""Kill a saving process at random moments: `python -m tests.store.killing DIRECTORY KILLS SEED`.

Prints one JSON line of counts. Runs in a process of its own because it forks, and a fork of the
process that runs the tests would take its threads' locks along.
"""

import json
import os
import random
import signal
import sys
import time

from tests.store.rig import flash, grant

_SAVES_LONG = 5  # a process lives for up to so many saves after its first has begun
_RESTART_EVERY = 10  # kills; then the store is cleared, so that its creation is cut as well


def _save_for_ever(path: str, first: int, marks: int) -> None:
    store = flash(path)
    number = first
    while True:
        os.write(marks, b"s%d\n" % number)
        store.save(grant(number))
        os.write(marks, b"a%d\n" % number)
        number += 1


def _killed_in_mid_save(path: str, first: int, after: float) -> list[str]:
    """What the child said it started and what it was told is safe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _save_for_ever(path, first, writer)
    os.close(writer)
    begun = os.read(reader, 1).decode()
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise SystemExit(f"the saving process ended by itself: {status}")
    with os.fdopen(reader) as marks:
        return (begun + marks.read()).split()


def _seconds_a_save(path: str) -> float:
    store, begun = flash(path), time.monotonic()
    for number in range(10):
        store.save(grant(number))
    store.clear()
    return (time.monotonic() - begun) / 10


def run(directory: str, kills: int, seed: int) -> dict[str, int]:
    path = os.path.join(directory, "grant")
    dice = random.Random(seed)
    longest = _seconds_a_save(path) * _SAVES_LONG
    losses = saves = in_flight = safe = 0
    started = {0}
    for kill in range(kills):
        if kill % _RESTART_EVERY == 0:
            flash(path).clear()
            safe, started = 0, {0}
        for mark in _killed_in_mid_save(path, max(started) + 1, dice.uniform(0, longest)):
            number = int(mark[1:])
            if mark[0] == "s":
                started.add(number)
            else:
                safe, saves = number, saves + 1
        found = flash(path).load()
        recovered = 0 if found is None else found.obtained_at
        # Acknowledged <= recovered <= started, and what was given up once never reappears.
        losses += not (safe <= recovered and recovered in started)
        in_flight += max(started) > safe
        safe, started = recovered, {recovered}
    return {"kills": kills, "saves": saves, "in_flight": in_flight, "losses": losses}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
