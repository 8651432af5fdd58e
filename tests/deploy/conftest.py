"""The agent as `make install` leaves it, once for all tests that look at it."""

import os
from pathlib import Path

import pytest

from tests.deploy import install_once


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DESTDIR after `make install`."""
    folder = tmp_path_factory.getbasetemp()
    return install_once(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
