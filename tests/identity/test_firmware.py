"""DMI, device tree, SoC, cpuinfo and eMMC against files laid out as the kernel lays them out."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.settings import PairSettings
from hw.contract import HardwareError, Reading
from hw.machine import source_opener
from hw.serial_number.firmware import CpuInfo, Dmi, MmcCid
from hw.serial_number.parsing import cpuinfo_serial
from tests.identity.privilege import reachable, unprivileged
from tests.identity.tree import DEVICE_TREE, DMI, put

ATTRIBUTES = {
    "dmi-product-serial": ("product_serial", "dmi-serial"),
    "dmi-board-serial": ("board_serial", "dmi-board-serial"),
    "dmi-chassis-serial": ("chassis_serial", "dmi-chassis-serial"),
}
Read = Callable[[str], Reading | None]


def reader(root: Path, credentials: Path | None = None) -> Read:
    directory = None if credentials is None else str(credentials)
    open_source = source_opener(
        root=str(root), credentials_directory=directory, up_for=lambda: 60.0
    )
    return lambda name: open_source(name, PairSettings(key="serial")).read()


# -- DMI ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_dmi_is_read_from_sysfs_without_a_credential(tmp_path: Path, name: str) -> None:
    path = f"/sys/class/dmi/id/{ATTRIBUTES[name][0]}"
    put(tmp_path, path, b"S-4711\n")

    assert reader(tmp_path)(name) == Reading(source=path, value="S-4711")
    assert reader(tmp_path, tmp_path)(name) == Reading(source=path, value="S-4711")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_credential_comes_before_sysfs(tmp_path: Path, name: str) -> None:
    attribute, credential = ATTRIBUTES[name]
    put(tmp_path, f"/sys/class/dmi/id/{attribute}", b"other\n")
    put(tmp_path, f"/credentials/{credential}", b"S-4711\n")

    found = reader(tmp_path, tmp_path / "credentials")(name)

    assert found == Reading(source=f"the credential {credential}", value="S-4711")


def test_the_credential_none_means_that_there_was_no_dmi(tmp_path: Path) -> None:
    put(tmp_path, "/credentials/dmi-serial", b"none")
    read = reader(tmp_path, tmp_path / "credentials")

    assert read("dmi-product-serial") is None
    put(tmp_path, DMI, b"S-4711\n")
    assert read("dmi-product-serial") == Reading(source=DMI, value="S-4711")


def test_a_firmware_whose_serial_number_is_none_is_not_mistaken_for_no_dmi(tmp_path: Path) -> None:
    """The service may not look into sysfs: it would wait for ever instead of asking the next."""
    put(tmp_path, "/credentials/dmi-serial", b"none\n")
    (tmp_path / DMI.lstrip("/")).mkdir(parents=True)  # looking there would raise

    found = reader(tmp_path, tmp_path / "credentials")("dmi-product-serial")

    assert found == Reading(source="the credential dmi-serial", value="none")


def test_blanks_of_the_firmware_stay(tmp_path: Path) -> None:
    put(tmp_path, DMI, b" " * 16 + b"\n")
    assert reader(tmp_path)("dmi-product-serial") == Reading(source=DMI, value=" " * 16)


def test_permission_is_trouble_and_says_what_to_do() -> None:
    with reachable() as root:
        put(root, DMI, b"S-4711\n")
        os.chmod(root / DMI.lstrip("/"), 0o000)
        source = Dmi(
            "dmi-product-serial",
            attribute="product_serial",
            credential="dmi-serial",
            root=str(root),
        )
        with pytest.raises(HardwareError) as caught, unprivileged():
            source.read()

    assert str(caught.value).endswith(
        f"{DMI} cannot be read ({os.strerror(errno.EACCES)}): run as root, or give the service"
        f" LoadCredential=dmi-serial:{DMI}"
    )


# -- device tree and SoC --------------------------------------------------------------------------


def test_a_device_tree_string_ends_with_nul_and_only_that_is_taken_off(tmp_path: Path) -> None:
    put(tmp_path, DEVICE_TREE, b"10000000a1b2c3d4\0")
    assert reader(tmp_path)("device-tree") == Reading(source=DEVICE_TREE, value="10000000a1b2c3d4")

    put(tmp_path, DEVICE_TREE, b"A-4711\n\0")
    assert reader(tmp_path)("device-tree") == Reading(source=DEVICE_TREE, value="A-4711\n")


def test_letters_of_the_soc_keep_their_case(tmp_path: Path) -> None:
    put(tmp_path, "/sys/devices/soc0/serial_number", b"0C2A31D4E314FB30\n")
    found = reader(tmp_path)("soc")
    assert found is not None
    assert found.value == "0C2A31D4E314FB30"


def test_a_machine_without_the_source_gives_none(tmp_path: Path) -> None:
    for name in (*ATTRIBUTES, "device-tree", "soc", "mmc-cid"):
        assert reader(tmp_path)(name) is None


# -- cpuinfo --------------------------------------------------------------------------------------

PI = (
    b"processor\t: 0\nBogoMIPS\t: 38.40\n\n"
    b"Hardware\t: BCM2835\nRevision\t: a02082\nSerial\t\t: 00000000a1b2c3d4\n"
    b"Model\t\t: Raspberry Pi 3 Model B Rev 1.2\n"
)


def test_the_serial_line_of_cpuinfo(tmp_path: Path) -> None:
    put(tmp_path, "/proc/cpuinfo", PI)
    assert CpuInfo(root=str(tmp_path)).read() == Reading(
        source="/proc/cpuinfo", value="00000000a1b2c3d4"
    )


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        (b"", None),
        (b"processor\t: 0\n", None),
        (b"Serial\t\t: \n", b""),
        (b"Serial: A\nSerial\t: B\n", b"B"),
        (b"Serial Number\t: A\n", None),
        (b"serial\t: a\n", None),
        (b"Serial\t: A B \n", b"A B "),
        (b"Serial\t: A", b"A"),
        (b"Serial\nfoo: bar\n", None),
    ],
)
def test_what_is_the_serial_line(text: bytes, serial: bytes | None) -> None:
    assert cpuinfo_serial(text) == serial


def test_a_pc_has_cpuinfo_and_no_serial_line(tmp_path: Path) -> None:
    put(tmp_path, "/proc/cpuinfo", b"processor\t: 0\nvendor_id\t: GenuineIntel\n")
    assert CpuInfo(root=str(tmp_path)).read() is None


def test_cpuinfo_of_many_cores_is_read_to_its_end(tmp_path: Path) -> None:
    put(tmp_path, "/proc/cpuinfo", b"processor\t: 0\nflags\t: x\n\n" * 20_000 + b"Serial\t: A-1\n")
    found = CpuInfo(root=str(tmp_path)).read()
    assert found is not None
    assert found.value == "A-1"


def test_the_real_cpuinfo_is_read_to_its_end() -> None:
    """The kernel gives it in pieces."""
    reading = CpuInfo().read()
    with open("/proc/cpuinfo", "rb") as file:
        assert (reading and reading.value.encode()) == cpuinfo_serial(file.read())


def test_cpuinfo_comes_as_a_credential_where_the_service_cannot_see_it(tmp_path: Path) -> None:
    put(tmp_path, "/credentials/cpuinfo", PI)
    source = CpuInfo(root=str(tmp_path), credentials_directory=str(tmp_path / "credentials"))

    assert source.read() == Reading(source="the credential cpuinfo", value="00000000a1b2c3d4")


@pytest.mark.parametrize("given", [None, b"none"])
def test_cpuinfo_that_is_hidden_is_trouble_and_not_absence(
    tmp_path: Path, given: bytes | None
) -> None:
    if given is not None:
        put(tmp_path, "/cpuinfo", given)
    source = CpuInfo(root=str(tmp_path), credentials_directory=str(tmp_path))

    with pytest.raises(HardwareError, match=r"cannot be seen: .*LoadCredential=cpuinfo:/proc/cpui"):
        source.read()


# -- eMMC -----------------------------------------------------------------------------------------


def card(root: Path, name: str, kind: str, cid: str) -> None:
    put(root, f"/sys/block/{name}/device/type", f"{kind}\n".encode())
    put(root, f"/sys/block/{name}/device/cid", f"{cid}\n".encode())


def test_the_soldered_memory_counts_and_not_the_card(tmp_path: Path) -> None:
    card(tmp_path, "mmcblk0", "SD", "03534453")
    card(tmp_path, "mmcblk1boot0", "MMC", "11111111")
    card(tmp_path, "mmcblk2", "MMC", "15010038")
    card(tmp_path, "mmcblk10", "MMC", "22222222")
    path = "/sys/block/mmcblk2/device/cid"

    assert MmcCid(root=str(tmp_path)).read() == Reading(source=path, value="15010038")


def test_a_card_alone_is_refused_as_it_moves(tmp_path: Path) -> None:
    card(tmp_path, "mmcblk0", "SD", "03534453")
    found = MmcCid(root=str(tmp_path)).read()
    assert found is not None
    assert found.refused == "is of a card that can be taken out, not of a soldered eMMC"


def test_a_disk_without_an_identification_is_none(tmp_path: Path) -> None:
    put(tmp_path, "/sys/block/mmcblk0/device/type", b"MMC\n")
    put(tmp_path, "/sys/block/sda/device/type", b"0\n")
    assert MmcCid(root=str(tmp_path)).read() is None
