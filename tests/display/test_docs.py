"""docs/display.md and docs/hardware.md say what is true: commands, files, states and output."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from agent.cli import parser
from agent.display import language
from agent.display.presenter import Health
from agent.display_tools import checking, listing
from agent.situation import SUPPORT_CODES
from hw.display.encoder import Encoder
from hw.display.profile import load, read, shipped
from hw.display.profile_fields import KEYS, OPERANDS, TABLES
from tests.display.sysfs import Machine, Usb

DOCS = Path(__file__).parents[2] / "docs"
DISPLAY = (DOCS / "display.md").read_text(encoding="utf-8")
HARDWARE = (DOCS / "hardware.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", HARDWARE, re.MULTILINE | re.DOTALL)
PROFILES = [text for kind, text in BLOCKS if kind == "toml" and text.startswith("schema")]
OUTPUT = [text for kind, text in BLOCKS if not kind]


def commands(page: str) -> list[str]:
    """Every `pos-agent …` of a page, in a line of its own or between backticks."""
    lines = re.findall(r"^    (?:sudo (?:-u \S+ )?)?(pos-agent .+)$", page, re.MULTILINE)
    return lines + re.findall(r"`(?:sudo )?(pos-agent [^`]+)`", page)


@pytest.mark.parametrize("command", commands(DISPLAY) + commands(HARDWARE))
def test_every_command_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)[1:]

    parser(words).parse_args(words)  # ends the program otherwise


def test_the_commands_are_found() -> None:
    first = {command.split()[2] for command in commands(HARDWARE) if " display " in command}

    assert first == {"list", "test", "adopt", "show", "check", "emulate"}


def test_the_example_profiles_are_valid() -> None:
    complete, extension = (read("example", source) for source in PROFILES)

    assert complete.title == "Example CD-1"
    assert complete.refusal(2, 20) is None
    assert extension.code_pages["cp852"] == 18
    assert extension.character_set == "cp852"


def test_every_line_of_the_complete_example_is_explained() -> None:
    explained = HARDWARE.partition("| Line | Meaning |")[2].partition("```")[0]
    named = re.findall(r"^\|[^|]*`\[?(\w+)", explained, re.MULTILINE)
    keys = re.findall(r"^\[?(\w+)", PROFILES[0], re.MULTILINE)

    within = {"rows", "columns", "commands"}  # rows and columns go with [geometry]
    assert named == [key for key in dict.fromkeys(keys) if key not in within]


def test_what_display_check_prints_is_what_the_page_shows() -> None:
    encoder = Encoder(profile=read("shop", PROFILES[0]), rows=2, columns=20)
    printed = [line.rstrip() for line in checking.table("shop.toml", encoder)]

    assert "\n".join(printed) + "\n" in OUTPUT


def test_what_display_list_prints_is_what_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ftdi = Usb(usb="0403:6001", serial="A10K3XYZ", maker="FTDI", product="FT232R USB UART")
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", ftdi)
    machine.acm("ttyACM0", Usb(usb="0416:f012", place="1-4", product="OCD-300"))
    machine.process(612, "ModemManager")
    listing.show(as_json=False, root=machine.root)

    assert capsys.readouterr().out in OUTPUT


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_command_set_is_in_the_table_and_says_what_it_rests_on(name: str) -> None:
    text = (DOCS.parent / "hw/display/profiles" / f"{name}.toml").read_text(encoding="utf-8")
    answers = re.search(rf"^\| `{name}` \|[^|]*\| ([^|]*) \|$", HARDWARE, re.MULTILINE)

    assert answers is not None
    assert (answers[1] != "–") == (load(name).presence is not None)
    assert re.search(r"Rests\s+(# )?on (documents|common custom)", text)


def test_every_key_of_a_profile_is_explained() -> None:
    explained = HARDWARE.partition("## A command set of your own")[2]

    for key in (*KEYS, *OPERANDS):
        assert re.search(rf"`{key}\b|^{key} =", explained, re.MULTILINE), key
    for table in TABLES:
        assert f"[{table}]" in explained, table
    for name, operands in OPERANDS.items():
        for operand in operands:
            assert re.search(rf"^\|.*`{name}`.*\|.*`{operand}`.*\|", explained, re.MULTILINE)


def test_every_state_of_the_display_and_every_support_code_is_explained() -> None:
    for health in get_args(Health):
        assert f"\n| `{health}` |" in DISPLAY
    for code in (*SUPPORT_CODES.values(), "C301", "S201", "I301"):
        assert f"| `{code}` |" in DISPLAY


def test_the_example_of_a_language_can_be_loaded(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(starting = .*?)```", DISPLAY, re.DOTALL)
    assert found is not None
    (tmp_path / "fr.toml").write_text(found[1], encoding="utf-8")

    french = language.load("fr", str(tmp_path))
    assert french.wordings["offline_advice.network"] == ("VERIFIEZ LE CABLE", "CABLE?")
    assert "starting" not in french.missing


@pytest.mark.parametrize("page", ["README", "display", "hardware", "screens"])
def test_every_link_leads_somewhere(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")

    for target, _, place in (
        link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    ):
        file = DOCS / (target or f"{page}.md")
        assert file.exists(), target
        if place:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-") for t in titles}
            assert place in anchors, place
