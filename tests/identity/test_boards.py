"""Boards as they are sold: what each source says there, and which terminal the agent takes it for.

Each is a file in `boards/`: what is known of it and from where, what is guessed, the files of its
/sys and /proc, and what has to come of them. The way is the agent's own, from TOML to UUID.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent import config
from agent.errors import ConfigError
from agent.identity import Verdict
from agent.machine_identity import OpenSource, look, read_identity
from agent.settings import IdentitySettings
from hw.machine import source_opener
from tests.config.samples import MINIMAL, write
from tests.identity.chip import Chip
from tests.identity.tree import interface, put

BOARDS = sorted((Path(__file__).parent / "boards").glob("*.toml"))


@dataclass(frozen=True, kw_only=True)
class Board:
    about: dict[str, Any]
    settings: IdentitySettings
    open_source: OpenSource


def chip_of(i2c: dict[str, Any]) -> Chip:
    memory = bytes.fromhex(i2c["memory"]).ljust(i2c["size"], b"\xff")
    return Chip(memory, address=i2c["address"], address_bytes=i2c["address_bytes"])


def build(path: Path, folder: Path) -> Board:
    about = tomllib.loads(path.read_text(encoding="utf-8"))
    root = folder / "root"
    for name, text in about.get("text", {}).items():
        put(root, name, text.encode())
    for name, digits in about.get("hex", {}).items():
        put(root, name, bytes.fromhex(digits))
    for each in about.get("interface", []):
        interface(root, each["name"], each["address"], index=each["index"], device=each["device"])
    text = MINIMAL.replace('value = "A-4711"', about["config"])
    return Board(
        about=about,
        settings=config.load(write(folder, text)).identity,
        open_source=source_opener(
            root=str(root),
            up_for=lambda: 60.0,
            open_i2c=chip_of(about["i2c"]).open if "i2c" in about else lambda path: None,
        ),
    )


@pytest.fixture(params=BOARDS, ids=lambda path: path.stem)
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    return build(request.param, tmp_path)


def word(verdict: Verdict, used: bool) -> str:
    assert verdict.trouble is None, verdict
    if verdict.reading is None:
        return "absent"
    return verdict.refused or ("used" if used else "valid")


def test_there_are_enough_of_them() -> None:
    assert len(BOARDS) >= 15


def test_each_tells_what_is_known_and_what_is_guessed(board: Board) -> None:
    assert all(board.about[key] for key in ("about", "known", "guessed"))


def test_the_terminal_is_taken_for_this_one(board: Board) -> None:
    expected = board.about.get("uuid")
    if expected is not None:
        assert read_identity(board.settings, board.open_source) == expected
        return
    with pytest.raises(ConfigError, match="identity: no serial number for 'serial'"):
        read_identity(board.settings, board.open_source)


def test_each_source_has_this_verdict(board: Board) -> None:
    (pair,) = board.settings.pairs
    names = [*pair.sources, *board.about.get("others", [])]
    verdicts = list(look([board.open_source(name, pair) for name in names], limit=60.0))
    first = next((verdict for verdict in verdicts if verdict.accepted), None)

    assert {v.source: word(v, v is first) for v in verdicts} == board.about["verdicts"]
