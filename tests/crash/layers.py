"""The layers, how much each has to try, and the verdict on what they did."""

import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.crash import LeftOut

FLOORS: Final = {
    "explorer_states": 50_000,
    "errno_runs": 500,
    "ext4_states": 500,
    "kills": 1_500,
    "bit_flips": 32_768,
    "rotation_cuts": 300,
    "defects_seeded": 10,
}
# Each with the count that has a floor, the longest first. `ALONE` uses every core.
LAYERS: Final = {
    "ext4": "ext4_states",
    "explorer": "explorer_states",
    "kills": "kills",
    "flips": "bit_flips",
    "errnos": "errno_runs",
    "rotation": "rotation_cuts",
    "defects": "defects_seeded",
}
ALONE: Final = "defects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """`counts`, unless it was left out or broke; then `why`."""

    layer: str
    counts: Mapping[str, int]
    seconds: float = 0.0
    left_out: bool = False
    why: str | None = None


def run_layer(layer: str, long: bool, seed: int) -> Done:
    """In a process of its own."""
    begun = time.monotonic()
    try:
        counts = importlib.import_module(f"tests.crash.{layer}").run(long=long, seed=seed)
    except LeftOut as reason:
        return Done(layer=layer, counts={}, left_out=True, why=str(reason))
    return Done(layer=layer, counts=counts, seconds=time.monotonic() - begun)


def summary(done: Sequence[Done], *, seed: int) -> dict[str, int | list[str]]:
    counts: dict[str, int | list[str]] = {"seed": seed}
    for each in done:
        counts |= {key: value for key, value in each.counts.items() if key != "losses"}
    counts["losses"] = sum(each.counts.get("losses", 0) for each in done)
    if left_out := sorted(each.layer for each in done if each.left_out):
        counts["left_out"] = left_out
    if broke := sorted(each.layer for each in done if each.why is not None and not each.left_out):
        counts["broke"] = broke
    return counts


def complaints_about(done: Sequence[Done], *, ci: bool) -> list[str]:
    """Why this is a failure; empty if it is none."""
    return [complaint for each in done for complaint in _complaints_about(each, ci=ci)]


def _complaints_about(done: Done, *, ci: bool) -> Iterator[str]:
    if done.left_out:
        if ci:
            yield f"{done.layer}: may not be left out in CI"
        return
    if done.why is not None:
        yield f"{done.layer}: broke"
        return
    if losses := done.counts["losses"]:
        yield f"{done.layer}: {losses} losses"
    name = LAYERS[done.layer]
    if (count := done.counts.get(name, 0)) < FLOORS[name]:
        yield f"{done.layer}: {name} is {count}, has to be {FLOORS[name]}"
    seeded, caught = (done.counts.get(f"defects_{what}", 0) for what in ("seeded", "caught"))
    if caught < seeded:
        yield f"{done.layer}: {seeded - caught} of {seeded} defects not caught"
