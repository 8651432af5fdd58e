"""The rules on devices, judged by the real udev: who is a display, and who is left alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import ROOT
from tests.deploy.udev_bed import NEEDED, Adapter, Bed, LinePrinter

ACTIONS = ("add", "change")
GENERIC = ("0403:6001", "067b:2303", "1a86:7523", "10c4:ea60")
TWINS = (
    Adapter(usb="1a86:7523", place="1-3", tty="ttyUSB0", minor=0, driver="ch341-uart"),
    Adapter(usb="1a86:7523", place="1-4", tty="ttyUSB1", minor=1, driver="ch341-uart"),
)


def one(usb: str, serial: str | None = None) -> Adapter:
    return Adapter(usb=usb, place="1-3", tty="ttyUSB0", minor=0, serial=serial)


# -- the shipped rules ----------------------------------------------------------------------------


# On `change` too: that is what `display adopt` has udev do about a port that is there already.
@NEEDED
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("usb", ["03f0:3524", "0416:f012", "1504:008c"])
def test_a_display_gets_its_name_and_wants_another_try(
    tmp_path: Path, usb: str, action: str
) -> None:
    adapter = one(usb)

    verdict = Bed(tmp_path, [adapter]).verdict(adapter.port, action)

    assert verdict.links == {"/dev/pos/display"}
    assert verdict.properties["ID_MM_DEVICE_IGNORE"] == "1"
    assert verdict.properties["SYSTEMD_WANTS"] == "pos-agent-plug.service"
    assert ":systemd:" in verdict.properties["TAGS"]
    assert "0660" in verdict.text


@NEEDED
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("usb", GENERIC)
def test_a_chip_that_may_be_anything_is_left_alone(tmp_path: Path, usb: str, action: str) -> None:
    adapter = one(usb, serial="A10K3XYZ")

    verdict = Bed(tmp_path, [adapter]).verdict(adapter.port, action)

    assert verdict.links == set()
    assert "POS_DISPLAY" not in verdict.properties
    assert "ID_MM_DEVICE_IGNORE" not in verdict.properties


@NEEDED
@pytest.mark.parametrize(("usb", "told"), [("1504:0011", True), ("0403:6001", False)])
def test_only_for_bixolons_device_is_the_driver_told(tmp_path: Path, usb: str, told: bool) -> None:
    adapter = one(usb)

    verdict = Bed(tmp_path, [adapter]).verdict(adapter.device)

    assert ("echo 1504 0011 > new_id" in verdict.text) is told
    assert ("kmod load ftdi_sio" in verdict.text) is told


# -- the integrator's rule ------------------------------------------------------------------------


@NEEDED
@pytest.mark.parametrize(
    ("rule", "links"),
    [
        ('ENV{ID_SERIAL_SHORT}=="A10K3XYZ"', {"/dev/pos/display"}),
        ('ENV{ID_SERIAL_SHORT}=="A10K3XYZ", ATTRS{port_number}=="0"', {"/dev/pos/display"}),
        ('ENV{ID_PATH}=="pci-0000:00:14.0-usb-0:3:1.0"', {"/dev/pos/display"}),
        ('ENV{ID_PATH}=="pci-0000:00:14.0-usb-0:4:1.0"', set()),
    ],
)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_adapter_is_opted_in_by_a_local_rule(
    tmp_path: Path, rule: str, links: set[str], action: str
) -> None:
    adapter = one("0403:6001", serial="A10K3XYZ")
    local = f'SUBSYSTEM=="tty", {rule}, ENV{{POS_DISPLAY}}="1"\n'

    assert Bed(tmp_path, [adapter], local).verdict(adapter.port, action).links == links


@NEEDED
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("printer", "rule"),
    [
        (one("067b:2303"), 'SUBSYSTEM=="tty", ENV{ID_VENDOR_ID}=="067b"'),
        (
            LinePrinter(usb="04b8:0202"),
            'SUBSYSTEM=="usbmisc", KERNEL=="lp[0-9]*", ATTRS{idVendor}=="04b8",'
            ' ATTRS{idProduct}=="0202"',
        ),
    ],
    ids=["serial", "line printer"],
)
def test_a_printer_is_opted_in_and_keeps_its_group(
    tmp_path: Path, printer: Adapter | LinePrinter, rule: str, action: str
) -> None:
    local = f'{rule}, ENV{{POS_PRINTER}}="1"\n'

    verdict = Bed(tmp_path, [printer], local).verdict(printer.port, action)

    assert verdict.links == {"/dev/pos/printer"}
    assert verdict.properties["ID_MM_DEVICE_IGNORE"] == "1"
    assert "SYSTEMD_WANTS" not in verdict.properties


@NEEDED
def test_what_adopt_writes_makes_one_of_two_twins_the_display(tmp_path: Path) -> None:
    """The real command, on what the real udev found, and the real udev on what it wrote."""
    # Only some releases of udevadm write down what they find; udevd always does.
    look = (
        "mkdir -p /run/udev/data; udevadm test --action=add /sys{} 2>/dev/null"
        " | sed -n 's/^ *\\([A-Z][A-Z_]*=.*\\)/E:\\1/p' > /run/udev/data/c188:{}"
    )
    links = "udevadm test --action=add /sys{} 2>/dev/null | grep -o -m 1 /dev/pos/display"
    told = Bed(tmp_path, TWINS).run(
        "; ".join(
            (
                *(look.format(twin.port, twin.minor) for twin in TWINS),
                # No udevd hears of it here, so that it ends with 1; the rule is what counts.
                f"{sys.executable} -m agent display adopt /dev/{TWINS[1].tty}"
                " --rules /run/udev/rules.d/65-pos-display.rules 2>&1",
                *(f"echo {twin.tty}: $({links.format(twin.port)})" for twin in TWINS),
            )
        )
    )

    assert 'ENV{ID_PATH}=="pci-0000:00:14.0-usb-0:4:1.0"' in told
    assert "udev was not told; run as root: udevadm control --reload" in told
    assert told.splitlines()[-2:] == ["ttyUSB0:", "ttyUSB1: /dev/pos/display"]


# -- without a device -----------------------------------------------------------------------------


def shell_of_new_id() -> str:
    """The command the rule runs, as udev hands it to the shell for product 0011."""
    rules = (ROOT / "udev/70-pos-agent.rules").read_text()
    (command,) = re.findall(r"""RUN\+="/bin/sh -c '([^']+)'""", rules)
    return str(command).replace("$attr{idProduct}", "0011")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "1504 0011\n"),
        ("1504 0011\n", "1504 0011\n"),  # told once a boot, however often it is plugged
        ("0403 0011\n1504 008c\n", "1504 0011\n"),  # the kernel adds; a file is overwritten
    ],
)
def test_the_driver_is_told_what_it_does_not_know(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "new_id").write_text(before)
    command = shell_of_new_id().replace("/sys/bus/usb-serial/drivers/ftdi_sio", str(tmp_path))

    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "new_id").read_text() == after


def test_where_the_driver_cannot_be_told_nothing_happens(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "no driver"):
        command = shell_of_new_id().replace("/sys/bus/usb-serial/drivers/ftdi_sio", f'"{missing}"')
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
        assert done.returncode == 0
        assert list(tmp_path.iterdir()) == []


def _release() -> int:
    done = subprocess.run(["udevadm", "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


@pytest.mark.skipif(
    shutil.which("udevadm") is None or _release() < 254, reason="udevadm verify is not there"
)
def test_udev_finds_nothing_wrong() -> None:
    done = subprocess.run(
        ["udevadm", "verify", "--resolve-names=never", str(ROOT / "udev/70-pos-agent.rules")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
