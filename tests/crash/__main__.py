"""`python -m tests.crash [--long] [--seed N] [--only LAYER ...]`: try to lose a grant, every way.

One JSON line of counts on stdout at the end, progress and losses on stderr. Exit status 1 if a
grant was lost, a defect missed, or less was tried than has to be.
"""

import argparse
import json
import multiprocessing
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Final

from tests.crash.layers import ALONE, LAYERS, Done, complaints_about, run_layer, summary

_AT_ONCE: Final = 2


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--long", action="store_true", help="for a night, or a release")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    parser.add_argument("--only", nargs="+", choices=LAYERS, default=list(LAYERS), metavar="LAYER")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", file=sys.stderr, flush=True)
    done: list[Done] = []
    for each in _run(options.only, long=options.long, seed=options.seed):
        print(_progress(each), file=sys.stderr, flush=True)
        done.append(each)
    complaints = complaints_about(done, ci=os.environ.get("CI") == "true")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print(json.dumps(summary(done, seed=options.seed)))
    return 1 if complaints else 0


def _run(layers: Sequence[str], *, long: bool, seed: int) -> Iterator[Done]:
    """As they end. Each has a process of its own: some fork, some have threads."""
    together = [layer for layer in LAYERS if layer in layers and layer != ALONE]
    for batch in (together, [ALONE] if ALONE in layers else []):
        with ProcessPoolExecutor(
            max_workers=_AT_ONCE,
            mp_context=multiprocessing.get_context("spawn"),
            max_tasks_per_child=1,
        ) as pool:
            futures = {pool.submit(run_layer, layer, long, seed): layer for layer in batch}
            for future in as_completed(futures):
                yield _outcome(futures[future], future)


def _outcome(layer: str, future: Future[Done]) -> Done:
    error = future.exception()
    return future.result() if error is None else Done(layer=layer, counts={}, why=repr(error))


def _progress(done: Done) -> str:
    if done.why is not None:
        return f"{done.layer}: {'left out' if done.left_out else 'BROKE'}: {done.why}"
    told = ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in done.counts.items())
    return f"{done.layer}: {told}, {done.seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
