"""Serial sources against files laid out as the kernel lays them out."""

import errno
import os
import socket
from pathlib import Path

import pytest

from agent.config_checks import SOURCE_NAMES
from hw import machine
from hw.contract import HardwareError, Reading
from hw.machine import DeviceTree, DmiProductSerial, FileSource, source_opener
from tests.identity.privilege import reachable, unprivileged

DMI = "/sys/class/dmi/id/product_serial"
TREE = "/sys/firmware/devicetree/base/serial-number"


def put(root: Path, path: str, content: bytes) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def test_the_configuration_knows_the_sources_there_are() -> None:
    assert SOURCE_NAMES == machine.NAMES


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"A-4711\n", "A-4711"),
        (b"A-4711", "A-4711"),
        (b"A-4711\n\n", "A-4711\n"),
        (b" A-4711 \r\n", " A-4711 \r"),
        ("Zürich-1\n".encode(), "Zürich-1"),
        (b"A\xff\n", "A\udcff"),
        (b"\n", ""),
    ],
)
def test_only_the_newline_that_ends_a_file_is_taken_off(
    tmp_path: Path, content: bytes, value: str
) -> None:
    put(tmp_path, "/etc/serial", content)
    source = FileSource(path="/etc/serial", root=str(tmp_path))

    assert source.read() == Reading(source="/etc/serial", value=value)


def test_a_device_tree_string_ends_with_nul(tmp_path: Path) -> None:
    put(tmp_path, TREE, b"10000000a1b2c3d4\0")

    found = DeviceTree(root=str(tmp_path)).read()

    assert found == Reading(source=TREE, value="10000000a1b2c3d4")


def test_only_the_nul_is_taken_off_a_device_tree_string(tmp_path: Path) -> None:
    put(tmp_path, TREE, b"A-4711\n\0")

    found = DeviceTree(root=str(tmp_path)).read()

    assert found == Reading(source=TREE, value="A-4711\n")


def test_a_machine_without_the_source_gives_none(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert FileSource(path="/etc/serial", root=root).read() is None
    assert DmiProductSerial(root=root).read() is None
    assert DmiProductSerial(root=root, credentials_directory=root).read() is None
    assert DeviceTree(root=root).read() is None


def test_dmi_is_read_from_sysfs_without_a_credential(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"S-4711\n")

    found = DmiProductSerial(root=str(tmp_path), credentials_directory=str(tmp_path)).read()

    assert found == Reading(source=DMI, value="S-4711")


def test_the_credential_comes_before_sysfs(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"other\n")
    put(tmp_path, "/credentials/dmi-serial", b"S-4711\n")
    source = DmiProductSerial(
        root=str(tmp_path), credentials_directory=str(tmp_path / "credentials")
    )
    assert source.read() == Reading(source="the credential dmi-serial", value="S-4711")


def test_the_credential_none_means_that_there_was_no_dmi(tmp_path: Path) -> None:
    put(tmp_path, "/credentials/dmi-serial", b"none")
    source = DmiProductSerial(
        root=str(tmp_path), credentials_directory=str(tmp_path / "credentials")
    )
    assert source.read() is None
    put(tmp_path, DMI, b"S-4711\n")
    assert source.read() == Reading(source=DMI, value="S-4711")


def test_a_source_that_cannot_be_read_is_trouble_and_not_absence(tmp_path: Path) -> None:
    (tmp_path / DMI.lstrip("/")).mkdir(parents=True)  # EISDIR, for root as for anybody

    with pytest.raises(HardwareError, match=r"cannot be read \(Is a directory\): run as root"):
        DmiProductSerial(root=str(tmp_path)).read()


def test_permission_is_trouble_and_says_what_to_do() -> None:
    with reachable() as root:
        put(root, DMI, b"S-4711\n")
        os.chmod(root / DMI.lstrip("/"), 0o000)

        with pytest.raises(HardwareError) as caught, unprivileged():
            DmiProductSerial(root=str(root)).read()

    assert str(caught.value).endswith(
        f"{DMI} cannot be read ({os.strerror(errno.EACCES)}): run as root, or give the service"
        f" LoadCredential=dmi-serial:{DMI}"
    )


def test_a_fifo_or_socket_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert FileSource(path="/fifo", root=str(tmp_path)).read() == Reading(source="/fifo", value="")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert FileSource(path="/socket", root=str(tmp_path)).read() is None  # ENXIO


def test_an_endless_file_is_trouble() -> None:
    with pytest.raises(HardwareError, match="/dev/zero has more than 4096 bytes: make it a"):
        FileSource(path="/dev/zero").read()


def test_sources_are_opened_by_the_names_of_the_configuration(tmp_path: Path) -> None:
    put(tmp_path, "/etc/serial", b"F-4711\n")
    put(tmp_path, DMI, b"S-4711\n")
    put(tmp_path, TREE, b"T-4711\0")
    open_source = source_opener(root=str(tmp_path))

    found = {name: open_source(name, "/etc/serial") for name in machine.NAMES}

    assert {name: source.name for name, source in found.items()} == {n: n for n in machine.NAMES}
    values = [reading.value for s in found.values() if (reading := s.read()) is not None]
    assert values == ["F-4711", "S-4711", "T-4711"]
