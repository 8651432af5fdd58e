import pytest

from hw.display.profile import ProfileError, load, read, shipped

PLAIN = """
schema = 1
title = "Test"
sources = ["a manual"]
[commands]
initialise = "1B40"
clear = "0C"
move = "10 {cell}"
"""


def test_the_shipped_profiles_load_and_name_their_sources() -> None:
    assert shipped() == ("cd5220", "escpos")
    for name in shipped():
        profile = load(name)
        assert name == profile.name
        assert all(len(source) > 10 for source in profile.sources)
        assert "overwrite" in profile.commands


def test_the_smallest_profile_needs_three_commands() -> None:
    profile = read("plain", PLAIN)

    assert set(profile.commands) == {"initialise", "clear", "move"}
    assert (profile.character_set, profile.brightness) == ("ascii", 4)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="no command set 'epson'; there are: cd5220, escpos"):
        load("epson")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema = 1", "schema = 2", "schema must be 1"),
        ("schema = 1", "", "schema must be 1"),
        ("schema = 1", "schema =", "display profile plain: "),
        ('title = "Test"', "", "title must be a text"),
        ('title = "Test"', 'title = ""', "title must be a text"),
        ('["a manual"]', "[]", "sources must list"),
        ('["a manual"]', '"a manual"', "sources must list"),
        ("[commands]", "[command]", "unknown key 'command'"),
        ("[commands]", "baud = 9600\n[commands]", "unknown key 'baud'"),
        ("[commands]", "settle = 1\n[commands]", "settle must be a table"),
        ("[commands]", "[settle]\nclear = 9\n[commands]", "settle.clear must be seconds"),
        ("[commands]", "[settle]\nclear = 'x'\n[commands]", "settle.clear must be seconds"),
        ("[commands]", "[settle]\nreset = 1\n[commands]", "settle.reset: no such command"),
        ("[commands]", "brightness = 256\n[commands]", "brightness must be a number"),
        ("[commands]", "brightness = true\n[commands]", "brightness must be a number"),
        ("[commands]", "brightness = -1\n[commands]", "brightness must be a number"),
        ("[commands]", "character_set = 'utf-8'\n[commands]", "character set 'utf-8'"),
        ("[commands]", "character_set = 'cp437'\n[commands]", "no number in"),
        ("[commands]", "[code_pages]\ncp437 = 0\n[commands]", "needs commands.code_page"),
        ("[commands]", "[targets]\ndisplay = 999\n[commands]", "targets.display must be"),
        ('"0C"', '"0C"\nbeep = "07"', "unknown command 'beep'"),
        ('"0C"', "12", "commands.clear must be a text"),
        ('"0C"', '"0X"', "commands.clear: '0X' at '0X'"),
        ('"0C"', '"{row}"', "allowed: none"),
        ('clear = "0C"', "", "commands.clear is missing"),
        ('initialise = "1B40"', "", "commands.initialise is missing"),
        ('move = "10 {cell}"', "", "needs move or write_line"),
        ('"10 {cell}"', '"10 {cell+0xFF}"', "cell becomes"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read("plain", PLAIN.replace(old, new, 1))

    assert str(caught.value).startswith("display profile plain: ")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "commands",
    [
        'initialise = "1B73"',
        'initialise = "1B40 1F284503000300"',
        'initialise = "1F40"',
        'initialise = "0F"',
        'recover = "1B62 33 0D"',
        'clear = "02 05 42 33 03"',
        'move = "1B {row+0x64}"',
        'move = "1B"',
        'move = "1F"',
        'write_line = "1B {text} 0D"',
        'write_line = "1B51 {text} 1B73"',
        'brightness = "1B {value+0x6F}"',
        'initialise = "1B"\nclear = "73"',
        'overwrite = "1B"\nmove = "73 {row}"',
    ],
)
def test_no_profile_can_make_the_encoder_send_what_is_denied(commands: str) -> None:
    names = {line.split(" = ")[0] for line in commands.splitlines()}
    kept = [line for line in PLAIN.splitlines() if line.split(" = ")[0] not in names]

    with pytest.raises(ProfileError, match="never"):
        read("evil", "\n".join([*kept, commands]))


def test_code_page_and_target_values_are_tried_against_the_deny_list_too() -> None:
    page = PLAIN.replace(
        "[commands]", '[code_pages]\ncp437 = 0x73\n[commands]\ncode_page = "1B{value}"'
    )
    target = PLAIN.replace("[commands]", '[targets]\nx = 0x40\n[commands]\ntarget = "1F{value}"')

    for evil in (page, target):
        with pytest.raises(ProfileError, match="never"):
            read("evil", evil)
