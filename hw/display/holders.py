"""Who has a port open, as far as this user may see it: for sentences, never for decisions.

In the hardened service /proc shows the agent's own processes only, so an empty answer means
nothing.
"""

import os
from collections.abc import Iterator


def named(pid: int, proc: str = "/proc") -> str:
    """`java (812)`, or `process 812` where its name cannot be seen."""
    try:
        with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        return f"process {pid}"
    return f"{name} ({pid})"


def holders(path: str, proc: str = "/proc") -> tuple[int, ...]:
    """The other processes that have this device open, smallest number first."""
    device = os.path.realpath(path)
    return tuple(sorted(pid for pid in _others(proc) if _has_open(f"{proc}/{pid}/fd", device)))


def _others(proc: str) -> Iterator[int]:
    try:
        entries = os.listdir(proc)
    except OSError:
        return
    yield from (int(name) for name in entries if name.isdecimal() and int(name) != os.getpid())


def _has_open(descriptors: str, device: str) -> bool:
    """False for another user's process too. In a container the same name may be another device."""
    try:
        for number in os.listdir(descriptors):
            descriptor = f"{descriptors}/{number}"
            if os.readlink(descriptor) == device and os.path.samefile(descriptor, device):
                return True
    except OSError:
        pass
    return False
