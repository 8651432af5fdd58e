"""SIGKILL in mid-save, a few times. The page cache survives it, so a power cut would show more."""

import json
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("place", ["/var/tmp", "/dev/shm"])
def test_killing_a_saving_agent_a_hundred_times_leaves_the_old_grant_or_the_new(
    place: str,
) -> None:
    """In a process of its own: a fork of this one would take its threads' locks along."""
    seed = secrets.randbelow(1 << 32)
    with tempfile.TemporaryDirectory(dir=place) as directory:
        done = subprocess.run(
            [sys.executable, "-m", "tests.crash.kills", directory, "100", str(seed)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["losses"] == 0, done.stderr
    assert counts["kills"] == 100
    assert counts["saves"] > 0, "killed before anything was saved: the test proves nothing"
    assert counts["in_flight"] > 0, "never killed in mid-save: the test proves nothing"
