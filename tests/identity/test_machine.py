"""Sources by the names of the configuration."""

from pathlib import Path

import pytest

from agent.config_checks import SOURCE_NAMES
from agent.settings import PairSettings
from hw import machine
from hw.contract import EepromPlace, MemoryField, NoHardware, NvmemPlace, SerialSource
from hw.machine import source_opener
from tests.identity.chip import Chip
from tests.identity.tree import DEVICE_TREE, DMI, interface, put

FIELD = MemoryField(offset=0, length=6)
TOLD = PairSettings(
    key="serial",
    file="/etc/serial",
    command=("/bin/echo", "C-4711"),
    interface="eth0",
    nvmem=NvmemPlace(device="otp0", field=FIELD),
    eeprom=EepromPlace(bus="/dev/i2c-1", address=0x50, address_bytes=1, field=FIELD),
)


def a_terminal_with_everything(root: Path) -> None:
    put(root, "/etc/serial", b"F-4711\n")
    put(root, "/sys/bus/nvmem/devices/otp0/nvmem", b"N-4711")
    put(root, DMI, b"P-4711\n")
    put(root, "/sys/class/dmi/id/board_serial", b"B-4711\n")
    put(root, "/sys/class/dmi/id/chassis_serial", b"H-4711\n")
    put(root, DEVICE_TREE, b"T-4711\0")
    put(root, "/sys/devices/soc0/serial_number", b"S-4711\n")
    put(root, "/proc/cpuinfo", b"processor\t: 0\n\nSerial\t\t: U-4711\n")
    put(root, "/sys/block/mmcblk0/device/type", b"MMC\n")
    put(root, "/sys/block/mmcblk0/device/cid", b"M-4711\n")
    interface(root, "eth0", "00:1b:21:00:47:11")


def test_the_configuration_knows_the_sources_there_are() -> None:
    assert SOURCE_NAMES == machine.NAMES


def test_every_name_opens_its_source(tmp_path: Path) -> None:
    a_terminal_with_everything(tmp_path)
    open_source = source_opener(
        root=str(tmp_path), up_for=lambda: 60.0, open_i2c=Chip(b"E-4711".ljust(256)).open
    )
    sources = {name: open_source(name, TOLD) for name in machine.NAMES}

    assert {name: source.name for name, source in sources.items()} == {n: n for n in machine.NAMES}
    found = {
        name: reading and reading.value for name, s in sources.items() for reading in [s.read()]
    }
    assert found == {
        "file": "F-4711",
        "command": "C-4711",
        "eeprom": "E-4711",
        "nvmem": "N-4711",
        "dmi-product-serial": "P-4711",
        "dmi-board-serial": "B-4711",
        "dmi-chassis-serial": "H-4711",
        "device-tree": "T-4711",
        "soc": "S-4711",
        "cpuinfo": "U-4711",
        "mmc-cid": "M-4711",
        "mac": "00:1b:21:00:47:11",
    }


# -- soon after the start -------------------------------------------------------------------------


def opened_early(root: Path, name: str, told: PairSettings = TOLD) -> SerialSource:
    """As 5 s after the start, with an I2C bus that is not there yet."""
    return source_opener(root=str(root), up_for=lambda: 5.0, open_i2c=lambda _: None)(name, told)


LATE = ("eeprom", "nvmem", "mmc-cid", "mac")


@pytest.mark.parametrize("name", LATE)
def test_what_hangs_on_a_driver_is_not_given_up_soon_after_the_start(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(NoHardware, match=f"^{name}: its driver may still be on its way"):
        opened_early(tmp_path, name).read()


@pytest.mark.parametrize("name", sorted({*machine.NAMES} - {*LATE, "command"}))
def test_what_needs_no_driver_is_absent_at_once(tmp_path: Path, name: str) -> None:
    put(tmp_path, "/proc/cpuinfo", b"processor\t: 0\n")
    assert opened_early(tmp_path, name).read() is None


def test_an_address_counts_early_only_if_its_interface_was_named(tmp_path: Path) -> None:
    """Another board's interface may still come, and have a lower index."""
    a_terminal_with_everything(tmp_path)

    named = opened_early(tmp_path, "mac").read()

    assert named is not None
    assert named.value == "00:1b:21:00:47:11"
    with pytest.raises(NoHardware, match=r"^mac: .*; name the interface to be faster$"):
        opened_early(tmp_path, "mac", PairSettings(key="serial")).read()


# -- what a source is told ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["file", "command", "eeprom", "nvmem", "uuid"])
def test_a_source_that_is_not_told_where_to_look_is_a_mistake_of_the_caller(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: no such source, or it is not told"):
        source_opener()(name, PairSettings(key="serial"))


def test_those_that_need_no_place_are_opened_without(tmp_path: Path) -> None:
    put(tmp_path, "/proc/cpuinfo", b"processor\t: 0\n")
    open_source = source_opener(root=str(tmp_path), up_for=lambda: 60.0)

    found = [open_source(n, PairSettings(key="serial")).read() for n in machine.NEED_NO_PLACE]

    assert found == [None] * len(machine.NEED_NO_PLACE)
