"""Runs programs until they have used so much CPU time, however busy the machine is."""

import math
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """CPU-seconds of the program itself, its start included, and its last exit code."""

    seconds: float
    code: int


def run(command: Sequence[str], log: Path) -> Spent:
    """Once, its output at the end of the log."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Spent(seconds=usage.ru_utime + usage.ru_stime, code=process.returncode)


def spend(seconds: float, attempt: Callable[[int], Spent]) -> Spent:
    """Attempts, each told how many whole seconds it may take on the clock, until together they
    have used that much CPU time or one has failed."""
    used = 0.0
    while True:
        spent = attempt(max(1, math.ceil(seconds - used)))
        used += spent.seconds
        if spent.code != 0 or used >= seconds:
            return Spent(seconds=used, code=spent.code)
