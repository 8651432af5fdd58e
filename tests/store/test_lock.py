"""One agent per store."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import StoreError, StoreLocked
from agent.store.lock import lock

HOLD = """
import sys, time
from agent.store.lock import lock
held = lock(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


def holder(path: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_S10_18_a_second_agent_is_refused_with_what_to_do(path: str) -> None:
    with holder(path) as first:
        try:
            with pytest.raises(StoreLocked, match=r"another agent uses .*fuser -v"):
                lock(path)
        finally:
            first.kill()


def test_the_lock_ends_with_its_process_however_that_ends(path: str) -> None:
    with holder(path) as first:
        first.send_signal(signal.SIGKILL)
    lock(path).release()


def test_the_lock_is_given_back(path: str) -> None:
    with lock(path) as held:
        with pytest.raises(StoreLocked):
            lock(path)
    held.release()
    lock(path).release()


def test_locking_leaves_the_store_alone(path: str) -> None:
    with lock(path):
        assert os.listdir(Path(path).parent) == ["grant.lock"]


def test_a_planted_link_is_not_followed(path: str, directory: str) -> None:
    os.symlink(f"{directory}/elsewhere", path + ".lock")
    with pytest.raises(StoreError, match="symbolic link"):
        lock(path)
    assert not os.path.exists(f"{directory}/elsewhere")


def test_a_missing_directory_is_named(directory: str) -> None:
    with pytest.raises(StoreError, match="directory does not exist"):
        lock(f"{directory}/missing/grant")
