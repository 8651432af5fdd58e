"""docs/configuration.md and the table of settings say the same."""

import re
from pathlib import Path

from agent.config_reading import as_toml
from agent.config_setting import Setting
from agent.config_table import TABLE
from agent.supply import policy_files

SETTINGS = (*TABLE, *policy_files.TABLE)
DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def row(setting: Setting[object]) -> str:
    """How the page describes a setting."""
    if setting.required:
        default = "required"
    elif setting.default is None or setting.default == ():
        default = "–"
    else:
        default = f"`{as_toml(setting.default)}`"
    if setting.unit and default.startswith("`"):
        default += f" {setting.unit}"
    return f"| `{setting.key}` | {default} | {setting.meaning} |"


def test_the_page_describes_every_setting_with_unit_default_and_reason() -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if "| `" in line]

    assert [row(setting) for setting in SETTINGS] == rows


def test_the_page_names_no_table_that_is_none() -> None:
    named = set(re.findall(r"(?m)^## \[+([a-z_.]+)\]", DOCS.read_text(encoding="utf-8")))
    tables = {setting.key.rpartition(".")[0].replace("[]", "") for setting in SETTINGS}
    assert named == tables - {""}
