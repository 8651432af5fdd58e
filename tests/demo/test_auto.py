"""The whole road without a person, as real processes: the product's first promise."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.demo import auto
from agent.demo.stage import Stage
from agent.demo.window import Window
from agent.demo.workspace import Workspace


def demo(*argv: str) -> list[str]:
    return [sys.executable, "-m", "agent", "demo", *argv]


def test_it_pairs_pays_renews_restarts_and_ends_with_a_summary(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = subprocess.run(
        demo("--auto", "--directory", str(tmp_path)),
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert time.monotonic() - began < 60
    assert ended.stderr == ""
    story = ended.stdout
    assert story.count("The display shows a code") == 1
    assert story.count(" EUR: ok") == 3
    assert "Token renewed" in story
    assert "Blumen am Markt" in story
    for what in ("boot to code", "approval to paired", "restart to paid"):
        assert re.search(rf"{what}.* \d+\.\d s", story)
    _no_secret(tmp_path, story)


def test_a_daemon_that_cannot_run_ends_it_with_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = Window(io.StringIO())
    with Stage(workspace=Workspace(str(tmp_path)), port=0, window=window) as stage:
        Path(stage.workspace.config).write_text("language = 5\n")
        assert auto.play(stage) == 1
    told = capsys.readouterr().out
    assert "expected a user code on the display (the daemon ended with 78)" in told
    assert "┌──" in told
    assert "language" in told


def test_a_payment_that_fails_is_a_failure_of_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = Window(io.StringIO())
    with Stage(workspace=Workspace(str(tmp_path)), port=0, window=window) as stage:
        stage.workspace.socket = str(tmp_path / "nobody.sock")  # where the payment program asks
        assert auto.play(stage) == 1
    told = capsys.readouterr().out
    assert "expected the payment to go through" in told
    assert "no agent at" in told


def test_ended_by_a_signal_it_leaves_no_process_and_finds_its_pairing_again(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        demo("--directory", str(tmp_path)), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "The display shows a code" in line:
                break
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "The agent stops." in rest
    assert not os.path.lexists(tmp_path / "display")
    assert not os.path.exists(tmp_path / "token.sock")


def test_a_foreign_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    ended = subprocess.run(
        demo("--fresh", "--directory", str(tmp_path)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 78
    assert "is no demo" in ended.stderr
    assert (tmp_path / "mine").read_text() == "x"


def _no_secret(directory: Path, text: str) -> None:
    state = (directory / "sandbox.json").read_text()
    tokens = re.findall(r'"(?:access_token|refresh_token|device_code)": "([^"]+)"', state)
    assert tokens
    secret = (directory / "client-secret").read_text().strip()
    assert not [token for token in (*tokens, secret) if token in text]
