"""The real daemon's record of who got which token: each process by name, and a sum of the rest."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from tests.daemon.terminal import Terminal
from tests.daemon.test_daemon import pair, tables


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(interval=1)) as server:
        yield server


@pytest.fixture
def terminal(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path / "t", **tables(sandbox)) as made:
        yield made


def lines(terminal: Terminal, event: str) -> list[str]:
    return [line for line in terminal.logged().splitlines() if f" {event} " in line]


def test_each_process_that_got_a_token_is_in_the_log_and_repeats_are_counted(
    terminal: Terminal, sandbox: SandboxServer
) -> None:
    pair(terminal.start(), sandbox)
    answers = [terminal.ask("GET", "/v1/token") for _ in range(5)]
    assert [status for status, _ in answers] == [200] * 5
    fingerprint, token = answers[0][1]["fingerprint"], answers[0][1]["access_token"]
    command = [sys.executable, "-m", "agent", "token", "--socket", terminal.socket]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.communicate()[0].strip() == token
    assert terminal.stop() == 0
    who = f"client=uid:{os.getuid()}"
    first, second = lines(terminal, "supply.handed_out")
    for line, pid in ((first, os.getpid()), (second, other.pid)):
        assert f"{who} uid={os.getuid()} pid={pid} fingerprint={fingerprint} life_left=" in line
    [again] = lines(terminal, "supply.handed_out_again")
    assert f"{who} fingerprint={fingerprint} times=4 unnamed=0 seconds=" in again
    assert token not in terminal.logged()


def test_the_next_token_sums_up_the_use_of_the_one_before(
    terminal: Terminal, sandbox: SandboxServer
) -> None:
    pair(terminal.start(), sandbox)
    for _ in range(3):
        assert terminal.ask("GET", "/v1/token")[0] == 200
    assert not lines(terminal, "supply.handed_out_again")
    assert terminal.ask("DELETE", "/v1/grant", admin=True)[0] == 200
    terminal.until(lambda: bool(lines(terminal, "supply.handed_out_again")))
    assert "times=2" in lines(terminal, "supply.handed_out_again")[0]
