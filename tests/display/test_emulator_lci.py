"""LCI, SurePOS and UTC standard against their manuals, byte by byte.

Sources: Logic Controls LD9000 and LDX9, Bematech LDX1000, IBM SurePOS 4810/4840, UTC Retail
PD1100/1200 and 3190, Posiflex PD-2609UE, Partner CD5220.
"""

import pytest

from hw.display.emulator.glass import Mode
from tests.display.emulated import fed

LCI = "1F 11"
ALL = ("logic-controls", "surepos", "utc", "utc-enhanced")


@pytest.mark.parametrize("command_set", ALL)
@pytest.mark.parametrize(
    ("sent", "cells", "cursor"),
    [
        ("41424344", ("ABCD", "    "), (0, 1)),
        ("4142434445464748", ("ABCD", "EFGH"), (0, 0)),
        ("1004 58", ("    ", "X   "), (1, 1)),
        ("1007 58", ("    ", "   X"), (0, 0)),
        ("4142 1000 58", ("XB  ", "    "), (1, 0)),
        ("4142 0D 58", ("XB  ", "    "), (1, 0)),
        ("0909 58", ("  X ", "    "), (3, 0)),
        ("41 0A 58", ("A   ", " X  "), (2, 1)),
        ("0A0A 58", ("X   ", "    "), (1, 0)),
    ],
)
def test_cursor_and_cells(
    command_set: str, sent: str, cells: tuple[str, str], cursor: tuple[int, int]
) -> None:
    emulator = fed(command_set, LCI, sent)

    assert (cells, cursor, ()) == (emulator.cells(), emulator.cursor, emulator.errors)


@pytest.mark.parametrize("command_set", ALL)
def test_the_cursor_and_the_brightness(command_set: str) -> None:
    emulator = fed(command_set, LCI, "14 0420")
    assert (emulator.cursor_visible, emulator.brightness) == (False, 1)

    for sent, brightness in (("0440", 2), ("0460", 3), ("04FF", 4)):
        emulator.feed(bytes.fromhex(sent))
        assert emulator.brightness == brightness
    emulator.feed(bytes.fromhex("0404 13"))
    assert (emulator.cursor_visible, emulator.brightness) == (True, 4)
    assert len(emulator.errors) == 1


@pytest.mark.parametrize("command_set", ["logic-controls", "surepos", "utc"])
def test_1F_restores_the_power_on_state(command_set: str) -> None:
    emulator = fed(command_set, LCI, "14 0420", b"AB", "1F")

    assert emulator.cells() == ("    ", "    ")
    assert (emulator.cursor_visible, emulator.brightness) == (True, 4)
    assert (emulator.mode, emulator.cursor) == (Mode.VERTICAL, (0, 0))


def test_1F_of_utc_clones_clears_and_no_more() -> None:
    emulator = fed("utc-enhanced", "11 14 0420", b"AB", "1F")

    assert emulator.cells() == ("    ", "    ")
    assert (emulator.cursor_visible, emulator.brightness) == (False, 1)
    assert (emulator.mode, emulator.cursor) == (Mode.OVERWRITE, (0, 0))


@pytest.mark.parametrize("command_set", ["utc", "utc-enhanced"])
def test_1E_clears_and_goes_home(command_set: str) -> None:
    emulator = fed(command_set, "1F 11 14", b"ABCDE", "1E")

    assert (emulator.cells(), emulator.cursor) == (("    ", "    "), (0, 0))
    assert (emulator.mode, emulator.cursor_visible) == (Mode.OVERWRITE, False)


@pytest.mark.parametrize("command_set", ["utc", "utc-enhanced"])
def test_text_blinks_from_1C_to_1D(command_set: str) -> None:
    emulator = fed(command_set, "1C", b"A")
    assert emulator.blinking

    emulator.feed(b"\x1d")
    assert not emulator.blinking


@pytest.mark.parametrize("command_set", ALL)
def test_in_vertical_mode_the_last_cell_scrolls_at_once(command_set: str) -> None:
    emulator = fed(command_set, "1F 11 12", b"ABCDEFGH")

    assert (emulator.cells(), emulator.cursor) == (("EFGH", "    "), (0, 1))


@pytest.mark.parametrize(
    ("command_set", "cells"),
    [
        ("logic-controls", ("EF  ", "    ")),  # LD9000
        ("surepos", ("ABCD", "EF  ")),
        ("utc", ("ABCD", "EF  ")),
    ],
)
def test_in_vertical_mode_a_CR_on_the_last_row_scrolls_an_lci_unit(
    command_set: str, cells: tuple[str, str]
) -> None:
    assert cells == fed(command_set, "1F 12", b"ABCDEF", "0D").cells()
    assert fed(command_set, "1F 12", b"AB", "0D").cells() == ("AB  ", "    ")
    assert fed(command_set, "1F 11", b"ABCDEF", "0D").cells() == ("ABCD", "EF  ")


@pytest.mark.parametrize(
    ("command_set", "cells"),
    [
        ("logic-controls", ("A   ", "    ")),
        ("surepos", ("A   ", "    ")),
        ("utc", ("AB  ", "    ")),
    ],
)
def test_a_backspace_erases_on_lci_alone(command_set: str, cells: tuple[str, str]) -> None:
    emulator = fed(command_set, LCI, b"AB", "08")

    assert (emulator.cells(), emulator.cursor) == (cells, (1, 0))


def test_a_line_feed_of_lci_takes_the_other_row_even_in_vertical_mode() -> None:
    emulator = fed("logic-controls", "1F 12", b"ABCDE", "0A58")

    assert emulator.cells() == ("AXCD", "E   ")


@pytest.mark.parametrize("command_set", ["logic-controls", "surepos"])
@pytest.mark.parametrize(
    ("start", "cells"),
    [
        ("05", ("HELL", "EFGH")),
        ("1B06", ("ABCD", "HELL")),
        ("1B07", ("HELL", "EFGH")),
        ("1B0B", ("ABCD", "HELL")),
    ],
)
def test_a_marquee_takes_its_row_until_the_next_byte(
    command_set: str, start: str, cells: tuple[str, str]
) -> None:
    emulator = fed(command_set, LCI, b"ABCDEFGH", start, b"HELLO", "0D")
    assert (emulator.cells(), emulator.errors) == (cells, ())

    emulator.feed(b"X")
    wiped = tuple("    " if row == "HELL" else row for row in cells)
    assert emulator.cells() == ("X" + wiped[0][1:], wiped[1])


def test_a_short_marquee_blanks_the_rest_of_its_row() -> None:
    assert fed("logic-controls", LCI, b"ABCDEFGH", "05 48 0D").cells() == ("H   ", "EFGH")
    assert fed("cd5220", "1B40 1B11", b"ABCDEFGH", "1B5144 48 0D").cells() == ("H   ", "EFGH")


def test_a_marquee_of_cd5220_ends_with_the_next_command() -> None:
    """Less than 40 characters; it clears the top row and leaves the cursor at home."""
    emulator = fed("cd5220", "1B40 1B11", b"ABCDEFGH", "1B5144", b"9" * 39, "0D")
    assert (emulator.cells(), emulator.errors) == (("9999", "EFGH"), ())
    emulator.feed(b"X")
    assert emulator.cells() == ("X   ", "EFGH")

    assert fed("cd5220", "1B5144", b"9" * 40, "0D").errors
    # it leaves string mode
    assert fed("cd5220", "1B40 1B514158 0D 1B514459 0D", b"Z").cells()[0] == "Z   "


def test_an_open_marquee_swallows_everything_up_to_CR() -> None:
    emulator = fed("logic-controls", LCI, "05", b"AB", "1F 11 1000", b"CD")

    assert emulator.cells() == ("    ", "    ")
    assert emulator.errors
    emulator.feed(bytes.fromhex("0D 1F 11"))
    emulator.feed(b"CD")
    assert emulator.cells() == ("CD  ", "    ")


@pytest.mark.parametrize(
    ("command_set", "sent"),
    [
        ("logic-controls", "1008"),  # outside the glass: IBM ignores it
        ("surepos", "1008"),
        ("utc", "1008"),
        ("logic-controls", "0C"),
        ("logic-controls", "18"),
        ("logic-controls", "1B40"),
        ("logic-controls", "7F"),
        ("logic-controls", "05 4107 0D"),
        ("logic-controls", "0206"),
        ("surepos", "0002"),
        ("surepos", "0202"),  # the choice of code page needs IBM mode
        ("surepos", "0001 020C"),
        ("utc", "0F04"),  # a misprint for 10
        ("utc", "18"),  # the USB PD1200 lacks both
        ("utc", "19"),
        ("utc", "03"),
        ("utc", "1B64"),
        ("utc", "05"),
        ("utc-enhanced", "1B7541410D"),  # not entered
    ],
)
def test_what_a_real_unit_would_not_take_is_recorded(command_set: str, sent: str) -> None:
    emulator = fed(command_set, LCI, sent)

    assert emulator.errors
    assert not emulator.harmed


@pytest.mark.parametrize(
    ("number", "page"),
    [
        *((0x00, "cp437"), (0x01, "cp897"), (0x02, "cp858"), (0x03, "cp852"), (0x04, "cp855")),
        *((0x05, "cp857"), (0x06, "cp862"), (0x07, "cp863"), (0x08, "cp864"), (0x09, "cp865")),
        *((0x0A, "cp808"), (0x0B, "cp869")),
    ],
)
def test_ibm_mode_has_code_pages(number: int, page: str) -> None:
    emulator = fed("surepos", "1F 0001 02", bytes((number,)), b"A")

    assert (emulator.code_page, emulator.errors) == (page, ())
    assert emulator.cells()[0] == "A   "


def test_ibm_code_pages_show_and_what_python_lacks_is_a_block() -> None:
    assert fed("surepos", "1F 0001 0203 86").cells()[0][0] == "ć"
    assert fed("surepos", "1F 0001 020A 86").cells()[0][0] == "█"


def test_1F_returns_surepos_to_lci_mode_and_437() -> None:
    emulator = fed("surepos", "0001 0202 11 14 1F", "02")
    emulator.feed(b"\x02")  # lost with the first: no choice of code page

    assert (emulator.code_page, emulator.mode) == ("cp437", Mode.VERTICAL)
    assert emulator.cursor_visible
    assert emulator.errors
    assert fed("surepos", "0001 0000 0202").code_page == "cp437"
    assert fed("surepos", "0202").code_page == "cp437"
