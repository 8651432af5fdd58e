"""What a store stands on: the file system decides what a flush is worth.

Read from /proc/self/mountinfo (proc(5)), which a confined service may see as well.
"""

import os
import re
import stat
from typing import Final

_MEMORY: Final = "it is in memory, so every reboot pairs this terminal again"
_COPIES: Final = (
    "it never overwrites in place, so what a save promises is that file system's own promise"
)
_REMARKS: Final = {
    "tmpfs": _MEMORY,
    "ramfs": _MEMORY,
    "overlay": "the first save copies the file up, and a reset of the upper layer pairs again",
    "vfat": "it knows no owners and no journal",
    "exfat": "it knows no owners and no journal",
    "btrfs": _COPIES,
    "zfs": _COPIES,
    "bcachefs": _COPIES,
    "ext4 with data=journal": (
        "what is read back after a save comes from the kernel's memory; mount it with data=ordered"
    ),
    "nfs": "a network decides whether the grant can be read at boot",
    "nfs4": "a network decides whether the grant can be read at boot",
    "cifs": "a network decides whether the grant can be read at boot",
}
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def file_system(path: str, mountinfo: str = "/proc/self/mountinfo") -> str:
    """The kind of file system `path` is or would be on, such as `ext4`; `unknown` if nobody says.

    A raw partition is `device`, whatever /dev is mounted from.
    """
    real = os.path.realpath(path)
    if _is_device(real):
        return "device"
    try:
        with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
            mounts = [_mount(line) for line in file]
    except OSError:
        return "unknown"
    found, longest = "unknown", 0
    for point, kind in mounts:
        if _is_below(real, point) and len(point) >= longest:  # of two on one point, the later
            found, longest = kind, len(point)
    return found


def remark(kind: str) -> str | None:
    """What a technician should know of a grant kept there; None if all is well."""
    found = _REMARKS.get(kind)
    return None if found is None else f"the store is on {kind}: {found}"


def is_memory(kind: str) -> bool:
    """Whether what is written there wears no flash and is gone with the power."""
    return _REMARKS.get(kind) == _MEMORY


def _is_device(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def _mount(line: str) -> tuple[str, str]:
    fields, _, rest = line.rstrip("\n").partition(" - ")
    point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
    kind, *_, options = rest.split(" ")
    # With it ext4 quietly buffers what was to be written directly (measured on Linux 6.18).
    journal = "data=journal" in options.split(",")
    return point, f"{kind} with data=journal" if journal else kind


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
