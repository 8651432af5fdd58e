"""Loop devices and mounts that cannot be left behind: they live in namespaces of their own.

What needs them runs as a child process (`in_own_namespaces`). However that ends, SIGKILL included,
the kernel takes the child's processes, mounts and loop devices with it.
"""

import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.crash import LeftOut

_BLKFLSBUF: Final = 0x1261  # include/uapi/linux/fs.h
MNT_DETACH: Final = 2
_COMMANDS: Final = ("unshare", "losetup", "mkfs.ext4", "e2fsck")
_OWN: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_EVERY_USER: Final = ["0", "0", "4294967295"]  # user_namespaces(7)

ROOT: Final = Path(__file__).parents[2]

_libc = ctypes.CDLL(None, use_errno=True)


def require() -> None:
    """Raise LeftOut where there are no mounts, loop devices or FUSE to be had."""
    if os.geteuid() != 0:
        raise LeftOut("block devices take root")
    if Path("/proc/self/uid_map").read_text().split() != _EVERY_USER:
        raise LeftOut("block devices take more than root of a user namespace")
    for command in _COMMANDS:
        if shutil.which(command) is None:
            raise LeftOut(f"{command} is not installed (util-linux, mount, e2fsprogs)")
    for device in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(device):
            raise LeftOut(f"no {device} here")
    for trial in ((*_OWN, "true"), ("losetup", "--find")):
        done = subprocess.run(trial, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LeftOut(f"{trial[0]}: {done.stderr.strip()}")


def in_own_namespaces(module: str, *arguments: str, deadline: float) -> str:
    """Run `python -m module arguments` there and return what it printed; stderr passes through.

    Raises subprocess.TimeoutExpired after `deadline` seconds, CalledProcessError if it failed.
    """
    command = [*_OWN, sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
        timeout=deadline, cwd=ROOT,
    )  # fmt: skip
    return done.stdout


def mount(source: str, target: str, kind: str, options: str = "") -> None:
    """mount(2) itself: mount(8) would be a process more for each of thousands of mounts."""
    encoded = (text.encode() for text in (source, target, kind))
    if _libc.mount(*encoded, ctypes.c_ulong(0), options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mounting {source}: {os.strerror(number)}")


def unmount(target: str, *, flags: int = 0) -> None:
    """Raises RuntimeError, as that is never the fault of what is on the device."""
    if _libc.umount2(target.encode(), flags) != 0:
        raise RuntimeError(f"unmounting {target}: {os.strerror(ctypes.get_errno())}")


def sync_file_system(directory: str) -> None:
    """syncfs(2)"""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), f"syncfs of {directory}")
    finally:
        os.close(fd)


@contextmanager
def mounted(source: str, target: str, kind: str, options: str = "") -> Iterator[None]:
    mount(source, target, kind, options)
    try:
        yield
    except BaseException:
        unmount(target, flags=MNT_DETACH)
        raise
    unmount(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """An attached loop device. `fd` keeps it attached."""

    path: str
    fd: int

    def drop_buffers(self) -> None:
        """Forget what was read: the file below has been changed directly."""
        fcntl.ioctl(self.fd, _BLKFLSBUF)


@contextmanager
def loop_device(file: str, *, size: int) -> Iterator[Loop]:
    """The first `size` bytes of `file` as a block device, through the page cache of the file."""
    command = ["losetup", "--find", "--show", "--direct-io=off", f"--sizelimit={size}", file]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path = done.stdout.strip()
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # A device in use is detached when its last user closes it, which a killed process does.
        subprocess.run(["losetup", "--detach", path], check=True)
        yield Loop(path=path, fd=fd)
    finally:
        os.close(fd)
