"""Every content a disk may have after a power cut: from what is durable and what is on its way.

Pure. An `Image` is what is on the medium for certain; what has been asked for and not yet synced
is an ordered list of `Pending`. Names change atomically, file contents in chunks of 512 bytes, and
nothing comes before anything else: any subset may have arrived, in order where two touch the same
thing. A chunk under way may be torn, and may take the flash page around it along.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress, product
from typing import Final

CHUNK: Final = 512  # B; what a medium writes atomically, if it is in good health
PAGE: Final = 16 * 1024  # B; what managed flash rewrites at once
ZEROS: Final = bytes(CHUNK)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """`chunks` is sparse: what is absent reads as zeros. `bad` chunks cannot be read."""

    mode: int  # with the type, as stat(2) has it
    size: int
    chunks: Mapping[int, bytes]
    bad: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A disk at rest: paths to inode numbers, inode numbers to files."""

    names: Mapping[str, int]
    files: Mapping[int, File]

    def file(self, path: str) -> File | None:
        inode = self.names.get(path)
        return None if inode is None else self.files[inode]


EMPTY: Final = Image(names={}, files={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk of a file's content; `data` is always whole."""

    inode: int
    index: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A file's new size: beyond it nothing can be read, and what is new in it reads as zeros."""

    inode: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A new name."""

    path: str
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Atomic: both names change or neither."""

    source: str
    target: str
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    """A name less."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Up to `exhaustive` pending items every subset is tried; beyond, every `stride`-th of the
    telling ones and `samples` at random. `damage`: also what a cut does to what it interrupts.
    """

    exhaustive: int = 10
    stride: int = 1
    samples: int = 200
    damage: bool = True


THOROUGH: Final = Effort()
QUICK: Final = Effort(exhaustive=3, stride=7, samples=2, damage=False)

Pending = Chunk | Size | Link | Rename | Unlink
Content = frozenset[tuple[str, int, int, frozenset[tuple[int, bytes]], frozenset[int]]]


def applied(image: Image, arrived: Iterable[Pending]) -> Image:
    """The disk once these arrived."""
    names = dict(image.names)
    files: dict[int, _Draft] = {}
    for item in arrived:
        match item:
            case Chunk(inode=inode, index=index, data=data):
                _draft(files, image, inode).write(index, data)
            case Size(inode=inode, size=size):
                _draft(files, image, inode).resize(size)
            case Link(path=path, inode=inode):
                names[path] = inode
            case Rename(source=source, target=target, inode=inode):
                names.pop(source, None)
                names[target] = inode
            case Unlink(path=path):
                names.pop(path, None)
    changed = {inode: draft.file() for inode, draft in files.items()}
    return Image(names=names, files={**image.files, **changed} if changed else image.files)


def content(image: Image) -> Content:
    """What can be seen of a disk; equal for disks no program can tell apart."""
    return frozenset(
        (path, file.mode, file.size, frozenset(file.chunks.items()), file.bad)
        for path, file in ((path, image.files[inode]) for path, inode in image.names.items())
    )


def crash_states(
    image: Image, pending: Sequence[Pending], dice: random.Random, *, effort: Effort = THOROUGH
) -> dict[Content, Image]:
    """All legal states or, if there is too much pending for that, the telling ones and a sample."""
    found: dict[Content, Image] = {}
    damage = (torn(image, pending, dice), spoiled_pages(image, pending, dice))
    for arrived in chain(subsets(pending, dice, effort=effort), *damage[: 2 * effort.damage]):
        state = applied(image, arrived)
        found.setdefault(content(state), state)
    return found


def subsets(
    pending: Sequence[Pending], dice: random.Random, *, effort: Effort = THOROUGH
) -> Iterator[Sequence[Pending]]:
    """All of them, or: none, all, every prefix, all but one, singles and some at random."""
    count = len(pending)
    if count <= effort.exhaustive:
        for mask in product((False, True), repeat=count):
            yield list(compress(pending, mask))
        return
    yield pending
    for cut in range(0, count, effort.stride):
        yield pending[:cut]
    for index in range(0, count, effort.stride):
        yield [*pending[:index], *pending[index + 1 :]]
        yield [pending[index]]
    for _ in range(effort.samples):
        bits = dice.getrandbits(count)
        yield [item for index, item in enumerate(pending) if bits >> index & 1]


def torn(
    image: Image, pending: Sequence[Pending], dice: random.Random
) -> Iterator[Sequence[Pending]]:
    """One chunk arrived damaged; of the rest nothing, everything, or some of it did."""
    before: dict[tuple[int, int], bytes] = {}
    for position, item in enumerate(pending):
        if not isinstance(item, Chunk):
            continue
        place, half = (item.inode, item.index), CHUNK // 2
        old = before.get(place) or image.files[item.inode].chunks.get(item.index, ZEROS)
        before[place] = item.data
        for data in (
            item.data[:half] + old[half:], old[:half] + item.data[half:],
            ZEROS, b"\xff" * CHUNK, dice.randbytes(CHUNK),
        ):  # fmt: skip
            damaged = replace(item, data=data)
            some = [other for other in pending[:position] if dice.getrandbits(1)]
            yield [damaged]
            yield [*pending[:position], damaged, *pending[position + 1 :]]
            yield [*some, damaged]


def spoiled_pages(
    image: Image, pending: Sequence[Pending], dice: random.Random
) -> Iterator[Sequence[Pending]]:
    """The whole flash page around a chunk under way is lost, neighbours never written included."""
    per_page = PAGE // CHUNK
    pages = {(item.inode, item.index // per_page) for item in pending if isinstance(item, Chunk)}
    for inode, page in sorted(pages):
        last = max(
            image.files[inode].size,
            *(item.size for item in pending if isinstance(item, Size) and item.inode == inode),
            0,
        )
        first = page * per_page
        indexes = range(first, min(first + per_page, -(-last // CHUNK)))
        size = len(indexes) * CHUNK
        for debris in (bytes(size), b"\xff" * size, dice.randbytes(size)):
            lost = [
                Chunk(inode=inode, index=index, data=debris[at * CHUNK :][:CHUNK])
                for at, index in enumerate(indexes)
            ]
            yield lost
            yield [*pending, *lost]


class _Draft:
    """A file while things arrive in it."""

    def __init__(self, file: File) -> None:
        self._mode, self._size, self._bad = file.mode, file.size, file.bad
        self._chunks = dict(file.chunks)

    def write(self, index: int, data: bytes) -> None:
        self._chunks[index] = data
        if self._bad:
            self._bad -= {index}  # flash puts what is written elsewhere

    def resize(self, size: int) -> None:
        if size < self._size:
            self._chunks = within(self._chunks, size)
        self._size = size

    def file(self) -> File:
        chunks = {i: data for i, data in within(self._chunks, self._size).items() if data != ZEROS}
        return File(mode=self._mode, size=self._size, chunks=chunks, bad=self._bad)


def within(chunks: Mapping[int, bytes], size: int) -> dict[int, bytes]:
    """Nothing of what lies beyond the end of a file."""
    last, rest = divmod(size, CHUNK)
    kept = {index: data for index, data in chunks.items() if index < last}
    if rest and last in chunks:
        kept[last] = chunks[last][:rest].ljust(CHUNK, b"\0")
    return kept


def _draft(files: dict[int, _Draft], image: Image, inode: int) -> _Draft:
    if inode not in files:
        files[inode] = _Draft(image.files[inode])
    return files[inode]
