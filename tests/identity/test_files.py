"""Reading what the factory wrote into a file, and what each errno means."""

import errno
import os
import socket
from pathlib import Path

import pytest

from hw.contract import HardwareError, Reading
from hw.serial_number.files import ABSENT, FileSource, credential
from tests.identity.privilege import reachable, unprivileged
from tests.identity.tree import put


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
        (b"", ""),
        (b"A-4711\0", "A-4711"),  # a property of the device tree
        (b"A-4711\n\0", "A-4711\n"),
        (b"A-4711\0\n", "A-4711\0"),
    ],
)
def test_only_what_ends_a_file_is_taken_off(tmp_path: Path, content: bytes, value: str) -> None:
    put(tmp_path, "/etc/serial", content)
    source = FileSource(path="/etc/serial", root=str(tmp_path))

    assert source.read() == Reading(source="/etc/serial", value=value)


def test_a_file_that_is_not_there_is_no_source(tmp_path: Path) -> None:
    put(tmp_path, "/etc/serial", b"A-4711\n")

    assert FileSource(path="/etc/serial2", root=str(tmp_path)).read() is None
    assert FileSource(path="/etc/serial/2", root=str(tmp_path)).read() is None  # ENOTDIR


def test_only_four_errors_mean_that_there_is_no_such_thing() -> None:
    assert {errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO} == ABSENT


def test_what_cannot_be_read_is_trouble_and_not_absence(tmp_path: Path) -> None:
    (tmp_path / "serial").mkdir()  # EISDIR, for root as for anybody

    with pytest.raises(HardwareError, match=r"cannot be read \(Is a directory\): make it a read"):
        FileSource(path="/serial", root=str(tmp_path)).read()


def test_permission_is_trouble() -> None:
    with reachable() as root:
        put(root, "/serial", b"S-4711\n")
        os.chmod(root / "serial", 0o000)

        with pytest.raises(HardwareError, match="Permission denied"), unprivileged():
            FileSource(path="/serial", root=str(root)).read()


def test_a_link_that_leads_to_itself_is_trouble(tmp_path: Path) -> None:
    (tmp_path / "serial").symlink_to("serial")

    with pytest.raises(HardwareError, match=os.strerror(errno.ELOOP)):
        FileSource(path="/serial", root=str(tmp_path)).read()


def test_a_fifo_or_socket_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert FileSource(path="/fifo", root=str(tmp_path)).read() == Reading(source="/fifo", value="")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert FileSource(path="/socket", root=str(tmp_path)).read() is None  # ENXIO


def test_a_fifo_somebody_may_still_write_to_is_trouble(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = os.open(tmp_path / "fifo", os.O_RDWR)
    try:
        with pytest.raises(HardwareError, match=os.strerror(errno.EAGAIN)):
            FileSource(path="/fifo", root=str(tmp_path)).read()
    finally:
        os.close(writer)


def test_an_endless_file_is_trouble() -> None:
    with pytest.raises(HardwareError, match="/dev/zero has more than 4096 bytes: make it a"):
        FileSource(path="/dev/zero").read()


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    put(tmp_path, "/serial", b"x" * 4096)
    reading = FileSource(path="/serial", root=str(tmp_path)).read()
    assert reading is not None
    assert len(reading.value) == 4096


def test_a_credential_the_service_was_not_given_is_none(tmp_path: Path) -> None:
    put(tmp_path, "/dmi-serial", b"S-4711\n")
    put(tmp_path, "/dmi-board-serial", b"none")
    put(tmp_path, "/dmi-chassis-serial", b"none\n")

    assert credential("dmi-serial", str(tmp_path)) == b"S-4711\n"
    assert credential("dmi-board-serial", str(tmp_path)) is None  # SetCredential= in the unit
    assert credential("dmi-chassis-serial", str(tmp_path)) == b"none\n"  # a firmware's own word
    assert credential("cpuinfo", str(tmp_path)) is None
    assert credential("dmi-serial", None) is None
