"""docs/screens.md and its pictures: drawn from the screens as they are now, and small."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.display import language
from agent.display.texts import Language
from tests.display.contact_sheet import Shot, Strip, sheet
from tests.display.render_docs import GEOMETRIES, LANGUAGES, PICTURES, animations, pictures

PAGE = PICTURES.parent / "screens.md"
MADE = dict(pictures())
SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 100_000  # bytes


@pytest.mark.parametrize("name", MADE)
def test_a_picture_is_up_to_date_and_small(name: str) -> None:
    assert MADE[name] == (PICTURES / name).read_text(encoding="utf-8"), "run make screens"
    assert len(MADE[name].encode()) < LARGEST


def test_no_picture_is_left_over() -> None:
    assert {path.name for path in PICTURES.iterdir()} == set(MADE)


def test_the_page_shows_every_picture_once() -> None:
    shown = re.findall(r"\]\(screens/([^)]+)\)", PAGE.read_text(encoding="utf-8"))

    wanted = [f"{r}x{c}-{name}.svg" for r, c in GEOMETRIES for name in LANGUAGES]
    assert shown == wanted


def words(svg: str) -> list[str]:
    """What the glasses show, read back from the dots' names."""
    root = ElementTree.fromstring(svg)
    rows = {}
    for group in root.iter(f"{SVG}g"):
        cells = {
            int(use.get("x", "0")) // 6: chr(int(use.get("href", "")[2:], 16))
            for use in group.findall(f"{SVG}use")
            if use.get("href", "").startswith("#u")
        }
        if cells:
            rows[f"#{group.get('id')}"] = "".join(
                cells.get(place, " ") for place in range(max(cells) + 1)
            )
    return [
        rows[use.get("href", "")] for use in root.iter(f"{SVG}use") if use.get("href", "") in rows
    ]


def test_the_dots_of_a_picture_say_what_the_screen_says() -> None:
    found = words(MADE["2x20-en.svg"])

    assert found[:4] == ["STARTING", "PLEASE WAIT", "NO NETWORK", "CHECK CABLE     N102"]
    assert found.count("CODE  WHJK-MPRT  14m") == 3


def test_every_text_is_on_some_picture() -> None:
    """Drawn in a language in which each text is a mark of its own."""
    wordings = language.load("en").wordings
    marks = {
        key: f"<{number}>" + "".join(re.findall(r"\{\w+\}", wordings[key][0]))
        for number, key in enumerate(wordings)
        if not key.startswith("receipt.")
    }
    marked = Language("marks", {key: (mark,) for key, mark in marks.items()})
    shown = "\n".join(
        row
        for rows, columns in GEOMETRIES
        for _, animation in animations(rows, columns, marked)
        for frame in (*animation.intro, *animation.frames)
        for row in frame.rows
    )

    missing = [key for key, mark in marks.items() if mark.partition("{")[0] not in shown]

    assert missing == []


def test_a_character_without_dots_is_refused_rather_than_left_out() -> None:
    strip = Strip("x", (Shot(("日本",), ""),))
    with pytest.raises(ValueError, match="no dots for"):
        sheet([strip], title="x")


def test_everything_stays_on_the_sheet(tmp_path: Path) -> None:
    for name, svg in MADE.items():
        if name == "code.svg":
            continue
        root = ElementTree.fromstring(svg)
        _, _, width, height = map(float, root.get("viewBox", "").split())
        for group in root.findall(f"{SVG}g"):
            x, y = map(int, re.findall(r"\d+", group.get("transform", "")))
            assert x + 100 < width
            assert y + 15 < height
