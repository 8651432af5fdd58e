"""One row of the table, or why there is none, and how long something takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Figure = dict[str, float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """In the place of figures that cannot be had on this machine; not a miss. In its name a star
    stands for all names that begin so."""

    reason: str


Figures = dict[str, Figure | LeftOut]


def figure(value: float, floor: float, target: float, *, more: bool = False) -> Figure:
    """`more`: the value should be large."""
    ratio = value / floor
    return {
        "value": round(value, 4),
        "floor": round(floor, 4),
        "ratio": round(ratio, 4),
        "target": target,
        "ok": ratio >= target if more else ratio <= target,
    }


def ms_until(reached: Callable[[], bool], begun: float) -> float:
    """Milliseconds since then."""
    while not reached():
        if time.perf_counter() > begun + 30:
            raise TimeoutError("not within 30 s")
        time.sleep(0.0005)
    return (time.perf_counter() - begun) * 1000
