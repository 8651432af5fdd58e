"""Pictures of a glass: framed text for a window, SVG for a page."""

import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.display.emulator import draw, font

SVG = "{http://www.w3.org/2000/svg}"
CELLS = ("CODE  WDJB-MJHT  14m", "pair.example.com/d  ")


def test_text_is_the_glass_in_a_frame() -> None:
    assert draw.text(("HELLO", "12")) == "┌───────┐\n│ HELLO │\n│ 12    │\n└───────┘"
    assert draw.text(()) == "┌──┐\n│  │\n└──┘"


def test_nothing_in_a_glass_moves_the_window() -> None:
    assert "\x1b" not in draw.text(("A\x1b[2J",))
    assert draw.text(("A\x9bB\xa0C",)).split("\n")[1] == "│ A█B C │"


def lit(picture: str) -> set[tuple[int, int]]:
    """The lit dots of a picture, (column, row) from the top left of the glass."""
    path = ElementTree.fromstring(picture).findall(f".//{SVG}path")[1]
    moves = (move.split("h")[0].split() for move in path.attrib["d"].split("M")[1:])
    return {(int(x), int(float(y))) for x, y in moves}


def test_svg_lights_the_dots_of_each_cell() -> None:
    picture = draw.svg((" -", "! "), title="dots")

    dash = {(6 + column, 3) for column in range(5)}
    mark = {(2, 10 + row) for row in (0, 1, 2, 3, 4, 6)}
    assert lit(picture) == dash | mark


def test_svg_says_in_words_what_it_shows() -> None:
    root = ElementTree.fromstring(draw.svg(CELLS, title="Pairing <2 x 20> & more"))

    assert root.findtext(f"{SVG}title") == "Pairing <2 x 20> & more"
    assert root.findtext(f"{SVG}desc") == "CODE  WDJB-MJHT  14m | pair.example.com/d"


def test_svg_is_as_large_as_its_glass_and_small_as_a_file() -> None:
    boxes = {}
    for rows, columns in ((1, 20), (2, 20), (4, 40)):
        picture = draw.svg(("W" * columns,) * rows, title="W")
        boxes[rows, columns] = ElementTree.fromstring(picture).attrib["viewBox"]
        assert len(picture) < 400 * rows * columns + 2000
    assert boxes == {(1, 20): "0 0 129 17", (2, 20): "0 0 129 27", (4, 40): "0 0 249 47"}


def test_characters_without_dots_are_written_over_their_cells() -> None:
    root = ElementTree.fromstring(draw.svg(("Aж&",), title="x"))

    assert [text.text for text in root.findall(f"{SVG}text")] == ["ж"]
    assert root.findall(f"{SVG}text")[0].attrib["x"] == "13.5"


@settings(max_examples=50)
@given(
    rows=st.lists(st.text(max_size=20), max_size=4).map(tuple),
    title=st.text(max_size=30),
)
def test_any_text_makes_well_formed_xml_and_the_same_twice(
    rows: tuple[str, ...], title: str
) -> None:
    picture = draw.svg(rows, title=title)

    ElementTree.fromstring(picture)
    assert picture == draw.svg(rows, title=title)
    assert len({len(line) for line in draw.text(rows).split("\n")}) == 1


@pytest.mark.parametrize("shown", [chr(code) for code in range(0x20, 0x7F)] + list("ÄÖÜäöüßé€£°"))
def test_every_common_character_has_dots_within_its_cell(shown: str) -> None:
    dots = font.dots(shown)

    assert dots is not None
    assert all(0 <= column < 5 and 0 <= row < 7 for column, row in dots)
    assert bool(dots) == (shown != " ")


def test_no_two_characters_look_the_same() -> None:
    shapes: dict[tuple[tuple[int, int], ...], str] = {}
    for code in range(0x20, 0x3000):
        dots = font.dots(chr(code))
        if dots is not None:
            assert shapes.setdefault(dots, chr(code)) == chr(code), unicodedata.name(chr(code))
    assert len(shapes) > 100
