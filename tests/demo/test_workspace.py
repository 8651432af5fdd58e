"""The demo's directory: what is in it, who may read it, and what is left alone."""

import stat
from pathlib import Path

import pytest

from agent import config
from agent.demo.workspace import UUID, Workspace
from agent.errors import ConfigError
from agent.sandbox.main import tables
from agent.sandbox.server import SandboxServer


def made(directory: Path) -> Workspace:
    work = Workspace(str(directory))
    work.make()
    return work


def test_its_configuration_is_one_the_daemon_takes(tmp_path: Path) -> None:
    work = made(tmp_path / 'a "demo" of Müller\'s')
    with SandboxServer() as sandbox:
        text = work.configure(
            port=sandbox.port,
            tables=tables(sandbox, secret_file=work.secret_file),
            secret=sandbox.client_secret,
        )
        assert sandbox.client_secret not in text
        settings = config.load(work.config)
    assert settings.server.token_endpoint == sandbox.token_endpoint
    assert settings.supply.socket == work.socket
    assert f"/vendor/{settings.identity.vendor}" in UUID
    assert work.port == sandbox.port


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    work = made(tmp_path / "demo")
    work.configure(port=1, tables="", secret="s")
    assert stat.S_IMODE((tmp_path / "demo").stat().st_mode) == 0o700
    for path in (tmp_path / "demo").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_key_is_made_once(tmp_path: Path) -> None:
    made(tmp_path)
    key = (tmp_path / "key").read_bytes()
    made(tmp_path)
    assert (tmp_path / "key").read_bytes() == key
    assert len(key) == 32


def test_forgetting_removes_a_demo_and_nothing_else(tmp_path: Path) -> None:
    demo, other = tmp_path / "demo", tmp_path / "other"
    made(demo).forget()
    assert not demo.exists()
    Workspace(str(demo)).forget()  # nothing there
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds something that is no demo"):
        Workspace(str(other)).forget()
    assert (other / "thesis.tex").exists()


def test_an_unknown_port_is_none(tmp_path: Path) -> None:
    assert Workspace(str(tmp_path)).port == 0
    (tmp_path / "port").write_text("x")
    assert Workspace(str(tmp_path)).port == 0


def test_a_directory_too_long_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    fits = "/" + "d" * 95
    assert len(Workspace(fits).admin_socket) == 107  # sun_path without its final NUL, unix(7)
    with pytest.raises(ConfigError, match="too long for a Unix socket"):
        Workspace(fits + "d")
