"""Which udev rule adopts a port: it hits this one and no other."""

from pathlib import Path
from typing import get_args

import pytest

from agent.display_tools import adopting
from agent.display_tools.adopting import merged, rule, sensible
from agent.errors import AgentError
from hw.display import discovery
from hw.display.ports import Port
from tests.deploy.test_udev import rules as parsed
from tests.display.sysfs import Machine, Usb

SERIAL = "A10K3XYZ"
FTDI = Usb(usb="0403:6001", place="1-3", serial=SERIAL, maker="FTDI", product="FT232R USB UART")
BY_SERIAL = (
    'SUBSYSTEM=="tty", ENV{ID_VENDOR_ID}=="0403", ENV{ID_MODEL_ID}=="6001",'
    f' ENV{{ID_SERIAL_SHORT}}=="{SERIAL}", ENV{{ID_USB_INTERFACE_NUM}}=="00",'
    ' ATTRS{port_number}=="0", ENV{POS_DISPLAY}="1"'
)
BY_PATH = (
    'SUBSYSTEM=="tty", ENV{ID_PATH}=="pci-0000:00:14.0-usb-0:3:1.0", ATTRS{port_number}=="0",'
    ' ENV{POS_DISPLAY}="1"'
)


def first(machine: Machine) -> tuple[Port, tuple[Port, ...]]:
    everything = discovery.ports(machine.root)
    return everything[0], everything


# -- which rule -----------------------------------------------------------------------------------


def test_an_adapter_goes_by_its_serial_number(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)

    found = rule(*first(machine), by=None, role="display")

    assert (found.line, found.by) == (BY_SERIAL, f"its serial number {SERIAL}")


@pytest.mark.parametrize(
    "serial",
    [None, "0001", "00000000", "AAAA", "12", "0123", "1234", "12345678", "default", "SN-12345",
     "0123456789ABCDEF", "1234567890abcdef", "123456789ABCDEF"],
)  # fmt: skip
def test_one_without_a_serial_number_of_its_own_goes_by_its_socket(
    tmp_path: Path, serial: str | None
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", Usb(usb="0403:6001", place="1-3", serial=serial))

    found = rule(*first(machine), by=None, role="display")

    assert (found.line, found.by) == (BY_PATH, "its socket pci-0000:00:14.0-usb-0:3:1.0")


@pytest.mark.parametrize("serial", ["A10K3XYZ", "FTB6SPL3", "00012345", "AB0CD123"])
def test_usual_serial_numbers_are_sensible(serial: str) -> None:
    assert sensible(serial)


def test_the_integrator_may_want_the_socket(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    assert rule(*first(machine), by="path", role="display").line == BY_PATH


def test_two_of_the_same_serial_number_go_by_their_sockets(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    machine.usb_serial("ttyUSB1", Usb(usb="0403:6001", place="1-4", serial=SERIAL))

    assert rule(*first(machine), by=None, role="display").line == BY_PATH
    with pytest.raises(AgentError, match="/dev/ttyUSB1 has the same"):
        rule(*first(machine), by="serial", role="display")


def test_two_ports_of_one_adapter_are_told_apart(tmp_path: Path) -> None:
    """By the interface (FTDI), or by the port of one interface (others)."""
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI, number="0")
    machine.usb_serial("ttyUSB1", FTDI, number="1")
    other = Usb(usb="0403:6001", place="1-3", serial=SERIAL, interface="01")
    machine.usb_serial("ttyUSB2", other, number="0")

    everything = discovery.ports(machine.root)
    lines = {rule(port, everything, by=None, role="display").line for port in everything}

    assert len(lines) == 3


def test_twins_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    nameless = {"ID_VENDOR_ID": "1a86", "ID_MODEL_ID": "7523", "ID_PATH": "platform-hub"}
    for number in (0, 1):
        twin = Usb(usb="1a86:7523", place=f"1-{number}")
        machine.usb_serial(f"ttyUSB{number}", twin, properties=nameless)

    with pytest.raises(AgentError) as refused:
        rule(*first(machine), by=None, role="display")

    assert "/dev/ttyUSB1 has the same" in str(refused.value)
    assert "adapter that has a serial number" in str(refused.value)


@pytest.mark.parametrize(
    ("by", "why"),
    [("serial", "it has no serial number of its own"), ("path", "udev names no socket for it")],
)
def test_what_an_adapter_does_not_have_it_cannot_go_by(
    tmp_path: Path, by: adopting.By, why: str
) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", Usb(usb="0403:6001"), properties={"ID_VENDOR_ID": "0403"})
    with pytest.raises(AgentError, match=why):
        rule(*first(machine), by=by, role="display")


def test_without_udev_nothing_can_be_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI, properties={})
    with pytest.raises(AgentError, match="is systemd-udevd running"):
        rule(*first(machine), by=None, role="display")


def test_a_value_that_means_more_than_itself_is_not_written_into_a_rule(tmp_path: Path) -> None:
    """A device chooses its serial number; `*` would make every device the display."""
    machine = Machine(tmp_path)
    evil = {**Machine.properties(FTDI), "ID_SERIAL_SHORT": 'AB*"|CD'}
    machine.usb_serial("ttyUSB0", FTDI, properties=evil)

    assert rule(*first(machine), by=None, role="display").line == BY_PATH
    with pytest.raises(AgentError, match="cannot be written into a rule"):
        rule(*first(machine), by="serial", role="display")


def test_a_port_of_the_board_goes_by_its_name(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.uart("ttyS1", driver="serial8250")
    found = rule(*first(machine), by=None, role="display")
    assert found.line == 'SUBSYSTEM=="tty", KERNEL=="ttyS1", ENV{POS_DISPLAY}="1"'


@pytest.mark.parametrize(
    ("serial", "also"),
    [("J4WF001122", ', ATTRS{serial}=="J4WF001122"'), (None, "")],
)
def test_a_line_printer_goes_by_its_usb_device(
    tmp_path: Path, serial: str | None, also: str
) -> None:
    machine = Machine(tmp_path)
    machine.line_printer("lp0", Usb(usb="04b8:0202", serial=serial))
    found = rule(*first(machine), by=None, role="printer")
    assert found.line == (
        'SUBSYSTEM=="usbmisc", KERNEL=="lp[0-9]*", ATTRS{idVendor}=="04b8",'
        f' ATTRS{{idProduct}}=="0202"{also}, ENV{{POS_PRINTER}}="1"'
    )


def test_a_printer_of_which_nothing_is_known_is_refused() -> None:
    port = Port(device="/dev/usb/lp0", kind="printer", driver="usblp")
    with pytest.raises(AgentError, match=r"lp0 cannot be told apart .*sysfs does not say which"):
        rule(port, (port,), by=None, role="printer")


def test_of_two_printers_of_one_model_one_has_to_go(tmp_path: Path) -> None:
    """A socket would not tell them apart: udev names none for a line printer."""
    machine = Machine(tmp_path)
    machine.line_printer("lp0", Usb(usb="04b8:0202", place="1-3"))
    machine.line_printer("lp1", Usb(usb="04b8:0202", place="1-4"))
    with pytest.raises(AgentError) as refused:
        rule(*first(machine), by=None, role="printer")
    assert "/dev/usb/lp1 has the same" in str(refused.value)
    assert "Take the other one of its kind away" in str(refused.value)
    assert "socket" not in str(refused.value)


@pytest.mark.parametrize("by", get_args(adopting.By))
def test_a_port_of_another_kind_says_which_ways_it_has(tmp_path: Path, by: adopting.By) -> None:
    machine = Machine(tmp_path)
    machine.uart("ttyS1", driver="serial8250")
    machine.line_printer("lp0", Usb(usb="04b8:0202"))
    everything = discovery.ports(machine.root)
    ways = {"uart": "its name", "printer": "its serial number if it has one, else by its model"}
    assert {port.kind for port in everything} == set(ways)
    for port in everything:
        with pytest.raises(AgentError) as refused:
            rule(port, everything, by=by, role="display")
        assert str(refused.value).startswith(f"{port.device} cannot go by {by}: it is a ")
        assert str(refused.value).endswith(f" goes by {ways[port.kind]}. Leave --by away")


def test_every_rule_is_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    machine.uart("ttyS1", driver="serial8250")
    machine.line_printer("lp0", Usb(usb="04b8:0202"))
    everything = discovery.ports(machine.root)
    for port in everything:
        (tokens,) = parsed(rule(port, everything, by=None, role="display").line)
        assert tokens[-1]["operator"] == "="


# -- the file's text ------------------------------------------------------------------------------


def test_other_lines_stay() -> None:
    new = adopting.Rule(line="NEW", by="x")
    assert merged("# mine\nOLD", new, about="FT  232R") == "# mine\nOLD\n# FT 232R\nNEW\n"


def test_the_same_rule_is_not_written_twice() -> None:
    new = adopting.Rule(line="NEW", by="x")
    once = merged("", new, about="y")
    assert once.startswith("# ")
    assert merged(once, new, about="y") == once
