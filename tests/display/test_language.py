import os
import string
from pathlib import Path

import pytest

from agent.display import language
from agent.display import texts as texts_of
from agent.display.layout import Geometry
from agent.display.paper import paper_for
from agent.errors import ConfigError
from hw.display.code_pages import as_shown

COLUMNS = [16, 20, 40]
ENGLISH = language.load("en")


def ascii_cells(text: str) -> str:
    return as_shown(text, "ascii")


def folder_with(tmp_path: Path, text: str, name: str = "fr") -> str:
    (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return str(tmp_path)


def problems(tmp_path: Path, text: str, cells: str = "ascii", columns: int = 20) -> list[str]:
    texts = language.load("fr", folder_with(tmp_path, text))
    return list(
        texts_of.problems_of(texts, columns=columns, as_shown=lambda text: as_shown(text, cells))
    )


# -- what is shipped ------------------------------------------------------------------------------


def test_every_shipped_language_has_every_text() -> None:
    assert {"de", "en"} <= set(language.available())
    assert [language.load(name).missing for name in language.available()] == [(), ()]


@pytest.mark.parametrize("name", language.available())
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("cells", ["ascii", "cp437", "cp1252"])
def test_every_text_of_every_language_fits_every_display(
    name: str, columns: int, cells: str
) -> None:
    texts = language.load(name)

    assert not list(
        texts_of.problems_of(texts, columns=columns, as_shown=lambda text: as_shown(text, cells))
    )


@pytest.mark.parametrize("name", language.available())
def test_texts_are_printable_whatever_the_display(name: str) -> None:
    for wordings in language.load(name).wordings.values():
        for wording in wordings:
            assert set(ascii_cells(wording)) <= set(string.printable) - set("\t\n\r\x0b\x0c")


# -- a further language ---------------------------------------------------------------------------


def test_a_language_is_one_file_of_the_integrators(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 'starting = ["DEMARRAGE"]\n[offline]\nname = ["PAS DE RESEAU"]')

    french = language.load("fr", folder)
    assert french.wordings["starting"] == ("DEMARRAGE",)
    assert french.wordings["offline.name"] == ("PAS DE RESEAU",)
    assert language.available(folder) == ("de", "en", "fr")


def test_what_it_lacks_is_said_in_english_and_named(tmp_path: Path) -> None:
    french = language.load("fr", folder_with(tmp_path, 'starting = ["DEMARRAGE"]'))

    assert french.wordings["paused"] == ENGLISH.wordings["paused"]
    assert set(french.missing) == set(ENGLISH.wordings) - {"starting"}


def test_the_integrators_wording_of_a_shipped_language_wins(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 'starting = ["BOOTING"]', "en")

    assert language.load("en", folder).wordings["starting"] == ("BOOTING",)
    assert language.load("en").wordings["starting"] == ("STARTING",)


def test_an_unknown_language_is_the_operators_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"language 'fr'; use de or en$"):
        language.load("fr")
    with pytest.raises(ConfigError, match=f"use de or en or it, or write {tmp_path}/fr.toml"):
        language.load("fr", folder_with(tmp_path, "", "it"))
    with pytest.raises(ConfigError, match=r"use de or en, or write /nowhere/fr\.toml"):
        language.load("fr", "/nowhere")


@pytest.mark.parametrize("value", ['"STARTING"', "[]", "1", "[1]"])
def test_a_text_that_is_no_list_of_wordings_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"fr.toml: offline.network must be a list of texts"):
        language.load("fr", folder_with(tmp_path, f"[offline]\nnetwork = {value}"))


def test_a_file_that_is_not_toml_or_everybodys_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "starting = DEMARRAGE")
    with pytest.raises(ConfigError, match=r"fr.toml: is not TOML"):
        language.load("fr", folder)
    folder = folder_with(tmp_path, 'starting = ["DEMARRAGE"]')
    os.chmod(tmp_path / "fr.toml", 0o666)
    with pytest.raises(ConfigError, match="everybody may change it"):
        language.load("fr", folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('startign = ["X"]', r"startign is not a text of the display; en.toml has them all"),
        ('valid = ["ENCORE"]', r"valid needs \{minutes\} in every wording"),
        ('valid = ["{minutes} MIN", "{minute} MIN"]', r"valid needs \{minutes\} in every"),
        ('paired = ["{minutes}"]', r"paired needs nothing in braces in every wording"),
        ('hint_pair = ["{digit}"]', r"hint_pair needs \{digit\} and \{letter\} in every"),
    ],
)
def test_misspellings_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"{tmp_path}/fr\.toml: {problem}"):
        language.load("fr", folder_with(tmp_path, text))


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"aa is not a text.* \(1 more\)") as refused:
        language.load("fr", folder_with(tmp_path, 'aa = ["X"]\nbb = ["X"]'))

    assert [note.partition(": ")[2][:2] for note in refused.value.__notes__] == ["bb"]


# -- what a display cannot show -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'offline_advice.network = ["VERIFIEZ LE CABLE"]',
            "fr.toml: offline_advice.network does not fit 15 cells as 'VERIFIEZ LE CABLE'; add a"
            " shorter wording",
        ),
        (
            'paused = ["APPAIRAGE", "APPAIRAGE ARRETE"]',
            "fr.toml: paused has a wording after a shorter one; write the longest first",
        ),
        (
            'minutes_left = ["{minutes} minutes"]',
            "fr.toml: minutes_left does not fit 10 cells as '999 minutes'; add a shorter wording",
        ),
        (
            'starting = ["ЗАПУСК"]',
            "fr.toml: starting has characters the display does not have: '??????'; spell them"
            " otherwise, or set display.character_set",
        ),
        (
            'starting = ["[...]"]',
            "fr.toml: starting has [, which is another character in some countries",
        ),
        (
            'receipt.title = ["Donaudampfschifffahrtsgesellschaft"]',
            "fr.toml: receipt.title does not fit 32 cells as 'Donaudampfschifffahrtsgesellschaft';"
            " add a shorter wording",
        ),
    ],
)
def test_texts_a_display_cannot_show_are_named(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [problem]


@pytest.mark.parametrize(
    ("text", "cells", "columns"),
    [
        ('starting = ["ЗАПУСК"]', "cp866", 20),
        ('offline_advice.network = ["VERIFIEZ LE CABLE"]', "ascii", 40),
        ('denied = ["QUOI?"]', "ascii", 20),
        (
            'receipt.scan = ["A sentence that is longer than a line of paper is, and breaks"]',
            "ascii",
            16,
        ),
        ('starting = ["A SIXTEEN COLUMN"]', "ascii", 8),
    ],
)
def test_what_this_display_can_show_is_fine(
    tmp_path: Path, text: str, cells: str, columns: int
) -> None:
    assert problems(tmp_path, text, cells, columns) == []


class Narrow:
    device_rows = 2
    device_columns = 16

    def as_shown(self, text: str) -> str:
        return ascii_cells(text)


def test_a_display_is_matched_with_its_texts(tmp_path: Path) -> None:
    assert paper_for(Narrow(), ENGLISH).geometry == Geometry(rows=2, columns=16)

    wide = language.load("fr", folder_with(tmp_path, 'ready = ["PRET POUR LE PAIEMENT"]'))
    with pytest.raises(ConfigError, match="ready does not fit 16 cells"):
        paper_for(Narrow(), wide)
