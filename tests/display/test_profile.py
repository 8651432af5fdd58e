"""What a file may say, and what is said about one that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.display.profile import (
    AnswerProbe,
    DsrProbe,
    ProfileError,
    load,
    problems,
    read,
    shipped,
)

PLAIN = """
schema = 1
title = "Test"
sources = ["a manual"]
[commands]
initialise = "1B40"
clear = "0C"
move = "10 {cell}"
"""
SHIPPED = (
    *("aedex", "ascii", "ba6x", "cd5220", "dsp800", "escpos", "logic-controls", "ncr", "star"),
    *("surepos", "utc", "utc-enhanced"),
)


def test_the_shipped_profiles_load_and_name_their_sources() -> None:
    assert shipped() == SHIPPED
    for name in shipped():
        profile = load(name)
        assert name == profile.name
        assert all(len(source) > 10 for source in profile.sources)
        assert profile.remarks
        assert (
            "overwrite" in profile.commands
            or profile.spare_column
            or name
            in (
                "aedex",  # frames
                "utc-enhanced",  # frames
                "ncr",  # always overwrites
            )
        )


def test_the_smallest_profile_needs_one_command() -> None:
    profile = read("plain", 'schema=1\ntitle="x"\nsources=["y"]\n[commands]\nmove="10 {cell}"')

    assert set(profile.commands) == {"move"}
    assert (profile.rows, profile.columns, profile.spare_column) == (4, 40, False)
    assert (profile.character_set, profile.brightness) == ("ascii", (1, 2, 3, 4))
    assert (profile.presence, profile.remarks) == (None, ())


def test_everything_a_file_says_is_in_the_profile() -> None:
    profile = read(
        "full",
        """
        schema = 1
        title = "Full"
        sources = ["a manual"]
        remarks = ["never met"]
        character_set = "cp858"
        brightness = [0x20, 0xFF]
        spare_column = true
        [geometry]
        rows = 2
        columns = 16
        [commands]
        target = "1B3D{value}"
        code_page = "1B74{value}"
        home = "0B"
        next_row = "0D0A"
        [settle]
        initialise = 0.05
        code_page = 1
        [code_pages]
        cp858 = 19
        [targets]
        display = 2
        [afterwards]
        display = 1
        [presence]
        ask = "1B 19"
        answer = "4E"
        """,
    )

    assert (profile.title, profile.sources, profile.remarks) == (
        "Full",
        ("a manual",),
        ("never met",),
    )
    assert (profile.rows, profile.columns, profile.spare_column) == (2, 16, True)
    assert (profile.character_set, profile.code_pages) == ("cp858", {"cp858": 19})
    assert (profile.targets, profile.afterwards) == ({"display": 2}, {"display": 1})
    assert (profile.brightness, profile.settle) == (
        (0x20, 0xFF),
        {"initialise": 0.05, "code_page": 1.0},
    )
    assert profile.presence == AnswerProbe(ask=b"\x1b\x19", answer=b"N")


@pytest.mark.parametrize(
    ("table", "probe"),
    [
        ('ask = "05"\nanswer = ""', AnswerProbe(ask=b"\x05", answer=b"")),
        ('low = "1F7601"\nhigh = "1F7600"', DsrProbe(low=b"\x1fv\x01", high=b"\x1fv\x00")),
        ("", None),
    ],
)
def test_presence_is_asked_for_in_one_of_two_ways(
    table: str, probe: AnswerProbe | DsrProbe | None
) -> None:
    assert read("plain", f"{PLAIN}[presence]\n{table}").presence == probe


COMPLAINTS = [
    ("schema = 1", "schema = 2", "schema must be 1"),
    ("schema = 1", "schema = true", "schema must be 1"),
    ("schema = 1", "", "schema must be 1"),
    ("schema = 1", "schema =", "is not TOML: "),
    ("schema = 1", "a = " + "[" * 2000, "is not TOML: "),
    ('title = "Test"', "", "title must be a text, e.g. title = 'Maker, model'"),
    ('title = "Test"', 'title = ""', "title must be a text"),
    ('["a manual"]', "[]", "sources must list where the bytes come from"),
    ('["a manual"]', '"a manual"', "sources must list where the bytes come from, e.g."),
    ('["a manual"]', '["a", 1]', "sources must list where the bytes come from, e.g."),
    ("[commands]", "[command]", "unknown key 'command'; known: afterwards, brightness"),
    ("[commands]", "baud = 9600\n[commands]", "unknown key 'baud'"),
    ("[commands]", "remarks = 'x'\n[commands]", "remarks must list texts, e.g. remarks = ["),
    ("[commands]", "spare_column = 1\n[commands]", "spare_column must be true or false, not 1"),
    ("[commands]", "settle = 1\n[commands]", "settle must be a table: [settle]"),
    ("[commands]", "[settle]\nclear = 9\n[commands]", "settle.clear must be seconds from 0 to 2"),
    ("[commands]", "[settle]\nclear = 'x'\n[commands]", "settle.clear must be seconds"),
    ("[commands]", "[settle]\nclear = true\n[commands]", "settle.clear must be seconds"),
    ("[commands]", "[settle]\nclear = nan\n[commands]", "settle.clear must be seconds"),
    ("[commands]", "[settle]\nreset = 1\n[commands]", "settle.reset: not there; can be after re"),
    ("[commands]", "[settle]\nmove = 0.1\n[commands]", "settle.move: not there; can be after"),
    ("[commands]", "brightness = 4\n[commands]", "brightness must list the bytes from dim to"),
    ("[commands]", "brightness = []\n[commands]", "brightness must list the bytes from dim to"),
    ("[commands]", "brightness = [256]\n[commands]", "brightness must be a number from 0 to 255"),
    ("[commands]", "brightness = [true]\n[commands]", "brightness must be a number"),
    ("[commands]", "brightness = [-1]\n[commands]", "brightness must be a number"),
    ("[commands]", "character_set = 'utf-8'\n[commands]", "character set 'utf-8'; known: ascii"),
    ("[commands]", "character_set = 'cp437'\n[commands]", "has no number in [code_pages]; add"),
    ("[commands]", "character_set = 1\n[commands]", "character_set must be a text, e.g. "),
    ("[commands]", "[code_pages]\ncp437 = 0\n[commands]", "[code_pages] needs commands.code_page"),
    ("[commands]", "[code_pages]\nkoi8 = 0\n[commands]", "character set 'koi8'"),
    ("[commands]", "[targets]\ndisplay = 999\n[commands]", "targets.display must be a number"),
    ("[commands]", "[targets]\ndisplay = 2\n[commands]", "[targets] needs commands.target"),
    ("[commands]", "[afterwards]\nx = 2\n[commands]", "afterwards.x: no such target; known: "),
    ("[commands]", "[geometry]\nrows = 5\n[commands]", "geometry.rows must be a number from 1"),
    ("[commands]", "[geometry]\ncolumns = 0\n[commands]", "geometry.columns must be a number"),
    ("[commands]", "[geometry]\nheight = 2\n[commands]", "geometry.height: unknown; write rows"),
    ("[commands]", "[presence]\nask = '05'\n[commands]", "presence must have ask and answer, or"),
    ("[commands]", "[presence]\nlow = ''\nhigh = '00'\n[commands]", "presence.low must be hex pa"),
    ("[commands]", "[presence]\nask = 5\nanswer = ''\n[commands]", "presence.ask must be a text"),
    ("[commands]", "[presence]\nask = '{row}'\nanswer = ''\n[commands]", "presence.ask: '{row}'"),
    ('"0C"', '"0C"\nbeep = "07"', "commands.beep: unknown command; known: recover, initialise"),
    ('"0C"', "12", "commands.clear must be a text of hex pairs, not 12"),
    ('"0C"', '"0X"', "commands.clear: '0X' at '0X': expected hex pairs"),
    ('"0C"', '"{row}"', "commands.clear: '{row}': no operand 'row' here; allowed: none"),
    ('"0C"', '""', "commands.clear: is empty; leave the command out"),
    ('"0C"', f'"{"00" * 257}"', "commands.clear is longer than 256 bytes; no display needs that"),
    ('move = "10 {cell}"', "", "commands needs move, write_line, or home and next_row"),
    ('move = "10 {cell}"', 'home = "0B"', "commands needs move, write_line, or home and next_row"),
    ('move = "10 {cell}"', 'write_line = "0D"', "commands.write_line must have {text} once"),
    ('move = "10 {cell}"', 'write_line = "{text}{text}"', "commands.write_line must have {text}"),
    ('"10 {cell}"', '"10 {cell+0xFF}"', "commands.move: cell becomes"),
    ("schema = 1", "schema = 1\nextends = 'epson'", "extends must be one of aedex, ascii,"),
    ("schema = 1", "schema = 1\nextends = 1", "extends must be one of"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), COMPLAINTS)
def test_what_is_wrong_is_said_with_file_and_key(old: str, new: str, complaint: str) -> None:
    source = PLAIN.replace(old, new, 1)

    assert any(
        problem.startswith("display profile plain: ") for problem in problems("plain", source)
    )
    assert any(complaint in problem for problem in problems("plain", source))
    with pytest.raises(ProfileError) as caught:
        read("plain", source)
    assert str(caught.value).startswith("display profile plain: ")
    assert complaint in str(caught.value)


def test_everything_that_is_wrong_is_said_in_one_go() -> None:
    source = 'schema = 3\ntitle = 5\nx = 1\n[commands]\nclear = "0"\nbeep = "07"\n[settle]\nx = 1'

    assert len(problems("plain", source)) == 8
    with pytest.raises(ProfileError, match=r"unknown key 'x'.*; schema .*; title .*; settle\.x"):
        read("plain", source)


def test_commands_that_are_no_table_are_one_mistake() -> None:
    source = PLAIN[: PLAIN.index("[commands]")] + "commands = 1"

    assert problems("plain", source) == (
        "display profile plain: commands must be a table: [commands]",
    )


def test_a_mistake_of_many_kilobytes_is_not_repeated_in_full() -> None:
    long = PLAIN.replace('"0C"', f'"{"Z" * 60_000}"')

    assert all(len(problem) < 500 for problem in problems("plain", long))


def test_an_error_in_a_file_names_the_file() -> None:
    with pytest.raises(ProfileError, match=r"^display profile /etc/x\.toml: schema must be 1"):
        read("x", "", where="/etc/x.toml")
    assert problems("x", PLAIN, where="/etc/x.toml") == ()
    assert problems("x", "", where="/etc/x.toml")[0].startswith("display profile /etc/x.toml: ")


def test_a_file_that_extends_a_shipped_one_changes_only_what_it_says() -> None:
    base = load("escpos")
    own = read(
        "own",
        """
        schema = 1
        extends = "escpos"
        title = "Aures OCD-300"
        character_set = "cp1250"
        [commands]
        recover = ""
        brightness = "1F58 30"
        [code_pages]
        cp1250 = 18
        [presence]
        low = ""
        high = ""
        """,
    )

    assert (own.name, own.title, own.sources) == ("own", "Aures OCD-300", base.sources)
    assert own.commands.keys() == base.commands.keys() - {"recover"}
    assert own.commands["brightness"].render({}) == b"\x1fX0"
    assert own.commands["move"] == base.commands["move"]
    assert own.code_pages == {**base.code_pages, "cp1250": 18}
    assert (own.character_set, own.presence, own.settle) == ("cp1250", None, base.settle)


def test_an_extended_file_may_ask_in_another_way_and_add_a_table() -> None:
    answering = '[presence]\nlow = ""\nhigh = ""\nask = "1B05"\nanswer = "06"'
    own = read("own", f'schema = 1\nextends = "escpos"\n{answering}')
    added = read("own", 'schema = 1\nextends = "aedex"\n[settle]\nrecover = 0.05')

    assert own.presence == AnswerProbe(ask=b"\x1b\x05", answer=b"\x06")
    assert added.settle == {"recover": 0.05}


def test_an_extended_file_is_checked_as_any_other() -> None:
    assert problems("own", 'extends = "escpos"') == ()  # schema is inherited
    (problem,) = problems("own", 'schema = 1\nextends = "escpos"\ncommands = 1')
    assert "commands must be a table" in problem


@pytest.mark.parametrize(
    ("rows", "columns", "complaint"),
    [
        (2, 20, None),
        (1, 16, None),
        (3, 20, "it drives displays up to 2 x 20, not 3 x 20; correct rows and columns"),
        (2, 40, "it drives displays up to 2 x 20, not 2 x 40"),
    ],
)
def test_a_profile_knows_the_sizes_it_can_drive(
    rows: int, columns: int, complaint: str | None
) -> None:
    refusal = load("cd5220").refusal(rows, columns)

    assert (refusal is None) is (complaint is None)
    assert (complaint or "") in (refusal or "")


words = st.sampled_from(
    [
        *(
            "schema = 1\n",
            'title = "x"\n',
            'sources = ["y"]\n',
            "[commands]\n",
            'move = "10{cell}"\n',
        ),
        *('extends = "escpos"\n', "[presence]\n", 'ask = "05"\n', 'answer = ""\n', "[settle]\n"),
        *("move = 1\n", "clear = []\n", "commands = {}\n", "brightness = {}\n", "[targets]\n"),
        *('clear = "{row+1:decimal}"\n', "[geometry]\n", "rows = 1979-05-27\n", "columns = inf\n"),
        *("x = nan\n", "[[commands]]\n", 'low = "0"\n', "\x00", "\ud7ff", "= ", "'", '"""'),
    ]
)


@given(st.lists(words | st.text(max_size=5), max_size=12).map("".join))
def test_no_file_whatever_brings_us_down(source: str) -> None:
    wrong = problems("fuzz", source)

    if wrong:
        with pytest.raises(ProfileError):
            read("fuzz", source)
    else:
        assert read("fuzz", source).commands
