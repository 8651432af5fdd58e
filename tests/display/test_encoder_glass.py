"""What a profile's bytes do to an independent glass of the same command set."""

import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hw.display.code_pages import as_shown
from hw.display.code_pages import encode as to_cells
from hw.display.emulator import Emulator
from hw.display.encoder import Cells, Encoder
from hw.display.profile import AnswerProbe, DsrProbe, load, shipped
from tests.display.traffic import COMMANDS, MODES, OTHER_START, earlier, printable

SIZES = [(1, 16), (1, 20), (1, 40), (2, 16), (2, 20), (2, 40), (3, 20), (4, 16), (4, 20), (4, 40)]
NO_CURSOR_COMMAND = {"utc-enhanced"}
"""Sets without one, on units that show their cursor after power-on."""
IGNORED = {"utc": ("1B1E: unknown",)}
"""What a unit without an enhanced mode makes of the way out of it."""
BEYOND_REPAIR = {
    "escpos": rb"\x1f\(|\x1b=",  # a length of kilobytes; no target is configured
    "cd5220": rb"\x1b=",
    "aedex": rb"!#8",  # another attention code
    "utc-enhanced": rb"\x1b\x1e|\x1buH",  # left, and the way back is on the deny list
}
"""What the profiles' remarks say of a display that only cutting its power brings back."""
NATIONAL = b"#$@[\\]^`{|}~ national"
"""Cells that national variants of ASCII replace."""
BEGUN_HARM = rb"\x02\x05|\x04\x01[SB]|\x1b[&]|\x03"  # whatever follows completes it

PROFILES = {name: load(name) for name in shipped()}

modest = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
every_set = pytest.mark.parametrize("command_set", shipped())


def encoder(
    command_set: str, rows: int = 2, columns: int = 20, *, character_set: str = "ascii"
) -> Encoder:
    return Encoder(
        profile=PROFILES[command_set], rows=rows, columns=columns, character_set=character_set
    )


def power_on(glass: Emulator, command_set: str) -> Emulator:
    """`utc-enhanced` is a unit's switch: here it is the command that we must never send."""
    glass.power_cycle()
    if command_set == "utc-enhanced":
        glass.feed(b"\x1bd")
        glass.forget_errors()
    return glass


def begin(glass: Emulator, ours: Encoder) -> None:
    for command in ours.begin():
        glass.feed(command.data)


def intended(ours: Encoder, screen: Cells) -> tuple[str, ...]:
    """Cut to what the set can show, and blank beyond. ASCII alone, or as the code page has it."""
    code_page = "cp437" if ours.character_set == "ascii" else ours.character_set
    rows = (row[: ours.width].decode(code_page) for row in screen)
    return tuple(row.ljust(ours.columns) for row in rows)


def hidden(glass: Emulator, command_set: str) -> bool:
    return not glass.cursor_visible or command_set in NO_CURSOR_COMMAND


def a_full_screen(rows: int, columns: int) -> Cells:
    """No blanks, and what national variants of ASCII replace."""
    last = (b"Y" * columns,) * (rows - 1)
    return (NATIONAL.replace(b" ", b"").ljust(columns, b"X")[:columns], *last)


def a_screen(rows: int, columns: int) -> st.SearchStrategy[Cells]:
    row = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=columns)
    safe = row.map(lambda text: text.replace("!#", "!!").ljust(columns).encode("ascii"))
    return st.tuples(*[safe] * rows)


def sizes(command_set: str) -> list[tuple[int, int]]:
    profile = PROFILES[command_set]
    return [size for size in SIZES if size[0] <= profile.rows and size[1] <= profile.columns]


@every_set
@modest
@given(data=st.data())
def test_the_glass_shows_exactly_what_was_encoded(command_set: str, data: st.DataObject) -> None:
    rows, columns = data.draw(st.sampled_from(sizes(command_set)))
    screens = data.draw(st.lists(a_screen(rows, columns), min_size=1, max_size=4))
    ours = encoder(command_set, rows, columns)
    glass = power_on(Emulator(rows, columns, command_set), command_set)
    begin(glass, ours)
    assert glass.cells() == (" " * columns,) * rows

    old: Cells = (b" " * columns,) * rows
    for new in screens:
        glass.feed(ours.encode(old, new))
        old = new
        assert glass.cells() == intended(ours, new)
    assert hidden(glass, command_set)
    assert (glass.errors, glass.harmed) == (IGNORED.get(command_set, ()), ())


@every_set
def test_every_command_may_be_cut_off_anywhere(command_set: str) -> None:
    """Another program's, and our own; and all modes are other than we need them."""
    for rows, columns in sizes(command_set):
        cut_off_anywhere(command_set, rows, columns)


def cut_off_anywhere(command_set: str, rows: int, columns: int) -> None:
    ours, screen = encoder(command_set, rows, columns), a_full_screen(rows, columns)
    own = [command.data for command in ours.begin()] + [ours.encode((), screen), ours.end()]
    for command in [*map(bytes.fromhex, COMMANDS[command_set]), *own]:
        for length in range(1, len(command) + 1):
            glass = power_on(Emulator(rows, columns, command_set), command_set)
            glass.feed(bytes.fromhex(MODES.get(command_set, "")) + command[:length])
            begin(glass, ours)
            assert glass.cells() == (" " * columns,) * rows, command[:length]
            glass.forget_errors()
            glass.feed(ours.encode((), screen))

            assert glass.cells() == intended(ours, screen), command[:length]
            assert hidden(glass, command_set), command[:length]
            assert (glass.brightness, glass.blinking) == (4, False), command[:length]
            assert (glass.errors, glass.harmed) == ((), ()), command[:length]


@pytest.mark.parametrize("half", ["", "1B", "1B75", "1B7541", "1B7541 4142", "1B7549 41", "1B1E"])
def test_utc_standard_takes_a_display_back_from_the_enhanced_mode(half: str) -> None:
    ours = encoder("utc")
    glass = power_on(Emulator(2, 20, "utc-enhanced"), "utc-enhanced")
    glass.feed(bytes.fromhex(half))
    begin(glass, ours)
    glass.forget_errors()

    glass.feed(ours.encode((), (b"X" * 20, b"Y" * 20)))
    assert glass.cells() == ("X" * 20, "Y" * 20)
    assert not glass.cursor_visible
    assert (glass.errors, glass.harmed) == ((), ())


@every_set
@modest
@given(data=st.data())
def test_any_beginning_recovers_to_the_right_glass(command_set: str, data: st.DataObject) -> None:
    """Somebody else's text and settings, then a command of theirs or ours, cut off anywhere."""
    rows, columns = data.draw(st.sampled_from(sizes(command_set)))
    ours = encoder(command_set, rows, columns)
    screen = data.draw(a_screen(rows, columns))
    cut_off = ours.encode((), screen)
    before = data.draw(earlier(command_set))
    before += cut_off[: data.draw(st.integers(0, len(cut_off)))]
    glass = power_on(Emulator(rows, columns, command_set), command_set)
    glass.feed(before)

    begin(glass, ours)
    assert glass.cells() == (" " * columns,) * rows
    assert glass.harmed == ()
    glass.forget_errors()
    glass.feed(ours.encode((), screen))
    assert glass.cells() == intended(ours, screen)
    assert hidden(glass, command_set)
    assert (glass.errors, glass.harmed) == ((), ())


@every_set
@modest
@given(data=st.data())
def test_power_on_garbage_recovers_to_the_right_glass(
    command_set: str, data: st.DataObject
) -> None:
    noise = data.draw(st.lists(st.sampled_from(b"\x1b\x1f\x04\x01\x10\x0d") | st.integers(0, 255)))
    garbage = bytes(noise)
    lost = BEYOND_REPAIR.get(command_set, BEGUN_HARM)
    assume(not re.search(lost, garbage) and not re.search(BEGUN_HARM, garbage))
    rows, columns = data.draw(st.sampled_from(sizes(command_set)))
    glass = power_on(Emulator(rows, columns, command_set), command_set)
    glass.feed(garbage)
    assume(not glass.harmed)

    ours, screen = encoder(command_set, rows, columns), a_full_screen(rows, columns)
    begin(glass, ours)
    glass.forget_errors()
    glass.feed(ours.encode((), screen))
    assert glass.cells() == intended(ours, screen)
    assert hidden(glass, command_set)
    assert (glass.errors, glass.harmed) == ((), ())


@every_set
@pytest.mark.parametrize("before", [b"", b"#" * 39, b"#" * 40, b"#" * 75])
def test_a_repaint_is_right_on_a_display_that_lost_its_power_unseen(
    command_set: str, before: bytes
) -> None:
    """It may have got other text since, here what no frame is around."""
    screen = (NATIONAL, b"Y" * 20)
    ours = encoder(command_set)
    glass = power_on(Emulator(2, 20, command_set), command_set)
    begin(glass, ours)
    power_on(glass, command_set).feed(bytes.fromhex(OTHER_START.get(command_set, "")) + before)
    glass.forget_errors()

    glass.feed(ours.encode((), screen))
    assert glass.cells() == intended(ours, screen)
    assert hidden(glass, command_set)
    assert (glass.errors, glass.harmed) == ((), ())


@pytest.mark.parametrize("command_set", ["cd5220", "dsp800", "star"])
def test_a_set_whose_country_only_switches_decide_says_so(command_set: str) -> None:
    """They have a country command; none of ours sends it, and one display may be set to Germany."""
    profile = PROFILES[command_set]

    assert "international" not in profile.commands
    assert any("set it to USA" in remark for remark in profile.remarks)


def test_on_a_cd5220_set_to_germany_brackets_are_letters() -> None:
    ours, glass = encoder("cd5220"), Emulator(2, 20, "cd5220")
    begin(glass, ours)
    glass.feed(bytes.fromhex("1B6647"))  # as its switches would

    glass.feed(ours.encode((), (b"AB@[-1234", b"WDJB-MJHT")))
    assert [row.strip() for row in glass.cells()] == ["AB\u00a7\u00c4-1234", "WDJB-MJHT"]


@every_set
def test_clearing_is_right_on_a_display_that_lost_its_power_unseen(command_set: str) -> None:
    ours = encoder(command_set)
    glass = power_on(Emulator(2, 20, command_set), command_set)

    glass.feed(ours.clear())
    assert glass.cells() == (" " * 20,) * 2
    assert hidden(glass, command_set)
    assert (glass.errors, glass.harmed) == ((), ())


@pytest.mark.parametrize(
    ("command_set", "character_set"),
    [(name, page) for name in shipped() for page in PROFILES[name].code_pages if page != "ascii"],
)
def test_every_named_character_set_shows_its_letters(command_set: str, character_set: str) -> None:
    """Also after the display forgot the code page with its power."""
    text = "Stra\u00dfe \u00e4\u00f6\u00fc \u00e9\u00f1 \u20ac"
    ours = encoder(command_set, character_set=character_set)
    glass = power_on(Emulator(2, 20, command_set), command_set)
    begin(glass, ours)
    power_on(glass, command_set)

    glass.feed(ours.encode((), (to_cells(text, character_set), b"")))
    assert glass.cells()[0] == as_shown(text, character_set)[:20].ljust(20)
    assert glass.errors == ()


@pytest.mark.parametrize("command_set", ["escpos", "cd5220"])
@pytest.mark.parametrize(("target", "display_bit"), [("display", 2), ("display-digipos", 1)])
def test_a_display_behind_a_printer_is_taken_and_given_back(
    command_set: str, target: str, display_bit: int
) -> None:
    glass = Emulator(2, 20, command_set, display_target=display_bit, selected_at_start=False)
    ours = Encoder(profile=PROFILES[command_set], rows=2, columns=20, target=target)
    begin(glass, ours)
    glass.feed(bytes((0x1B, 0x3D, 3 - display_bit)))  # somebody else prints

    glass.feed(ours.encode((), (b"X" * 20, b"Y" * 20)))
    assert glass.cells() == ("X" * 20, "Y" * 20)
    glass.feed(ours.end())
    assert glass.cells() == (" " * 20,) * 2
    glass.feed(b"RECEIPT")
    assert glass.cells() == (" " * 20,) * 2
    assert (glass.errors, glass.harmed) == ((), ())


@pytest.mark.parametrize("command_set", [name for name in shipped() if PROFILES[name].presence])
def test_asking_for_presence_changes_nothing_on_the_glass(command_set: str) -> None:
    ours = encoder(command_set)
    glass = power_on(Emulator(2, 20, command_set), command_set)
    begin(glass, ours)
    glass.feed(ours.encode((), (b"X" * 20, b"Y" * 20)))
    shown = glass.cells()
    match ours.profile.presence:
        case AnswerProbe(ask=ask, answer=answer):
            reply = glass.feed(ask)
            assert reply
            assert answer in reply
        case DsrProbe(low=low, high=high):
            glass.feed(low)
            assert not glass.dsr
            glass.feed(high)
            assert glass.dsr
        case None:
            pytest.fail("has no presence")

    assert glass.cells() == shown
    assert (glass.errors, glass.harmed) == ((), ())


@modest
@given(cells=printable(0, 60))
def test_text_that_looks_like_a_command_stays_text(cells: bytes) -> None:
    """`!#8` would change what AEDEX commands begin with, for good."""
    ours = encoder("aedex")
    glass = Emulator(2, 20, "aedex")
    glass.feed(ours.encode((), (b"!#8" + cells, cells + b"!#2")))
    glass.feed(ours.encode((), (b"X" * 20, b"Y" * 20)))

    assert glass.cells() == ("X" * 20, "Y" * 20)
    assert (glass.errors, glass.harmed) == ((), ())
