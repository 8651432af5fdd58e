"""For root nothing is forbidden; a test about permission has to be somebody else for a moment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def unprivileged(directory: Path) -> Iterator[None]:
    """Be nobody if we are root. `directory`, below pytest's private ones, stays reachable."""
    for parent in [directory, *directory.parents]:
        if not (mode := os.stat(parent).st_mode) & 0o001:
            os.chmod(parent, mode | 0o001)
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)
