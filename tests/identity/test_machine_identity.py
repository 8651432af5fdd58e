"""From settings and sources to the UUID, on a machine made of real files."""

from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.machine_identity import read_identity
from agent.settings import IdentitySettings, PairSettings
from hw.contract import HardwareError
from hw.machine import source_opener

DMI = "sys/class/dmi/id/product_serial"
TREE = "sys/firmware/devicetree/base/serial-number"
BOTH = PairSettings(key="serial", sources=("dmi-product-serial", "device-tree"))


def put(root: Path, path: str, content: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def identify(root: Path, *pairs: PairSettings) -> str:
    settings = IdentitySettings(vendor="acme", pairs=pairs)
    return read_identity(settings, source_opener(root=str(root)))


def test_fixed_values_and_sources_go_together(tmp_path: Path) -> None:
    put(tmp_path, "etc/asset", b"F-4711\n")
    fixed = PairSettings(key="branch", value="1")
    file = PairSettings(key="asset", sources=("file",), file="/etc/asset")

    assert identify(tmp_path, fixed, file) == "/vendor/acme/branch/1/asset/F-4711"


def test_a_placeholder_gives_way_to_the_next_source(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"To be filled by O.E.M.\n")
    put(tmp_path, TREE, b"T-4711\0")

    assert identify(tmp_path, BOTH) == "/vendor/acme/serial/T-4711"


def test_a_source_that_cannot_be_read_never_gives_way(tmp_path: Path) -> None:
    (tmp_path / DMI).mkdir(parents=True)
    put(tmp_path, TREE, b"T-4711\0")

    with pytest.raises(HardwareError, match="product_serial cannot be read"):
        identify(tmp_path, BOTH)


def test_a_weaker_source_is_not_touched_while_a_stronger_serves(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"S-4711\n")
    (tmp_path / TREE).mkdir(parents=True)  # reading it would raise

    assert identify(tmp_path, BOTH) == "/vendor/acme/serial/S-4711"


def test_without_any_serial_the_message_says_which_source_gave_what(tmp_path: Path) -> None:
    put(tmp_path, DMI, b"Default string\n")

    with pytest.raises(ConfigError) as caught:
        identify(tmp_path, BOTH)

    assert str(caught.value) == (
        "identity: no serial number for 'serial': dmi-product-serial"
        " (/sys/class/dmi/id/product_serial) gave 'Default string', which is a placeholder left by"
        " the maker of the board; device-tree: not on this terminal. Write it into a file and add"
        " that as source, or set value in [[identity.pair]]"
    )


def test_S10_15_reading_the_identity_again_gives_the_same_and_changes_no_setting(
    tmp_path: Path,
) -> None:
    put(tmp_path, DMI, b"S-4711\n")
    settings = IdentitySettings(vendor="acme", pairs=(BOTH,))
    opener = source_opener(root=str(tmp_path))

    assert {read_identity(settings, opener) for _ in range(3)} == {"/vendor/acme/serial/S-4711"}
    assert settings == IdentitySettings(vendor="acme", pairs=(BOTH,))
    with pytest.raises(AttributeError):
        settings.vendor = ""  # type: ignore[misc]
