"""Every content a power cut may leave is made, is what it says, and knows what it has to meet."""

import os
import random
import tempfile
from collections.abc import Iterable
from itertools import chain, combinations

import pytest

from tests.crash.blocklog import SECTOR, Entry, Flush, Mark, Write
from tests.crash.blockstates import Recording, State, contents, crash_states

SIZE = 16 * SECTOR


def write(sector: int, text: str) -> Write:
    """One sector for each letter."""
    return Write(sector * SECTOR, b"".join(letter.encode() * SECTOR for letter in text))


def recording(*log: Entry, base: Iterable[Write] = (), superblock: int | None = None) -> Recording:
    return Recording(size=SIZE, superblock=superblock, base=tuple(base), log=log)


def letters(raw: bytes) -> str:
    """A dot for zeros; fails if a sector is not all of one letter."""
    sectors = [raw[at : at + SECTOR] for at in range(0, len(raw), SECTOR)]
    assert all(len(set(sector)) == 1 for sector in sectors)
    return "".join(chr(sector[0]) if sector[0] else "." for sector in sectors).rstrip(".")


def found(device: Recording) -> dict[str, State]:
    states = crash_states(device, random.Random(1))
    with tempfile.TemporaryFile(buffering=0) as file:
        made = {}
        for state, content in contents(device, states):
            os.pwrite(file.fileno(), b"?" * SIZE, 0)
            content.write_to(file.fileno())
            made[letters(os.pread(file.fileno(), SIZE, 0))] = state
    assert len(made) == len(states), "the same content twice"
    return made


def test_writes_since_the_last_flush_arrive_in_any_combination() -> None:
    made = found(recording(write(0, "a"), Flush(), write(1, "b"), write(2, "c"), write(3, "d")))
    assert set(made) == {
        "", "a", "ab", "a.c", "abc", "a..d", "ab.d", "a.cd", "abcd",
    }  # fmt: skip


def test_of_two_writes_to_one_place_the_first_or_the_second_may_be_there() -> None:
    assert set(found(recording(write(0, "a"), write(0, "b")))) == {"", "a", "b"}


def test_writes_may_overlap() -> None:
    made = found(recording(write(0, "ab"), write(1, "c"), write(3, "d")))
    assert set(made) == {
        "", "a", ".b", "ab", ".c", "ac", "...d", "ab.d", ".c.d", "ac.d",
    }  # fmt: skip


def test_a_write_may_be_torn_at_any_of_its_sectors_from_either_side() -> None:
    made = found(recording(write(0, "xyz"), Flush(), write(0, "abc"), Flush()))
    assert set(made) == {
        "", "x", "xy", "xyz", ".yz", "..z",
        "ayz", "abz", "abc", "xbc", "xyc",
    }  # fmt: skip


def test_a_torn_write_stands_alone_or_among_the_others() -> None:
    expected = {"", "a", "a...c", ".b", ".b..c", "ab", "ab..c", "....c"}
    assert set(found(recording(write(4, "c"), write(0, "ab")))) == expected
    assert set(found(recording(write(0, "ab"), write(4, "c"), Flush()))) == expected


def test_what_was_there_before_is_under_all_of_it() -> None:
    made = found(recording(write(1, "b"), base=[write(0, "xyz")]))
    assert set(made) == {"xyz", "xbz"}


def test_many_writes_are_sampled_from_none_to_all() -> None:
    many = [write(sector, "abcdefgh"[sector]) for sector in range(8)]
    made = found(recording(*many))
    assert {"", "abcdefgh"} <= set(made)
    assert len(made) > 50


@pytest.mark.parametrize("seed", range(20))
def test_every_subset_of_up_to_five_pending_writes_is_made(seed: int) -> None:
    dice = random.Random(seed)
    durable = write(dice.randrange(8), "x")
    pending = [write(dice.randrange(8), chr(ord("a") + n)) for n in range(dice.randint(1, 5))]
    expected = set()
    for subset in chain.from_iterable(combinations(pending, n) for n in range(len(pending) + 1)):
        content = ["."] * 16
        for each in (durable, *subset):
            content[each.offset // SECTOR] = chr(each.data[0])
        expected.add("".join(content).rstrip("."))
    assert set(found(recording(durable, Flush(), *pending))) == expected | {""}


def test_what_is_acknowledged_has_to_be_found_in_all_that_is_possible_from_then_on() -> None:
    made = found(
        recording(
            Mark("0 1"), write(0, "a"), Flush(), Mark("1"), Mark("1 2"), write(1, "b"), Flush(),
            Mark("2"),
        )
    )  # fmt: skip
    assert {content: sorted(state.allowed) for content, state in made.items()} == {
        "": [0], "a": [1], "ab": [2],
    }  # fmt: skip


def test_an_acknowledgement_without_a_flush_binds_the_states_without_the_write_as_well() -> None:
    made = found(recording(Mark("0 1"), write(0, "a"), Mark("1")))
    assert {content: sorted(state.allowed) for content, state in made.items()} == {
        "": [], "a": [1],
    }  # fmt: skip


def test_while_a_step_is_under_way_both_ends_of_it_are_allowed() -> None:
    made = found(recording(Mark("3"), Flush(), Mark("3 4"), write(0, "ab"), Flush(), Mark("4")))
    assert made["a"].allowed == {3, 4}
    assert made["ab"].allowed == {4}


def test_a_superblock_torn_in_two_is_told_apart_unless_it_comes_about_otherwise() -> None:
    made = found(recording(write(2, "ab"), superblock=3 * SECTOR))
    assert {content for content, state in made.items() if state.superblock} == {"..a", "...b"}
    made = found(recording(write(2, "ab"), Flush(), write(3, "\0"), superblock=3 * SECTOR))
    assert {content for content, state in made.items() if state.superblock} == {"...b"}
