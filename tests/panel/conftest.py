"""The kernel's stand-in, for every test that runs a process on it."""

import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("gpiochip.c")


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload, compiled against this machine's own <linux/gpio.h>."""
    library = tmp_path_factory.mktemp("kernel") / "gpiochip.so"
    subprocess.run(
        ["gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"],
        check=True,
        timeout=60,
    )
    return library
