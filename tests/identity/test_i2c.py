"""The real python-periphery against a bus that follows a table of ioctls.

`i2c_dev.c` is preloaded into a process of its own and takes the place of /dev/i2c-…: everything of
ours and of periphery's runs as on a terminal, down to the system call. The answers are what the
data sheet of a 24C02 says, and the errnos those of the kernel's adapters.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw.contract import HardwareError
from hw.serial_number.i2c import open_bus

if shutil.which("gcc") is None:
    pytest.skip("gcc is missing: periphery's ioctls are NOT tested", allow_module_level=True)

BUS = "/dev/i2c-7"
WHOLE_I2C = "funcs eff0009"  # I2C_FUNC_I2C and all of SMBus, as most adapters have
PROGRAM = """
import json, sys
from functools import partial
from hw.contract import EepromPlace, HardwareError, MemoryField
from hw.serial_number.eeprom import Eeprom
from hw.serial_number.i2c import Lanes, open_bus
field = MemoryField(offset=28, length=8, checksum="crc8")
place = EepromPlace(bus=sys.argv[1], address=0x50, address_bytes=1, field=field)
try:
    found = Eeprom(place=place, open_bus=open_bus, lanes=Lanes(limit=60.0)).read()
    print(json.dumps([found and found.value, found and found.refused, None]))
except HardwareError as error:
    print(json.dumps([type(error).__name__, None, str(error)]))
"""
# SN-00042 and its CRC-8, across the boundary of a chunk
FIRST = "rdwr 50 w:1c r:4 = 534e2d30"
SECOND = "rdwr 50 w:20 r:5 = 3030343269"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    value: str | None
    refused: str | None
    error: str | None
    said: str


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = tmp_path_factory.mktemp("i2c") / "i2c_dev.so"
    source = Path(__file__).with_name("i2c_dev.c")
    flags = ("-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    command = ["gcc", *flags, "-o", str(made), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return str(made)


@pytest.fixture
def read(library: str, tmp_path: Path) -> "Reader":
    return Reader(library, tmp_path / "table")


class Reader:
    def __init__(self, library: str, table: Path) -> None:
        self._table = table
        self._environment = os.environ | {"LD_PRELOAD": library, "I2C_TABLE": str(table)}

    def __call__(self, *lines: str) -> Run:
        self._table.write_text("".join(f"{line}\n" for line in lines))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, BUS],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        value, refused, error = json.loads(done.stdout)
        return Run(value=value, refused=refused, error=error, said=done.stderr)


def test_a_field_is_read_twice_by_exactly_these_transfers(read: Reader) -> None:
    done = read(BUS, WHOLE_I2C, FIRST, SECOND, FIRST, SECOND)

    assert done == Run(value="SN-00042", refused=None, error=None, said="closed, left 0\n")


def test_the_table_notices_a_transfer_that_is_not_in_it(read: Reader) -> None:
    done = read(BUS, WHOLE_I2C, FIRST, SECOND.replace("w:20", "w:21"))

    assert 'expected "rdwr 50 w:21 r:5 = 3030343269", got "rdwr 50 w:20 r:5"' in done.said
    assert "Protocol error: it is tried again" in (done.error or "")


def test_an_erased_memory_is_refused(read: Reader) -> None:
    erased = [f"rdwr 50 w:1c r:4 = {'ff' * 4}", f"rdwr 50 w:20 r:5 = {'ff' * 5}"]

    assert read(BUS, WHOLE_I2C, *erased, *erased).refused == "was never written: every byte is ff"


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (6, "HardwareError", "address 0x50: nothing answers"),  # ENXIO
        (121, "HardwareError", "address 0x50: nothing answers"),  # EREMOTEIO
        (19, "HardwareError", "address 0x50: nothing answers"),  # ENODEV
        (16, "DeviceBusy", "the bus is busy"),  # EBUSY
        (11, "DeviceBusy", "the bus is busy"),  # EAGAIN: another master won
        (110, "DeviceTimeout", "the bus hangs"),  # ETIMEDOUT
        (95, "HardwareError", "speaks SMBus only"),  # EOPNOTSUPP
        (5, "HardwareError", "Input/output error: it is tried again"),
        (1, "HardwareError", "DeviceAllow=char-i2c"),  # EPERM
    ],
)
def test_each_errno_is_trouble_that_is_waited_for(
    read: Reader, number: int, kind: str, says: str
) -> None:
    done = read(BUS, WHOLE_I2C, FIRST, f"rdwr 50 w:20 r:5 !{number}")

    assert (done.value, says in (done.error or "")) == (kind, True)
    assert done.said == "closed, left 0\n"  # the bus is given back, and nothing tried again at once


def test_an_adapter_for_smbus_only_is_told_apart(read: Reader) -> None:
    done = read(BUS, "funcs eff0008")

    assert done.error == f"{BUS}: this adapter speaks SMBus only: name another bus"


def test_an_adapter_that_does_not_even_answer_what_it_can_is_trouble(read: Reader) -> None:
    assert "Inappropriate ioctl" in (read(BUS, "funcs !25").error or "")


# -- opening, without a bus -----------------------------------------------------------------------


def test_a_bus_is_missing_for_good_only_where_the_driver_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="the driver i2c-dev is not loaded: modprobe i2c-dev"):
        open_bus(BUS, root=str(tmp_path))
    (tmp_path / "sys/class/i2c-dev").mkdir(parents=True)
    assert open_bus(BUS, root=str(tmp_path)) is None


def test_a_path_that_is_no_bus_is_trouble(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/i2c-7").write_text("")
    with pytest.raises(HardwareError, match="Inappropriate ioctl for device"):
        open_bus(BUS, root=str(tmp_path))
