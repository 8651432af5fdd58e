"""The states of hand-made examples, counted and named."""

import random
import stat

from tests.crash.states import (
    CHUNK,
    EMPTY,
    PAGE,
    QUICK,
    ZEROS,
    Chunk,
    File,
    Image,
    Link,
    Pending,
    Rename,
    Size,
    Unlink,
    applied,
    content,
    crash_states,
    spoiled_pages,
    subsets,
    torn,
)

OLD, NEW = b"o" * CHUNK, b"n" * CHUNK
MODE = stat.S_IFREG | 0o600


def disk(size: int = 2 * CHUNK, **chunks: bytes) -> Image:
    """A file `a`, inode 1; `c0` is its first chunk."""
    content = {int(name[1:]): data for name, data in chunks.items()}
    return Image(names={"a": 1}, files={1: File(mode=MODE, size=size, chunks=content)})


def chunk(index: int, data: bytes = NEW) -> Chunk:
    return Chunk(inode=1, index=index, data=data)


def dice() -> random.Random:
    return random.Random(1)


def seen(image: Image) -> tuple[bytes, bytes]:
    file = image.file("a")
    assert file is not None
    return file.chunks.get(0, ZEROS), file.chunks.get(1, ZEROS)


def test_of_two_chunks_under_way_any_may_have_arrived() -> None:
    before = disk(c0=OLD, c1=OLD)
    states = crash_states(before, [chunk(0), chunk(1)], dice(), effort=QUICK)
    assert {seen(image) for image in states.values()} == {
        (OLD, OLD), (NEW, OLD), (OLD, NEW), (NEW, NEW),
    }  # fmt: skip


def test_of_two_writes_to_one_chunk_the_later_wins_where_both_arrived() -> None:
    newer = b"N" * CHUNK
    states = crash_states(disk(c0=OLD), [chunk(0), chunk(0, newer)], dice(), effort=QUICK)
    assert {seen(image)[0] for image in states.values()} == {OLD, NEW, newer}


def test_a_new_file_may_have_name_size_and_content_or_any_of_them() -> None:
    born = Image(names={}, files={1: File(mode=MODE, size=0, chunks={})})
    pending: list[Pending] = [Link(path="a", inode=1), Size(inode=1, size=CHUNK), chunk(0)]
    found = {
        None if (file := image.file("a")) is None else (file.size, file.chunks.get(0))
        for image in crash_states(born, pending, dice(), effort=QUICK).values()
    }
    assert found == {None, (0, None), (CHUNK, None), (CHUNK, NEW)}


def test_a_rename_changes_both_names_or_neither() -> None:
    files = {1: File(mode=MODE, size=1, chunks={}), 2: File(mode=MODE, size=2, chunks={})}
    before = Image(names={"a": 1, "b": 2}, files=files)
    states = crash_states(before, [Rename(source="b", target="a", inode=2)], dice())
    assert [dict(image.names) for image in states.values()] == [{"a": 1, "b": 2}, {"a": 2}]


def test_unlinking_before_renaming_may_leave_nothing() -> None:
    files = {1: File(mode=MODE, size=1, chunks={}), 2: File(mode=MODE, size=2, chunks={})}
    before = Image(names={"a": 1, "b": 2}, files=files)
    pending: list[Pending] = [Unlink(path="a"), Rename(source="b", target="a", inode=2)]
    names = [set(image.names) for image in crash_states(before, pending, dice()).values()]
    assert {"b"} in names


def test_up_to_ten_items_every_subset_is_tried() -> None:
    pending = [chunk(index) for index in range(10)]
    assert len({tuple(each) for each in subsets(pending, dice())}) == 2**10


def test_beyond_ten_items_the_telling_subsets_are_tried_and_a_sample() -> None:
    pending = [chunk(index) for index in range(16)]
    tried = {tuple(each) for each in subsets(pending, dice())}
    for cut in range(17):
        assert tuple(pending[:cut]) in tried
    for index in range(16):
        assert (pending[index],) in tried
        assert tuple(pending[:index] + pending[index + 1 :]) in tried
    assert 220 < len(tried) <= 17 + 32 + 200


def test_a_chunk_under_way_may_be_torn_in_its_middle_zeroed_or_anything() -> None:
    damaged = {
        each[-1].data
        for each in torn(disk(c0=OLD), [chunk(0)], dice())
        if isinstance(each[-1], Chunk)
    }
    half = CHUNK // 2
    assert {NEW[:half] + OLD[half:], OLD[:half] + NEW[half:], ZEROS, b"\xff" * CHUNK} < damaged
    assert len(damaged) == 5


def test_a_torn_write_over_a_write_under_way_mixes_those_two() -> None:
    newer, half = b"N" * CHUNK, CHUNK // 2
    found = list(torn(disk(c0=OLD), [chunk(0), chunk(0, newer)], dice()))
    assert any(chunk(0, newer[:half] + NEW[half:]) in each for each in found)


def test_a_write_may_take_the_page_around_it_along_and_no_other() -> None:
    per_page = PAGE // CHUNK
    before = disk(size=3 * PAGE, c0=OLD, **{f"c{per_page}": OLD})
    for arrived in spoiled_pages(before, [chunk(per_page + 3)], dice()):
        hit = {item.index for item in arrived if isinstance(item, Chunk)}
        assert hit == set(range(per_page, 2 * per_page))


def test_a_page_ends_with_its_file() -> None:
    (arrived, *_) = spoiled_pages(disk(size=2 * CHUNK), [chunk(0)], dice())
    assert len(arrived) == 2


def test_states_that_look_alike_count_once() -> None:
    assert len(crash_states(disk(c0=NEW), [chunk(0)], dice(), effort=QUICK)) == 1
    explicit = applied(disk(), [chunk(0, ZEROS)])
    assert content(explicit) == content(disk())
    assert content(EMPTY) != content(disk())


def test_nothing_is_left_beyond_the_end_of_a_file() -> None:
    cut = applied(disk(c0=OLD, c1=OLD), [Size(inode=1, size=100)])
    assert seen(cut) == (OLD[:100].ljust(CHUNK, b"\0"), ZEROS)
    grown = applied(cut, [Size(inode=1, size=2 * CHUNK)])
    assert seen(grown) == seen(cut)


def test_a_chunk_that_could_not_be_read_can_be_once_it_is_written() -> None:
    bad = File(mode=MODE, size=CHUNK, chunks={}, bad=frozenset({0}))
    healed = applied(Image(names={"a": 1}, files={1: bad}), [chunk(0)])
    assert healed.files[1].bad == frozenset()
