"""The emulator against vendors' manuals, byte by byte; neither profiles nor encoder take part."""

import pytest

from hw.display.emulator import Emulator
from hw.display.emulator.glass import Mode
from tests.display.emulated import fed


def test_it_starts_with_a_demo_text_a_cursor_and_scrolling() -> None:
    emulator = fed("escpos", columns=20)

    assert emulator.cells() == ("*** HELLO ***       ", "V1.07 9600 8N1      ")
    assert emulator.cursor_visible
    assert emulator.mode is Mode.VERTICAL


def test_an_unknown_command_set_is_refused() -> None:
    with pytest.raises(ValueError, match="these are: aedex, ascii, ba6x, cd5220, "):
        Emulator(2, 20, "unknown")


ESCPOS_START = "1B40 1F01"
CD5220_START = "1B40 1B11"


@pytest.mark.parametrize(
    ("command_set", "sent", "cells", "cursor"),
    [
        ("escpos", "0C", ("    ", "    "), (0, 0)),
        ("escpos", "41424344", ("ABCD", "    "), (0, 1)),
        ("escpos", "4142434445464748", ("ABCD", "EFGH"), (0, 0)),
        ("escpos", "414243444546474849", ("IBCD", "EFGH"), (1, 0)),
        ("escpos", "1F240402 58", ("    ", "   X"), (0, 0)),
        ("escpos", "41420D43", ("CB  ", "    "), (1, 0)),
        ("escpos", "1F0D58", ("   X", "    "), (0, 1)),
        ("escpos", "1F4258", ("    ", "   X"), (0, 0)),
        ("escpos", "0A58", ("    ", "X   "), (1, 1)),
        ("escpos", "0A0A58", ("X   ", "    "), (1, 0)),
        ("escpos", "1F0A58", ("    ", "X   "), (1, 1)),
        ("escpos", "0858", ("    ", "   X"), (0, 0)),
        ("escpos", "0A0858", ("   X", "    "), (0, 1)),
        ("escpos", "090958", ("  X ", "    "), (3, 0)),
        ("escpos", "4142 0B 58", ("XB  ", "    "), (1, 0)),
        ("escpos", "4142 18", ("    ", "    "), (0, 0)),
        ("escpos", "41 1F2E42 43", ("ABC ", "    "), (3, 0)),
        ("escpos", "41 1F2C42 1F3B43", ("ABC ", "    "), (3, 0)),
        ("cd5220", "4142434445464748", ("ABCD", "EFGH"), (0, 0)),
        ("cd5220", "1B6C0402 58", ("    ", "   X"), (0, 0)),
        ("cd5220", "1B5B42 58", ("    ", "X   "), (1, 1)),
        ("cd5220", "1B5B41 58", ("    ", "X   "), (1, 1)),
        ("cd5220", "1B5B43 58", (" X  ", "    "), (2, 0)),
        ("cd5220", "1B5B44 58", ("    ", "   X"), (0, 0)),
        ("cd5220", "4142 1B5B48 58", ("XB  ", "    "), (1, 0)),
        ("cd5220", "4142 1B5B4C 58", ("XB  ", "    "), (1, 0)),
        ("cd5220", "1B5B52 58", ("   X", "    "), (0, 1)),
        ("cd5220", "1B5B4B 58", ("    ", "   X"), (0, 0)),
        ("cd5220", "1B5141 4142 0D", ("AB  ", "    "), (0, 0)),
        ("cd5220", "1B5142 41424344 0D", ("    ", "ABCD"), (0, 0)),
        ("cd5220", "41424344 0B 1B5141 58 0D", ("XBCD", "    "), (0, 0)),
    ],
)
def test_cursor_and_cells_in_overwrite_mode(
    command_set: str, sent: str, cells: tuple[str, str], cursor: tuple[int, int]
) -> None:
    start = ESCPOS_START if command_set == "escpos" else CD5220_START
    emulator = fed(command_set, start, sent)

    assert (cells, cursor, ()) == (emulator.cells(), emulator.cursor, emulator.errors)


@pytest.mark.parametrize(("command_set", "vertical"), [("escpos", "1F02"), ("cd5220", "1B12")])
def test_in_vertical_mode_the_last_cell_scrolls_the_glass(command_set: str, vertical: str) -> None:
    emulator = fed(command_set, "1B40", vertical, b"ABCDEFGH")

    assert emulator.cells() == ("EFGH", "    ")


@pytest.mark.parametrize(("command_set", "horizontal"), [("escpos", "1F03"), ("cd5220", "1B13")])
def test_in_horizontal_mode_the_row_shifts_left(command_set: str, horizontal: str) -> None:
    emulator = fed(command_set, "1B40", horizontal, b"ABCDEF", "0909080A")

    assert emulator.cells() == ("CDEF", "    ")


def test_in_horizontal_mode_the_cursor_stays_at_every_edge() -> None:
    emulator = fed("escpos", "1B40 1F03", "08 1F0A")
    assert emulator.cursor == (0, 0)

    emulator.feed(bytes.fromhex("1F240402 09 0A"))
    assert emulator.cursor == (3, 1)


@pytest.mark.parametrize(
    ("command_set", "modes"), [("escpos", "1F03 1F01"), ("cd5220", "1B13 1B11")]
)
def test_leaving_horizontal_mode_at_the_end_of_a_row_leaves_a_cursor(
    command_set: str, modes: str
) -> None:
    horizontal, overwrite = modes.split()
    emulator = fed(command_set, "1B40", horizontal, b"ABCD", overwrite, b"X")

    assert (emulator.cells()[0], emulator.cursor) == ("ABCX", (0, 1))


def test_vertical_mode_scrolls_down_at_the_top() -> None:
    assert fed("escpos", "1B40", b"AB", "1F0A").cells() == ("    ", "AB  ")


@pytest.mark.parametrize(
    ("command_set", "sent"),
    [
        ("escpos", "1F2400 01"),
        ("escpos", "1F2401 03"),
        ("escpos", "1F5805"),
        ("escpos", "1F4302"),
        ("escpos", "1B7463"),
        ("escpos", "1B5263"),
        ("escpos", "1B5701010101 0404"),
        ("escpos", "1F3A"),
        ("escpos", "1F540A0A"),
        ("escpos", "1F55"),
        ("escpos", "1F2841 0200 0101"),
        ("escpos", "0206"),
        ("escpos", "1B5F00"),
        ("escpos", "07"),
        ("escpos", "7F"),
        ("cd5220", "1F01"),
        ("cd5220", "1F7601"),
        ("cd5220", "1B6302"),
        ("cd5220", "1B664C"),
        ("cd5220", "1B5142 4142434445 0D"),
        ("cd5220", "1B5141 4107 0D"),
        ("cd5220", "1B5143 41 0D"),
        ("cd5220", "1B6C0501"),
        ("cd5220", "1B310101"),
        ("cd5220", "1B2A00"),
        ("cd5220", "1B5F02"),
        ("cd5220", "1B665A"),
        ("cd5220", "1B5700010402"),
        ("cd5220", "1B5B5A"),
        ("cd5220", "1B515A410D"),
        ("cd5220", "07"),
    ],
)
def test_what_a_real_unit_would_not_take_is_recorded(command_set: str, sent: str) -> None:
    emulator = fed(command_set, "1B40", sent)

    assert emulator.errors
    assert not emulator.harmed
    emulator.forget_errors()
    assert not emulator.errors


def test_string_mode_ignores_everything_but_clear_cancel_and_lines() -> None:
    ignored = "1B6C0102 58 1B2A01 1B11"
    emulator = fed("cd5220", "1B40 1B5141 4142 0D", ignored, "1B5142 43 0D")

    assert emulator.cells() == ("AB  ", "C   ")
    assert (emulator.brightness, emulator.mode) == (4, Mode.VERTICAL)
    emulator.feed(bytes.fromhex("0C 1B6C0301 58"))
    assert emulator.cells() == ("  X ", "    ")
    emulator.feed(bytes.fromhex("1B5141 59 0D 18 1B6C0201 5A"))
    assert emulator.cells() == (" Z  ", "    ")


@pytest.mark.parametrize(
    ("command_set", "sent"),
    [
        ("cd5220", "1B6341"),
        ("cd5220", "1B5701010402"),
        ("escpos", "1B5701010101 0402"),
        ("escpos", "1F2341 41"),
        ("escpos", "1F54 41 41"),
        ("escpos", "1F5E 41 41"),
        ("escpos", "1B2541"),
        ("escpos", "1B3F41"),
    ],
)
def test_what_is_not_emulated_is_still_taken_whole(command_set: str, sent: str) -> None:
    assert fed(command_set, "1B40", sent, b"X").cells()[0] == "X   "


@pytest.mark.parametrize("command_set", ["escpos", "cd5220"])
def test_settings_take_effect_and_initialise_restores_them(command_set: str) -> None:
    settings = {"escpos": "1F4300 1F5802 1B7413", "cd5220": "1B5F00 1B2A02 1F4502"}
    emulator = fed(command_set, "1B40", settings[command_set])

    assert (emulator.cursor_visible, emulator.brightness) == (False, 2)
    assert ("cp858" if command_set == "escpos" else "cp437") == emulator.code_page
    emulator.feed(bytes.fromhex("1B40"))
    assert (
        emulator.cursor_visible,
        emulator.brightness,
        emulator.code_page,
    ) == (True, 4, "cp437")


def test_brightness_cursor_blink_and_reverse() -> None:
    for sent, brightness in (("1F5801", 1), ("1F5801 1F5804", 4), ("1F5802 1F5800", 2)):
        assert fed("escpos", sent).brightness == brightness
    assert not fed("escpos", "1F4331 1F4330").cursor_visible
    assert fed("escpos", "1F4502").blinking
    assert fed("escpos", "1F7201").reverse
    assert not fed("escpos", "1F7201 1F7200").reverse
    assert not fed("escpos", "1F7201 1B40").reverse


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("1B7400 81", "ü"),
        ("1B7413 D5", "€"),
        ("1B7410 FC", "ü"),
        ("1B7410 81", "█"),
        ("1B5202 5B", "Ä"),
        ("1B5201 40", "à"),
        ("1B5200 5B", "["),
        ("1B7401 B1", "ｱ"),
        ("1B7401 81", "█"),
        ("1B5203 23", "£"),
        ("1B5204 5D", "Å"),
        ("1B5205 24", "¤"),
        ("1B5206 7D", "è"),
        ("1B5207 5C", "Ñ"),
        ("1B5208 5C", "¥"),
        ("1B5209 7C", "ø"),
        ("1B5209 24", "¤"),
        ("1B520A 24", "$"),
        ("1B520A 60", "é"),
        ("1B520B 60", "´"),
        ("1B520C 60", "ü"),
        ("1B520D 5C", "₩"),
        ("1B520E 5D", "Ć"),
        ("1B520F 24", "¥"),
        ("1B5210 23", "₫"),
        ("1B5211 25", "٪"),
    ],
)
def test_bytes_show_by_code_page_and_national_set(sent: str, shown: str) -> None:
    assert shown == fed("escpos", "1B40", sent).cells()[0][0]


@pytest.mark.parametrize(
    ("letter", "byte", "shown"),
    [
        *(("A", "5B", "["), ("F", "40", "à"), ("G", "5B", "Ä"), ("U", "23", "£")),
        *(("D", "24", "$"), ("W", "24", "¤"), ("I", "5B", "°"), ("S", "5C", "Ñ")),
        *(("J", "5C", "¥"), ("E", "5B", "Æ")),
    ],
)
def test_cd5220_names_its_national_sets_by_letters(letter: str, byte: str, shown: str) -> None:
    emulator = fed("cd5220", "1B40 1B66", letter.encode(), byte)

    assert (emulator.cells()[0][0], emulator.errors) == (shown, ())


@pytest.mark.parametrize(
    ("command_set", "start"), [("escpos", ESCPOS_START), ("cd5220", CD5220_START)]
)
def test_a_display_that_is_not_selected_leaves_the_bytes_to_the_printer(
    command_set: str, start: str
) -> None:
    emulator = fed(command_set, start, "1B3D01", b"AB", "1B40 0C", "1B3D02", b"C")

    assert emulator.cells() == ("C   ", "    ")


def test_harmless_extras_are_understood_and_change_nothing() -> None:
    emulator = fed("escpos", ESCPOS_START, "1F4500 1F7201 1F7600 1B5701 00 1B2500 1B3F41", b"AB")

    assert (emulator.cells(), emulator.errors) == (("AB  ", "    "), ())
    emulator = fed("cd5220", CD5220_START, "1F4500 1B2500 1B3F41 1B6647 1B3D02", b"AB")
    assert (emulator.cells(), emulator.errors) == (("AB  ", "    "), ())


def test_a_power_cycle_forgets_a_half_received_command() -> None:
    emulator = fed("escpos", "1F24")
    emulator.power_cycle()
    emulator.feed(b"AB")

    assert emulator.cells()[0].startswith("AB")
