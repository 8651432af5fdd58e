"""USB displays as the kernel and udev show them: `tests.display.usb_stories`, one process each."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import serial

PYTHON = "/usr/bin/python3"  # Debian's, for Debian's python3-gi
ROOT = Path(__file__).parents[2]
STORIES = re.findall(
    r"^def (\w+)\(bed: Bed\)", Path(__file__).with_name("usb_stories.py").read_text(), re.M
)


def missing() -> str | None:
    """What these tests lack here, or None."""
    if shutil.which("umockdev-wrapper") is None:
        return "no umockdev-wrapper (Debian: umockdev)"
    probe = (
        "import sys, gi; gi.require_version('UMockdev', '1.0'); assert sys.version_info >= (3, 11)"
    )
    found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        lines = found.stderr.strip().splitlines() or [""]
        return f"{PYTHON} lacks python3-gi or gir1.2-umockdev-1.0: {lines[-1]}"
    return None


LACKING = missing() if Path(PYTHON).exists() else f"no {PYTHON}"


@pytest.mark.skipif(LACKING is not None, reason=str(LACKING))
@pytest.mark.parametrize("story", STORIES)
def test_usb(story: str, tmp_path: Path) -> None:
    paths = (str(ROOT), str(Path(serial.__file__).parents[1]))  # pyserial needs no compiler
    done = subprocess.run(
        ["umockdev-wrapper", PYTHON, "-m", "tests.display.usb_stories", story, str(tmp_path)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
