"""The real daemon on a terminal whose serial number is in a file, and changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from tests.daemon.terminal import Terminal
from tests.daemon.test_daemon import tables

PATIENCE = 60.0  # s; three starts, on a machine that may be busy with other tests


@pytest.fixture
def shop() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(interval=1, access_token_seconds=20)) as server:
        yield server


@pytest.fixture
def serial(tmp_path: Path) -> Path:
    path = tmp_path / "serial"
    path.write_text("A-4711\n")
    return path


@pytest.fixture
def swapping(shop: SandboxServer, tmp_path: Path, serial: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path / "t", **tables(shop)) as made:
        config = made.config.read_text()
        sources = f'sources = ["device-tree", "file"]\nfile = "{serial}"'
        made.config.write_text(config.replace('value = "k7-0117"', sources))
        yield made


def reach(terminal: Terminal, state: str) -> None:
    terminal.until(lambda: terminal.state() == state, PATIENCE)


def test_a_serial_number_that_cannot_be_read_for_now_is_waited_for(
    swapping: Terminal, shop: SandboxServer, serial: Path
) -> None:
    serial.unlink()
    serial.mkdir()  # EISDIR: trouble, and not the absence of the file
    swapping.start()
    reach(swapping, "failed")
    assert status(swapping)["support_code"] == "I301"
    assert f"{serial} cannot be read" in str(status(swapping)["reason"])
    assert not shop.waiting()

    serial.rmdir()
    serial.write_text("A-4711\n")
    reach(swapping, "pairing")
    assert status(swapping)["uuid"] == "/vendor/acme/serial/A-4711"


def status(terminal: Terminal) -> dict[str, object]:
    return terminal.ask("GET", "/v1/status")[1]


def test_a_swapped_board_says_so_and_the_old_one_put_back_needs_nobody(
    swapping: Terminal, shop: SandboxServer, serial: Path
) -> None:
    swapping.start()
    reach(swapping, "pairing")
    (code,) = shop.waiting()
    assert shop.approve(code.user_code)
    reach(swapping, "serving")
    came = swapping.ask("GET", "/v1/status")[1]["identity"][0]
    assert (came["key"], came["value"], came["source"]) == ("serial", "A-4711", "file")
    assert came["seen_at"] > 1_700_000_000
    assert "identity.source" in swapping.logged()
    swapping.stop()

    serial.write_text("B-4712\n")
    swapping.start()
    reach(swapping, "pairing")
    assert "the serial number changed" in str(status(swapping)["reason"])
    assert "identity.changed" in swapping.logged()
    swapping.stop()

    serial.write_text("A-4711\n")
    swapping.start()
    reach(swapping, "serving")
    assert status(swapping)["uuid"] == "/vendor/acme/serial/A-4711"
