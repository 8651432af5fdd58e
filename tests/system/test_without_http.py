"""Tokens for software that cannot speak HTTP, under real systemd: files, and LoadCredential=."""

import json
import os
import shlex
from typing import Any

import pytest

from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.test_terminal import AS_STRANGER, paired, started, status

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("system"),  # a machine at a time on two cores
    pytest.mark.skipif(os.geteuid() != 0, reason="booting a container needs root"),
]

AS_CLERK = "setpriv --reuid=clerk --regid=till --clear-groups"
DIRECTORY = "/run/pos-agent/sinks/till"
FILE = f"{DIRECTORY}/access_token"
LINE = f"d {DIRECTORY} 2750 pos-agent till -"


def put(machine: Machine, path: str, text: str) -> None:
    machine.run(f"mkdir -p $(dirname {path}); printf %s {shlex.quote(text)} > {path}")


def unit(machine: Machine, name: str, text: str) -> None:
    put(machine, f"/run/systemd/system/{name}", text)
    machine.run("systemctl daemon-reload")


def with_a_sink(machine: Machine) -> None:
    """A reader's group and user, and the reader's table in the configuration."""
    started(machine)
    machine.run("groupadd till; useradd --no-create-home -g till clerk")
    put(
        machine,
        "/etc/pos-agent/config.d/60-till.toml",
        '[[sink]]\nname = "till"\ngroup = "till"\n'
        'command = ["/usr/bin/touch", "/var/lib/pos-agent/told"]\n',
    )


def prepared(machine: Machine) -> None:
    put(machine, "/etc/tmpfiles.d/pos-agent-sinks.conf", LINE + "\n")
    machine.run("systemd-tmpfiles --create")


def sink(machine: Machine) -> dict[str, Any]:
    told: dict[str, Any] = status(machine)["sinks"]["till"]
    return told


def read(machine: Machine) -> str:
    return machine.run(f"{AS_CLERK} cat {FILE}", check=False)


def test_a_reader_and_nobody_else_finds_the_token_in_its_file(boot: Boot) -> None:
    machine = boot()
    with_a_sink(machine)
    prepared(machine)
    machine.run("systemctl restart pos-agent")
    token = paired(machine)
    machine.until(lambda: read(machine) == token)
    assert machine.run(f"stat -c '%a %U %G' {FILE}") == "640 pos-agent till"
    assert machine.run(f"stat -c '%a %U %G' {DIRECTORY}") == "2750 pos-agent till"
    assert machine.ask(f"{AS_STRANGER} cat {FILE}").returncode != 0
    machine.until(lambda: sink(machine)["command"] == "exit status 0")
    assert machine.ask("test -e /var/lib/pos-agent/told").returncode == 0
    machine.run("systemctl stop pos-agent")
    assert read(machine) == token  # it lives on
    machine.run("systemctl start pos-agent")
    machine.until(lambda: status(machine)["state"] == "serving")
    machine.run("pos-agent unpair --yes")
    machine.until(lambda: machine.ask(f"test -e {FILE}").returncode != 0)
    assert token not in machine.run("journalctl -b -o cat --no-pager")


def test_other_software_can_be_restarted_by_a_path_unit(boot: Boot) -> None:
    machine = boot()
    with_a_sink(machine)
    prepared(machine)
    unit(machine, "till-token.path", f"[Path]\nPathChanged={FILE}\n")
    unit(machine, "till-token.service", "[Service]\nExecStart=/usr/bin/touch /run/changed\n")
    machine.run("systemctl restart pos-agent; systemctl start till-token.path")
    token = paired(machine)
    machine.until(lambda: read(machine) == token)
    machine.until(lambda: machine.ask("test -e /run/changed").returncode == 0)


def test_a_directory_that_is_missing_comes_with_the_line_that_makes_it(boot: Boot) -> None:
    machine = boot()
    with_a_sink(machine)
    machine.run("systemctl restart pos-agent")
    token = paired(machine)
    machine.until(lambda: sink(machine)["trouble"] is not None)
    assert f"'{LINE}'" in sink(machine)["trouble"]
    assert machine.ask(f"test -e {FILE}").returncode != 0
    prepared(machine)
    machine.run("systemctl restart pos-agent")  # or half a minute of patience
    machine.until(lambda: read(machine) == token)


def loading(machine: Machine, name: str) -> str:
    """What a unit of that name finds in its credential."""
    unit(
        machine,
        name,
        "[Service]\nType=oneshot\nLoadCredential=access-token:/run/pos-agent/credential.sock\n"
        "ExecStart=/bin/cp %d/access-token /run/got\n",
    )
    machine.run(f"rm -f /run/got; systemctl start {name}")
    return machine.run("cat /run/got")


def test_systemd_fetches_the_token_for_the_units_named_and_for_no_other(boot: Boot) -> None:
    machine = boot()
    started(machine)
    put(
        machine,
        "/etc/pos-agent/config.d/60-till.toml",
        '[credential_socket]\nunits = { "till.service" = "raw", "shop@1.service" = "json" }\n',
    )
    machine.run("systemctl restart pos-agent")
    assert loading(machine, "till.service") == ""  # not paired: an empty credential
    token = paired(machine)
    assert loading(machine, "till.service") == token
    told = json.loads(loading(machine, "shop@1.service"))
    assert told["access_token"] == token
    assert loading(machine, "other.service") == ""
    machine.run("systemctl stop pos-agent")
    assert len(loading(machine, "till.service")) == len(token)  # systemd started it for this
    log = machine.run("journalctl -u pos-agent -o cat --no-pager")
    assert "credential.refused asker=other.service" in log
    assert "credential.handed_out unit=till.service credential=access-token" in log
    assert token not in log


def test_a_unit_that_needs_the_token_is_started_again_until_there_is_one(boot: Boot) -> None:
    machine = boot()
    started(machine)
    put(
        machine,
        "/etc/pos-agent/config.d/60-till.toml",
        '[credential_socket]\nunits = { "till.service" = "raw" }\n',
    )
    machine.run("systemctl restart pos-agent")
    unit(
        machine,
        "till.service",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\n"
        "LoadCredential=access-token:/run/pos-agent/credential.sock\n"
        "ExecStartPre=/usr/bin/test -s %d/access-token\n"
        "ExecStart=/bin/sh -c 'cp %d/access-token /run/got; exec sleep 1000'\n"
        "Restart=on-failure\nRestartSec=1\n",
    )
    machine.ask("systemctl start till")
    assert machine.ask("test -e /run/got").returncode != 0
    token = paired(machine)
    machine.until(lambda: machine.run("cat /run/got", check=False) == token)
