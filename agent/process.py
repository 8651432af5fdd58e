"""What a process that keeps secrets tells the kernel: leave no copies where others can read them.

Containment, not erasure: root can still read this process's memory, and CPython cannot wipe it.
"""

import os
import resource
from dataclasses import dataclass

_PR_SET_DUMPABLE = 4  # linux/prctl.h
_M_ARENA_MAX = -8  # malloc.h, mallopt(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """`failed`: one sentence for each measure that did not take; empty if all did."""

    failed: tuple[str, ...]


def harden() -> Hardening:
    """New files for their owner only, no core dumps, no reading or tracing by the same user.

    Never raises: an agent that is less guarded still has to pair and serve, and says so.
    """
    os.umask(0o077)
    problems = (_no_core_dumps(), _not_dumpable())
    return Hardening(failed=tuple(problem for problem in problems if problem is not None))


def _no_core_dumps() -> str | None:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        return f"core dumps stay possible: {error}"
    return None


def _not_dumpable() -> str | None:
    try:
        import ctypes  # noqa: PLC0415  # not built into every Python, and not free to load

        libc = ctypes.CDLL(None, use_errno=True)
        # Not for secrecy but for small boards: threads here take turns, so one heap does for all.
        if hasattr(libc, "mallopt"):  # musl has none
            libc.mallopt(_M_ARENA_MAX, 1)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            return f"the memory stays readable to its user: {os.strerror(ctypes.get_errno())}"
    except (ImportError, OSError, AttributeError) as error:
        return f"the memory stays readable to its user: {error}"
    return None
