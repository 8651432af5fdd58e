"""`hw.panel` drives chips and LEDs as the kernel would have it; the scenarios say how.

They run in a process of their own, because the kernel's stand-in has to be preloaded: once as on
this kernel and once as on one so old that only the first GPIO interface is there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hw.contract import HardwareError
from hw.panel import open_button
from tests.identity.privilege import reachable, unprivileged
from tests.panel.on_a_chip import SCENARIOS, wired

ROOT = Path(__file__).parents[2]
KERNELS = {"new": (), "old": ("setarch", "--uname-2.6")}


@pytest.fixture(scope="session")
def failures(kernel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tracebacks by kernel and scenario."""
    directory = tmp_path_factory.mktemp("chips")
    return {
        f"{age}: {name}": text
        for age, before in KERNELS.items()
        for name, text in scenarios(kernel, directory / age, before).items()
    }


def scenarios(kernel: Path, directory: Path, before: Sequence[str]) -> dict[str, str]:
    directory.mkdir()
    done = subprocess.run(
        [*before, sys.executable, "-m", "tests.panel.on_a_chip", directory],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(kernel)},
        timeout=60,
        check=True,
    )
    failed: dict[str, str] = json.loads(done.stdout)
    return failed


@pytest.mark.parametrize("age", KERNELS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_on_a_chip(name: str, age: str, failures: dict[str, str]) -> None:
    failed = failures.get(f"{age}: {name}")
    assert failed is None, failed


def test_a_chip_that_is_not_ours_is_a_matter_of_udev() -> None:
    with reachable() as dev:
        dev.chmod(0o755)
        (dev / "gpiochip0").touch(0o000)
        with unprivileged():
            with pytest.raises(HardwareError, match=r"gpiochip0 may not: a udev rule has to give"):
                open_button(wired("1", "low", chip="panel"), dev=str(dev))
            with pytest.raises(HardwareError, match=r"line 1 of .* may not be used: a udev rule"):
                open_button(wired("1", "low", chip=f"{dev}/gpiochip0"))
