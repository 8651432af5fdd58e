"""The installed agent under real systemd: started, confined, paired, killed, misconfigured."""

import json
import os
import time
from typing import Any

import pytest

from agent.supply.quick import UNAVAILABLE
from tests.system.conftest import Boot
from tests.system.machine import Machine

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("system"),  # a machine at a time on two cores
    pytest.mark.skipif(os.geteuid() != 0, reason="booting a container needs root"),
]

AS_PAYMENT = "setpriv --reuid=payment --regid=payment --init-groups"
AS_STRANGER = "setpriv --reuid=stranger --regid=stranger --init-groups"
SHOP = "PYTHONPATH=/opt/shop:/opt/pos-agent/lib python3 -B /opt/shop/shop.py"


def properties(machine: Machine) -> dict[str, str]:
    wanted = "ActiveState,SubState,Result,ExecMainStatus,ExecMainCode,NRestarts,MainPID,StatusText"
    said = machine.run(f"systemctl show pos-agent --property={wanted}")
    return dict(line.split("=", 1) for line in said.splitlines())


def started(machine: Machine) -> None:
    machine.until(lambda: properties(machine)["ActiveState"] == "active")


def status(machine: Machine) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(machine.run("pos-agent status --json"))
    return told


def glass(machine: Machine) -> str:
    return machine.run("cat /run/shop/glass", check=False)


def paired(machine: Machine) -> str:
    """The access token after a person approved the terminal."""
    started(machine)
    machine.run(f"{SHOP} approve")
    machine.until(lambda: machine.ask("pos-agent token").returncode == 0)
    return machine.run("pos-agent token")


def test_it_starts_confined(boot: Boot) -> None:
    machine = boot()
    started(machine)
    pid = properties(machine)["MainPID"]
    process = machine.run(f"cat /proc/{pid}/status").splitlines()
    facts = dict(line.split(":", 1) for line in process)
    uid = machine.run("id -u pos-agent")
    assert facts["Uid"].split() == [uid] * 4
    assert uid != "0"
    assert {facts[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert facts["NoNewPrivs"].strip() == "1"
    assert facts["Seccomp"].strip() == "2"
    assert machine.run("stat -c '%a %U' /var/lib/pos-agent") == "700 pos-agent"


def test_its_sockets_belong_to_root_and_the_group(boot: Boot) -> None:
    machine = boot()
    started(machine)
    assert machine.run("stat -c '%a %U %G' /run/pos-agent/token.sock") == (
        "660 root pos-agent-clients"
    )
    assert machine.run("stat -c '%a %U %G' /run/pos-agent/admin.sock") == "600 root root"
    assert machine.ask(f"{AS_PAYMENT} pos-agent status --json").returncode == 0
    assert machine.ask(f"{AS_STRANGER} pos-agent status --json").returncode != 0
    machine.run("systemctl restart pos-agent")
    assert machine.ask(f"{AS_PAYMENT} pos-agent status --json").returncode == 0


def test_it_logs_no_complaint_about_its_confinement(boot: Boot) -> None:
    machine = boot()
    started(machine)
    log = machine.run("journalctl -u pos-agent -o cat --no-pager")
    assert "not_hardened" not in log
    assert "EPERM" not in log
    assert "Traceback" not in log


def test_a_person_pairs_it_and_software_gets_a_token(boot: Boot) -> None:
    machine = boot()
    token = paired(machine)
    assert len(token) >= 16
    assert machine.run(f"{AS_PAYMENT} pos-agent token") == token
    assert status(machine)["uuid"] == "/vendor/acme/serial/SN-4711"
    log = machine.run("journalctl -b -o cat --no-pager")
    assert token not in log
    assert "SN-4711" in log


def test_a_restart_keeps_the_pairing(boot: Boot) -> None:
    machine = boot()
    paired(machine)
    machine.run("systemctl restart pos-agent")
    machine.until(lambda: machine.ask("pos-agent token").returncode == 0)
    assert status(machine)["state"] == "serving"
    waiting = machine.run(
        "python3 -c 'import urllib.request as r;"
        'print(r.urlopen("http://127.0.0.1:8765/portal").read().decode())\''
    )
    assert "No device is waiting" in waiting


def test_after_a_crash_it_comes_back_and_the_queue_is_answered(boot: Boot) -> None:
    machine = boot()
    token = paired(machine)
    before = properties(machine)["MainPID"]
    machine.run(f"kill -KILL {before}")
    # Connects at once, waits in the socket's queue, and is answered by the next agent: with a
    # token, or with "just started, try again".
    assert machine.ask("pos-agent token").returncode in (0, UNAVAILABLE)
    after = properties(machine)
    assert after["MainPID"] not in ("0", before)
    assert after["NRestarts"] == "1"
    machine.until(lambda: machine.ask("pos-agent token").returncode == 0)
    assert machine.run("pos-agent token") == token  # a payment may be under way with it


def test_a_new_key_for_the_grant_and_what_support_sees_of_it(boot: Boot) -> None:
    machine = boot()
    paired(machine)
    before = machine.run("sha256sum /var/lib/pos-agent/grant.key")
    machine.run("pos-agent store rekey")
    assert machine.run("sha256sum /var/lib/pos-agent/grant.key") != before
    assert machine.ask(f"{AS_PAYMENT} pos-agent store rekey").returncode != 0
    told = machine.run("pos-agent store inspect")
    assert told.count("epoch 2") == 2
    assert told.count("terminal this one") == 2
    machine.run("systemctl restart pos-agent")
    machine.until(lambda: machine.ask("pos-agent token").returncode == 0)


def watched(machine: Machine, seconds: int) -> str:
    """The agent's process, restarted under a watchdog of that many seconds."""
    machine.run(
        "mkdir -p /run/systemd/system/pos-agent.service.d; printf '[Service]\\nWatchdogSec="
        f"{seconds}\\n' > /run/systemd/system/pos-agent.service.d/t.conf;"
        " systemctl daemon-reload; systemctl restart pos-agent"
    )
    return properties(machine)["MainPID"]


def test_a_hang_is_ended_by_the_watchdog(boot: Boot) -> None:
    machine = boot()
    before = watched(machine, 2)
    machine.run(f"kill -STOP {before}")
    machine.until(lambda: properties(machine)["MainPID"] not in ("0", before))
    assert "watchdog" in machine.run("journalctl -u pos-agent -o cat --no-pager").lower()
    started(machine)


def test_a_healthy_agent_is_left_alone_by_the_watchdog(boot: Boot) -> None:
    machine = boot()
    before = watched(machine, 1)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert properties(machine)["MainPID"] == before, machine.words()
    assert "no_answer" not in machine.run("journalctl -u pos-agent -o cat --no-pager")


def test_bad_configuration_stays_down_and_says_why(boot: Boot) -> None:
    machine = boot()
    machine.run(
        "echo 'dialekt = 1' > /etc/pos-agent/config.d/99-bad.toml;"
        " systemctl restart pos-agent || true"
    )
    machine.until(lambda: properties(machine)["ActiveState"] == "failed")
    facts = properties(machine)
    assert facts["ExecMainStatus"] == "78"
    assert facts["NRestarts"] == "0"
    assert "99-bad.toml" in machine.run("journalctl -u pos-agent -o cat --no-pager")
    machine.until(lambda: machine.run("systemctl list-jobs --no-legend") == "")
    for _ in range(3):  # a connection would start it again, for as long as it waits in the queue
        assert machine.ask("timeout 1 pos-agent token").returncode == 3
    assert properties(machine)["ActiveState"] == "failed"
    assert machine.run("journalctl -u pos-agent -o cat --no-pager | grep -c config.refused") == "1"
    machine.run("rm /etc/pos-agent/config.d/99-bad.toml; systemctl restart pos-agent")
    assert paired(machine)


def test_without_its_secret_it_runs_and_says_so(boot: Boot) -> None:
    machine = boot()
    machine.run("rm /etc/pos-agent/client-secret; systemctl restart pos-agent")
    started(machine)
    machine.until(lambda: "/etc/pos-agent/client-secret" in json.dumps(status(machine)))


def test_as_shipped_the_secret_comes_from_the_credential_store(boot: Boot) -> None:
    machine = boot()
    started(machine)  # or its first start finds neither the one secret nor the other
    machine.run(
        "install -d -m 0700 /etc/credstore;"
        " install -m 0600 /etc/pos-agent/client-secret /etc/credstore/pos-agent.client-secret;"
        " rm /etc/pos-agent/client-secret;"
        " sed -i '/^secret_file/d' /etc/pos-agent/config.d/50-terminal.toml;"
        " systemctl restart pos-agent"
    )
    assert paired(machine)


def test_the_root_only_serial_number_reaches_the_agent(boot: Boot) -> None:
    machine = boot()
    started(machine)
    for name, file in {
        "dmi-serial": "/sys/class/dmi/id/product_serial",
        "dmi-board-serial": "/sys/class/dmi/id/board_serial",
        "dmi-chassis-serial": "/sys/class/dmi/id/chassis_serial",
    }.items():
        held = machine.run(f"cat /run/credentials/pos-agent.service/{name}")
        source = machine.ask(f"cat {file}")
        assert held == (source.stdout.strip() if source.returncode == 0 else "none")


def test_the_cpu_hidden_from_the_agent_reaches_it_as_a_credential(boot: Boot) -> None:
    machine = boot()
    started(machine)
    held = machine.run("grep -c ^processor /run/credentials/pos-agent.service/cpuinfo")
    assert held == machine.run("grep -c ^processor /proc/cpuinfo")
