import re

from hw.display.profile import read, shipped
from tests.display.render_docs import PAGE, page


def test_the_drawn_screens_are_up_to_date() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run python -m tests.display.render_docs"


def test_the_example_profile_loads() -> None:
    found = re.search(r"```toml\n(schema = .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    assert found is not None
    assert read("example", found[1]).title == "Logic Controls"


def test_every_shipped_command_set_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert all(f"`{name}`" in text for name in shipped())
