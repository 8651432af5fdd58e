"""A store on a real block device, whose node does not tell that somebody wrote."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.faulty import FaultyDisk
from tests.store.rig import flash, grant

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a loop device takes root")


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[str]:
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    made = subprocess.run(
        ["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"no loop devices here: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def test_a_client_that_asks_does_not_make_anybody_wait_for_the_medium(partition: str) -> None:
    disk = FaultyDisk()
    store = flash(partition, disk=disk)
    store.save(grant(1))
    assert store.load() == grant(1)
    disk.calls.clear()
    assert store.holds_grant()
    assert disk.calls == []


def test_clearing_by_another_process_is_found_by_the_next_look(partition: str) -> None:
    store = flash(partition)
    store.save(grant(1))
    store.look()
    assert store.holds_grant()
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={partition}", "bs=70k", "count=1", "status=none", "oflag=sync"],
        check=True,
    )
    store.look()
    assert not store.holds_grant()
    store.save(grant(2))
    assert store.holds_grant()
    assert flash(partition).load() == grant(2)


def test_a_look_that_fails_changes_nothing(partition: str) -> None:
    disk = FaultyDisk()
    store = flash(partition, disk=disk)
    store.save(grant(1))
    disk.fail_at, disk.only, disk.sticky = 1, "pread", True
    store.look()
    assert disk.fired
    assert store.holds_grant()
