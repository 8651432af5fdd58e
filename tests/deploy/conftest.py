"""The agent as `make install` leaves it, once for all tests that look at it."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import ROOT


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DESTDIR after `make install`; shared by the workers of one run, so read-only."""
    shared = tmp_path_factory.getbasetemp().parent
    if os.environ.get("PYTEST_XDIST_WORKER") is None:
        shared = tmp_path_factory.getbasetemp()
    root = shared / "installed"
    with (shared / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "installed.done").exists():
            shutil.rmtree(root, ignore_errors=True)
            make("install", f"DESTDIR={root}")
            (shared / "installed.done").touch()
    return root


def make(*arguments: str) -> str:
    """The output of `make`, run as a person would; its errors are the test's."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "COV"))}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
