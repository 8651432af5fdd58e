"""Every system call of the store fails in every way, alone, for good, and in pairs.

An acknowledged save must be there after a reboot, an unacknowledged one may be. Once the trouble is
over the store works again. SQLite tests its I/O errors in this way.
"""

import errno
import random
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import combinations, count
from typing import Final

from tests.crash import Losses
from tests.crash.model import Fault
from tests.crash.scenarios import Clear, Life, Loss, Rekey, Restart, Save, Step, Trouble, Unreadable
from tests.crash.states import QUICK, Image, crash_states
from tests.crash.terminals import BUFFERED, FILE, RAW, TERMINALS, Terminal

_NEXT: Final = Save(9)  # a healthy save after the trouble
_PAIRS: Final = 40  # of each action, in a short run


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`saved` grants by an earlier process; then `before` and, in trouble, `step`."""

    name: str
    saved: int = 3
    before: tuple[Step, ...] = (Restart(),)
    step: Step


ACTIONS: Final = (
    Action(name="creation", saved=0, step=Save(1)),
    Action(name="second save", saved=1, step=Save(2)),
    Action(name="first save of a process", step=Save(4)),
    Action(name="second save of a process", before=(Restart(), Save(4)), step=Save(5)),
    Action(name="equal save", step=Save(3)),
    Action(name="start", before=(), step=Restart()),
    Action(name="clear", step=Clear()),
    Action(name="rekey", step=Rekey()),
    Action(name="save, newest unreadable", before=(Unreadable(1), Restart()), step=Save(4)),
)
_ON_WHAT_IS_WRITTEN_ONLY: Final = (
    "first save of a process",
    "second save of a process",
    "save, newest unreadable",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to fail; `sticky`: for good."""

    name: str
    fault: Fault
    sticky: bool = False

    def at(self, call: int) -> Container[int]:
        return range(call, 1 << 30) if self.sticky else (call,)


def _error(code: int, *, kept: int = 4, sticky: bool = False) -> Way:
    name = errno.errorcode[code] + (" for good" if sticky else "")
    return Way(name=name, fault=Fault(error=code, kept=kept), sticky=sticky)


_CODES: Final = (
    errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EINTR, errno.EMFILE, errno.EACCES,
    errno.EINVAL,  # as where there is no direct I/O
)  # fmt: skip
_TELLING: Final = (
    _error(errno.EIO),
    _error(errno.EIO, kept=0, sticky=True),
    Way(name="half of it", fault=Fault(short=True)),
    Way(name="half of it, for good", fault=Fault(short=True), sticky=True),
)
_ONCE: Final = tuple(_error(code) for code in _CODES)
_FOR_GOOD: Final = tuple(_error(code, kept=8, sticky=True) for code in _CODES)
# Told by reading back past the cache; a key file is not, and relies on an honest flush.
_LOST: Final = Way(name="lost in silence", fault=Fault(lost=True))


class Sweep:
    """One terminal, one action: its calls fail in turn."""

    def __init__(self, terminal: Terminal, action: Action, *, losses: Losses, seed: int) -> None:
        self.runs = 0
        self._terminal = terminal
        self._action = action
        self._losses = losses
        self._dice = random.Random(f"{seed}, {terminal.name}, {action.name}")
        self._image = self._prepared()

    def _prepared(self) -> Image:
        life = Life(self._terminal, self._dice)
        steps: list[Step] = [Restart(), *map(Save, range(1, self._action.saved + 1))]
        for step in steps:
            life.play(step)
        return life.disk.durable

    def singly(self, way: Way) -> int:
        """How many calls there were to fail."""
        for call in count(1):
            trouble = Trouble(at=way.at(call), fault=way.fault)
            if not self._run(trouble, f"{way.name} at call {call}"):
                return call - 1
        raise AssertionError("unreachable")

    def in_pairs(self, fault: Fault, *, calls: int, sample: int | None) -> None:
        """What fails second may be a call that is only made because of the first."""
        pairs = list(combinations(range(1, calls + 8), 2))
        for pair in pairs if sample is None else self._dice.sample(pairs, min(sample, len(pairs))):
            self._run(Trouble(at=pair, fault=fault), f"{fault} at calls {pair[0]} and {pair[1]}")

    def _run(self, trouble: Trouble, what: str) -> bool:
        """Whether anything was made to fail."""
        try:
            self._live(trouble)
        except Loss as loss:
            hit = ", ".join(trouble.hit[:2])
            where = f"{self._terminal.name}, {self._action.name}, {what} ({hit})"
            self._losses.add(f"{where}: {loss}")
        self.runs += bool(trouble.hit)
        return bool(trouble.hit)

    def _live(self, trouble: Trouble) -> None:
        saved = self._action.saved
        life = Life(self._terminal, self._dice, image=self._image, legal=frozenset({saved or None}))
        for step in self._action.before:
            life.play(step)
        life.play(self._action.step, trouble)
        self._check(life)
        if isinstance(self._action.step, Restart):
            life.play(Restart())
        elif self.runs % 2:
            life.require_legal()
        life.play(_NEXT)
        self._check(life)

    def _check(self, life: Life) -> None:
        """After a reboot, whatever of what is under way had arrived."""
        states = crash_states(life.disk.durable, life.disk.pending, self._dice, effort=QUICK)
        for image in states.values():
            life.check(image)


def run(*, long: bool, seed: int) -> dict[str, int]:
    losses = Losses("errnos", seed=seed)
    runs = 0
    for terminal in TERMINALS if long else (FILE, RAW, BUFFERED):
        for action in ACTIONS:
            sweep = Sweep(terminal, action, losses=losses, seed=seed)
            calls = max(sweep.singly(way) for way in _ways(terminal, action, long=long))
            for fault in _pair_faults(long=long):
                sweep.in_pairs(fault, calls=calls, sample=None if long else _PAIRS)
            runs += sweep.runs
    return {"errno_runs": runs, "losses": losses.count}


def probe(*, seed: int) -> None:
    """As much as tells a good store from a bad one. The first loss raises Enough."""
    losses = Losses("errnos", seed=seed, first_only=True)
    for terminal in (FILE, BUFFERED):
        for action in ACTIONS:
            sweep = Sweep(terminal, action, losses=losses, seed=seed)
            for way in (*_TELLING, *_lost(terminal, action)):
                sweep.singly(way)


def _ways(terminal: Terminal, action: Action, *, long: bool) -> Iterator[Way]:
    yield from _TELLING
    yield from _lost(terminal, action)
    if long or terminal is FILE:
        yield from _ONCE
    if long:
        yield from _FOR_GOOD


def _lost(terminal: Terminal, action: Action) -> Iterator[Way]:
    if terminal.direct and action.name in _ON_WHAT_IS_WRITTEN_ONLY:
        yield _LOST


def _pair_faults(*, long: bool) -> Iterator[Fault]:
    yield Fault(error=errno.EIO, kept=4)
    if long:
        yield Fault(error=errno.ENOSPC)
        yield Fault(short=True)
