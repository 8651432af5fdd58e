import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.supply.desk import Desk
from tests.supply.house import House, serving


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sun_path has room for 107 bytes, pytest's own folders are longer."""
    made = Path(tempfile.mkdtemp(prefix="pos-"))
    os.chmod(made, 0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def house(folder: Path, desk: Desk) -> AsyncIterator[House]:
    async with serving(folder, desk) as house:
        yield house
