"""The drop-in of docs/panel.md under real systemd: what it opens, and what stays shut."""

import os
import re
from typing import Final

import pytest

from tests.deploy import ROOT
from tests.system.conftest import Boot
from tests.system.machine import Machine
from tests.system.test_terminal import properties, started

pytestmark = [
    pytest.mark.system,
    pytest.mark.xdist_group("system"),
    pytest.mark.skipif(os.geteuid() != 0, reason="booting a container needs root"),
]

# A container has no LED. This is the same on a tmpfs: a class with links to devices, below /sys.
STAND_IN: Final = """
mount -t tmpfs tmpfs /sys/kernel
mkdir -p /sys/kernel/devices/green /sys/kernel/devices/red /sys/kernel/leds
touch /sys/kernel/devices/green/brightness /sys/kernel/devices/red/brightness
ln -s ../devices/green /sys/kernel/leds/status:green
"""


def drop_in() -> str:
    text = (ROOT / "docs/panel.md").read_text()
    (found,) = re.findall(r"```ini\n# systemctl edit pos-agent\n(.*?)```", text, re.DOTALL)
    return str(found).replace("/sys/class/leds/", "/sys/kernel/leds/")


def restarted_with_drop_in(machine: Machine) -> None:
    machine.run(
        "mkdir -p /etc/systemd/system/pos-agent.service.d"
        f" && cat > /etc/systemd/system/pos-agent.service.d/panel.conf <<'EOF'\n{drop_in()}EOF\n"
        "systemctl daemon-reload && systemctl restart pos-agent"
    )
    started(machine)


def writable(machine: Machine, path: str) -> bool:
    """In what the agent sees of the file system."""
    pid = properties(machine)["MainPID"]
    return machine.ask(f"nsenter -t {pid} -m test -w {path}").returncode == 0


def test_the_drop_in_opens_one_led_and_nothing_else_and_needs_none_to_start(boot: Boot) -> None:
    machine = boot()
    restarted_with_drop_in(machine)
    machine.run(STAND_IN + "systemctl restart pos-agent")
    started(machine)
    assert writable(machine, "/sys/kernel/leds/status:green/brightness")
    assert not writable(machine, "/sys/kernel/devices/red/brightness")
    assert "char-gpiochip" in machine.run("systemctl show pos-agent --property=DeviceAllow")
