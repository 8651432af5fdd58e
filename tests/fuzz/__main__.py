"""`python -m tests.fuzz [CPU-SECONDS]`: every target under atheris, one a core at a time.

Each target is run again until it has had its share of CPU time. The corpus in build/fuzz grows from
run to run; a find is left there as a file, and `python -m tests.fuzz.one TARGET FILE` repeats it.
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.fuzz.cpu import Spent, run, spend
from tests.fuzz.targets import TARGETS

_SECONDS: Final = 600.0
_FOLDER: Final = Path("build/fuzz")


def main(argv: list[str]) -> int:
    share = (float(argv[0]) if argv else _SECONDS) / len(TARGETS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        spent = list(pool.map(lambda name: _fuzz(name, share), TARGETS))
    found = [name for name, one in zip(TARGETS, spent, strict=True) if one.code]
    used = sum(one.seconds for one in spent)
    print(f"{len(TARGETS)} targets, {used:.1f} CPU-seconds used: {', '.join(found) or 'no'} finds")
    return 1 if found else 0


def _fuzz(name: str, share: float) -> Spent:
    corpus, log = _FOLDER / name, _FOLDER / f"{name}.log"
    corpus.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    command = [sys.executable, "-m", "tests.fuzz.one", name, "-timeout=10", "-max_len=512"]
    command += [f"-artifact_prefix={corpus}/../find-{name}-"]
    spent = spend(
        share, lambda seconds: run([*command, f"-max_total_time={seconds}", str(corpus)], log)
    )
    done = re.findall(r"^Done (\d+) runs", log.read_text(errors="replace"), re.MULTILINE)
    said = f"FIND, see {log}" if spent.code else f"{sum(map(int, done))} inputs"
    print(f"{name:16} {spent.seconds:6.1f} CPU-seconds, {said}", flush=True)
    return spent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
