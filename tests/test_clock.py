"""Decisions are made on time since boot, which no step of the wall clock can move."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.clock import Clock, SystemClock, within
from tests.virtual import VirtualClock


def test_S10_9_now_is_the_time_since_boot() -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(SystemClock().now() - uptime) < 5
    assert SystemClock().now() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_S10_9_now_counts_the_time_asleep_that_monotonic_leaves_out() -> None:
    """A time namespace stands in for a suspend: boot time 500 s ahead of the monotonic clock."""
    command = ["unshare", "--time", "--boottime", "500", "--monotonic", "0", "--fork"]
    code = (
        "import time; from agent.clock import SystemClock;"
        "print(SystemClock().now() - time.monotonic())"
    )
    here = SystemClock().now() - time.monotonic()
    done = subprocess.run(
        [*command, sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no time namespaces here: {done.stderr.strip()}")
    assert float(done.stdout) - here == pytest.approx(500, abs=1)


def test_S10_9_the_wall_clock_is_for_people_and_another_clock() -> None:
    clock = SystemClock()
    assert abs(clock.wall() - time.time()) < 5
    assert clock.wall() - clock.now() > 365 * 86400  # no terminal has been up since 1970


def test_S10_9_now_never_runs_backwards() -> None:
    clock = SystemClock()
    seen = [clock.now() for _ in range(1000)]
    assert seen == sorted(seen)


async def test_sleep_returns_once_now_has_advanced_by_as_much() -> None:
    clock: Clock = SystemClock()
    begun = clock.now()
    await clock.sleep(0.02)
    assert clock.now() - begun >= 0.02


@pytest.mark.parametrize("seconds", [0.0, -5.0])
async def test_a_time_already_over_is_not_waited_for(seconds: float) -> None:
    async with asyncio.timeout(1):
        await SystemClock().sleep(seconds)


async def test_sleep_can_be_cut_short() -> None:
    napping = asyncio.create_task(SystemClock().sleep(3600))
    await asyncio.sleep(0)
    napping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await napping


async def test_a_story_may_take_so_long_and_no_longer() -> None:
    clock, told = VirtualClock(), []

    async def story(seconds: float) -> None:
        await clock.sleep(seconds)
        told.append(seconds)

    for seconds, until in ((3.0, 3.0), (7.0, 5.0), (0.0, 0.0)):
        begun = clock.now()
        waiting = asyncio.ensure_future(within(clock, 5.0, story(seconds)))
        await clock.pass_until(waiting.done)
        assert clock.now() - begun == until
    await clock.advance(10)
    assert told == [3.0, 0.0]


async def test_what_goes_wrong_in_it_is_not_lost() -> None:
    async def story() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await within(SystemClock(), 3600.0, story())


async def test_time_that_is_over_still_lets_it_begin() -> None:
    """Who does not wait has its knock heard all the same."""
    begun = asyncio.Event()

    async def story() -> None:
        begun.set()
        await asyncio.sleep(3600)

    async with asyncio.timeout(5):
        await within(SystemClock(), -1.0, story())
    assert begun.is_set()
