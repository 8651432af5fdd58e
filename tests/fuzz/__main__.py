"""`python -m tests.fuzz [CPU-SECONDS]`: every target under atheris, two at a time.

The corpus in build/fuzz grows from run to run; a find is left there as a file, and
`python -m tests.fuzz.one TARGET FILE` repeats it.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.fuzz.targets import TARGETS

_SECONDS: Final = 600
_FOLDER: Final = Path("build/fuzz")


def main(argv: list[str]) -> int:
    seconds = int(argv[0]) if argv else _SECONDS
    each = max(1, seconds // len(TARGETS))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        codes = list(pool.map(lambda name: _fuzz(name, each), TARGETS))
    found = [name for name, code in zip(TARGETS, codes, strict=True) if code]
    print(f"{len(TARGETS)} targets, {each} CPU-seconds each: {', '.join(found) or 'no'} finds")
    return 1 if found else 0


def _fuzz(name: str, seconds: int) -> int:
    corpus = _FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.one", name, f"-max_total_time={seconds}"]
    command += [f"-artifact_prefix={corpus}/../find-{name}-", "-timeout=10", "-max_len=512"]
    log = _FOLDER / f"{name}.log"
    with log.open("w") as output:
        code = subprocess.run(
            [*command, str(corpus)], stdout=output, stderr=output, check=False
        ).returncode
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    print(f"{name:16} {'FIND, see ' + str(log) if code else last[0] if last else ''}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
