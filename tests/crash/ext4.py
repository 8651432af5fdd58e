"""Power cuts on a real ext4 and on a raw partition: the real store on a block device that logs.

A life of the store (`blocklife`) is recorded by `blocklog`. From the log `blockstates` makes what
a cut may have left. Each state is written to a loop device and booted: mounted, which replays the
journal (after e2fsck, where there is none or the mount is refused), and the grant is loaded by the
real code; on some, another grant is saved and loaded as well.

ext4's superblock has 1024 bytes, and the kernel also writes it outside of the journal. Torn in
two it can be beyond repair, whatever is stored there, so these states are counted apart and are no
losses. docs/durability.md says how to be safe from them: a raw partition, or a file system large
enough for a second superblock.

Controls: two broken stores must be seen to lose, or the layer fails.
"""

import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import AgentError
from agent.store.disk import SystemDisk
from tests.crash.blockgrounds import Ext4, Ground, Raw
from tests.crash.blocklife import Life, OneSlot, RenamesUnsynced, Store, number_in
from tests.crash.blocklog import Write, logged_device, read_log
from tests.crash.blockstates import Content, Recording, State, contents, crash_states
from tests.crash.mounting import Loop, in_own_namespaces, loop_device, mount, require
from tests.store.rig import grant

_ORDERED: Final = Ext4(name="ext4 data=ordered", options="data=ordered")
_OTHERS: Final = (
    Ext4(name="ext4 data=journal", options="data=journal"),
    Ext4(name="ext4 without a journal", mkfs=("-b", "4096", "-O", "^has_journal"), journal=False),
    Ext4(name="ext4 with blocks of 1 KiB", mkfs=("-b", "1024", "-J", "size=4")),
)
_RAW: Final = Raw()
_LIVES: Final[tuple[Ground, ...]] = (_ORDERED, *_OTHERS, *[_RAW] * 4)
_QUICK: Final = 1, 250, 120.0  # times each is lived; states tried of each life; s for that
_LONG: Final = 4, 1000, 1200.0
_AT_ONCE: Final = 4  # lives; most of their time goes by waiting for the kernel
_RAM: Final = "/dev/shm"
_KEPT: Final = Path("build/crash")  # images of losses, for a closer look
_ALSO_SAVE: Final = 0.25  # of the states
_AFTERWARDS: Final = 1 << 40  # number of a grant that no life comes to

Act = Callable[[str, Callable[[str], None]], None]
Look = Callable[[str], int]
Found = tuple[State, Content, int | str]


_CONTROLS: Final[dict[str, tuple[Ground, Callable[[str], Store]]]] = {
    "renamed but not synced": (_ORDERED, RenamesUnsynced),
    "one slot only": (_RAW, OneSlot),
}


def run(*, long: bool, seed: int) -> dict[str, int]:
    """Raises LeftOut without root, loop devices or FUSE."""
    require()
    times, wanted, deadline = _LONG if long else _QUICK
    names = [*_CONTROLS, *[ground.name for ground in _LIVES] * times]

    def counted(name: str, number: int) -> dict[str, int]:
        arguments = (name, str(wanted), f"{seed}.{number}")
        printed = in_own_namespaces(__name__, *arguments, deadline=deadline)
        counts: dict[str, int] = json.loads(printed)
        return counts

    total: Counter[str] = Counter(losses=0)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for counts in pool.map(counted, names, range(len(names))):
            total.update(counts)
    return dict(total)


# -- each in namespaces of its own ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Recording and replay on one ground. `folder` is on a RAM disk and has a directory `mnt`."""

    ground: Ground
    folder: str

    def record(self, act: Act) -> Recording:
        """`act` is given the path of the store and a way to write marks into the log."""
        image, log, size = f"{self.folder}/image", f"{self.folder}/log", self.ground.size
        _blank(image, size)
        self.ground.make(image)
        base = tuple(_written(image))
        with (
            logged_device(image, log, size=size) as device,
            self.ground.booted(device.loop, f"{self.folder}/mnt") as path,
        ):
            act(path, device.mark)
        entries = tuple(read_log(log, size=size))
        return Recording(size=size, superblock=self.ground.superblock, base=base, log=entries)

    def replay(self, recording: Recording, states: Iterable[State], look: Look) -> Iterator[Found]:
        """Boot every state, and tell what `look` finds there: a number, or what went wrong."""
        image, size = f"{self.folder}/state", self.ground.size
        _blank(image, size)
        with open(image, "rb+") as file, loop_device(image, size=size) as loop:
            for state, content in contents(recording, states):
                content.write_to(file.fileno())
                loop.drop_buffers()
                yield state, content, self._boot(loop, look)

    def _boot(self, loop: Loop, look: Look) -> int | str:
        try:
            with self.ground.booted(loop, f"{self.folder}/mnt") as path:
                return look(path)
        except (AgentError, OSError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"


def _main(name: str, wanted: int, seed: str) -> Counter[str]:
    """What is made here is gone with the process."""
    os.makedirs("/dev/disk", exist_ok=True)
    for folder in ("/dev/disk", _RAM):
        mount("tmpfs", folder, "tmpfs")
    if name in _CONTROLS:
        return _catch(*_CONTROLS[name], random.Random(seed))
    ground = next(ground for ground in _LIVES if ground.name == name)
    return _lose_nothing(ground, wanted, seed)


def _lose_nothing(ground: Ground, wanted: int, seed: str) -> Counter[str]:
    """Count what up to `wanted` states of one life lose."""
    dice = random.Random(seed)
    counts: Counter[str] = Counter()

    def live(path: str, mark: Callable[[str], None]) -> None:
        life = Life(ground=ground, path=path, mark=mark, dice=dice)
        life.live()
        if not life.store.health().direct_io:
            raise RuntimeError(f"{ground.name}: no direct I/O, so this is not how it is used")

    def look(path: str) -> int:
        found = number_in(ground.start(path, SystemDisk()))
        if dice.random() < _ALSO_SAVE:
            afterwards = grant(_AFTERWARDS)
            ground.start(path, SystemDisk()).save(afterwards)
            if ground.start(path, SystemDisk()).load() != afterwards:
                raise OSError("what was saved afterwards is not there")
        return found

    with _trial(ground) as trial:
        try:
            recording = trial.record(live)
        except AssertionError as loss:  # without a power cut
            print(f"{ground.name}, seed {seed}: {loss}", file=sys.stderr)
            return Counter(losses=1)
        states = _sample(crash_states(recording, dice), wanted, dice)
        for state, content, found in trial.replay(recording, states, look):
            lost = found not in state.allowed
            if state.superblock:
                counts.update(superblock_tears=1, superblock_tears_beyond_repair=lost)
                continue
            counts.update({ground.counts_as: 1, "losses": lost})
            if lost:
                print(_described(ground, seed, state, content, found), file=sys.stderr)
    return counts


def _catch(ground: Ground, broken: Callable[[str], Store], dice: random.Random) -> Counter[str]:
    """Raise AssertionError if a store that must lose does not."""

    def save_on(path: str, mark: Callable[[str], None]) -> None:
        store = broken(path)
        for number in range(1, 9):
            mark(f"{number - 1} {number}")
            store.save(grant(number))
            mark(str(number))

    with _trial(ground) as trial:
        recording = trial.record(save_on)
        states = [state for state in crash_states(recording, dice) if not state.superblock]
        replayed = trial.replay(recording, states, lambda path: number_in(broken(path)))
        if all(found in state.allowed for state, _, found in replayed):
            raise AssertionError(f"{ground.name}: {broken.__name__} was not seen to lose anything")
    return Counter(controls_caught=1)


@contextmanager
def _trial(ground: Ground) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory(dir=_RAM, ignore_cleanup_errors=True) as folder:
        os.mkdir(f"{folder}/mnt", 0o700)
        yield Trial(ground=ground, folder=folder)


def _sample(states: Sequence[State], wanted: int, dice: random.Random) -> list[State]:
    """By position; those with a torn superblock are few, and come along."""
    if len(states) <= wanted:
        return list(states)
    chosen = set(dice.sample(range(len(states)), wanted))
    return [state for at, state in enumerate(states) if at in chosen or state.superblock]


def _described(ground: Ground, seed: str, state: State, content: Content, found: int | str) -> str:
    """One line, and the device as a file: the life itself cannot be repeated to the byte."""
    _KEPT.mkdir(parents=True, exist_ok=True)
    kept = _KEPT / f"{ground.name}-{seed}.img".replace(" ", "-")
    with open(kept, "wb") as file:
        content.write_to(file.fileno())
    pieces = ", ".join(f"{piece.entry}[{piece.begin}:{piece.end}]" for piece in state.pieces)
    return (
        f"{ground.name}, seed {seed}: found {found}, allowed {sorted(state.allowed)}; entries "
        f"below {state.position} of the log flushed, {pieces or 'nothing'} on top; see {kept}"
    )


def _blank(path: str, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)


def _written(path: str) -> Iterator[Write]:
    """What is not a hole in the file."""
    with open(path, "rb") as file:
        fd, at = file.fileno(), 0
        while True:
            try:
                begin = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole until the end
                return
            at = os.lseek(fd, begin, os.SEEK_HOLE)
            yield Write(begin, os.pread(fd, at - begin, begin))


if __name__ == "__main__":
    print(json.dumps(_main(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
