"""Waiting for what another thread does, with a deadline instead of a guess."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it came to hold in time."""
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.005)
    return found
