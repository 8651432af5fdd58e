"""Full, read-only and size-limited for real: small file systems mounted for the test."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.errors import StoreNotWritable
from tests.store.rig import flash, grant

ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")


@contextmanager
def mounted(*options: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(("mode=0700", *options)), "t", directory]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no mounting here: {done.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True)


def fill(directory: str) -> None:
    with open(f"{directory}/filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@needs_root
def test_a_full_disk_keeps_a_new_grant_out_and_says_so() -> None:
    with mounted("size=128k") as directory:
        fill(directory)
        store = flash(f"{directory}/grant")
        with pytest.raises(StoreNotWritable, match="full: free some space"):
            store.save(grant())
        os.unlink(f"{directory}/filler")
        store.save(grant())
        assert flash(f"{directory}/grant").load() == grant()


@needs_root
def test_a_full_disk_does_not_matter_once_enrolled() -> None:
    with mounted("size=128k") as directory:
        store = flash(f"{directory}/grant")
        store.save(grant(0))
        fill(directory)
        for number in range(1, 5):
            store.save(grant(number))
            assert flash(f"{directory}/grant").load() == grant(number)


@needs_root
def test_a_read_only_medium_serves_the_old_grant_and_says_so() -> None:
    with mounted("size=128k") as directory:
        flash(f"{directory}/grant").save(grant(1))
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        store = flash(f"{directory}/grant")
        assert store.load() == grant(1)
        with pytest.raises(StoreNotWritable, match="read-only: remount it"):
            store.save(grant(2))
        with pytest.raises(StoreNotWritable, match="read-only"):
            store.clear()
        assert store.load() == grant(1)


LIMITED = """
import resource, signal, sys
from agent.errors import StoreNotWritable
from tests.store.rig import flash, grant
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = flash(sys.argv[1])
for number in range(int(sys.argv[3])):
    store.save(grant(number))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    store.save(grant(77))
except StoreNotWritable as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("limit", "saves", "words"),
    [(0, 0, "LimitFSIZE"), (65536 + 2048, 2, "short write: 2048 of 4096")],
    ids=["creation", "in the middle of the second slot"],
)
def test_a_file_size_limit_is_no_silent_loss(path: str, limit: int, saves: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, path, str(limit), str(saves)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert words in done.stdout, done.stderr
    assert flash(path).load() == (grant(saves - 1) if saves else None)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
