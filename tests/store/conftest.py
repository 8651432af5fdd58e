"""Directories on a real file system and on tmpfs, as they differ in what they can do."""

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(params=["/var/tmp", "/dev/shm"])
def directory(request: pytest.FixtureRequest) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=request.param) as path:
        yield path


@pytest.fixture
def path(directory: str) -> str:
    return f"{directory}/grant"
