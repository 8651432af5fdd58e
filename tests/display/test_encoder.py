"""What is sent when, whatever the command set. What it does to a glass: test_encoder_glass.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.display.encoder import Cells, Command, Encoder
from hw.display.profile import Profile, ProfileError, load, read

GLASS = Encoder(profile=load("escpos"), rows=2, columns=20)
PLAIN = 'schema = 1\ntitle = "Test"\nsources = ["a manual"]\n'


def profile(commands: str, keys: str = "") -> Profile:
    return read("test", f"{PLAIN}{keys}\n[commands]\n{commands}")


def escpos(rows: int = 2, columns: int = 4) -> Encoder:
    return Encoder(profile=load("escpos"), rows=rows, columns=columns)


def test_only_changed_rows_are_written_and_nothing_when_nothing_changed() -> None:
    changed = escpos().encode((b"AAAA", b"BBBB"), (b"AAAA", b"CCCC"))

    assert changed == bytes.fromhex("1F01 1B5200 1B7400 1F4300 1F240102 43434343")
    assert escpos().encode((b"AAAA", b"BBBB"), (b"AAAA", b"BBBB")) == b""


def test_rows_that_differ_only_beyond_the_glass_are_the_same() -> None:
    spare = Encoder(
        profile=profile('home = "0C"\nnext_row = "0D0A"', "spare_column = true"), rows=2, columns=4
    )

    assert spare.width == 3
    assert spare.encode((b"AAAx", b"BBBx"), (b"AAAy", b"BBBy")) == b""
    assert spare.encode((b"AAA", None), (b"AAA", b"")) == b"\x0cAAA\r\n   "


def test_a_row_that_is_not_there_is_blank_and_one_that_is_unknown_is_written() -> None:
    cells = Encoder(profile=profile('move = "10 {cell}"'), rows=2, columns=2)

    assert cells.encode((b"AA",), (b"AA",)) == b"\x10\x02  "
    assert cells.encode((None, b"  "), (b"AA",)) == b"\x10\x00AA"


def test_cells_are_counted_through_the_rows_of_this_glass() -> None:
    cells = Encoder(profile=profile('move = "10 {cell}"'), rows=3, columns=4)

    assert cells.encode((), (b"A", b"B", b"C")) == b"\x10\x00A   \x10\x04B   \x10\x08C   "


def test_rows_may_be_reached_by_going_down() -> None:
    down = Encoder(profile=profile('move = "0B {row*0A}"'), rows=3, columns=1)

    assert down.encode((), (b"A", b"B", b"C")) == b"\x0bA\x0b\nB\x0b\n\nC"


def test_a_frame_style_set_writes_lines_and_knows_where_they_end() -> None:
    frames = Encoder(
        profile=profile('write_line = "02 {row+0x41} {text} 17 {last+1:decimal}"'),
        rows=2,
        columns=4,
    )

    assert frames.encode((), (b"AB", b"CDEFG")) == b"\x02AAB  \x174\x02BCDEF\x178"


def test_a_set_that_can_only_go_on_from_the_top_writes_everything() -> None:
    top = Encoder(profile=profile('home = "0C"\nnext_row = "0D0A"'), rows=3, columns=2)

    assert top.encode((b"AA", b"BB", b"CC"), (b"AA", b"BB", b"XX")) == b"\x0cAA\r\nBB\r\nXX"
    assert top.encode((b"AA", b"BB", b"CC"), (b"AA", b"BB", b"CC")) == b""


def test_a_set_without_clear_is_cleared_with_blanks_modes_first() -> None:
    blanks = Encoder(
        profile=profile('initialise = "1F"\noverwrite = "11"\nmove = "10 {cell}"'),
        rows=2,
        columns=2,
    )

    assert blanks.clear() == b"\x11\x10\x00  \x10\x02  "
    assert blanks.begin() == (Command(b"\x1f"), Command(b"\x11"), Command(b"\x10\x00  \x10\x02  "))


@pytest.mark.parametrize(("level", "byte"), [(-1, 1), (0, 1), (1, 1), (2, 2), (3, 4), (99, 4)])
def test_brightness_goes_from_dim_to_bright(level: int, byte: int) -> None:
    assert escpos().brightness(level) == bytes((0x1F, 0x58, byte))


def test_a_set_without_brightness_is_left_as_it_is() -> None:
    assert Encoder(profile=load("ncr"), rows=2, columns=20).brightness(1) == b""


def test_without_a_target_none_is_selected_nor_given_back() -> None:
    assert escpos().end() == escpos().clear()
    assert all(b"\x1b=" not in command.data for command in escpos().begin())


def test_a_target_that_nothing_comes_after_stays_selected() -> None:
    own = 'target = "1B3D{value}"\nclear = "0C"\nmove = "10 {cell}"\n[targets]\nglass = 2'
    glass = Encoder(profile=profile(own), rows=1, columns=4, target="glass")

    assert glass.end() == glass.clear() == b"\x1b=\x02\x0c"


@pytest.mark.parametrize(
    ("rows", "columns"), [(0, 20), (3, 20), (2, 0), (2, 21), (2, 40), (-1, 20)]
)
def test_a_size_the_set_cannot_drive_is_refused(rows: int, columns: int) -> None:
    with pytest.raises(ProfileError, match=rf"cd5220: .*up to 2 x 20, not {rows} x {columns}"):
        Encoder(profile=load("cd5220"), rows=rows, columns=columns)


def test_a_size_whose_cell_numbers_would_read_as_a_command_is_refused() -> None:
    """27 is ESC, and a text may go on with s: on another display that stores settings."""
    cells = profile('move = "10 {cell}"')
    Encoder(profile=cells, rows=2, columns=26)

    with pytest.raises(ProfileError, match=r"commands\.move would complete 1B"):
        Encoder(profile=cells, rows=2, columns=27)


def test_an_unknown_target_or_character_set_lists_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="no target 'x'; known: display, display-digipos"):
        Encoder(profile=load("escpos"), rows=2, columns=20, target="x")
    with pytest.raises(ProfileError, match="no target 'x'; known: none"):
        Encoder(profile=load("aedex"), rows=2, columns=20, target="x")
    with pytest.raises(ProfileError, match="no character set 'cp437'; known: ascii, cp858"):
        Encoder(profile=load("ncr"), rows=2, columns=20, character_set="cp437")


def test_only_cells_of_the_character_set_are_sent() -> None:
    controls, high = bytes([*range(0x20), 0x7F]), bytes(range(0x80, 0xA8))
    ascii_only = Encoder(profile=load("escpos"), rows=1, columns=40)
    wide = Encoder(profile=load("escpos"), rows=1, columns=40, character_set="cp437")

    assert ascii_only.encode((), (high,)).endswith(b"?" * 40)
    assert wide.encode((), (high,)).endswith(high)
    for ours in (ascii_only, wide):
        assert ours.encode((), (controls,)).endswith(b"?" * 33 + b" " * 7)


@pytest.mark.parametrize(
    ("opening", "text", "shown"),
    [
        ("2123", b"a!#8b", b"a?#8b"),
        ("2123", b"!!##!", b"!?##!"),
        ("21", b"!!", b"??"),
        ("2121", b"!!!!", b"?!?!"),
        ("2121", b"!!!", b"??!"),
        ("3F3F", b"????", b".?.?"),
        ("3F2E", b"?.?.", b"-.-."),
        ("02 21", b"!!!!", b"!!!!"),
    ],
)
def test_what_begins_a_command_cannot_stand_in_text(
    opening: str, text: bytes, shown: bytes
) -> None:
    frames = Encoder(profile=profile(f'write_line = "{opening} {{text}} 0D"'), rows=1, columns=5)

    assert frames.encode((), (text,)) == bytes.fromhex(opening) + shown.ljust(5) + b"\r"


def test_nor_where_text_follows_a_move() -> None:
    moves = Encoder(profile=profile('move = "40 {row+0x31}"'), rows=1, columns=4)

    assert moves.encode((), (b"a@1b",)) == b"@1a?1b"


@given(cells=st.lists(st.binary(max_size=50), max_size=5).map(tuple))
def test_text_yields_no_control_byte(cells: Cells) -> None:
    sent = GLASS.encode((), cells)
    rows = sent.split(b"\x1f\x24\x01")[1:]

    assert [len(row) for row in rows] == [21, 21]
    assert all(0x20 <= cell < 0x7F for row in rows for cell in row[1:])
