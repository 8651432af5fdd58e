"""The units are sound, and confine the agent as far as its work allows."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import ROOT

UNITS = (
    "pos-agent.service",
    "pos-agent-plug.service",
    "pos-agent.socket",
    "pos-agent-admin.socket",
    "pos-agent-credential.socket",
)
HOST_UNITS = Path("/usr/lib/systemd/system")
# What is left is the network, our own sockets and the display's device.
LARGEST_EXPOSURE = 1.6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with systemd's own units, ours, and something executable where they expect it."""
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(HOST_UNITS, units, symlinks=True)
    for name in UNITS:
        shutil.copy(ROOT / "deploy" / name, units)
    for name in ("opt/pos-agent/bin/pos-agent", "usr/bin/systemctl", "usr/bin/sh"):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return tmp_path


def analyze(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def verify(root: Path) -> list[str]:
    """Everything systemd has to say about our units; other units of the host are not our test."""
    done = analyze(root, "verify", "--man=no", *UNITS)
    return [line for line in done.stderr.splitlines() if "pos-agent" in line]


def unit(name: str) -> dict[str, dict[str, list[str]]]:
    """Sections of a unit with each setting's values, in order."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in (ROOT / "deploy" / name).read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def test_systemd_finds_nothing_wrong(root: Path) -> None:
    assert verify(root) == []


def test_systemd_would_have_found_a_wrong_setting(root: Path) -> None:
    service = root / "usr/lib/systemd/system/pos-agent.service"
    service.write_text(service.read_text().replace("WatchdogSec=30", "WatchdogSeconds=30"))
    assert any("WatchdogSeconds" in line for line in verify(root))


def test_exposure_stays_low(root: Path) -> None:
    done = analyze(root, "security", "--offline=true", "--json=short", "pos-agent.service")
    findings = json.loads(done.stdout)
    assert findings
    worst = [f"{one['exposure']} {one['name']}" for one in findings if one["exposure"]]
    done = analyze(
        root,
        "security",
        "--offline=true",
        f"--threshold={round(LARGEST_EXPOSURE * 10)}",
        "pos-agent.service",
    )
    assert done.returncode == 0, worst


def test_bad_configuration_is_left_alone_and_everything_else_comes_back() -> None:
    service = unit("pos-agent.service")["Service"]
    assert service["RestartPreventExitStatus"] == ["78"]
    assert service["Restart"] == ["always"]
    assert unit("pos-agent.service")["Unit"]["StartLimitIntervalSec"] == ["0"]


def test_the_folder_of_the_sockets_belongs_to_their_units() -> None:
    # RuntimeDirectory=pos-agent would give the service user, and then delete, both sockets.
    assert unit("pos-agent.service")["Service"]["RuntimeDirectory"] == ["pos-agent/private"]
    assert unit("pos-agent.service")["Service"]["RuntimeDirectoryPreserve"] == ["restart"]


def test_every_absolute_credential_has_a_default() -> None:
    # A missing file would keep the unit from starting, for ever.
    service = unit("pos-agent.service")["Service"]
    loaded = dict(value.split(":", 1) for value in service["LoadCredential"] if ":/" in value)
    defaults = {value.split(":", 1)[0] for value in service["SetCredential"]}
    assert loaded == {
        "dmi-serial": "/sys/class/dmi/id/product_serial",
        "dmi-board-serial": "/sys/class/dmi/id/board_serial",
        "dmi-chassis-serial": "/sys/class/dmi/id/chassis_serial",
        "cpuinfo": "/proc/cpuinfo",
    }
    assert set(loaded) == defaults
    assert {value.split(":", 1)[1] for value in service["SetCredential"]} == {"none"}


def test_drivers_are_loaded_before_their_devices_are_allowed() -> None:
    service = unit("pos-agent.service")
    allowed = {value.split()[0] for value in service["Service"]["DeviceAllow"]}
    assert allowed == {"char-ttyUSB", "char-ttyACM"}
    for driver in ("usbserial", "cdc_acm"):
        assert f"modprobe@{driver}.service" in service["Unit"]["Wants"][0].split()
        assert f"modprobe@{driver}.service" in service["Unit"]["After"][0].split()


@pytest.mark.parametrize(
    ("name", "path", "descriptor", "mode", "group"),
    [
        ("pos-agent.socket", "token.sock", "token", "0660", "pos-agent-clients"),
        ("pos-agent-admin.socket", "admin.sock", "admin", "0600", "root"),
        ("pos-agent-credential.socket", "credential.sock", "credential", "0600", "root"),
    ],
)
def test_sockets(name: str, path: str, descriptor: str, mode: str, group: str) -> None:
    socket = {key: value[0] for key, value in unit(name)["Socket"].items()}
    assert socket["ListenStream"] == f"/run/pos-agent/{path}"
    assert socket["FileDescriptorName"] == descriptor
    assert socket["SocketMode"] == mode
    assert (socket["SocketUser"], socket["SocketGroup"]) == ("root", group)


def test_users_and_folders_are_declared(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    config = tmp_path / "usr/lib"
    for kind in ("sysusers", "tmpfiles"):
        (config / f"{kind}.d").mkdir(parents=True)
        shutil.copy(ROOT / f"deploy/pos-agent.{kind}", config / f"{kind}.d/pos-agent.conf")
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}"], check=True, capture_output=True)
    users = (tmp_path / "etc/passwd").read_text()
    groups = {
        line.split(":")[0]: line.split(":")[3]
        for line in (tmp_path / "etc/group").read_text().splitlines()
    }
    assert "pos-agent:" in users
    assert "/usr/sbin/nologin" in users
    assert "pos-agent" in groups
    assert groups["pos-agent-clients"] == groups["pos-display"] == "pos-agent"
    service = unit("pos-agent.service")["Service"]
    assert service["User"] == ["pos-agent"]
    assert service["SupplementaryGroups"] == ["pos-display pos-agent-clients"]
