"""Decisions are made on time since boot, which no step of the wall clock can move."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.clock import Clock, SystemClock


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
