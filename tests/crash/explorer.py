"""Every crash state of every scenario: the real store on a model disk, cut off everywhere.

A story is told in three ways: undisturbed; with each of its calls failing in turn; with the process
killed at each of its calls. Wherever something changed, all states a power cut may leave there are
loaded with the real code. From a sample of these states life goes on, to be cut off again.
"""

import errno
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from tests.crash import Losses
from tests.crash.model import Fault
from tests.crash.scenarios import (
    Clear,
    Life,
    Loss,
    Rekey,
    Restart,
    Save,
    Step,
    Trouble,
    Unreadable,
    damaged,
)
from tests.crash.states import QUICK, THOROUGH, Effort, File, Image, crash_states
from tests.crash.terminals import (
    BUFFERED,
    CORRUPT,
    FILE,
    KEY_BESIDE,
    RAW,
    TERMINALS,
    Found,
    Terminal,
)

_CHAINS: Final = 15  # lives that go on after a cut
_CHAINS_LONG: Final = 400
_SAMPLE: Final = 4  # states of each telling that life goes on from


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`step` is the one to disturb. `spoiled`: begins with a store that is corrupt.

    In a short run it is disturbed on a file, on a partition and on the terminals named here.
    """

    name: str
    before: tuple[Step, ...] = (Restart(),)
    step: Step
    after: tuple[Step, ...]
    spoiled: bool = False
    also_on: tuple[Terminal, ...] = ()


_SAVED: Final = (Restart(), Save(1), Save(2), Save(3))  # slot 1 has the newest, slot 0 grant 2
STORIES: Final = (
    Story(name="save", before=_SAVED, step=Save(4), after=(Save(5), Save(6)), also_on=(BUFFERED,)),
    Story(name="creation", step=Save(1), after=(Save(2), Save(3)), also_on=(KEY_BESIDE, BUFFERED)),
    Story(name="equal save", before=_SAVED, step=Save(3), after=(Save(4),)),
    Story(name="restart", before=_SAVED, step=Restart(), after=(Save(4),)),
    Story(
        name="clear", before=_SAVED, step=Clear(), after=(Save(5), Save(6)), also_on=(KEY_BESIDE,)
    ),
    Story(
        name="rekey",
        before=_SAVED,
        step=Rekey(),
        after=(Save(4), Rekey(), Save(5)),
        also_on=(KEY_BESIDE,),
    ),
    *(
        Story(
            name=f"{which} unreadable",
            before=(*_SAVED, Unreadable(slot), Restart()),
            step=Save(4),
            after=(Save(5),),
            also_on=(BUFFERED,),
        )
        for which, slot in (("newest", 1), ("older", 0))
    ),
    Story(name="corrupt", before=(), step=Restart(), after=(Save(5), Save(6)), spoiled=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A state after a power cut, with what it was recovered to."""

    terminal: Terminal
    image: Image
    found: Found
    kept: File | None
    where: str


class Explorer:
    """Collects distinct states; each is loaded once for each set of grants that is legal there."""

    def __init__(self, *, losses: Losses, seed: int) -> None:
        self._losses = losses
        self._seed = seed
        self._states: set[int] = set()
        self._cuts: list[_Cut] = []
        self._begin("", THOROUGH)

    @property
    def states(self) -> int:
        return len(self._states)

    def tell(self, terminal: Terminal, story: Story, effort: Effort = THOROUGH) -> None:
        """Undisturbed."""
        self._begin(f"{terminal.name}, {story.name}", effort)
        with self._losing():
            life = self._born(terminal, story)
            for step in story.before:
                life.play(step)
            life.on_point = self._at
            for step in (story.step, *story.after):
                life.play(step)

    def tell_disturbed(self, terminal: Terminal, story: Story, effort: Effort) -> None:
        """Each call of the step fails, then the process is killed at each."""
        for way, fault in (("failing", Fault(error=errno.EIO, kept=4)), ("killed", None)):
            for call in count(1):
                self._begin(f"{terminal.name}, {story.name}, {way} at call {call}", effort)
                trouble = Trouble(at=(call,), fault=fault)
                with self._losing():
                    self._tell_disturbed(self._born(terminal, story), story, trouble)
                if not trouble.hit:
                    break

    def _tell_disturbed(self, life: Life, story: Story, trouble: Trouble) -> None:
        for step in story.before:
            life.play(step)
        life.on_point = lambda life, name: self._at(life, name) if trouble.hit else None
        life.play(story.step, trouble)
        if not trouble.hit:
            return
        if trouble.kills or isinstance(story.step, Restart):
            life.play(Restart())
        for step in story.after:
            life.play(step)

    def go_on(self) -> None:
        """From one of the cuts, to be cut off again."""
        if not self._cuts:
            return  # every state was a loss
        cut = self._cuts[self._dice.randrange(len(self._cuts))]
        self._begin(f"{cut.where}, cut off with {cut.found}, going on", THOROUGH)
        legal = frozenset({cut.found, None} if cut.found == CORRUPT else {cut.found})
        life = Life(cut.terminal, self._dice, image=cut.image, legal=legal, kept=cut.kept)
        life.on_point = self._at
        first = cut.found + 10 if isinstance(cut.found, int) else 10
        ways: list[tuple[Step, ...]] = [(Save(first), Save(first + 1))]
        if isinstance(cut.found, int):
            ways += [(Rekey(), Save(first)), (Clear(), Save(first))]
        with self._losing():
            for step in (Restart(), *self._dice.choice(ways)):
                life.play(step)

    def _born(self, terminal: Terminal, story: Story) -> Life:
        return damaged(terminal, self._dice) if story.spoiled else Life(terminal, self._dice)

    def _begin(self, where: str, effort: Effort) -> None:
        self._where, self._effort = where, effort
        self._dice = random.Random(f"{self._seed}, {where}, {self.states}")
        self._sample = Sample(size=_SAMPLE, dice=self._dice)
        self._last: tuple[int, frozenset[Found]] | None = None

    @contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except Loss as loss:
            self._losses.add(f"{self._where}: {loss}")
        self._cuts += self._sample.chosen

    def _at(self, life: Life, point: str) -> None:
        now = (life.disk.version, life.legal)
        if now == self._last:
            return
        self._last = now
        found = crash_states(life.disk.durable, life.disk.pending, self._dice, effort=self._effort)
        for number, (content, image) in enumerate(found.items()):
            mark = hash((life.terminal.name, life.legal, content))
            if mark not in self._states:
                self._states.add(mark)
                self._check(life, image, f"{point}, change {life.disk.version}, state {number}")

    def _check(self, life: Life, image: Image, where: str) -> None:
        try:
            found = life.check(image)
        except Loss as loss:
            self._losses.add(f"{self._where}, at {where}: {loss}")
            return
        self._sample.offer(
            _Cut(
                terminal=life.terminal, image=image, found=found, kept=life.kept, where=self._where
            )
        )


class Sample:
    """Some of many, each with the same chance."""

    def __init__(self, *, size: int, dice: random.Random) -> None:
        self.chosen: list[_Cut] = []
        self._size, self._dice, self._offered = size, dice, 0

    def offer(self, cut: _Cut) -> None:
        self._offered += 1
        if len(self.chosen) < self._size:
            self.chosen.append(cut)
        elif (place := self._dice.randrange(self._offered)) < self._size:
            self.chosen[place] = cut


def run(*, long: bool, seed: int) -> dict[str, int]:
    losses = Losses("explorer", seed=seed)
    explorer = Explorer(losses=losses, seed=seed)
    trouble = THOROUGH if long else QUICK
    for story in STORIES:
        for terminal in TERMINALS:
            explorer.tell(terminal, story)
        for terminal in TERMINALS if long else (FILE, RAW, *story.also_on):
            explorer.tell_disturbed(terminal, story, trouble)
    for _ in range(_CHAINS_LONG if long else _CHAINS):
        explorer.go_on()
    return {"explorer_states": explorer.states, "losses": losses.count}


def probe(*, seed: int) -> None:
    """As much as tells a good store from a bad one. The first loss raises Enough."""
    explorer = Explorer(losses=Losses("explorer", seed=seed, first_only=True), seed=seed)
    for story in STORIES:
        explorer.tell(FILE, story, QUICK)
    for story in STORIES:
        for terminal in (FILE, *story.also_on):
            explorer.tell_disturbed(terminal, story, QUICK)
