"""`make install` leaves an agent that runs from where it was put, and nothing of the builder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import ROOT, make

SYSTEM_PYTHON = Path("/usr/bin/python3")


def run(installed: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed / "opt/pos-agent/bin/pos-agent", *words],
        env={"PATH": "/usr/bin:/bin", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_agent_runs(installed: Path) -> None:
    done = run(installed, "--help")
    assert done.returncode == 0, done.stderr
    for command in ("run", "status", "token", "pair", "unpair", "doctor"):
        assert command in done.stdout


def test_the_launcher_is_deaf_to_the_environment(installed: Path, tmp_path: Path) -> None:
    package = tmp_path / "agent"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('hijacked')")
    done = run(installed, "--help", PYTHONPATH=str(tmp_path), PYTHONSTARTUP=str(tmp_path))
    assert "hijacked" not in done.stderr
    assert done.returncode == 0


def test_the_command_is_on_the_path(installed: Path) -> None:
    link = installed / "usr/bin/pos-agent"
    assert os.readlink(link) == "/opt/pos-agent/bin/pos-agent"


@pytest.mark.parametrize(
    "file",
    [
        "usr/lib/systemd/system/pos-agent.service",
        "usr/lib/systemd/system/pos-agent-plug.service",
        "usr/lib/systemd/system/pos-agent.socket",
        "usr/lib/systemd/system/pos-agent-admin.socket",
        "usr/lib/sysusers.d/pos-agent.conf",
        "usr/lib/tmpfiles.d/pos-agent.conf",
        "usr/lib/udev/rules.d/70-pos-agent.rules",
        "etc/pos-agent/config.toml",
        "etc/pos-agent/clients.d/client.toml.example",
    ],
)
def test_installed_files(installed: Path, file: str) -> None:
    assert (installed / file).is_file()


def test_the_example_configuration_is_kept_from_others(installed: Path) -> None:
    assert (installed / "etc/pos-agent/config.toml").stat().st_mode & 0o777 == 0o640


def test_code_is_readable_by_the_agent_and_writable_by_nobody_else(installed: Path) -> None:
    for path in (installed / "opt").rglob("*"):
        mode = path.lstat().st_mode
        assert path.is_symlink() or not mode & 0o022, path
        assert mode & 0o004, path


def test_bytecode_is_ready(installed: Path) -> None:
    # The agent cannot write its own: the folder is root's. Every start would compile again.
    lib = installed / "opt/pos-agent/lib"
    assert list(lib.glob("agent/__pycache__/__main__.*.pyc"))
    assert list(lib.glob("httpx/__pycache__/*.pyc"))


def test_nothing_names_the_machine_it_was_built_on(installed: Path) -> None:
    names = [str(word).encode() for word in (ROOT, installed, sys.prefix)]
    for path in installed.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not [name for name in names if name in content], path


def test_configuration_survives_installing_again_and_uninstalling(tmp_path: Path) -> None:
    config = tmp_path / "etc/pos-agent/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n")
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/other")
    assert config.read_text() == "# mine\n"
    service = (tmp_path / "usr/lib/systemd/system/pos-agent.service").read_text()
    assert "ExecStart=/opt/other/bin/pos-agent run" in service
    make("uninstall", f"DESTDIR={tmp_path}", "PREFIX=/opt/other")
    assert config.read_text() == "# mine\n"
    left = [path for path in tmp_path.rglob("*") if not path.is_dir() and path != config]
    assert left == []
