"""Bytes by the manual, and what they do to an independent glass."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.display.deny import reason
from hw.display.emulator import Emulator
from hw.display.emulator.glass import Mode
from hw.display.encoder import Cells, Encoder
from hw.display.profile import load, read

COMMAND_SETS = ("escpos", "cd5220")
GEOMETRIES = {"escpos": [(1, 20), (2, 16), (2, 20), (4, 20), (4, 40)], "cd5220": [(2, 16), (2, 20)]}


def encoder(command_set: str, rows: int = 2, columns: int = 20) -> Encoder:
    return Encoder(profile=load(command_set), rows=rows, columns=columns)


# Frame by frame; the sources are named in the profiles.
GOLDEN_START = {
    "escpos": [
        ("0B0B0B0B0B0B0B0B", 0.0),  # eight HOM: end whatever was half-sent
        ("1B40", 0.1),  # ESC @ initialise
        ("1F01", 0.0),  # US SOH overwrite mode
        ("1B5200", 0.0),  # ESC R international set USA
        ("1B7400", 0.0),  # ESC t code page 437
        ("1F4300", 0.0),  # US C cursor off
        ("1F5804", 0.0),  # US X brightness 4 of 4
        ("0C", 0.0),  # CLR
    ],
    "cd5220": [
        ("0B0B0B0B0B0B0B0D0C", 0.0),  # seven HOM, CR, CLR: the way out of string mode
        ("1B40", 0.1),  # ESC @ initialise
        ("1B11", 0.0),  # ESC DC1 overwrite mode
        ("1B5F00", 0.0),  # ESC _ cursor off
        ("1B2A04", 0.0),  # ESC * brightness 4 of 4
        ("0C", 0.0),  # CLR
    ],
}
GOLDEN_REPAINT = {
    "escpos": "1F01 1F4300 1F240101 {top} 1F240102 {bottom}",
    "cd5220": "1B11 1B5F00 1B6C0101 {top} 1B6C0102 {bottom}",
}


@pytest.mark.parametrize("command_set", COMMAND_SETS)
def test_start_is_byte_for_byte_as_documented(command_set: str) -> None:
    sent = [(c.data.hex().upper(), c.settle) for c in encoder(command_set).begin()]

    assert GOLDEN_START[command_set] == sent


@pytest.mark.parametrize("command_set", COMMAND_SETS)
def test_repaint_is_byte_for_byte_as_documented(command_set: str) -> None:
    top, bottom = b"pair.example.com/d  ", b"CODE  WDJB-MJHT  14m"
    golden = GOLDEN_REPAINT[command_set].format(top=top.hex(), bottom=bottom.hex())

    assert bytes.fromhex(golden) == encoder(command_set).encode((), (top, bottom))


def test_only_changed_rows_are_written_and_nothing_when_nothing_changed() -> None:
    escpos = encoder("escpos", columns=4)

    changed = escpos.encode((b"AAAA", b"BBBB"), (b"AAAA", b"CCCC"))
    assert bytes.fromhex("1F01 1F4300 1F240102 43434343") == changed
    assert escpos.encode((b"AAAA", b"BBBB"), (b"AAAA", b"BBBB")) == b""


def test_every_control_byte_is_replaced_as_the_last_step() -> None:
    cells = bytes([*range(0x20), 0x7F])

    sent = encoder("escpos", rows=1, columns=33).encode((), (cells,))
    assert sent.endswith(b"?" * 33)


def test_cells_are_counted_through_the_rows_of_this_glass() -> None:
    profile = read(
        "cells",
        'schema = 1\ntitle = "Logic Controls"\nsources = ["LD9000 manual"]\n[commands]\n'
        'initialise = "1F"\nclear = "1F"\nmove = "10 {cell}"',
    )
    sent = Encoder(profile=profile, rows=3, columns=4).encode((), (b"A", b"B", b"C"))

    assert sent == b"\x10\x00A   \x10\x04B   \x10\x08C   "


def test_a_target_is_selected_first_and_before_every_repaint() -> None:
    behind_printer = Encoder(profile=load("escpos"), rows=2, columns=4, target="display")

    start = [command.data.hex().upper() for command in behind_printer.begin()]
    assert start[1:4] == ["1B3D02", "1B40", "1B3D02"]
    assert behind_printer.encode((), (b"AAAA", b"BBBB")).startswith(b"\x1b\x3d\x02")
    assert bytes.fromhex("1B3D02 1F01 1F4300 0C") == behind_printer.clear()


def test_the_code_page_of_the_character_set_is_selected() -> None:
    euro = Encoder(profile=load("escpos"), rows=2, columns=20, character_set="cp858")

    assert b"\x1bt\x13" in [command.data for command in euro.begin()]


def test_a_frame_style_command_set_writes_lines() -> None:
    profile = read(
        "frames",
        'schema = 1\ntitle = "UTC enhanced"\nsources = ["Tysso VFD-450 manual"]\n[commands]\n'
        'initialise = "1F"\nclear = "1E"\nwrite_line = "1B75 {row+0x41} {text} 0D"',
    )
    sent = Encoder(profile=profile, rows=2, columns=4).encode((), (b"AB", b"CDEFG"))

    assert sent == b"\x1buAAB  \r\x1buBCDEF\r"


@pytest.mark.parametrize("command_set", COMMAND_SETS)
@given(data=st.data())
def test_the_glass_shows_exactly_what_was_encoded(command_set: str, data: st.DataObject) -> None:
    rows, columns = data.draw(st.sampled_from(GEOMETRIES[command_set]))
    line = st.binary(min_size=columns, max_size=columns).map(printable)
    screens = data.draw(st.lists(st.tuples(*[line] * rows), min_size=1, max_size=4))
    glass = Emulator(rows, columns, command_set)
    ours = encoder(command_set, rows, columns)
    glass.feed(b"".join(command.data for command in ours.begin()))

    old: Cells = (b" " * columns,) * rows
    for new in screens:
        glass.feed(ours.encode(old, new))
        old = new
    assert shown(old) == glass.cells()
    assert (glass.cursor_visible, glass.mode, glass.errors) == (False, Mode.OVERWRITE, ())


@pytest.mark.parametrize("command_set", COMMAND_SETS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_beginning_recovers_to_the_right_glass(command_set: str, data: st.DataObject) -> None:
    """Power-on garbage, somebody else's text and settings, then a command cut off anywhere."""
    ours = encoder(command_set)
    whole = st.sampled_from(COMMANDS[command_set]).map(bytes.fromhex)
    before = b"".join(data.draw(st.lists(whole | st.binary(max_size=30).map(printable))))
    last = data.draw(whole | st.just(ours.encode((), (b"A" * 20, b"B" * 20))))
    half = last[: data.draw(st.integers(0, len(last)))]
    glass = Emulator(2, 20, command_set)
    glass.feed(before + half)

    glass.feed(b"".join(command.data for command in ours.begin()))
    assert (glass.cells(), glass.brightness) == ((" " * 20,) * 2, 4)
    glass.feed(ours.encode((), (b"X" * 20, b"Y" * 20)))
    assert glass.cells() == ("X" * 20, "Y" * 20)
    assert not glass.cursor_visible


@pytest.mark.parametrize("command_set", COMMAND_SETS)
def test_a_display_behind_a_printer_is_taken_back_from_it(command_set: str) -> None:
    glass = Emulator(2, 20, command_set)
    glass.feed(bytes.fromhex("1B3D01"))
    ours = Encoder(profile=load(command_set), rows=2, columns=20, target="display")
    glass.feed(b"".join(command.data for command in ours.begin()))
    glass.feed(bytes.fromhex("1B3D01"))

    glass.feed(ours.encode((), (b"X" * 20, b"Y" * 20)))
    assert glass.cells() == ("X" * 20, "Y" * 20)


@pytest.mark.parametrize("command_set", COMMAND_SETS)
def test_a_repaint_is_right_on_a_display_that_lost_its_power_unseen(command_set: str) -> None:
    glass = Emulator(2, 20, command_set)
    glass.feed(encoder(command_set).encode((), (b"X" * 20, b"Y" * 20)))

    assert glass.cells() == ("X" * 20, "Y" * 20)
    assert not glass.cursor_visible


@given(cells=st.lists(st.binary(max_size=50), max_size=5).map(tuple))
def test_text_yields_no_control_byte_and_nothing_denied(cells: Cells) -> None:
    sent = encoder("escpos").encode((), cells)
    keep, top, bottom = sent[:5], sent[9:29], sent[33:]

    assert bytes.fromhex("1F011F4300") == keep
    assert len(top) == len(bottom) == 20
    assert top == printable(top)
    assert bottom == printable(bottom)
    assert reason(sent) is None


@pytest.mark.parametrize("command_set", COMMAND_SETS)
def test_nothing_denied_is_ever_part_of_the_start(command_set: str) -> None:
    start = b"".join(command.data for command in encoder(command_set).begin())

    assert reason(start, text_follows=True) is None
    glass = Emulator(2, 20, command_set)
    glass.feed(start)
    assert glass.errors == ()


COMMANDS = {
    "escpos": [
        *("0C", "18", "0B", "08", "09", "0A", "0D", "1F0A", "1F0D", "1F42", "1F240502", "1F01"),
        *("1F02", "1F03", "1F4301", "1F5801", "1F4505", "1F7201", "1B5202", "1B7413", "1B3D02"),
        *("1B5701010101 0A02", "1F2E41", "1B40", "1F2E2E"),
    ],
    "cd5220": [
        *("0C", "18", "0B", "08", "09", "0A", "0D", "1B5B41", "1B5B42", "1B5B52", "1B6C0502"),
        *("1B11", "1B12", "1B13", "1B5F01", "1B2A01", "1F4505", "1B6647", "1B40", "1B3D02"),
        *("1B5141 4142 0D", "1B5142 4142434445 0D", "1B5700010402"),
    ],
}


def printable(data: bytes) -> bytes:
    return bytes(0x3F if byte < 0x20 or byte == 0x7F else byte for byte in data)


def shown(cells: Cells) -> tuple[str, ...]:
    return tuple(row.decode("cp437") for row in cells)
