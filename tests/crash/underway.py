"""What a disk has for certain, what is under way to it, and what only the page cache knows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tests.crash.states import CHUNK, ZEROS, Chunk, File, Image, Pending, Size, applied


class UnderWay:
    """`durable` and, in order, what is `pending`; `seen`: the disk with all of that arrived.

    `version` counts changes. Of a sync that failed, the chunks that never reached the medium are
    neither durable nor pending: buffered reads show them all the same.
    """

    def __init__(self, image: Image) -> None:
        self.durable = image
        self.pending: tuple[Pending, ...] = ()
        self.seen = image
        self.version = 0
        self._stale: dict[tuple[int, int], bytes] = {}
        self._written: dict[int, int] = {}

    def file(self, inode: int) -> File:
        return self.seen.files[inode]

    def stamp(self, inode: int) -> int:
        """Serves as its time stamp: the version of its last change."""
        return self._written.get(inode, 0)

    def create(self, mode: int) -> int:
        """An inode without a name."""
        inode = max(self.seen.files, default=0) + 1
        born = {inode: File(mode=mode, size=0, chunks={})}
        self.durable, self.seen = (_with(image, born) for image in (self.durable, self.seen))
        return inode

    def spoil(self, path: str, chunks: Iterable[int]) -> None:
        """From now on these cannot be read, until they are written again."""
        inode, bad = self.seen.names[path], frozenset(chunks)
        self.durable, self.seen = (
            _with(image, {inode: replace(image.files[inode], bad=image.files[inode].bad | bad)})
            for image in (self.durable, self.seen)
        )
        self.version += 1

    def put(self, *items: Pending) -> None:
        self.pending += items
        self.seen = applied(self.seen, items)
        self.version += 1
        for item in items:
            if isinstance(item, Chunk | Size):
                self._written[item.inode] = self.version
            if isinstance(item, Chunk):
                self._stale.pop((item.inode, item.index), None)

    def commit(self, chosen: Callable[[Pending], bool]) -> None:
        self.durable = applied(self.durable, filter(chosen, self.pending))
        self.pending = tuple(item for item in self.pending if not chosen(item))
        self.version += 1

    def forget(self, inode: int, *, kept: int) -> None:
        """A sync that failed: the pages count as clean from now on, whatever the medium has."""
        chunks = [i for i in self.pending if isinstance(i, Chunk) and i.inode == inode]
        lost = chunks[kept:]
        self.pending = tuple(item for item in self.pending if item not in lost)
        self.seen = applied(self.durable, self.pending)
        self.lose(lost)

    def lose(self, chunks: Iterable[Chunk]) -> None:
        """Only the page cache has these."""
        self._stale |= {(chunk.inode, chunk.index): chunk.data for chunk in chunks}
        self.version += 1

    def content(self, inode: int, offset: int, count: int, *, direct: bool) -> bytes:
        """As read past the page cache or through it. Zeros beyond the end."""
        chunks, indexes = self.file(inode).chunks, touched(offset, count)
        if direct or not self._stale:
            whole = b"".join([chunks.get(index, ZEROS) for index in indexes])
        else:
            whole = b"".join(
                self._stale.get((inode, index)) or chunks.get(index, ZEROS) for index in indexes
            )
        return whole[offset % CHUNK :][:count]

    def chunks(self, inode: int, data: bytes, offset: int, *, direct: bool) -> Sequence[Chunk]:
        """What a write of `data` changes, in whole chunks."""
        indexes, at = touched(offset, len(data)), offset % CHUNK
        old = self.content(inode, indexes.start * CHUNK, len(indexes) * CHUNK, direct=direct)
        new = old[:at] + data + old[at + len(data) :]
        return [
            Chunk(inode=inode, index=index, data=new[place : place + CHUNK])
            for place, index in zip(range(0, len(new), CHUNK), indexes, strict=True)
        ]


def touched(offset: int, count: int) -> range:
    """Indexes of the chunks that these bytes lie in."""
    return range(offset // CHUNK, -(-(offset + count) // CHUNK))


def _with(image: Image, files: Mapping[int, File]) -> Image:
    return replace(image, files={**image.files, **files})
