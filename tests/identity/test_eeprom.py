"""An EEPROM on a bus, and the same field in a memory of the kernel's."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TypeVar

import pytest

from hw.contract import (
    DeviceBusy,
    DeviceTimeout,
    EepromPlace,
    HardwareError,
    I2cBus,
    MemoryField,
    NvmemPlace,
    Reading,
)
from hw.serial_number.eeprom import Eeprom, OpenBus
from hw.serial_number.i2c import Lanes
from hw.serial_number.memory import with_checksum
from hw.serial_number.nvmem import Nvmem
from tests.identity.chip import Chip
from tests.identity.privilege import reachable, unprivileged
from tests.identity.tree import put

T = TypeVar("T")

BUS = "/dev/i2c-1"
LONG = 60.0  # s; nothing waits for it
FIELD = MemoryField(offset=250, length=12, checksum="crc16-ccitt")
STORED = b"4215BBBK0789"


def memory(stored: bytes = STORED, *, size: int = 512) -> bytes:
    found = bytearray(b"\xff" * size)
    written = with_checksum(stored, "crc16-ccitt")
    found[250 : 250 + len(written)] = written
    return bytes(found)


def eeprom(
    open_bus: OpenBus,
    *,
    field: MemoryField = FIELD,
    lanes: Lanes | None = None,
    address: int = 0x50,
) -> Eeprom:
    place = EepromPlace(bus=BUS, address=address, address_bytes=1, field=field)
    return Eeprom(place=place, open_bus=open_bus, lanes=lanes or Lanes(limit=LONG))


def test_a_field_across_two_blocks_is_read_twice_and_the_bus_given_back() -> None:
    chip = Chip(memory())
    assert eeprom(chip.open).read() == Reading(
        source="/dev/i2c-1, address 0x50", value="4215BBBK0789"
    )
    once = [(0x50, b"\xfa", 6), (0x51, b"\x00", 8)]
    assert chip.transfers == once + once
    assert (chip.opened, chip.closed) == (1, 1)


def test_an_erased_one_is_refused_with_a_sentence() -> None:
    found = eeprom(Chip(b"\xff" * 512).open).read()
    assert found is not None
    assert found.refused == "was never written: every byte is ff"


def test_a_bus_this_machine_lacks_is_no_source() -> None:
    assert eeprom(lambda path: None).read() is None


def test_a_device_that_does_not_answer_is_waited_for_and_the_bus_given_back() -> None:
    chip = Chip(memory())
    with pytest.raises(HardwareError, match="nothing answers at 0x57"):
        eeprom(chip.open, address=0x57).read()
    assert chip.closed == 1


def test_a_wrong_checksum_names_the_place() -> None:
    with pytest.raises(HardwareError, match=r"^/dev/i2c-1, address 0x50: the checksum is "):
        eeprom(Chip(memory().replace(b"4215", b"4216")).open).read()


def test_two_readings_that_differ_are_waited_for() -> None:
    """Without a checksum a disturbed bus would make this another terminal."""
    chip = Chip(memory())

    def disturb() -> None:
        if len(chip.transfers) == 2:
            chip.memory = memory(b"4215BBBK0788")

    chip.before_transfer = disturb
    with pytest.raises(HardwareError, match="two readings differ"):
        eeprom(chip.open, field=MemoryField(offset=250, length=12)).read()


def test_an_error_of_opening_comes_through() -> None:
    def refuse(path: str) -> I2cBus | None:
        raise DeviceBusy(f"{path}: no")

    with pytest.raises(DeviceBusy, match=r"^/dev/i2c-1: no$"):
        eeprom(refuse).read()


# -- transfers that hang --------------------------------------------------------------------------


def test_a_transfer_that_hangs_is_given_up_and_keeps_its_bus_until_it_ends() -> None:
    chip, hanging, go_on = Chip(memory()), Event(), Event()

    def hang() -> None:
        hanging.set()
        go_on.wait(LONG)

    chip.before_transfer = hang
    source = eeprom(chip.open, lanes=Lanes(limit=0.05))

    with pytest.raises(DeviceTimeout, match=r"^/dev/i2c-1: no answer within 0.05 s$"):
        source.read()
    assert hanging.wait(LONG)
    for _ in range(3):
        with pytest.raises(DeviceBusy, match="an earlier transfer hangs"):
            source.read()
    assert chip.opened == 1  # nobody else went near it

    go_on.set()
    assert at_last(source.read) == Reading(source="/dev/i2c-1, address 0x50", value="4215BBBK0789")


def at_last(attempt: Callable[[], T]) -> T:
    """A loaded machine may be too slow to start a thread within the limit."""
    deadline = time.monotonic() + LONG
    while True:
        try:
            return attempt()
        except (DeviceTimeout, DeviceBusy):
            assert time.monotonic() < deadline


def test_another_bus_is_free_meanwhile() -> None:
    lanes, go_on = Lanes(limit=0.05), Event()

    def hang() -> bytes:
        go_on.wait(LONG)
        return b""

    with pytest.raises(DeviceTimeout):
        lanes.run("/dev/i2c-1", hang)
    assert at_last(lambda: lanes.run("/dev/i2c-2", lambda: b"free")) == b"free"
    go_on.set()


def test_a_bug_in_a_transfer_reaches_the_caller_and_frees_the_bus() -> None:
    lanes = Lanes(limit=LONG)

    def broken() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lanes.run(BUS, broken)
    assert lanes.run(BUS, lambda: b"free") == b"free"


@pytest.fixture
def no_more_threads() -> Iterator[None]:
    """A stack larger than the address space: the kernel refuses as it does at TasksMax."""
    before = threading.stack_size(1 << 47)
    yield
    threading.stack_size(before)


def test_without_a_thread_to_be_had_it_is_tried_again(no_more_threads: None) -> None:
    lanes = Lanes(limit=LONG)
    with pytest.raises(HardwareError, match=r"^/dev/i2c-1: can't start new thread: it is tried ag"):
        lanes.run(BUS, lambda: b"never")
    threading.stack_size(0)
    assert lanes.run(BUS, lambda: b"free") == b"free"


# -- nvmem ----------------------------------------------------------------------------------------

PATH = "/sys/bus/nvmem/devices/otp0/nvmem"


def nvmem(root: Path, credentials: Path | None = None, *, field: MemoryField = FIELD) -> Nvmem:
    return Nvmem(
        place=NvmemPlace(device="otp0", field=field),
        root=str(root),
        credentials_directory=None if credentials is None else str(credentials),
    )


def test_the_field_of_a_kernel_memory(tmp_path: Path) -> None:
    put(tmp_path, PATH, memory())
    assert nvmem(tmp_path).read() == Reading(source=PATH, value="4215BBBK0789")


def test_a_kernel_memory_as_a_credential(tmp_path: Path) -> None:
    put(tmp_path, PATH, memory(b"other BBBBBB"))
    put(tmp_path, "/credentials/nvmem", memory())
    assert nvmem(tmp_path, tmp_path / "credentials").read() == Reading(
        source="the credential nvmem", value="4215BBBK0789"
    )


def test_a_kernel_memory_that_is_not_there_is_no_source(tmp_path: Path) -> None:
    assert nvmem(tmp_path).read() is None
    assert nvmem(tmp_path, tmp_path).read() is None


def test_a_kernel_memory_that_cannot_be_read_is_trouble(tmp_path: Path) -> None:
    with reachable() as root:
        put(root, PATH, memory())
        os.chmod(root / PATH.lstrip("/"), 0o000)
        with pytest.raises(
            HardwareError, match=r"cannot be read .*LoadCredential=nvmem:/sys/bus/n"
        ):
            with unprivileged():
                nvmem(root).read()
    (tmp_path / PATH.lstrip("/")).mkdir(parents=True)
    with pytest.raises(HardwareError, match="Is a directory"):
        nvmem(tmp_path).read()


def test_a_field_behind_the_end_is_a_mistake_that_is_told(tmp_path: Path) -> None:
    put(tmp_path, PATH, memory()[:260])
    with pytest.raises(HardwareError, match=f"^{PATH}: the memory ends 4 bytes before"):
        nvmem(tmp_path).read()
    put(tmp_path, "/credentials/nvmem", memory()[:200])
    with pytest.raises(HardwareError, match=r"^the credential nvmem: the memory ends 14 bytes"):
        nvmem(tmp_path, tmp_path / "credentials").read()


def test_an_erased_kernel_memory_is_refused(tmp_path: Path) -> None:
    put(tmp_path, PATH, bytes(512))
    found = nvmem(tmp_path).read()
    assert found is not None
    assert found.refused == "was never written: every byte is 00"
