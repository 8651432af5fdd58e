"""`pos-agent sandbox`, as a process and as arguments."""

import argparse
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from agent.sandbox.main import add_arguments, from_arguments, tables
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options

PROGRAM = """
import argparse, sys
from agent.sandbox.main import add_arguments, run
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(run(parser.parse_args()))
"""


def parsed(*argv: str) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_arguments(parser.parse_args(argv))


def test_without_arguments_everything_has_its_default() -> None:
    assert parsed() == Options()


def test_every_setting_has_an_argument() -> None:
    given = parsed(
        "--dialect", "rfc8628", "--rotate", "--access-token-seconds", "20", "--interval", "0.5",
        "--code-seconds", "60", "--refresh-token-seconds", "99", "--cardholder-seconds", "1",
        "--device", "/a", "--device", "/b", "--merchant", "M", "--payment-survives-renewal",
    )  # fmt: skip
    assert given == Options(
        dialect="rfc8628", rotate=True, access_token_seconds=20, interval=0.5, code_seconds=60,
        refresh_token_seconds=99, cardholder_seconds=1, devices=("/a", "/b"), merchants=("M",),
        payment_survives_renewal=True,
    )  # fmt: skip


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "inf", "nan"])
def test_times_are_above_zero(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--interval", seconds)
    assert "a number of seconds above 0" in capsys.readouterr().err


@pytest.mark.parametrize("dialect", ["secucard", "rfc8628"])
def test_the_printed_tables_are_toml_for_this_server(dialect: str) -> None:
    with SandboxServer(options=parsed("--dialect", dialect)) as server:
        found = tomllib.loads(tables(server))
        assert found["server"]["dialect"] == dialect
        assert server.url in str(found["server"])
        assert found["client"] == {"id": server.client_id, "secret": server.client_secret}
        apart = tables(server, secret_file="/secret")
        assert server.client_secret not in apart
        assert tomllib.loads(apart)["client"]["secret_file"] == "/secret"


def test_the_program_serves_until_it_is_told_to_end(tmp_path: Path, client: httpx.Client) -> None:
    state = str(tmp_path / "state.json")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--port", "0", "--state", state],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next(m[1] for line in lines if (m := re.search(r"portal +(http\S+)", line)))
        assert client.get(url).is_success
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_said_and_exits_78() -> None:
    with SandboxServer() as taken:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, "--port", str(taken.port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 78
    assert f"port {taken.port} on 127.0.0.1 cannot be used" in ended.stderr
