"""The table of USB identities: sound, and what it says of a device."""

import re

import pytest

from hw.display import usb_ids
from tests.deploy import ROOT


@pytest.mark.parametrize(
    ("usb", "kind", "name"),
    [
        ("03f0:3524", "display", "HP LD220"),
        ("1504:008c", "display", "Bixolon BCD-2000"),
        ("0403:6001", "adapter", "FTDI FT232"),
        ("10c4:ea60", "adapter", "Silicon Labs CP210x"),
        ("0aa7:0200", "hid", "Wincor Nixdorf BA63/BA66 USB"),
        ("0aa7:0204", "hid", "Wincor Nixdorf BA63/BA66 USB"),
        ("073c:0400", "candidate", "IEE display"),
    ],
)
def test_a_known_device_is_named(usb: str, kind: str, name: str) -> None:
    identity = usb_ids.of(usb)
    assert identity is not None
    assert (identity.kind, identity.name) == (kind, name)


@pytest.mark.parametrize("usb", ["03f0:3525", "0aa7:0205", "0aa7:01ff", "073c:0304", "0404:6001"])
def test_its_neighbours_are_not(usb: str) -> None:
    assert usb_ids.of(usb) is None


def test_no_device_has_two_names() -> None:
    table = usb_ids.known()
    for one in table:
        for other in table:
            apart = one.last < other.first or other.last < one.first
            assert one is other or one.vendor != other.vendor or apart, (one, other)


def test_what_is_certain_has_a_driver() -> None:
    certain = [identity for identity in usb_ids.known() if identity.kind == "display"]
    assert certain
    assert all(identity.driver and identity.first == identity.last for identity in certain)


@pytest.mark.parametrize(
    "row",
    [
        '{ usb = "03F0:3524", name = "x" }',  # udev and the kernel write lower case
        '{ usb = "3f0:3524", name = "x" }',
        '{ usb = "03f0:", name = "x" }',
        '{ usb = "03f0:3524-", name = "x" }',
        '{ usb = "03f0:*-3524", name = "x" }',
        '{ usb = "03f0:3524" }',
        '{ name = "x" }',
    ],
)
def test_a_line_that_is_none_is_refused(row: str) -> None:
    with pytest.raises(ValueError, match="no USB identity"):
        usb_ids.read(f"displays = [{row}]")


def test_every_line_of_the_file_is_read() -> None:
    text = (ROOT / "hw/display/usb_ids.toml").read_text(encoding="utf-8")
    assert len(usb_ids.known()) == len(re.findall(r"^  \{ usb", text, re.MULTILINE)) > 25
