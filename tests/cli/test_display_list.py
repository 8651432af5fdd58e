"""`display list`: what a technician and a program are told about ports."""

import json
from pathlib import Path

import pytest

from agent.display_tools import listing
from hw.display import users
from tests.cli.command import pos_agent
from tests.display.sysfs import Machine, Usb

HP = Usb(usb="03f0:3524", place="1-2", maker="Prolific", product="HP LD220")
FTDI = Usb(usb="0403:6001", place="1-3", serial="A10K3XYZ")


def told(machine: Machine, capsys: pytest.CaptureFixture[str]) -> str:
    assert listing.show(as_json=False, root=machine.root) == 0
    return capsys.readouterr().out


def test_a_technician_reads_what_each_port_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", HP, driver="pl2303")
    machine.usb_serial("ttyUSB1", FTDI)
    machine.uart("ttyAMA0", driver="uart-pl011")
    machine.line_printer("lp0", Usb(usb="04b8:0202", place="1-8"))
    machine.name("/dev/pos/display", "/dev/ttyUSB0")
    machine.process(812, "pos-agent", "/dev/ttyUSB0", unit="pos-agent.service")

    assert told(machine, capsys).splitlines() == [
        "/dev/ttyAMA0   serial port of the board, driver uart-pl011",
        "/dev/ttyUSB0   USB 03f0:3524 (Prolific HP LD220), serial none, driver pl2303:"
        " HP LD220, a customer display",
        "               name:    /dev/pos/display",
        "               socket:  pci-0000:00:14.0-usb-0:2:1.0",
        "               used by: pos-agent (812, pos-agent.service), the agent itself",
        "/dev/ttyUSB1   USB 0403:6001, serial A10K3XYZ, driver ftdi_sio:"
        " FTDI FT232, a chip that may be anything; a Bixolon BCD-1000 has it inside",
        "               socket:  pci-0000:00:14.0-usb-0:3:1.0",
        "/dev/usb/lp0   USB 04b8:0202, serial none, driver usblp: USB line printer",
        "               socket:  USB 1-8 (udev has no name for it)",
    ]


@pytest.mark.parametrize(
    ("usb", "said"),
    [
        ("0fa8:0001", "perhaps Logic Controls (Bematech) display"),
        ("dead:beef", "not in our table of displays"),
        ("1a86:7523", "WCH CH340, a chip that may be anything"),
    ],
)
def test_a_candidate_is_called_no_more_than_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], usb: str, said: str
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", Usb(usb=usb))

    assert told(machine, capsys).splitlines()[0].endswith(f": {said}")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("brltty", "apt remove brltty"),
        ("ModemManager", "may type AT commands here"),
        ("gpsd", "USBAUTO in /etc/default/gpsd"),
    ],
)
def test_programs_that_meddle_are_warned_of_at_adapters_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, said: str
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    machine.uart("ttyAMA0", driver="uart-pl011")
    assert "beware" not in told(machine, capsys)

    machine.process(300, program)

    (line,) = [line for line in told(machine, capsys).splitlines() if "beware" in line]
    assert said in line


def test_modem_manager_keeps_off_where_it_was_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    ignored = {**Machine.properties(FTDI), "ID_MM_DEVICE_IGNORE": "1"}
    machine.usb_serial("ttyUSB0", FTDI, properties=ignored)
    machine.process(300, "ModemManager")

    assert "beware" not in told(machine, capsys)


def test_a_console_and_a_log_in_prompt_would_write_to_the_display(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    machine.uart("ttyS0", driver="serial8250", console=True)
    machine.process(77, "agetty", words="/sbin/agetty -L 115200 ttyS0 vt220")

    text = told(machine, capsys)

    assert "take console= for it off" in text
    assert "systemctl mask --now serial-getty@ttyS0.service" in text


@pytest.mark.parametrize(
    ("usb", "driver", "said"),
    [
        ("0aa7:0201", "usbhid", "a HID device, which the agent cannot drive"),
        ("0403:6001", "usbfs", "brltty does that"),
        ("1504:0011", None, "ftdi_sio has to be told of it"),
        ("03f0:3524", None, "is the module (pl2303) there?"),
        ("0fa8:0001", None, "is the module there?"),
        ("03f0:3524", "strange", "driver strange makes no serial port of it"),
    ],
)
def test_a_display_without_a_port_is_told_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], usb: str, driver: str | None, said: str
) -> None:
    machine = Machine(tmp_path)
    machine.usb_device(Usb(usb=usb), driver)

    first, second, last = told(machine, capsys).splitlines()

    assert first.startswith(f"no port        USB {usb}, serial none: ")
    assert said in second
    assert last.startswith("There is no serial port")


def test_a_lock_of_the_old_kind_is_a_use_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    machine.process(1, "rxtx-till")  # a number that lives while the test runs
    machine.locked("ttyUSB0", 1)

    assert "used by: rxtx-till (1), by its lock file" in told(machine, capsys)


def test_names_of_a_device_cannot_move_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", Usb(usb="0403:6001", product="evil\x1b[2Jname"))

    text = told(machine, capsys)

    assert "evil" in text
    assert "\x1b" not in text


def test_what_could_not_be_seen_is_said() -> None:
    seen = users.Users(hidden=3)
    assert listing.as_values((), (), seen)["processes_not_seen"] == 3


def test_a_program_gets_the_same_as_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", HP, driver="pl2303")
    machine.uart("ttyAMA0", driver="uart-pl011")
    machine.usb_device(Usb(usb="0aa7:0201", place="1-6"), "usbhid")
    machine.process(812, "pos-agent", "/dev/ttyUSB0", unit="pos-agent.service")
    machine.process(1, "till")
    machine.locked("ttyUSB0", 1)

    assert listing.show(as_json=True, root=machine.root) == 0
    values = json.loads(capsys.readouterr().out)

    board, adapter = values["ports"]
    assert (board["device"], board["usb"], board["known_as"]) == ("/dev/ttyAMA0", None, None)
    assert adapter == {
        "device": "/dev/ttyUSB0",
        "kind": "usb",
        "driver": "pl2303",
        "usb": "03f0:3524",
        "serial": None,
        "known_as": "HP LD220",
        "known_kind": "display",
        "interface": "00",
        "id_path": "pci-0000:00:14.0-usb-0:2:1.0",
        "by_path": "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0",
        "names": [],
        "used_by": [{"pid": 812, "name": "pos-agent", "unit": "pos-agent.service", "agent": True}],
        "locked_by": {"pid": 1, "name": "till"},
        "beware": [],
    }
    assert values["without_port"][0]["usb"] == "0aa7:0201"
    assert values["processes_not_seen"] == 0


def test_the_command_looks_at_this_machine() -> None:
    done = pos_agent("display", "list", "--json")
    assert done.returncode == 0
    assert set(json.loads(done.stdout)) == {"ports", "without_port", "processes_not_seen"}
