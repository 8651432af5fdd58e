"""Plugging a display in, as systemd sees it: what was stopped stays stopped.

The unit that the udev rule makes systemd want is started by hand: a container has no udev. That the
rule wants this one and no other is in tests/deploy.
"""

import os

import pytest

from tests.system.conftest import Boot
from tests.system.machine import Machine

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("system"),  # a machine at a time on two cores
    pytest.mark.skipif(os.geteuid() != 0, reason="booting a container needs root"),
]

BROKEN = "/etc/pos-agent/config.d/90-broken.toml"
EX_CONFIG = "78"


def shown(machine: Machine, *names: str) -> list[str]:
    return [machine.run(f"systemctl show pos-agent --value -p {name}") for name in names]


def state(machine: Machine) -> str:
    return shown(machine, "ActiveState")[0]


def plug_in(machine: Machine) -> None:
    """Returns when whatever follows from it has been queued, or nothing."""
    machine.run("systemctl start pos-agent-plug.service")


def break_it(machine: Machine) -> None:
    """A configuration that no restart can mend."""
    machine.run(f"printf 'nonsense = 1\\n' > {BROKEN}; chmod 644 {BROKEN}")
    machine.run("systemctl restart pos-agent", check=False)
    machine.until(lambda: shown(machine, "ActiveState", "ExecMainStatus") == ["failed", EX_CONFIG])


def idle(machine: Machine) -> bool:
    """Whether nothing is about to be started."""
    return machine.run("systemctl list-jobs --no-legend") == ""


def test_a_running_agent_is_left_alone_and_a_stopped_one_stays_stopped(boot: Boot) -> None:
    machine = boot()
    machine.until(lambda: state(machine) == "active")
    before = shown(machine, "MainPID")

    plug_in(machine)
    assert shown(machine, "MainPID") == before

    machine.run("systemctl stop pos-agent.service 2>&1")
    plug_in(machine)
    assert idle(machine)
    assert state(machine) == "inactive"


def test_one_that_gave_up_over_its_configuration_gets_another_try(boot: Boot) -> None:
    machine = boot()
    machine.until(lambda: state(machine) == "active")
    break_it(machine)
    machine.run(f"rm {BROKEN}")  # mended, and nobody thought of a restart

    machine.run("systemctl disable pos-agent 2>&1")  # but not if it is not wanted at all
    plug_in(machine)
    assert idle(machine)
    assert state(machine) == "failed"

    machine.run("systemctl enable pos-agent 2>&1")
    plug_in(machine)
    machine.until(lambda: state(machine) == "active")

    break_it(machine)
    machine.run(f"rm {BROKEN}; systemctl reset-failed pos-agent")  # nor if a person was there
    plug_in(machine)
    assert idle(machine)
    assert state(machine) == "inactive"


def test_one_that_had_to_be_killed_when_it_was_stopped_stays_so(boot: Boot) -> None:
    """It has failed too, but not by itself."""
    machine = boot()
    machine.until(lambda: state(machine) == "active")
    drop_in = "/run/systemd/system/pos-agent.service.d"
    deaf = "[Service]\\nTimeoutStopSec=1\\nKillSignal=SIGWINCH\\n"
    machine.run(f"mkdir -p {drop_in}; printf '{deaf}' > {drop_in}/t.conf; systemctl daemon-reload")
    machine.run("systemctl stop pos-agent 2>&1")
    assert state(machine) == "failed"

    plug_in(machine)

    assert idle(machine)
    assert state(machine) == "failed"
