"""Sources that have to be told where to look, and the tables they are told in."""

import re
from pathlib import Path

import pytest

from agent import config
from agent.errors import ConfigError
from agent.settings import PairSettings
from hw.contract import EepromPlace, MemoryField, NvmemPlace
from tests.config.samples import MINIMAL, write

EEPROM = """
[identity.pair.eeprom]
bus = "/dev/i2c-1"
length = 12
"""


def pair_text(*lines: str) -> str:
    return MINIMAL.replace('value = "A-4711"', "\n".join(lines))


def pair_of(tmp_path: Path, *lines: str) -> PairSettings:
    (pair,) = config.load(write(tmp_path, pair_text(*lines))).identity.pairs
    return pair


def problem(tmp_path: Path, *lines: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, pair_text(*lines)))
    assert not getattr(caught.value, "__notes__", [])  # one mistake, one message
    return str(caught.value)


def test_a_whole_eeprom_and_a_whole_nvmem(tmp_path: Path) -> None:
    pair = pair_of(
        tmp_path,
        'sources = ["eeprom", "nvmem", "mac", "command"]',
        'command = ["/usr/bin/serial", "-1"]',
        'interface = "enp3s0"',
        "[identity.pair.eeprom]",
        'bus = "/dev/i2c-pos"',
        "address = 0x51",
        "address_bytes = 2",
        "offset = 16",
        "length = 12",
        'encoding = "bcd"',
        'checksum = "crc8"',
        "[identity.pair.nvmem]",
        'device = "imx-ocotp0"',
        "offset = 4",
        "length = 8",
        'encoding = "hex-upper"',
    )
    assert pair == PairSettings(
        key="serial",
        sources=("eeprom", "nvmem", "mac", "command"),
        command=("/usr/bin/serial", "-1"),
        interface="enp3s0",
        eeprom=EepromPlace(
            bus="/dev/i2c-pos",
            address=0x51,
            address_bytes=2,
            field=MemoryField(offset=16, length=12, encoding="bcd", checksum="crc8"),
        ),
        nvmem=NvmemPlace(
            device="imx-ocotp0", field=MemoryField(offset=4, length=8, encoding="hex-upper")
        ),
    )


def test_defaults_are_those_of_a_small_eeprom(tmp_path: Path) -> None:
    assert pair_of(tmp_path, EEPROM).eeprom == EepromPlace(
        bus="/dev/i2c-1", address=0x50, address_bytes=1, field=MemoryField(offset=0, length=12)
    )


def test_a_table_belongs_to_the_pair_above_it(tmp_path: Path) -> None:
    text = pair_text('sources = ["soc"]') + '[[identity.pair]]\nkey = "board"\n' + EEPROM

    first, second = config.load(write(tmp_path, text)).identity.pairs

    assert (first.eeprom, first.sources) == (None, ("soc",))
    assert second.eeprom is not None


@pytest.mark.parametrize(
    ("lines", "sources"),
    [
        (['file = "/etc/serial"'], ("file",)),
        (['command = ["/bin/serial"]'], ("command",)),
        ([EEPROM], ("eeprom",)),
        (['nvmem = { device = "x", length = 4 }'], ("nvmem",)),
        (['interface = "eth0"'], ("mac",)),
        (['sources = ["mac"]'], ("mac",)),
    ],
)
def test_what_is_told_alone_is_the_only_source(
    tmp_path: Path, lines: list[str], sources: tuple[str, ...]
) -> None:
    assert pair_of(tmp_path, *lines).sources == sources


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['sources = ["eeprom"]'], 'pair[1].eeprom: eeprom and the source "eeprom" go together'),
        (['sources = ["soc"]', EEPROM], 'eeprom: eeprom and the source "eeprom" go together'),
        (['sources = ["nvmem"]'], 'nvmem: nvmem and the source "nvmem" go together'),
        (['sources = ["command"]'], 'command: command and the source "command" go together'),
        (['sources = ["soc"]', 'interface = "eth0"'], 'interface and the source "mac" go together'),
        (['file = "/a"', EEPROM], "sources: is missing: say which of file, eeprom comes first"),
        (['value = "1"', EEPROM], "value: write either value, or sources"),
        ([EEPROM.replace("length = 12", "")], "pair[1].eeprom.length: is missing; add it"),
        ([EEPROM, "address = 0x78"], "eeprom.address: is 120; allowed are 8 to 119 (7 bits"),
        ([EEPROM, "offset = 10230"], "eeprom.offset: lies behind what 1 address_bytes can say"),
        ([EEPROM, 'encoding = "utf-16"'], "encoding: is not one of ascii, hex, hex-upper, bcd"),
        ([EEPROM, 'checksum = "md5"'], "eeprom.checksum: is not one of none, sum8"),
        ([EEPROM, "adress = 0x50"], "not a setting; did you mean identity.pair[].eeprom.address?"),
        (['nvmem = { device = "../x", length = 4 }'], "nvmem.device: is not a name like imx-ocotp"),
        (["eeprom = 5"], "identity.pair[1].eeprom: is a table; write"),
        (['interface = "a/b"'], "pair[1].interface: is not a name like eth0"),
        (['command = ["serial"]'], "command: must begin with the program's whole path"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistake_is_named(tmp_path: Path, lines: list[str], says: str) -> None:
    assert re.search(re.escape(says), problem(tmp_path, *lines))


def test_the_last_place_a_small_eeprom_can_say_is_allowed(tmp_path: Path) -> None:
    # 0x50 to 0x77 are 40 blocks of 256 bytes
    last = 40 * 256 - 12 - 2
    assert pair_of(tmp_path, EEPROM, f"offset = {last}").eeprom is not None
    assert "lies behind" in problem(tmp_path, EEPROM, f"offset = {last + 1}")
