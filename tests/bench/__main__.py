"""`python -m tests.bench`: every figure as a ratio to a floor measured in the same run.

Each module here has `run() -> {name: {value, floor, ratio, target, ok}}`, medians of several
runs. Printed as a table, written to build/bench.json; exit status 1 if a target was missed. What
this machine cannot measure is named at the end, and is not a miss.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Final

import tests.bench
from tests.bench._measure import Figure, Figures, LeftOut

_RESULT: Final = Path("build/bench.json")
_KEYS: Final = {"value", "floor", "ratio", "target", "ok"}
_WIDTH: Final = 37  # of a name, and a blank


def main() -> int:
    figures: dict[str, Figure] = {}
    left_out: dict[str, list[str]] = {}  # names by their reason
    print(f"{'':{_WIDTH}}{'value':>10}{'floor':>10}{'ratio':>8}{'target':>8}")
    for module in _modules():
        found: Figures = importlib.import_module(f"tests.bench.{module}").run()
        for name, facts in found.items():
            if isinstance(facts, LeftOut):
                left_out.setdefault(facts.reason, []).append(name)
            else:
                _print(name, facts)
                figures[name] = facts
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    print(f"\n{_RESULT}")
    for reason, names in left_out.items():
        print(f"{', '.join(names)} left out: {reason}.")
    return 0 if all(facts["ok"] for facts in figures.values()) else 1


def _modules() -> list[str]:
    found = sorted(module.name for module in pkgutil.iter_modules(tests.bench.__path__))
    return [name for name in found if not name.startswith("_")]


def _print(figure: str, facts: Figure) -> None:
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
