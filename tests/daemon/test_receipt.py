"""The real daemon and a receipt printer at the end of a pty."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("escpos")

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from tests.daemon.terminal import Terminal
from tests.display.waiting import until
from tests.receipt.paper import Cut, Paper, Text


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(interval=1, access_token_seconds=1200)) as server:
        yield server


def terminal(sandbox: SandboxServer, path: Path, port: str) -> Terminal:
    """One with a printer and no display."""
    return Terminal(
        path,
        server=f'token_endpoint = "{sandbox.token_endpoint}"',
        client=f'id = "{sandbox.client_id}"\nsecret = "{sandbox.client_secret}"',
        extra=f'[receipt_printer]\nport = "{port}"\nbaudrate = 115200',
    )


def test_the_code_is_printed_once_and_never_logged(sandbox: SandboxServer, tmp_path: Path) -> None:
    master, slave = os.openpty()
    with terminal(sandbox, tmp_path / "t", os.ttyname(slave)) as till:
        till.start()
        assert until(lambda: "receipt.printed" in till.logged())
        code = sandbox.waiting()[0].user_code
        sandbox.approve(code)
        till.until(lambda: till.state() == "serving")
    paper = Paper()
    paper.feed(os.read(master, 65536))

    assert Text(code, width=2, height=2, align="center") in paper.printed
    assert [type(part) for part in paper.printed].count(Cut) == 1
    assert code not in till.logged()
    os.close(master)
    os.close(slave)


def test_a_printer_that_is_not_there_does_not_delay_pairing(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    with terminal(sandbox, tmp_path / "t", str(tmp_path / "nowhere")) as till:
        till.start()
        assert until(lambda: "receipt.not_printed" in till.logged())
        sandbox.approve(sandbox.waiting()[0].user_code)

        till.until(lambda: till.state() == "serving")
        assert till.logged().count("receipt.not_printed") == 1
