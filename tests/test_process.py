"""Hardening, seen from outside the process."""

import json
import subprocess
import sys
from typing import Any

PROBE = """
import ctypes, json, os, resource, sys
from agent.process import harden
setup = sys.argv[1]
if setup == "no ctypes":
    sys.modules["ctypes"] = None
report = harden()
open(sys.argv[2] + "/file", "w").close()
sys.modules["ctypes"] = ctypes
print(json.dumps({
    "failed": report.failed,
    "mode": os.stat(sys.argv[2] + "/file").st_mode & 0o777,
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "owner": os.stat("/proc/self/mem").st_uid,
}))
"""


def probe(directory: object, setup: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, setup, str(directory)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_hardened_process_leaves_no_copies(tmp_path: object) -> None:
    result = probe(tmp_path)
    assert result["failed"] == []
    assert result["mode"] == 0o600
    assert result["core"] == [0, 0]
    assert result["dumpable"] == 0


def test_what_could_not_be_done_is_reported_and_the_rest_done(tmp_path: object) -> None:
    result = probe(tmp_path, "no ctypes")
    (sentence,) = result["failed"]
    assert "memory stays readable" in sentence
    assert result["core"] == [0, 0]
    assert result["mode"] == 0o600
