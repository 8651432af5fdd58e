"""SIGKILL in mid-save. The page cache survives it, so this proves less than a power cut would."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_killing_a_saving_agent_a_hundred_times_leaves_the_old_grant_or_the_new(
    directory: str,
) -> None:
    seed = secrets.randbelow(1 << 32)
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killing", directory, "100", str(seed)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["losses"] == 0, (seed, counts)
    assert counts["kills"] == 100
    assert counts["saves"] > 0, "killed before anything was saved: the test proves nothing"
    assert counts["in_flight"] > 0, "never killed in mid-save: the test proves nothing"
