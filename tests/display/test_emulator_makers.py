"""NCR 5972, Wincor BA63/BA66 and the plain line device, byte by byte.

Sources: NCR 5972 user's guide BD20-1372, Wincor Nixdorf BA63/BA66 manual; the plain device is what
its module says.
"""

import pytest

from hw.display.emulator import Emulator
from hw.display.emulator.glass import Mode
from tests.display.emulated import answered, fed


@pytest.mark.parametrize(
    ("sent", "cells", "cursor"),
    [
        ("41424344", ("ABCD", "    "), (0, 1)),
        ("414243444546474849", ("IBCD", "EFGH"), (1, 0)),
        ("41 20 42", ("A B ", "    "), (3, 0)),
        ("1B1305 58", ("    ", " X  "), (2, 1)),
        ("1B0F 58", ("    ", "   X"), (0, 0)),
        ("1B1307 1B10 58", ("X   ", "    "), (1, 0)),
        ("1B10 58", (" X  ", "    "), (2, 0)),
        ("1B1B 58", ("←X  ", "    "), (2, 0)),
        ("4142 1B02 58", ("X   ", "    "), (1, 0)),
        ("D5", ("€   ", "    "), (1, 0)),  # CP858 unless told otherwise
        ("1B21 B1", ("ｱ   ", "    "), (1, 0)),
        ("1B22 80", ("А   ", "    "), (1, 0)),
        ("1B22 1B20 D5", ("€   ", "    "), (1, 0)),
    ],
)
def test_ncr(sent: str, cells: tuple[str, str], cursor: tuple[int, int]) -> None:
    emulator = fed("ncr", "1B02", sent)

    assert (cells, cursor, ()) == (emulator.cells(), emulator.cursor, emulator.errors)
    assert emulator.mode is Mode.OVERWRITE


def test_ncr_switches_its_cursor_and_blinks() -> None:
    emulator = fed("ncr", "1B02")
    assert emulator.cursor_visible

    emulator.feed(bytes.fromhex("1B08 1B0D"))
    assert (emulator.cursor_visible, emulator.blinking) == (False, True)
    emulator.feed(bytes.fromhex("1B07 1B0E"))
    assert (emulator.cursor_visible, emulator.blinking) == (True, False)


def test_ncr_says_who_it_is_behind_a_length() -> None:
    answer = answered(Emulator(2, 20, "ncr"), "1B19")

    assert answer[0] == len(answer) - 1
    assert answer[1:].startswith(b"NCR 5972, ")


def test_ncr_shows_every_control_byte_as_a_character() -> None:
    emulator = fed("ncr", "1B02", "0D0A1F")

    assert emulator.cells()[0] == "♪◙▼ "
    assert len(emulator.errors) == 3


def test_a_lone_escape_of_ncr_swallows_the_next_byte() -> None:
    assert fed("ncr", "1B02 1B", b"ABC").cells()[0] == "BC  "


@pytest.mark.parametrize("sent", ["1B1308", "1B23", "1B40", "1B38", "1B04"])
def test_ncr_records_what_it_does_not_know(sent: str) -> None:
    assert fed("ncr", sent).errors


# -- BA63, BA66 -----------------------------------------------------------------------------------

CLEAR_AND_HOME = "1B5B324A 1B5B313B3148"


@pytest.mark.parametrize(
    ("sent", "cells", "cursor"),
    [
        (b"AB", ("AB  ", "    "), (2, 0)),
        (b"ABCD", ("ABCD", "    "), (3, 0)),
        (b"ABCDE", ("ABCD", "E   "), (1, 1)),
        (b"ABCDEFGH", ("ABCD", "EFGH"), (3, 1)),
        (b"ABCDEFGHI", ("EFGH", "I   "), (1, 1)),  # as a line feed on the last row
        (b"ABCDEFGH\nX", ("EFGH", "   X"), (3, 1)),
        (b"ABCD\r\nEF", ("ABCD", "EF  "), (2, 1)),
        (b"ABCD\x08X", ("ABXD", "    "), (3, 0)),
        (b"\x08X", ("X   ", "    "), (1, 0)),
        (b"AB\nC", ("AB  ", "  C "), (3, 1)),
        (b"AB\rC", ("CB  ", "    "), (1, 0)),
        (b"ABCDEF\x1b[1;3H\x1b[0K", ("AB  ", "EF  "), (2, 0)),
        (b"ABCD\x1b[2;4HX", ("ABCD", "   X"), (3, 1)),
        (b"ABCDEF\x1b[2J", ("    ", "    "), (2, 1)),  # the cursor stays
        (b"\x1bR\x00A", ("A   ", "    "), (1, 0)),
        (b"\x1b[1;000003HA", ("  A ", "    "), (3, 0)),
    ],
)
def test_ba6x(sent: bytes, cells: tuple[str, str], cursor: tuple[int, int]) -> None:
    emulator = fed("ba6x", CLEAR_AND_HOME, sent)

    assert (cells, cursor, ()) == (emulator.cells(), emulator.cursor, emulator.errors)
    assert not emulator.cursor_visible


def test_a_line_feed_on_the_last_row_of_four_leaves_the_middle_alone() -> None:
    rows = b"\r\n".join((b"AA", b"BB", b"CC", b"DD"))
    emulator = fed("ba6x", CLEAR_AND_HOME, rows, b"\n", rows=4)

    assert emulator.cells() == ("DD  ", "BB  ", "CC  ", "    ")
    assert emulator.cursor == (2, 3)


@pytest.mark.parametrize(("rows", "answer"), [(2, b"BA63"), (4, b"BA66")])
def test_ba6x_says_who_it_is(rows: int, answer: bytes) -> None:
    assert answered(Emulator(rows, 20, "ba6x"), "1B5B3063") == answer


@pytest.mark.parametrize(
    "sent",
    [
        *(b"\x1b[3;1H", b"\x1b[1;5H", b"\x1b[0;1H", b"\x1b[;H", b"\x1b[H", b"\x1b[1H"),
        *(b"\x1b[K", b"\x1b[J", b"\x1b[0J", b"\x1b[1c", b"\x1b[0m", b"\x1bR\x02", b"\x1bD"),
        *(b"\x0c", b"\x09", b"\x7f", b"\x1b[1;0000003H", b"\x1b[1;\rH"),
    ],
)
def test_ba6x_records_what_it_does_not_know(sent: bytes) -> None:
    emulator = fed("ba6x", CLEAR_AND_HOME, sent)

    assert emulator.errors


def test_any_byte_from_40_ends_a_sequence() -> None:
    emulator = fed("ba6x", CLEAR_AND_HOME, b"\x1b[@A", b"\x1b[AB")

    assert (emulator.cells()[0], len(emulator.errors)) == ("AB  ", 2)


def test_a_control_byte_breaks_a_sequence_off_and_is_lost_with_it() -> None:
    emulator = fed("ba6x", CLEAR_AND_HOME, b"\x1b[1;", b"\x1b[2;2HX")

    assert emulator.cells() == ("[2;2", "HX  ")


# -- the plain line device ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "cells", "cursor"),
    [
        (b"AB", ("AB  ", "    "), (2, 0)),
        (b"ABCD\r\nEFGH", ("ABCD", "EFGH"), (3, 1)),
        (b"AB\nC", ("AB  ", "  C "), (3, 1)),
        (b"ABCD\r\nEF\r\nG", ("EF  ", "G   "), (1, 1)),
        (b"AB\x08C", ("AC  ", "    "), (2, 0)),
        (b"\x08\x08C", ("C   ", "    "), (1, 0)),
        (b"AB\x0cC", ("C   ", "    "), (1, 0)),
    ],
)
def test_the_plain_device(sent: bytes, cells: tuple[str, str], cursor: tuple[int, int]) -> None:
    emulator = fed("ascii", "0C", sent)

    assert (cells, cursor, ()) == (emulator.cells(), emulator.cursor, emulator.errors)
    assert (emulator.cursor_visible, emulator.mode) == (False, Mode.OVERWRITE)


@pytest.mark.parametrize(
    ("sent", "row"),
    [(b"ABCDE", "ABCD"), (b"\x1b[A", "[A  "), (b"\x80\x84", "██  "), (b"\x7f\x00\tA", "A   ")],
)
def test_what_the_plain_device_cannot_show_is_recorded(sent: bytes, row: str) -> None:
    emulator = fed("ascii", "0C", sent)

    assert emulator.errors
    assert emulator.cells() == (row, "    ")
