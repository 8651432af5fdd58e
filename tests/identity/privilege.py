"""For root nothing is forbidden; a test about permission has to be somebody else for a moment."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def reachable() -> Iterator[Path]:
    """A directory others can pass through; pytest keeps its own shut, again and again."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o711)
        yield Path(directory)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody, if we are root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)
