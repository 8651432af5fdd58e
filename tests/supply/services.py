"""Cgroups that look as those of systemd's services do."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def _root() -> Path:
    """Where systemd keeps its units: a hierarchy of its own beside others, or the only one."""
    for found in ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup"):
        if os.access(f"{found}/cgroup.procs", os.W_OK):
            return Path(found)
    pytest.skip("no cgroups that can be written to")


@contextlib.contextmanager
def service_cgroup() -> Iterator[Path]:
    """A group named like a unit, that of the folder's last part; all in it have to end before."""
    made = _root() / f"pos-test-{os.getpid()}.service"
    made.mkdir()
    try:
        yield made
    finally:
        for folder, _, _ in os.walk(made, topdown=False):
            os.rmdir(folder)
