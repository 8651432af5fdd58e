"""What is shipped around the code: locks, units, rules, installation, and the contracts."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> str:
    """The output of `make`, run as a person would; its errors are the test's."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "COV"))}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_once(folder: Path) -> Path:
    """A DESTDIR in `folder` after `make install`. One for all workers: to look at, not to write."""
    root = folder / "installed"
    with locked(folder / "installed.lock"):
        if not root.exists():
            make("install", f"DESTDIR={folder / 'installing'}")
            (folder / "installing").rename(root)
    return root


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One worker at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
