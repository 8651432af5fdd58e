"""Processes are seen to end, and what that costs is bounded."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from agent.supply.watch import ProcessWatch
from tests.supply.house import eventually


class Watching:
    """A watch, and what it told."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.watch = ProcessWatch(self.ended.append, prefix="process:test-")


@pytest.fixture
async def watching() -> AsyncIterator[Watching]:
    made = Watching()
    yield made
    made.watch.close()


@contextlib.contextmanager
def process() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that lives until its standard input is closed, and its pidfd."""
    command = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        pidfd = os.pidfd_open(child.pid)
        try:
            yield child, pidfd
        finally:
            os.close(pidfd)


def end(child: subprocess.Popen[bytes]) -> None:
    """When this returns it has ended. It stays a zombie: nobody has asked for its exit code."""
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_the_end_is_told_once_also_of_a_zombie(watching: Watching) -> None:
    with process() as (child, pidfd):
        before = descriptors()
        name = watching.watch.add(child.pid, pidfd)
        assert descriptors() == before + 1
        end(child)
        await eventually(lambda: watching.ended)
        assert watching.ended == [name]
        assert descriptors() == before - 1  # ours, and the pipe to its standard input


async def test_the_end_is_seen_when_the_caller_has_closed_its_own_descriptor(
    watching: Watching,
) -> None:
    with process() as (child, _):
        pidfd = os.pidfd_open(child.pid)
        name = watching.watch.add(child.pid, pidfd)
        os.close(pidfd)
        end(child)
        await eventually(lambda: watching.ended)
        assert watching.ended == [name]


async def test_a_process_has_one_name_and_another_process_another(watching: Watching) -> None:
    with process() as (one, first), process() as (other, second):
        names = [watching.watch.add(one.pid, first) for _ in range(3)]
        assert len(set(names)) == 1
        another = watching.watch.add(other.pid, second)
        assert another not in names
        end(other)
        await eventually(lambda: watching.ended)
        assert watching.ended == [another]
        end(one)


async def test_what_has_ended_already_cannot_be_watched(watching: Watching) -> None:
    with process() as (child, pidfd):
        end(child)
        assert watching.watch.add(child.pid, pidfd) is None


async def test_a_number_that_comes_again_is_not_the_same_process(watching: Watching) -> None:
    """The loop has had no turn since the first one ended. Its number is given to the second."""
    with process() as (one, first), process() as (other, second):
        name = watching.watch.add(4711, first)
        end(one)
        successor = watching.watch.add(4711, second)
        assert watching.ended == [name]
        assert successor not in (None, name)
        await asyncio.sleep(0)
        assert watching.ended == [name]
        end(other)
        await eventually(lambda: len(watching.ended) == 2)
        assert watching.ended == [name, successor]


async def test_the_number_watched_is_bounded_and_the_oldest_makes_way(watching: Watching) -> None:
    with process() as (child, pidfd):
        before = descriptors()
        names = [watching.watch.add(number, pidfd) for number in range(1, 101)]
        assert descriptors() == before + 64
        assert watching.ended == []  # those that made way are not over
        end(child)
        await eventually(lambda: len(watching.ended) == 64)
        assert set(watching.ended) == set(names[-64:])


async def test_the_end_of_the_watch_leaves_nothing_open() -> None:
    watching = Watching()
    with process() as (child, pidfd):
        before = descriptors()
        watching.watch.add(child.pid, pidfd)
        watching.watch.close()
        assert descriptors() == before
        end(child)
        await asyncio.sleep(0)
        assert watching.ended == []


_WITHOUT_DESCRIPTORS = """
import asyncio, os, resource
from agent.supply.watch import ProcessWatch

async def main():
    watch, pidfd = ProcessWatch(print, prefix="p"), os.pidfd_open(os.getpid())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (pidfd + 1, limits[1]))
    assert watch.add(1, pidfd) is None
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert watch.add(1, pidfd) == "p1"
    watch.close()

asyncio.run(main())
"""


def test_without_a_descriptor_left_nothing_is_watched_and_nothing_breaks() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT_DESCRIPTORS], check=True)
