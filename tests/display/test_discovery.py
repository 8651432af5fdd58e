"""Ports, strays and users, found in trees of files as real machines have them."""

import os
from pathlib import Path

import pytest

from hw.display import discovery, users
from hw.display.ports import Port, UsbDevice
from tests.display.sysfs import Machine, Usb

FTDI = Usb(usb="0403:6001", serial="A10K3XYZ", maker="FTDI", product="FT232R USB UART")


def devices(root: str) -> list[str]:
    return [port.device for port in discovery.ports(root)]


def only(root: str) -> Port:
    (port,) = discovery.ports(root)
    return port


# -- ports ----------------------------------------------------------------------------------------


def test_an_adapter_is_told_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    machine.name("/dev/pos/display", "/dev/ttyUSB0")

    port = only(machine.root)

    assert (port.device, port.kind, port.driver) == ("/dev/ttyUSB0", "usb", "ftdi_sio")
    assert port.usb == UsbDevice(
        usb="0403:6001",
        place="1-3",
        serial="A10K3XYZ",
        maker="FTDI",
        product="FT232R USB UART",
    )
    assert (port.interface, port.number) == ("00", "0")
    assert port.id_path == "pci-0000:00:14.0-usb-0:3:1.0"
    assert port.by_path == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:3:1.0-port0"
    assert port.names == ("/dev/pos/display",)


def test_every_kind_of_port_is_found_in_the_order_people_count(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for number in (0, 2, 10):
        machine.usb_serial(f"ttyUSB{number}", Usb(usb="1a86:7523", place=f"1-{number}"))
    machine.acm("ttyACM0", Usb(usb="0416:f012", place="1-7"))
    machine.uart("ttyAMA0", driver="uart-pl011")
    machine.uart("ttymxc1", driver="imx-uart")
    machine.line_printer("lp0", Usb(usb="04b8:0202", place="1-8"))

    assert devices(machine.root) == [
        *("/dev/ttyACM0", "/dev/ttyAMA0", "/dev/ttyUSB0", "/dev/ttyUSB2", "/dev/ttyUSB10"),
        *("/dev/ttymxc1", "/dev/usb/lp0"),
    ]
    by_name = {port.device: port for port in discovery.ports(machine.root)}
    assert by_name["/dev/ttyACM0"].driver == "cdc_acm"
    assert (by_name["/dev/ttyAMA0"].driver, by_name["/dev/ttyAMA0"].kind) == ("uart-pl011", "uart")
    assert (by_name["/dev/usb/lp0"].driver, by_name["/dev/usb/lp0"].kind) == ("usblp", "printer")


def test_what_is_no_port_is_not_found(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.virtual("tty1")
    machine.virtual("ptmx")
    machine.uart("ttyS1", driver="serial8250", chip="0")  # a driver's slot without a chip

    assert discovery.ports(machine.root) == ()


def test_the_kernels_console_is_told(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.uart("ttyS0", driver="serial8250", console=True)
    machine.uart("ttyS1", driver="serial8250")

    assert [port.console for port in discovery.ports(machine.root)] == [True, False]


def test_without_udev_the_kernels_facts_are_left(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI, properties={})

    port = only(machine.root)

    assert (port.properties, port.id_path, port.by_path, port.names) == ({}, None, None, ())
    assert port.usb is not None
    assert port.usb.serial == "A10K3XYZ"


def test_a_name_that_leads_elsewhere_is_not_the_ports(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)
    machine.usb_serial("ttyUSB1", Usb(usb="0403:6001", place="1-4"))
    machine.name("/dev/pos/display", "/dev/ttyUSB1")

    assert [port.names for port in discovery.ports(machine.root)] == [(), ("/dev/pos/display",)]


def test_a_machine_without_anything_is_no_trouble(tmp_path: Path) -> None:
    assert discovery.ports(str(tmp_path)) == ()
    assert discovery.strays(str(tmp_path)) == ()


def test_this_machine_can_be_looked_at() -> None:
    for port in discovery.ports():
        assert port.device.startswith("/dev/")


# -- strays ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usb", "driver", "drivers"),
    [
        ("1504:0011", None, ()),  # ftdi_sio was not told
        ("0403:6001", None, ()),  # no driver there
        ("0403:6001", "usbfs", ("usbfs",)),  # brltty took it
        ("0aa7:0201", "usbhid", ("usbhid",)),  # a display that is no port
        ("0fa8:1234", None, ()),
    ],
)
def test_a_known_display_without_a_port_is_found(
    tmp_path: Path, usb: str, driver: str | None, drivers: tuple[str, ...]
) -> None:
    machine = Machine(tmp_path)
    machine.usb_device(Usb(usb=usb), driver)

    (stray,) = discovery.strays(machine.root)

    assert (stray.usb.usb, stray.drivers) == (usb, drivers)


@pytest.mark.parametrize(
    ("usb", "driver"),
    [
        ("046d:c31c", "usbhid"),  # a keyboard
        ("10c4:ea90", "usbhid"),  # a chip of a maker of adapters, at other work
    ],
)
def test_other_devices_are_none_of_our_business(tmp_path: Path, usb: str, driver: str) -> None:
    machine = Machine(tmp_path)
    machine.usb_device(Usb(usb=usb), driver)

    assert discovery.strays(machine.root) == ()


def test_a_display_that_is_a_port_is_no_stray(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.usb_serial("ttyUSB0", FTDI)

    assert discovery.strays(machine.root) == ()


# -- users ----------------------------------------------------------------------------------------


def test_who_has_a_port_open_is_told_with_program_and_unit(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.process(812, "java", "/dev/ttyUSB0", "/tmp/log", unit="till.service")
    machine.process(900, "pos-agent", "/dev/ttyUSB0", unit="pos-agent.service")
    machine.process(901, "bash", "/dev/null")

    seen = users.look(machine.root)

    assert list(map(str, seen.holders["/dev/ttyUSB0"])) == [
        "java (812, till.service)",
        "pos-agent (900, pos-agent.service)",
    ]
    assert seen.hidden == 0


def test_a_log_in_prompt_is_seen_by_its_command_line(tmp_path: Path) -> None:
    """Its files are root's, what it was started with is not."""
    machine = Machine(tmp_path)
    machine.process(77, "agetty", words="/sbin/agetty -L 115200 ttyS0 vt220")
    machine.process(78, "less", words="less ttyS1")

    gettys = users.look(machine.root).gettys

    assert gettys["ttyS0"].pid == 77
    assert "ttyS1" not in gettys


def test_programs_that_meddle_are_seen(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for pid, name in enumerate(("brltty", "ModemManager", "gpsd", "cron"), start=2):
        machine.process(pid, name)

    assert set(users.look(machine.root).meddlers) == {"brltty", "ModemManager", "gpsd"}


def test_a_lock_file_of_a_living_process_is_seen(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    alive = os.getppid()
    machine.process(alive, "rxtx-till")
    machine.locked("ttyUSB0", alive)

    locker = users.locker("/dev/ttyUSB0", machine.root)

    assert locker is not None
    assert (locker.pid, locker.name) == (alive, "rxtx-till")
    assert users.locker("/dev/ttyUSB1", machine.root) is None


def test_processes_whose_files_may_not_be_seen_are_counted() -> None:
    """The real /proc, as nobody sees it: some process is always another user's."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        hidden = users.look().hidden
    finally:
        os.seteuid(before)
    assert hidden > 0


def test_a_process_that_ends_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.process(5, "brief")
    (tmp_path / "proc/5/fd").rmdir()

    assert users.look(machine.root) == users.Users()
