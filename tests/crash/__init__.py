"""Crash-proofing of the token store: every layer tries to lose a grant, each in its own way.

A layer is a module here with `run(*, long, seed) -> dict[str, int]`: counts of what it tried, and
always "losses", of which not one is allowed. A loss is one line on stderr that is enough to repeat
it. `python -m tests.crash` runs them all.
"""

import re
import sys
from collections import Counter

_SHOWN_OF_A_KIND = 3  # a store that is broken loses thousands of times in one way
_WHERE_AND_NUMBERS = re.compile(r" at [^:]*|\d+|legal.*")  # what losses of one kind differ in


class LeftOut(Exception):
    """This layer cannot run here; the message says what is missing."""


class Enough(BaseException):
    """One loss was all that was asked for. Passes through whatever handles exceptions."""


class Losses:
    """Counts them all, shows the first of each kind. `first_only`: the first raises Enough."""

    def __init__(self, layer: str, *, seed: int, first_only: bool = False) -> None:
        self.count = 0
        self._layer = layer
        self._seed = seed
        self._first_only = first_only
        self._kinds: Counter[str] = Counter()

    def add(self, line: str) -> None:
        self.count += 1
        kind = _WHERE_AND_NUMBERS.sub("", line)
        self._kinds[kind] += 1
        if self._kinds[kind] <= _SHOWN_OF_A_KIND:
            print(f"{self._layer}: LOSS (seed {self._seed}) {line}", file=sys.stderr, flush=True)
        if self._first_only:
            raise Enough
