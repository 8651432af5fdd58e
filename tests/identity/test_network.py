"""Which interface's address counts, and which address is none."""

from pathlib import Path

import pytest

from hw.contract import Reading
from hw.serial_number.network import Mac
from hw.serial_number.parsing import address_problem
from tests.identity.tree import interface, link, put

USB = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0"
GOOD = "00:1b:21:00:47:11"


def mac(root: Path, name: str | None = None) -> Reading | None:
    return Mac(interface=name, root=str(root)).read()


@pytest.mark.parametrize(
    ("address", "assigned", "problem"),
    [
        (GOOD, 0, None),
        ("b8:27:eb:a1:b2:c3", 0, None),
        (GOOD, 1, "is random (addr_assign_type 1): not the permanent address"),
        (GOOD, 2, "is stolen from another device (addr_assign_type 2): not the permanent"),
        (GOOD, 3, "was set by software (addr_assign_type 3): not the permanent address"),
        (GOOD, 9, "is unclear (addr_assign_type 9): not the permanent address"),
        (GOOD, None, "is of unknown origin (addr_assign_type None): not the permanent"),
        ("02:1b:21:00:47:11", 0, "is locally administered"),
        ("52:54:00:12:34:56", 0, "is locally administered"),
        ("01:1b:21:00:47:11", 0, "is a multicast address"),
        ("ff:ff:ff:ff:ff:ff", 0, "is a multicast address"),
        ("00:00:00:00:00:00", 0, "is a default that many machines share"),
        ("00:a0:c6:00:00:00", 0, "is a default that many machines share"),
        ("00:a0:c6:ff:ff:ff", 0, "is a default that many machines share"),
        ("50:50:54:50:30:30", 0, "is a default that many machines share"),
        ("88:88:88:88:87:88", 0, "is a default that many machines share"),
        ("00:11:22:33:44:55", 0, "is a default that many machines share"),
        ("24:b6:20:52:41:53", 0, "is a default that many machines share"),
        ("00:50:56:c0:00:08", 0, "is a default that many machines share"),
        ("00:1b:21:00:47", 0, "is no Ethernet address"),
        ("00:1B:21:00:47:11", 0, "is no Ethernet address"),  # the kernel writes small letters
        ("", 0, "is no Ethernet address"),
        (GOOD + "\n", 0, "is no Ethernet address"),
    ],
)
def test_which_address_is_permanent_and_of_one_device(
    address: str, assigned: int | None, problem: str | None
) -> None:
    found = address_problem(address, assigned)
    assert found is None if problem is None else (found or "").startswith(problem)


def test_the_named_interface_counts_even_on_usb(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", "00:1b:21:00:00:01", index=2)
    interface(tmp_path, "eth1", GOOD, index=3, device=USB)

    assert mac(tmp_path, "eth1") == Reading(source="/sys/class/net/eth1/address", value=GOOD)


def test_a_named_interface_that_is_not_there_is_no_source(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", GOOD)
    assert mac(tmp_path, "eth7") is None
    assert mac(tmp_path / "empty") is None


def test_a_named_interface_with_an_address_of_software_is_refused(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", GOOD, assigned="3")
    found = mac(tmp_path, "eth0")
    assert found is not None
    assert (found.refused or "").startswith("was set by software")


def test_without_a_name_the_lowest_index_of_the_board_counts(tmp_path: Path) -> None:
    interface(tmp_path, "lo", "00:00:00:00:00:00", index=1, device=None, kind=772)
    interface(tmp_path, "usb0", "00:1b:21:00:00:02", index=2, device=USB)
    interface(tmp_path, "wlan0", "00:1b:21:00:00:03", index=3)
    link(tmp_path, "/sys/class/net/wlan0/phy80211", "/sys/devices/ieee80211/phy0")
    interface(tmp_path, "br0", "00:1b:21:00:00:04", index=4, device=None)
    interface(tmp_path, "can0", "00:1b:21:00:00:05", index=5, kind=280)
    interface(tmp_path, "eth9", GOOD, index=6, device="/sys/devices/platform/30be0000.ethernet")
    interface(tmp_path, "eth0", "00:1b:21:00:00:07", index=10)

    assert mac(tmp_path) == Reading(source="/sys/class/net/eth9/address", value=GOOD)


def test_the_first_interface_is_judged_and_no_other_takes_its_place(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", "fe:00:00:00:47:11", index=2, assigned="1")
    interface(tmp_path, "eth1", GOOD, index=3)
    found = mac(tmp_path)
    assert found is not None
    assert (found.value, found.refused is None) == ("fe:00:00:00:47:11", False)


def test_an_adapter_on_usb_alone_is_refused_and_says_how_to_take_it(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", GOOD, device=USB)
    found = mac(tmp_path)
    assert found is not None
    assert found.refused == (
        "is of an adapter on USB, which can be moved; set interface if it is soldered in"
    )


def test_an_interface_that_vanishes_while_it_is_looked_at_does_no_harm(tmp_path: Path) -> None:
    interface(tmp_path, "eth0", GOOD)
    (tmp_path / "sys/class/net/eth0/address").unlink()
    put(tmp_path, "/sys/class/net/bonding_masters", b"\n")  # a file among the interfaces

    assert mac(tmp_path) is None
