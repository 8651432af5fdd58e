"""Rules for clients under real systemd: what the shipped unit can see, and what a drop-in opens."""

import os
import shlex
from typing import Final

import pytest

from agent.supply.quick import NOT_ALLOWED, PAIRING_NEEDED
from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.test_terminal import AS_PAYMENT, started, status

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("system"),  # a machine at a time on two cores
    pytest.mark.skipif(os.geteuid() != 0, reason="booting a container needs root"),
]

LET_IN: Final = PAIRING_NEEDED  # there is no token yet, which strangers are not told
PYTHON: Final = "/usr/bin/python3"
BY_UNIT: Final = '[[client]]\nname = "kiosk"\nunit = "kiosk.service"\n'
BY_PROGRAM: Final = f'[[client]]\nname = "kiosk"\nexe = "{PYTHON}"\n'
SEES_UNITS: Final = "[Service]\nProtectProc=default\n"
SEES_PROGRAMS: Final = (
    "[Service]\nCapabilityBoundingSet=CAP_SYS_PTRACE\nAmbientCapabilities=CAP_SYS_PTRACE\n"
)


def put(machine: Machine, path: str, text: str) -> None:
    machine.run(f"mkdir -p $(dirname {path}); printf %s {shlex.quote(text)} > {path}")


def restarted(machine: Machine, rule: str, drop_in: str = "") -> str:
    """The agent's log since then."""
    started(machine)
    put(machine, "/etc/pos-agent/clients.d/kiosk.toml", rule)
    put(machine, "/run/systemd/system/pos-agent.service.d/rules.conf", drop_in)
    since = machine.run("date +%s.%N")
    machine.run("systemctl daemon-reload; systemctl restart pos-agent")
    machine.until(lambda: status(machine)["state"] == "pairing")
    return machine.run(f"journalctl -u pos-agent -o cat --no-pager --since=@{since}")


def of_the_unit(machine: Machine, name: str = "kiosk.service") -> int:
    """The exit status of the agent's own command, run by a unit of that name."""
    command = f"{AS_PAYMENT} pos-agent token"
    put(
        machine,
        f"/run/systemd/system/{name}",
        f"[Service]\nType=oneshot\nExecStart=/bin/sh -c '{command} > /dev/null'\n",
    )
    machine.run(f"systemctl daemon-reload; systemctl start {name}", check=False)
    return int(machine.run(f"systemctl show {name} --property=ExecMainStatus --value"))


def outside(machine: Machine) -> int:
    return machine.ask(f"{AS_PAYMENT} pos-agent token").returncode


def test_as_shipped_the_agent_sees_no_units_and_says_so(boot: Boot) -> None:
    machine = boot()
    log = restarted(machine, BY_UNIT)
    assert "supply.rule_useless" in log
    assert "ProtectProc=default" in log
    assert of_the_unit(machine) == NOT_ALLOWED


def test_with_the_drop_in_of_the_docs_a_unit_is_let_in_and_nobody_else(boot: Boot) -> None:
    machine = boot()
    log = restarted(machine, BY_UNIT, SEES_UNITS)
    assert "supply.rule_useless" not in log
    assert of_the_unit(machine) == LET_IN
    assert of_the_unit(machine, "other.service") == NOT_ALLOWED
    assert outside(machine) == NOT_ALLOWED


def test_a_rule_for_a_program_needs_the_capability_and_nothing_else(boot: Boot) -> None:
    machine = boot()
    log = restarted(machine, BY_PROGRAM)
    assert "CAP_SYS_PTRACE" in log
    assert outside(machine) == NOT_ALLOWED
    log = restarted(machine, BY_PROGRAM, SEES_PROGRAMS)
    assert "supply.rule_useless" not in log
    assert outside(machine) == LET_IN
