"""Do the layers find anything? Each defect of `tests.crash.seeded` goes into a copy of the agent.

The layers that have to find it run on that copy, in a process of their own, on a small budget. The
same budget on an unchanged copy has to find nothing.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import agent
from tests.crash import Enough, Losses
from tests.crash.seeded import DEFECTS, Defect, Edit

_ROOT: Final = Path(__file__).parents[2]
_AGENT: Final = Path(agent.__file__).parent
_LAYERS: Final = ("explorer", "errnos", "flips", "rotation")
_AT_ONCE: Final = 2
_DEADLINE: Final = 300  # s for one layer on one copy; they take seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One layer on one copy; without a defect nothing may be found."""

    defect: Defect | None
    layer: str


def run(*, long: bool, seed: int) -> dict[str, int]:
    losses = Losses("defects", seed=seed)
    trials = [*(Trial(defect=None, layer=layer) for layer in _LAYERS), *_trials()]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        found = list(pool.map(lambda trial: trial_finds(trial, seed), trials))
    missed: set[str] = set()
    for trial, finds in zip(trials, found, strict=True):
        if trial.defect is None and finds:
            losses.add(f"{trial.layer} finds a defect where none was seeded")
        elif trial.defect is not None and not finds:
            missed.add(trial.defect.name)
            print(f"defects: {trial.layer} misses: {trial.defect.name}", file=sys.stderr)
    return {
        "defects_seeded": len(DEFECTS),
        "defects_caught": len(DEFECTS) - len(missed),
        "losses": losses.count,
    }


def _trials() -> Iterator[Trial]:
    for defect in DEFECTS:
        for layer in defect.layers:
            yield Trial(defect=defect, layer=layer)


def trial_finds(trial: Trial, seed: int) -> bool:
    """Whether the layer reports a loss. Raises if it ends in any other way."""
    with tempfile.TemporaryDirectory(prefix="defect-") as directory:
        shutil.copytree(_AGENT, Path(directory, "agent"), ignore=_no_bytecode)
        for edit in trial.defect.edits if trial.defect is not None else ():
            seed_defect(Path(directory), edit)
        done = subprocess.run(
            [sys.executable, "-m", __name__, trial.layer, str(seed)],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{trial}: the layer broke down:\n{done.stderr}")
        told = json.loads(done.stdout)
        if Path(told["agent"]) != Path(directory, "agent").resolve():
            raise RuntimeError(f"{trial}: ran on {told['agent']}")
        if trial.defect is None and told["finds"]:
            print(done.stderr, end="", file=sys.stderr)
        return bool(told["finds"])


_no_bytecode = shutil.ignore_patterns("__pycache__")


def seed_defect(directory: Path, edit: Edit) -> None:
    file = Path(directory, edit.file)
    text = file.read_text()
    if (count := text.count(edit.before)) != 1:
        raise RuntimeError(f"{edit.file} has {count} times, not once:\n{edit.before}")
    file.write_text(text.replace(edit.before, edit.after))


def _probe(layer: str, seed: int) -> bool:
    """Whether there is a loss; the first one ends it."""
    module = importlib.import_module(f"tests.crash.{layer}")
    if layer == "rotation":
        return any(module.play(script, seed).losses for script in module.scripts())
    try:
        module.probe(seed=seed)
    except Enough:
        return True
    return False


def _main(layer: str, seed: int) -> None:
    print(json.dumps({"agent": str(_AGENT.resolve()), "finds": _probe(layer, seed)}))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
