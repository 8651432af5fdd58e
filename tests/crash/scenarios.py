"""A terminal on a model disk, what happens to it, and which grants it may come back with.

After every power cut, at any moment: acknowledged <= recovered <= started. A grant that was given
up, by a later acknowledged save or by a boot that found another, never returns.
"""

import contextlib
import random
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Final

from agent.errors import StoreError, StoreNotWritable
from agent.store.keys import KEY_SIZE
from agent.store.record import SLOT_SIZE, SLOTS, STRIDE
from tests.crash.model import Fault, ModelDisk
from tests.crash.states import CHUNK, Chunk, File, Image, applied
from tests.crash.terminals import CORRUPT, Found, Terminal, loaded
from tests.store.rig import grant

_MAGIC: Final = b"TOKSLOT1"
_SLOT_CHUNKS: Final = SLOT_SIZE // CHUNK


# -- what happens ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Save:
    number: int


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class Rekey:
    pass


@dataclass(frozen=True, slots=True)
class Restart:
    """The process ends, the machine does not: what was under way still is."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """From now on one slot answers EIO."""

    slot: int


Step = Save | Clear | Rekey | Restart | Unreadable


class Killed(BaseException):
    """Raised from within a call: nothing after it happens."""


class Loss(Exception):
    """What must never happen; the message says what did."""


class Life:
    """One terminal, from a disk on; `legal` is what a power cut now may leave.

    `on_point` is told wherever that may be asked. The first step is a Restart. Raises Loss.
    """

    def __init__(
        self,
        terminal: Terminal,
        dice: random.Random,
        *,
        image: Image | None = None,
        legal: frozenset[Found] = frozenset({None}),
        kept: File | None = None,
    ) -> None:
        self.terminal = terminal
        self.on_point: Callable[[Life, str], None] = lambda life, name: None
        self.legal = legal
        self.kept = kept  # a corrupt store: never gone before a copy of it is there
        self._dice = dice
        self._sealed: dict[bytes, bytes] = {}
        self._trouble: Trouble | None = None
        self._older: frozenset[Found] = frozenset()
        self.disk = terminal.disk(terminal.new if image is None else image)
        self.disk.on_point = self._point

    def play(self, step: Step, trouble: "Trouble | None" = None) -> bool:
        """Whether it succeeded; without trouble it has to. A process that was killed is gone: the
        next step is a Restart.
        """
        self._trouble = trouble
        self._older = self._older_ones()
        try:
            match step:
                case Save(number=number):
                    return self._save(number)
                case Clear():
                    return self._clear()
                case Rekey():
                    return self._rekey()
                case Restart():
                    return self._restart()
                case Unreadable(slot=slot):
                    return self._make_unreadable(slot)
        except Killed:
            return False
        finally:
            self._trouble = None

    def _save(self, number: int) -> bool:
        half_made = {CORRUPT} if self.terminal.partition and None in self.legal else set()
        self.legal |= {number, *half_made}
        done = self._done(lambda: self.store.save(grant(number)))
        if done:
            self.legal = frozenset({number})
        self._point("save, over")
        return done

    def _clear(self) -> bool:
        keys = self._keys("", ".next")
        self.legal |= {None, CORRUPT}
        done = self._done(self.store.clear)
        if done:
            self.legal = frozenset({None})
            self._require_destroyed(keys)
        self._point("clear, over")
        return done

    def _rekey(self) -> bool:
        keys = self._keys("")
        done = self._done(self.store.rekey)
        if done:
            self.legal = frozenset({self._loaded()})
            self._require_destroyed(keys)
        self._point("rekey, over")
        return done

    def _restart(self) -> bool:
        def restart() -> None:
            self.store = self.terminal.boot(self.disk, self._dice)
            self._loaded()

        self._sealed.clear()
        done = self._done(restart, refusal=StoreError)
        self._point("start, over")
        return done

    def _make_unreadable(self, slot: int) -> bool:
        self.legal |= self._older
        first = slot * STRIDE // CHUNK
        self.disk.spoil(self.terminal.path, range(first, first + _SLOT_CHUNKS))
        return True

    def _older_ones(self) -> frozenset[Found]:
        """What a slot that cannot be read may bring back: the only thing that may."""
        numbers = (number for number in self.legal if isinstance(number, int))
        return frozenset(number - 1 for number in numbers if number > 1)

    def require_legal(self) -> None:
        """What the running process says is in there must be legal, too."""
        self._loaded()

    def _loaded(self) -> Found:
        found = loaded(self.store)
        if found not in self.legal | (self._older if self._reading_failed() else set()):
            raise Loss(f"loads {found}, legal: {_listed(self.legal)}")
        return found

    def _reading_failed(self) -> bool:
        return self._trouble is not None and "pread" in self._trouble.hit

    def _done(
        self, action: Callable[[], None], *, refusal: type[StoreError] = StoreNotWritable
    ) -> bool:
        try:
            with disturbed(self.disk, self._trouble):
                action()
        except Loss:
            raise
        except StoreError as error:
            if self._trouble is None:
                raise Loss(f"refused without a reason: {error}") from error
            if not isinstance(error, refusal):
                raise Loss(f"a stray {error!r}") from error
            return False
        except Exception as error:
            raise Loss(f"a stray {error!r}") from error
        return True

    # -- at every point ---------------------------------------------------------------------------

    def _point(self, name: str) -> None:
        if self.terminal.partition and self._reading_failed():
            self.legal |= self._older  # the slot that cannot be read is overwritten, as it must
        self._require_new_generations()
        self.on_point(self, name)

    def check(self, image: Image) -> Found:
        """Whether a power cut may leave this disk. Raises Loss."""
        if self.kept is not None and not _has(image, self.kept):
            raise Loss("the corrupt store is gone, and no copy was kept")
        found = self.terminal.recovered(image, self._dice)
        if found not in self.legal:
            raise Loss(f"loads {found}, legal: {_listed(self.legal)}")
        return found

    def _require_new_generations(self) -> None:
        """Two records never share a number, failed ones included."""
        for item in self.disk.pending:
            if isinstance(item, Chunk) and item.data.startswith(_MAGIC):
                known = self._sealed.setdefault(item.data[24:48], item.data)
                if known != item.data:
                    number = int.from_bytes(item.data[24:32], "little")
                    raise Loss(f"two records have generation {number}")

    def _keys(self, *ends: str) -> set[bytes]:
        """Those on the medium that may have sealed something: to be destroyed by what comes."""
        found = (self.disk.durable.file(self.terminal.key_file + end) for end in ends)
        keys = [file.chunks.get(0) for file in found if file is not None]
        return {key[:KEY_SIZE] for key in keys if key is not None}

    def _require_destroyed(self, keys: set[bytes]) -> None:
        if self._trouble is not None:
            return
        for file in self.disk.durable.files.values():
            if any(file.chunks.get(0, b"").startswith(key) for key in keys):
                raise Loss("a key that was to be destroyed is still on the medium")


def damaged(terminal: Terminal, dice: random.Random) -> Life:
    """A terminal whose grant something else has spoiled, in both slots."""
    life = Life(terminal, dice)
    for step in (Restart(), Save(1), Save(2)):
        life.play(step)
    inode = life.disk.durable.names[terminal.path]
    hits = [slot * STRIDE // CHUNK + 4 for slot in range(SLOTS)]
    debris = [Chunk(inode=inode, index=hit, data=dice.randbytes(CHUNK)) for hit in hits]
    image = applied(life.disk.durable, debris)
    legal: frozenset[Found] = frozenset({CORRUPT})
    return Life(terminal, dice, image=image, legal=legal, kept=image.files[inode])


def _has(image: Image, kept: File) -> bool:
    """Whether the slots of `kept` are somewhere on the disk, under a name."""
    return any(image.files[inode].chunks == kept.chunks for inode in image.names.values())


def _listed(legal: frozenset[Found]) -> str:
    return " or ".join(sorted(map(str, legal)))


# -- trouble --------------------------------------------------------------------------------------


class Trouble:
    """`fault` in the calls whose numbers are `at`, counted from 1. Without a fault the process is
    killed at the first of them. `hit` names those that were.
    """

    def __init__(self, *, at: Container[int], fault: Fault | None) -> None:
        self.hit: list[str] = []
        self._at = at
        self._fault = fault
        self._count = 0

    @property
    def kills(self) -> bool:
        return self._fault is None

    def __call__(self, name: str) -> Fault | None:
        self._count += 1
        if self._count in self._at:
            self.hit.append(name)
        elif self._fault is not None or not self.hit:
            return None
        if self._fault is None:
            raise Killed  # again and again: the dead close nothing
        return self._fault


@contextlib.contextmanager
def disturbed(disk: ModelDisk, trouble: Trouble | None) -> Iterator[None]:
    if trouble is None:
        yield
        return
    before, disk.faults = disk.faults, trouble
    try:
        yield
    finally:
        disk.faults = before
