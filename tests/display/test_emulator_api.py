"""What every emulated display has, whatever it understands: power, lines, a printer, a record."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.display.emulator import COMMAND_SETS, Emulator
from hw.display.emulator.glass import Mode
from tests.display.emulated import answered, fed

GEOMETRIES = [(rows, columns) for rows in (1, 2, 4) for columns in (16, 20, 40)]
BEHIND_A_PRINTER = ("escpos", "cd5220")


@pytest.mark.parametrize("command_set", COMMAND_SETS)
@pytest.mark.parametrize(("rows", "columns"), GEOMETRIES)
def test_every_set_starts_in_every_geometry(command_set: str, rows: int, columns: int) -> None:
    emulator = Emulator(rows, columns, command_set)

    assert [len(row) for row in emulator.cells()] == [columns] * rows
    assert emulator.cells()[0].startswith("*** HELLO ***")
    assert (emulator.errors, emulator.harmed, emulator.passed_on) == ((), (), b"")
    assert (emulator.dsr, emulator.powered, emulator.brightness) == (True, True, 4)


# -- power ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command_set", COMMAND_SETS)
def test_a_display_without_power_is_dark_and_deaf(command_set: str) -> None:
    emulator = Emulator(2, 20, command_set)
    emulator.power_off()

    for question in ("1B19", "1B5B3063", "0401503117", "04015417", "1B3D01 41"):
        assert answered(emulator, question) == b""
    assert emulator.cells() == (" " * 20,) * 2
    assert (emulator.cursor_visible, emulator.dsr, emulator.powered) == (False, False, False)
    assert (emulator.errors, emulator.passed_on) == ((), b"")

    emulator.power_on()
    assert emulator.cells()[0].startswith("*** HELLO ***")
    assert emulator.dsr


def test_half_a_command_and_the_settings_are_gone_after_a_power_cycle() -> None:
    emulator = fed("logic-controls", "14 11 0420 10")
    emulator.power_cycle()
    emulator.feed(b"AB")

    assert emulator.cells()[0] == "AB* "
    assert (emulator.cursor_visible, emulator.mode) == (True, Mode.VERTICAL)
    assert emulator.brightness == 4


# -- DSR ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "ready"), [("1F7601", False), ("1F7631", False), ("1F7600", True)]
)
def test_us_v_of_escpos_is_the_hosts_dsr(sent: str, ready: bool) -> None:
    emulator = fed("escpos", sent)

    assert (emulator.dsr, emulator.errors) == (ready, ())
    emulator.feed(bytes.fromhex("1F7600"))
    assert emulator.dsr


def test_initialising_and_a_power_cycle_make_it_ready_again() -> None:
    assert fed("escpos", "1F7601 1B40").dsr
    emulator = fed("escpos", "1F7601")
    emulator.power_cycle()
    assert emulator.dsr


@pytest.mark.parametrize("sent", ["1F7602", "1B3D01 1F7601", "1F24 1F7601"])
def test_what_is_no_us_v_leaves_dsr_alone(sent: str) -> None:
    assert fed("escpos", sent).dsr


@pytest.mark.parametrize("command_set", [name for name in COMMAND_SETS if name != "escpos"])
def test_no_other_set_has_us_v(command_set: str) -> None:
    assert fed(command_set, "1F7601").dsr


# -- the printer behind ---------------------------------------------------------------------------


@pytest.mark.parametrize("command_set", BEHIND_A_PRINTER)
@pytest.mark.parametrize(("display", "printer"), [(2, 1), (1, 2)])
def test_what_is_for_the_printer_is_passed_on_whole(
    command_set: str, display: int, printer: int
) -> None:
    emulator = Emulator(2, 4, command_set, display_target=display)
    emulator.feed(b"\x1b@\x0cAB")
    emulator.feed(bytes((0x1B, 0x3D, printer)) + b"\x1b@RECEIPT\n\x1bd\x03")
    emulator.feed(bytes((0x1B, 0x3D, display)) + b"CD")

    assert emulator.cells() == ("ABCD", "    ")
    assert emulator.passed_on == b"\x1b@RECEIPT\n\x1bd\x03"
    assert (emulator.errors, emulator.harmed) == ((), ())


@pytest.mark.parametrize("command_set", BEHIND_A_PRINTER)
@pytest.mark.parametrize("display", [1, 2])
def test_target_3_is_both(command_set: str, display: int) -> None:
    emulator = Emulator(2, 4, command_set, display_target=display)
    emulator.feed(b"\x1b@\x0cA\x1b=\x03BC" + bytes((0x1B, 0x3D, display)) + b"D")

    assert emulator.cells()[0] == "ABCD"
    assert emulator.passed_on == b"BC"


@pytest.mark.parametrize("command_set", BEHIND_A_PRINTER)
@pytest.mark.parametrize("target", [0x00, 0x04, 0x31, 0x32])
def test_a_target_that_is_none_changes_nothing(command_set: str, target: int) -> None:
    emulator = fed(command_set, b"\x1b@\x0c\x1b=\x01A", bytes((0x1B, 0x3D, target)), b"B")

    assert emulator.passed_on == b"AB"
    assert emulator.errors


@pytest.mark.parametrize("command_set", BEHIND_A_PRINTER)
def test_one_that_starts_behind_its_printer_has_to_be_selected(command_set: str) -> None:
    emulator = Emulator(2, 4, command_set, selected_at_start=False)
    emulator.feed(b"\x1b@\x0cA\x1b=\x02\x0cB")
    assert (emulator.cells(), emulator.passed_on) == (("B   ", "    "), b"\x1b@\x0cA")

    emulator.feed(b"\x1b@C")  # initialising gives it back to the printer
    assert (emulator.cells(), emulator.passed_on[4:]) == (("    ", "    "), b"C")


def test_the_printer_keeps_the_last_64_kib_and_outlasts_a_power_cycle() -> None:
    emulator = fed("escpos", "1B3D01", b"A" + b"B" * 0x10000)
    emulator.power_cycle()

    assert emulator.passed_on == b"B" * 0x10000


def test_only_a_known_numbering_is_taken() -> None:
    with pytest.raises(ValueError, match="display_target 3"):
        Emulator(2, 20, "escpos", display_target=3)


# -- harm -----------------------------------------------------------------------------------------

FRAMES_OF_SETTINGS = [
    ("0205 42 30 03", "the baud rate"),
    ("0205 50 31 03", "the parity"),
    ("0205 4C 37 03", "the data bits"),
    ("0205 43 31 03", "the command set"),
    ("0205 54 00 03", "the country"),
    ("0205 55 00 03", "the code page"),
    ("0205 99", "a setting"),
]
CLONES = (
    *("escpos", "cd5220", "star", "dsp800", "aedex", "emax"),
    *("logic-controls", "utc", "utc-enhanced"),
)


@pytest.mark.parametrize("command_set", CLONES)
@pytest.mark.parametrize(("sent", "what"), FRAMES_OF_SETTINGS)
def test_frames_of_settings_harm_every_clone(command_set: str, sent: str, what: str) -> None:
    emulator = fed(command_set, sent)

    assert emulator.harmed == (f"0205: stores {what}",)


@pytest.mark.parametrize(
    ("command_set", "sent", "why"),
    [
        ("escpos", "1B73", "1B73: ESC s stores settings"),
        ("escpos", "1B62", "1B62: ESC b changes the baud rate"),
        ("escpos", "1B23", "1B23: ESC # stores a start-up text"),
        ("escpos", "1B26 01 4142 05 0102030405", "defines glyphs"),
        ("escpos", "1F40", "self-test"),
        ("escpos", "1F2845 0100 03", "1F2845"),
        ("escpos", "1F2845", "1F2845"),  # the beginning is bad enough
        ("cd5220", "1B73", "1B73: ESC s stores settings"),
        ("cd5220", "1B64", "1B64: ESC d changes the command set"),
        ("cd5220", "1B62", "1B62: ESC b changes the baud rate"),
        ("cd5220", "1B23", "1B23: ESC # stores a start-up text"),
        ("cd5220", "1B26 01 4141 01 01", "defines glyphs"),
        ("cd5220", "1F40", "self-test"),
        ("star", "1B73", "1B73: ESC s stores settings"),
        ("star", "1F40", "self-test"),
        ("star", "0401 53 31 17", "0401 53: saves the text for good"),
        ("star", "0401 42 31 4E 17", "0401 42: stores a setting"),
        ("dsp800", "0401 53 31 17", "0401 53: saves the text for good"),
        ("dsp800", "0401 42 31 4E 17", "0401 42: stores a setting"),
        ("logic-controls", "03 41 0102030405", "03: defines glyphs"),
        ("surepos", "03 41 0102030405", "03: defines glyphs"),
        ("surepos", "0F", "0F: runs the self-test"),
        ("surepos", "0001 0F", "0F: runs the self-test"),
        ("ncr", "1B04", "1B04: walks through all characters"),
    ],
)
def test_harm_is_recorded_twice_and_never_forgotten(command_set: str, sent: str, why: str) -> None:
    emulator = fed(command_set, sent)

    assert [why in harm for harm in emulator.harmed] == [True]
    assert emulator.errors == emulator.harmed
    emulator.feed(bytes.fromhex(sent))
    emulator.forget_errors()
    emulator.power_cycle()
    assert len(emulator.harmed) == 1
    assert not emulator.errors


@pytest.mark.parametrize(
    ("command_set", "sent"),
    [
        ("logic-controls", "1B73"),
        ("logic-controls", "0F"),
        ("escpos", "1B64"),
        ("escpos", "0F"),
        ("escpos", "03"),
        ("escpos", "1B3D01 1B73 1F40"),  # the printer's business
        ("cd5220", "1B5141 1F40 1B73 0D 1B73"),  # text, then string mode
        ("cd5220", "1F2845 0100 03"),
        ("ascii", "1B73 1F40 0205 42 30 03 0F"),
        ("ba6x", "1B73 1F40 0205 42 30 03 0F"),
        ("ncr", "1B73 1F40 0205 42 30 03 0F"),
        ("surepos", "1F40 0205 42 30 03"),
        ("dsp800", "0401 50 53 17 1F40"),
    ],
)
def test_what_harms_one_set_may_be_junk_to_another(command_set: str, sent: str) -> None:
    emulator = fed(command_set, sent)

    assert emulator.harmed == ()


def test_glyphs_and_length_prefixed_commands_are_taken_whole() -> None:
    assert fed("escpos", "1B40 1F01 1B26 01 4142 0231 32 0133", b"X").cells()[0] == "X   "
    assert fed("escpos", "1B40 1F01 1F2841 0300 414243", b"X").cells()[0] == "X   "
    assert fed("escpos", "1B40 1F01 1B26 01 4241", b"X").cells()[0] == "X   "
    assert fed("logic-controls", "1F 11 03 41 4142434445", b"X").cells()[0] == "X   "
    broken = fed("escpos", "1B40 1F01 1B26 01 4141 7F", b"X")
    assert (broken.cells()[0], len(broken.errors)) == ("X   ", 2)


# -- whatever arrives -----------------------------------------------------------------------------

# Bytes that lead somewhere are likelier than chance would have them.
LEADS = st.sampled_from(
    [
        bytes.fromhex(lead)
        for lead in (
            *("1B", "1F", "1B40", "1B51", "1B5141", "1B5B", "1B52", "1B74", "1B57", "1B26", "1F28"),
            *("1F24", "1F03", "1F02", "1B13", "1B12", "0D", "04", "0401", "17", "02", "0205", "05"),
            *("03", "10", "12", "1B64", "1B75", "1B7541", "1B7548", "1B1E0D", "2123", "212338"),
            *("00", "0001", "0F", "1B3D", "1B3D01", "1B3D02", "1B3D03", "1B5144", "3B", "48", "0A"),
        )
    ]
)
BYTES = st.lists(LEADS | st.binary(max_size=12), max_size=30).map(b"".join)


def state(emulator: Emulator) -> object:
    return (
        *(emulator.cells(), emulator.cursor, emulator.cursor_visible, emulator.mode),
        *(emulator.brightness, emulator.blinking, emulator.code_page, emulator.dsr),
        *(emulator.errors, emulator.harmed, emulator.passed_on),
    )


@pytest.mark.parametrize("command_set", COMMAND_SETS)
@settings(max_examples=40)
@given(geometry=st.sampled_from([*GEOMETRIES, (2, 4), (1, 1)]), data=BYTES, cut=st.integers(0, 200))
def test_no_bytes_upset_it_however_they_are_cut(
    command_set: str, geometry: tuple[int, int], data: bytes, cut: int
) -> None:
    rows, columns = geometry
    whole, pieces = Emulator(rows, columns, command_set), Emulator(rows, columns, command_set)
    answer = whole.feed(data)

    assert answer == pieces.feed(data[:cut]) + pieces.feed(data[cut:])
    assert state(whole) == state(pieces)
    assert [len(row) for row in whole.cells()] == [columns] * rows
    assert all(cell.isprintable() or cell == "\xa0" for row in whole.cells() for cell in row)
    column, row = whole.cursor
    assert (0 <= column < columns, 0 <= row < rows) == (True, True)
    assert 1 <= whole.brightness <= 4


@pytest.mark.parametrize(
    ("command_set", "start"),
    [
        ("cd5220", "1B5141"),
        ("cd5220", "1B5144"),
        ("logic-controls", "05"),
        ("surepos", "1B06"),
        ("utc-enhanced", "1B64 1B7541"),
        ("aedex", "212334"),
        ("dsp800", "0401 50"),
        ("ba6x", "1B5B"),
    ],
)
def test_an_endless_line_takes_no_memory(command_set: str, start: str) -> None:
    emulator = fed(command_set, start)
    endless = b"9" * 50_000
    tracemalloc.start()
    emulator.feed(endless)
    emulator.forget_errors()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 20_000


def test_only_so_many_errors_are_kept() -> None:
    assert len(fed("escpos", b"\x07" * 2000).errors) == 1000
