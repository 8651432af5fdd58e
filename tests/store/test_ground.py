"""What the store stands on, read from real mounts and from a mountinfo of the field."""

import os
import subprocess
from pathlib import Path

import pytest

from agent.store.ground import file_system, is_memory, remark

MOUNTINFO = r"""
22 1 179:2 / / rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw
23 22 0:21 / /dev rw,nosuid shared:2 - devtmpfs udev rw
24 22 0:22 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
25 22 0:23 / /var/lib rw - overlay overlay rw,lowerdir=/a,upperdir=/b
26 25 179:3 / /var/lib/pos-agent rw - ext4 /dev/mmcblk0p3 rw
27 22 179:4 / /media/my\040stick rw - vfat /dev/sda1 rw
28 27 0:30 / /media/my\040stick rw - btrfs /dev/sdb1 rw
29 22 179:5 / /journal rw,noatime - ext4 /dev/mmcblk0p5 rw,data=journal,errors=continue
""".lstrip()


@pytest.fixture
def mounts(tmp_path: Path) -> str:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTINFO)
    return str(path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/grant", "ext4"),
        ("/run/pos-agent/token", "tmpfs"),
        ("/running/away", "ext4"),
        ("/var/lib/other/grant", "overlay"),
        ("/var/lib/pos-agent/grant", "ext4"),
        ("/media/my stick/grant", "btrfs"),
        ("/journal/grant", "ext4 with data=journal"),
    ],
)
def test_the_mount_that_holds_a_path_is_the_longest_and_the_last(
    mounts: str, path: str, kind: str
) -> None:
    assert file_system(path, mounts) == kind


def test_the_kernel_is_asked() -> None:
    assert file_system("/dev/shm/x") == "tmpfs"
    assert file_system("/proc/self/status") == "proc"
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    if not any(line.split()[4] == "/" for line in mounts):
        pytest.skip("a chroot: what / is mounted from cannot be seen")
    assert file_system("/grant") == subprocess.run(
        ["stat", "-f", "-c", "%T", "/"], capture_output=True, text=True, check=True
    ).stdout.strip().replace("ext2/ext3", "ext4").replace("overlayfs", "overlay")


def test_where_nobody_says_it_is_unknown(tmp_path: Path) -> None:
    assert file_system("/x", str(tmp_path / "missing")) == "unknown"
    assert remark("unknown") is None


def test_a_partition_is_a_device() -> None:
    disks = [name for name in os.listdir("/sys/class/block") if os.path.exists(f"/dev/{name}")]
    if not disks:
        pytest.skip("there is no block device here")
    assert file_system(f"/dev/{disks[0]}") == "device"


@pytest.mark.parametrize("kind", ["ext4", "xfs", "f2fs", "device"])
def test_what_keeps_its_promises_is_not_remarked_on(kind: str) -> None:
    assert remark(kind) is None
    assert not is_memory(kind)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("tmpfs", "every reboot pairs this terminal again"),
        ("overlay", "copies the file up"),
        ("vfat", "no journal"),
        ("btrfs", "never overwrites in place"),
        ("ext4 with data=journal", "the kernel's memory"),
        ("nfs4", "a network decides"),
    ],
)
def test_what_keeps_less_is_said(kind: str, words: str) -> None:
    said = remark(kind)
    assert said is not None
    assert said.startswith(f"the store is on {kind}: ")
    assert words in said
    assert is_memory(kind) == (kind == "tmpfs")
