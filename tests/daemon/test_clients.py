"""The real daemon and clients.d: what keeps a rule from matching is in the log, once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from tests.daemon.terminal import Terminal
from tests.daemon.test_daemon import tables

pytestmark = pytest.mark.skipif(
    os.getuid() != 0, reason="the agent's own user is measured by no rule, unless it is root"
)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with SandboxServer(options=Options(interval=1)) as sandbox:
        with Terminal(tmp_path / "t", **tables(sandbox)) as made:
            yield made


def test_a_fact_that_cannot_be_found_out_is_logged_once(terminal: Terminal) -> None:
    program = terminal.directory / "till"
    program.touch()
    rules = terminal.directory / "clients.d"
    rules.mkdir()
    (rules / "till.toml").write_text(f'[[client]]\nname = "till"\nexe = "{program}"\n')
    terminal.start()
    terminal.until(lambda: terminal.state() == "pairing")
    assert "supply.rule_useless" not in terminal.logged()
    program.unlink()
    for _ in range(3):
        terminal.ask("GET", "/v1/status")
    told = [line for line in terminal.logged().splitlines() if "supply.client_doubted" in line]
    assert len(told) == 1
    assert f"{program}: No such file or directory" in told[0]
