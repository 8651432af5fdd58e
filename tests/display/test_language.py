import string

import pytest

from agent.display import language
from agent.errors import ConfigError
from hw.display.code_pages import as_shown

NATIONAL = set("#$@[\\]^`{|}~")  # cells that national character sets replace
MINUTES = "999"


def test_every_language_has_the_same_texts() -> None:
    assert {"de", "en"} <= set(language.available())
    keys = {name: set(language.load(name).wordings) for name in language.available()}

    assert all(keys["en"] == found for found in keys.values())


@pytest.mark.parametrize("name", language.available())
@pytest.mark.parametrize("columns", [16, 20])
def test_every_text_has_a_wording_for_every_width(name: str, columns: int) -> None:
    for key, wordings in language.load(name).wordings.items():
        room = columns - len(" N102") if key.startswith("offline_advice.") else columns
        room = columns - len(" S301") if key == "call_support" else room
        widths = [len(as_shown(text.replace("{minutes}", MINUTES), "ascii")) for text in wordings]
        assert min(widths) <= room, f"{name}.toml: {key}"
        assert widths == sorted(widths, reverse=True), f"{name}.toml: {key}: longest first"


@pytest.mark.parametrize("name", language.available())
def test_no_text_uses_cells_that_differ_from_country_to_country(name: str) -> None:
    for key, wordings in language.load(name).wordings.items():
        for text in wordings:
            plain = as_shown(text.replace("{minutes}", MINUTES), "ascii")
            assert not NATIONAL & set(plain), f"{name}.toml: {key}"
            assert "?" not in plain.removesuffix("?"), f"{name}.toml: {key}"
            assert set(plain) <= set(string.printable), f"{name}.toml: {key}"


def test_an_unknown_language_is_the_operators_mistake() -> None:
    with pytest.raises(ConfigError, match="language 'fr'; use de or en"):
        language.load("fr")


@pytest.mark.parametrize("value", ['"STARTING"', "[]", "1"])
def test_a_text_that_is_no_list_of_wordings_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"xx.toml: offline.network must be a list of texts"):
        language.read("xx", f"[offline]\nnetwork = {value}")
