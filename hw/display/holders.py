"""Who has a port open, as far as this user may see it: for sentences, never for decisions.

In the hardened service /proc shows the agent's own processes only, so an empty answer means
nothing.
"""

import os


def named(pid: int, proc: str = "/proc") -> str:
    """`java (812)`, or `process 812` where its name cannot be seen."""
    found = name(pid, proc)
    return f"{found} ({pid})" if found else f"process {pid}"


def name(pid: int, proc: str = "/proc") -> str:
    """The program's name, empty where it cannot be seen."""
    try:
        with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def holders(path: str, proc: str = "/proc") -> tuple[int, ...]:
    """The other processes that have this device open, smallest number first."""
    device = os.path.realpath(path)
    return tuple(pid for pid in others(proc) if _has_open(f"{proc}/{pid}/fd", device))


def others(proc: str = "/proc") -> list[int]:
    """All processes that can be seen but this one, smallest number first."""
    try:
        entries = os.listdir(proc)
    except OSError:
        return []
    return sorted({int(entry) for entry in entries if entry.isdecimal()} - {os.getpid()})


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
