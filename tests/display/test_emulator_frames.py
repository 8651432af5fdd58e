"""UTC enhanced, AEDEX, DSP-800 and Star against their manuals, byte by byte.

Sources: Posiflex PD-2609UE, Tysso VFD-450/550, Partner CD5220, POS-X EVO-RD4 and XP8200, Logic
Controls LDX9 section 8.1.2, Star SCD122U.
"""

import pytest

from hw.display.emulator import Emulator
from hw.display.emulator.glass import Mode
from tests.display.emulated import answered, fed

# Sets of frames by the letters they differ in: enter, attention, rows, both, marquees, clock, code.
ENHANCED = ("utc-enhanced", "1F 1B64", "1B75", "414249 4446 45 48")
AEDEX = ("aedex", "", "2123", "313239 3436 35 38")


def framed(family: tuple[str, str, str, str], frame: int, text: bytes) -> tuple[bytes, bytes]:
    _, enter, attention, letters = family
    letter = bytes.fromhex(letters)[frame : frame + 1]
    return bytes.fromhex(enter), bytes.fromhex(attention) + letter + text + b"\r"


@pytest.mark.parametrize("family", [ENHANCED, AEDEX], ids=lambda family: family[0])
@pytest.mark.parametrize(
    ("frame", "text", "cells"),
    [
        (0, b"AB  ", ("AB  ", "V1.0")),
        (1, b"AB  ", ("*** ", "AB  ")),
        (2, b"ABCDEFGH", ("ABCD", "EFGH")),
        (0, b"AB", ("ABxx", "xxxx")),  # the rest stays: silent but for Posiflex
        (2, b"ABCDE", ("ABCD", "Exxx")),
        (3, b"HELLO", ("HELL", "V1.0")),
        (4, b"HELLO", ("HELL", "V1.0")),
    ],
)
def test_frames_write_rows(
    family: tuple[str, str, str, str], frame: int, text: bytes, cells: tuple[str, str]
) -> None:
    emulator = Emulator(2, 4, family[0])
    enter, data = framed(family, frame, text)
    emulator.feed(enter)
    fill = (b"xxxxxxxx", b"*** V1.0")["x" not in "".join(cells)]
    emulator.feed(framed(family, 2, fill)[1])
    emulator.feed(data)

    assert (emulator.cells(), emulator.errors) == (cells, ())


@pytest.mark.parametrize("family", [ENHANCED, AEDEX], ids=lambda family: family[0])
def test_a_marquee_ends_with_the_next_frame(family: tuple[str, str, str, str]) -> None:
    emulator = Emulator(2, 4, family[0])
    enter, marquee = framed(family, 3, b"HELLO")
    emulator.feed(enter + marquee + framed(family, 1, b"BOTT")[1])

    assert emulator.cells() == ("    ", "BOTT")


@pytest.mark.parametrize("family", [ENHANCED, AEDEX], ids=lambda family: family[0])
@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (0, b"ABCDE"),  # longer than its row
        (2, b"ABCDEFGHI"),
        (5, b"12:34"),
        (6, b"ab"),
        (6, b"a"),
        (0, b"A\x07"),
    ],
)
def test_what_frames_should_not_say_is_recorded(
    family: tuple[str, str, str, str], frame: int, text: bytes
) -> None:
    enter, data = framed(family, frame, text)
    emulator = fed(family[0], enter, data)

    assert emulator.errors
    assert not emulator.harmed


@pytest.mark.parametrize("family", [ENHANCED, AEDEX], ids=lambda family: family[0])
@pytest.mark.parametrize("data", [b"\r", b"Z\r", b"\x07\r"])
def test_an_empty_or_unknown_frame_is_recorded(
    family: tuple[str, str, str, str], data: bytes
) -> None:
    emulator = fed(family[0], family[1], family[2], data)

    assert emulator.errors


@pytest.mark.parametrize("family", [ENHANCED, AEDEX], ids=lambda family: family[0])
def test_nothing_but_frames_shows(family: tuple[str, str, str, str]) -> None:
    enter, top = framed(family, 0, b"AB  ")
    emulator = fed(family[0], enter, framed(family, 2, b" " * 8)[1], top, b"XYZ", "0C 11 1007")

    assert emulator.cells() == ("AB  ", "    ")
    assert emulator.errors
    assert fed(family[0], enter, "0D0D").errors == ()
    assert fed(family[0], enter, family[2][:2], b"?").errors  # half an attention code


@pytest.mark.parametrize("family", [ENHANCED, AEDEX], ids=lambda family: family[0])
def test_another_attention_code_makes_the_known_one_mere_text(
    family: tuple[str, str, str, str],
) -> None:
    emulator = fed(family[0], *framed(family, 2, b"AAAABBBB"), framed(family, 6, b"  ")[1])
    emulator.feed(framed(family, 0, b"XXXX")[1])
    assert emulator.cells() == ("AAAA", "BBBB")

    top = framed(family, 0, b"")[1][2:3]
    emulator.feed(b"  " + top + b"YYYY\r")
    assert emulator.cells() == ("YYYY", "BBBB")
    # a text with two spaces acts as a command now: the trap of lcdproc's choice
    emulator.feed(b"  " + top + b"A  " + top + b"B\r")
    assert emulator.cells() == ("BYYY", "BBBB")


def test_the_attention_code_inside_a_text_starts_over() -> None:
    """Not documented; a unit that looks for it everywhere would."""
    emulator = fed("aedex", b"!#9" + b" " * 8 + b"\r", b"!#1AB!#2CD\r", b"!#1!!##\r")

    assert emulator.cells() == ("    ", "CD  ")
    assert emulator.errors


def test_utc_enhanced_is_entered_and_left() -> None:
    emulator = fed("utc-enhanced", "1F 11 14 1B64 1B64", b"\x1buAAB\r", "1B1E0D", b"X")
    assert (emulator.cells(), emulator.errors) == (("XB  ", "    "), ())

    # printed as 0F beside the name ESC RS: a misprint
    emulator = fed("utc-enhanced", "1F 11 1B64 1B0F0D", b"X", "1B1E41", b"X")
    assert emulator.cells() == ("    ", "    ")
    assert len(emulator.errors) == 4


def test_utc_enhanced_keeps_mode_cursor_and_brightness_of_the_standard_mode() -> None:
    emulator = fed("utc-enhanced", "1F 11 14 0440 1B64", "12 13 04FF")

    assert (emulator.mode, emulator.cursor_visible) == (Mode.OVERWRITE, False)
    assert emulator.brightness == 2


def test_an_open_frame_swallows_everything_up_to_CR() -> None:
    emulator = fed("utc-enhanced", "1F 1B64 1B7541", b"A", "1F 11", b"B", "0D")

    assert emulator.cells() == ("AB  ", "    ")
    assert emulator.mode is Mode.VERTICAL


def test_aedex_has_no_cursor_and_nothing_scrolls() -> None:
    emulator = fed("aedex", b"!#9ABCDEFGH\r")

    assert (emulator.cells(), emulator.cursor_visible) == (("ABCD", "EFGH"), False)
    assert emulator.mode is Mode.OVERWRITE
    assert fed("emax", b"!#9ABCDEFGH\r").cells() == ("ABCD", "EFGH")


def test_a_single_row_has_no_bottom() -> None:
    assert fed("aedex", b"!#2AB\r", rows=1).errors
    assert fed("aedex", b"!#9ABCDEF\r", rows=1).cells() == ("ABCD",)


# -- DSP-800 and Star -----------------------------------------------------------------------------

ACK, NAK = b"\x06", b"\x15"


@pytest.mark.parametrize("command_set", ["dsp800", "star"])
@pytest.mark.parametrize(
    ("frame", "answer", "cells"),
    [
        ("5031", ACK, ("XBCD", "EFGH")),
        ("5035", ACK, ("ABCD", "XFGH")),
        ("5038", ACK, ("ABCD", "EFGX")),
        ("5039", NAK, ("ABCX", "EFGH")),
        ("5030", NAK, ("ABCX", "EFGH")),
        ("50", NAK, ("ABCX", "EFGH")),
        ("433138", ACK, ("   X", "    ")),
        ("433236", ACK, ("A  X", "  GH")),
        ("433535", ACK, ("ABCX", " FGH")),
        ("433631", NAK, ("ABCX", "EFGH")),
        ("433139", NAK, ("ABCX", "EFGH")),
        ("4930", ACK, ("ABCX", "EFGH")),
        ("4941", NAK, ("ABCX", "EFGH")),
        ("443131", ACK, ("ABCX", "EFGH")),
        ("5A", NAK, ("ABCX", "EFGH")),
        ("", NAK, ("ABCX", "EFGH")),
        ("41414141414141414141", NAK, ("ABCX", "EFGH")),
    ],
)
def test_every_frame_is_answered(
    command_set: str, frame: str, answer: bytes, cells: tuple[str, str]
) -> None:
    emulator = fed(command_set, "04015031 17" if command_set == "dsp800" else "1B40 1F01")
    emulator.feed(b"ABCDEFGH" + bytes.fromhex("0401503417"))

    assert answered(emulator, f"0401 {frame} 17") == answer
    emulator.feed(b"X")
    assert emulator.cells() == cells
    assert not emulator.harmed


def test_a_refused_frame_is_an_error_and_the_others_are_not() -> None:
    assert fed("dsp800", "0401503117 0401433138 17 04014930 17").errors == ()
    assert fed("dsp800", "0401503017").errors
    assert fed("dsp800", "0401443131 17").errors  # the demo takes the glass


@pytest.mark.parametrize("command_set", ["dsp800", "star"])
def test_an_open_frame_swallows_everything_up_to_its_end(command_set: str) -> None:
    emulator = Emulator(2, 4, command_set)
    before = emulator.cells()
    assert answered(emulator, "0401 50 0401503117") == NAK
    assert answered(emulator, b"\x04\x01" + b"A" * 99) == b""
    assert emulator.cells() == before

    assert answered(emulator, "17 0401503117") == NAK + ACK


@pytest.mark.parametrize("command_set", ["dsp800", "star"])
def test_a_stray_end_is_nothing_and_half_a_start_is_lost(command_set: str) -> None:
    assert answered(Emulator(2, 4, command_set), "17 17") == b""
    emulator = fed(command_set, "1717")
    assert emulator.errors == ()

    assert answered(emulator, "0441") == b""
    assert emulator.errors


def test_dsp800_has_no_control_bytes_no_cursor_and_overwrites() -> None:
    emulator = fed("dsp800", "0401503117", b"ABCDEFGHI")
    assert (emulator.cells(), emulator.errors) == (("IBCD", "EFGH"), ())
    assert (emulator.cursor_visible, emulator.mode) == (False, Mode.OVERWRITE)

    emulator.feed(bytes.fromhex("0C 0D 1F"))
    assert emulator.cells() == ("IBCD", "EFGH")
    assert len(emulator.errors) == 3


def test_star_returns_its_text_and_no_acknowledgement() -> None:
    emulator = fed("star", "1B40 1F01", b"ABCDEF", "0401741317 D5")

    assert emulator.cells() == ("ABCD", "EF€ ")
    assert answered(emulator, "04015417") == b"ABCDEF\xd5 "
    assert answered(Emulator(2, 4, "dsp800"), "04015417") == NAK


def test_star_takes_a_part_of_escpos_between_frames() -> None:
    emulator = fed("star", "1B40 1F01 1F4300 1F4500 1F7200", b"AB", "0D 09 58 0A 59")
    assert (emulator.cells(), emulator.errors) == (("AX  ", "  Y "), ())
    assert not emulator.cursor_visible

    emulator.feed(bytes.fromhex("18 0B 5A"))
    assert emulator.cells() == ("ZX  ", "    ")
    emulator.feed(bytes.fromhex("0C 1B40"))
    assert (emulator.mode, emulator.cursor_visible) == (Mode.VERTICAL, True)


@pytest.mark.parametrize("sent", ["1F24 0101", "1F5804", "1B5200", "1B3D02", "07", "1F4302"])
def test_star_has_no_more_of_escpos_than_that(sent: str) -> None:
    assert fed("star", sent).errors


def test_a_code_page_unknown_to_all_is_acknowledged_and_changes_nothing() -> None:
    emulator = fed("star", "1B40")

    assert answered(emulator, "0401741217") == ACK
    assert (emulator.code_page, bool(emulator.errors)) == ("cp437", True)
