import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.display.code_pages import CHARACTER_SETS, as_shown, encode


@pytest.mark.parametrize(
    ("text", "character_set", "shown"),
    [
        ("WDJB-MJHT", "ascii", "WDJB-MJHT"),
        ("Müller", "cp437", "Müller"),
        ("Müller", "ascii", "Mueller"),
        ("MÜLLER", "ascii", "MUELLER"),
        ("Übel", "ascii", "Uebel"),
        ("ÜBEL", "ascii", "UEBEL"),
        ("BÜ", "ascii", "BUE"),
        ("Ü", "ascii", "Ue"),
        ("Café", "ascii", "Cafe"),
        ("Cafe\u0301", "cp850", "Café"),
        ("Straße", "ascii", "Strasse"),
        ("5 €", "cp858", "5 €"),
        ("5 €", "cp437", "5 EUR"),
        ("„So“ – ‚ja‘", "ascii", "\"So\" - 'ja'"),
        ("Łódź", "ascii", "Lodz"),
        ("東京", "ascii", "??"),
        ("a\tb\nc", "ascii", "a b c"),
        ("a\u200bb\ufeff", "ascii", "ab"),
        ("\u202eabc", "ascii", "abc"),
        ("q\u0308", "ascii", "q"),
        ("a\x1b[2Jb", "ascii", "a?[2Jb"),
        ("\x00\x07\x7f\x9b", "ascii", "????"),
        ("\x7f", "cp437", "?"),
        ("½", "ascii", "1/2"),
        ("", "ascii", ""),
    ],
)
def test_a_text_shows_as_well_as_the_character_set_can(
    text: str, character_set: str, shown: str
) -> None:
    assert shown == as_shown(text, character_set)


@given(text=st.text(), character_set=st.sampled_from(sorted(CHARACTER_SETS)))
def test_no_text_ever_becomes_a_control_byte(text: str, character_set: str) -> None:
    cells = encode(text, character_set)

    assert all(cell >= 0x20 and cell != 0x7F for cell in cells)
    assert len(cells) == len(as_shown(text, character_set))


@given(text=st.text(), character_set=st.sampled_from(sorted(CHARACTER_SETS)))
def test_what_is_shown_shows_as_itself(text: str, character_set: str) -> None:
    shown = as_shown(text, character_set)

    if unicodedata.is_normalized("NFC", shown):
        assert shown == as_shown(shown, character_set)


@pytest.mark.parametrize("character_set", sorted(CHARACTER_SETS))
def test_every_character_set_has_one_cell_a_byte_and_ascii_below(character_set: str) -> None:
    ascii_part = bytes(range(0x20, 0x7F))

    assert ascii_part.decode("ascii") == ascii_part.decode(character_set)
    for byte in range(0x80, 0x100):
        assert len(bytes((byte,)).decode(character_set, errors="replace")) == 1
