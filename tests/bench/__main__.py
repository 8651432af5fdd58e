"""`python -m tests.bench`: every figure as a ratio to a floor measured in the same run.

Each module here has `run() -> {name: {value, floor, ratio, target, ok}}`, medians of several
runs. Printed as a table, written to build/bench.json; exit status 1 if a target was missed.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import tests.bench

_RESULT: Final = Path("build/bench.json")
_KEYS: Final = {"value", "floor", "ratio", "target", "ok"}
_WIDTH: Final = 37  # of a name, and a blank

Figures = dict[str, Mapping[str, float | bool]]


def main() -> int:
    figures: Figures = {}
    print(f"{'':{_WIDTH}}{'value':>10}{'floor':>10}{'ratio':>8}{'target':>8}")
    for name in _modules():
        found: Figures = importlib.import_module(f"tests.bench.{name}").run()
        for figure, facts in found.items():
            _print(figure, facts)
        figures |= found
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    print(f"\n{_RESULT}")
    return 0 if all(facts["ok"] for facts in figures.values()) else 1


def _modules() -> list[str]:
    found = sorted(module.name for module in pkgutil.iter_modules(tests.bench.__path__))
    return [name for name in found if not name.startswith("_")]


def _print(figure: str, facts: Mapping[str, float | bool]) -> None:
    if set(facts) != _KEYS:
        raise ValueError(f"{figure} has {sorted(facts)}, not {sorted(_KEYS)}")
    if len(figure) >= _WIDTH:
        raise ValueError(f"{figure} is wider than the table: find a name of {_WIDTH - 1} letters")
    numbers = "".join(
        f"{facts[key]:>{width}.{places}f}"
        for key, width, places in (("value", 10, 3), ("floor", 10, 3), ("ratio", 8, 2))
    )
    missed = "" if facts["ok"] else "   MISSED"
    print(f"{figure:{_WIDTH}}{numbers}{facts['target']:>7.2f}x{missed}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
