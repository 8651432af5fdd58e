"""`pos-agent identity`: what people and programs are told, and its exit codes."""

import json
from pathlib import Path
from threading import Event

import pytest

from agent import cli_identity
from agent.errors import ConfigError
from agent.machine_identity import OpenSource
from agent.settings import PairSettings
from hw.contract import HardwareError, Reading, SerialSource, Whereabouts
from hw.machine import NEED_NO_PLACE, source_opener
from tests.cli.command import pos_agent
from tests.config.samples import MINIMAL, write
from tests.identity.tree import DEVICE_TREE, DMI, put


def config_with(folder: Path, *lines: str) -> str:
    return write(folder, MINIMAL.replace('value = "A-4711"', "\n".join(lines)))


BOTH = 'sources = ["dmi-product-serial", "device-tree", "soc"]'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    root = tmp_path / "machine"
    put(root, DMI, b"Default string\n")
    put(root, DEVICE_TREE, b"T-4711\0")
    put(root, "/sys/devices/soc0/serial_number", b"S-4711\n")
    put(root, "/sys/class/dmi/id/board_serial", b"B-4711\n")
    put(root, "/proc/cpuinfo", b"processor\t: 0\n")
    return root


def opener(root: Path) -> OpenSource:
    return source_opener(root=str(root), up_for=lambda: 60.0)


def test_every_source_is_told_and_why_it_is_used_or_not(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_with(tmp_path, BOTH)

    assert cli_identity.show(path, as_json=False, open_source=opener(machine)) == 0

    assert capsys.readouterr().out.splitlines() == [
        "serial",
        "  refused     dmi-product-serial  'Default string' from /sys/class/dmi/id/product_serial:"
        " is a placeholder left by the maker of the board",
        "  used        device-tree         'T-4711' from"
        " /sys/firmware/devicetree/base/serial-number",
        "  valid       soc                 'S-4711' from /sys/devices/soc0/serial_number",
        "not configured",
        "  valid       dmi-board-serial    'B-4711' from /sys/class/dmi/id/board_serial",
        "  absent      dmi-chassis-serial",
        "  absent      cpuinfo",
        "  absent      mmc-cid",
        "  absent      mac",
        "/vendor/acme/serial/T-4711",
    ]


def test_the_same_as_json(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_with(tmp_path, BOTH)

    assert cli_identity.show(path, as_json=True, open_source=opener(machine)) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["uuid"] == "/vendor/acme/serial/T-4711"
    (pair,) = told["pairs"]
    assert (pair["key"], pair["value"], pair["source"]) == ("serial", "T-4711", "device-tree")
    assert [one["verdict"] for one in pair["sources"]] == ["refused", "used", "valid"]
    assert pair["sources"][0] == {
        "source": "dmi-product-serial",
        "verdict": "refused",
        "value": "Default string",
        "from": "/sys/class/dmi/id/product_serial",
        "reason": "is a placeholder left by the maker of the board",
    }
    others = [one["source"] for one in told["not_configured"]]
    named = {one["source"] for one in pair["sources"]}
    assert others == [name for name in NEED_NO_PLACE if name not in named]


def test_fixed_values_and_several_keys(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MINIMAL + '[[identity.pair]]\nkey = "board"\nsources = ["soc"]\n'

    assert cli_identity.show(write(tmp_path, text), as_json=False, open_source=opener(machine)) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["serial", "  used        configuration       'A-4711'"]
    assert lines[-1] == "/vendor/acme/serial/A-4711/board/S-4711"


def test_a_source_that_cannot_be_read_is_told_with_the_rest_and_then_raised(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine / DMI.lstrip("/")).unlink()
    (machine / DMI.lstrip("/")).mkdir()
    path = config_with(tmp_path, BOTH)

    with pytest.raises(HardwareError, match="Is a directory"):
        cli_identity.show(path, as_json=False, open_source=opener(machine))

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  unreadable  dmi-product-serial  /")
    assert lines[2].startswith("  valid       device-tree")  # it is not used: the agent waits
    assert lines[-1] == "no device UUID"


def test_no_valid_source_is_a_matter_of_the_configuration(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_with(tmp_path, 'sources = ["dmi-product-serial"]')

    with pytest.raises(ConfigError, match="no serial number for 'serial'"):
        cli_identity.show(path, as_json=True, open_source=opener(machine))

    told = json.loads(capsys.readouterr().out)
    assert told["uuid"] is None
    assert "no serial number" in told["pairs"][0]["reason"]


def test_what_could_move_the_cursor_is_shown_and_not_sent(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(machine, "/sys/devices/soc0/serial_number", b"\x1b[2J\xff\n")

    cli_identity.show(config_with(tmp_path, BOTH), as_json=False, open_source=opener(machine))

    out = capsys.readouterr().out
    assert r"'\x1b[2J\udcff' from" in out
    assert "\x1b" not in out


class _Hanging:
    name = "soc"

    def __init__(self, go_on: Event) -> None:
        self._go_on = go_on

    def read(self) -> Reading | None:
        self._go_on.wait(60.0)
        return None


def test_a_source_that_hangs_does_not_hold_the_person(
    tmp_path: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_on, real = Event(), opener(machine)

    def open_source(name: str, told: Whereabouts) -> SerialSource:
        return _Hanging(go_on) if name == "soc" else real(name, told)

    path = config_with(tmp_path, BOTH)
    assert cli_identity.show(path, as_json=False, open_source=open_source, limit=1.0) == 0
    go_on.set()
    assert "unreadable  soc                 no answer within 1 s" in capsys.readouterr().out


# -- as a command ---------------------------------------------------------------------------------


def test_the_command_and_its_exit_codes(tmp_path: Path) -> None:
    serial = tmp_path / "serial"
    path = config_with(tmp_path, f'file = "{serial}"')

    missing = pos_agent("identity", "--config", path)
    assert missing.returncode == 78
    assert "pos-agent: identity: no serial number for 'serial': file: not on this" in missing.stderr

    serial.write_text("F-4711\n")
    done = pos_agent("identity", "--json", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["uuid"] == "/vendor/acme/serial/F-4711"

    serial.unlink()
    serial.mkdir()
    blocked = pos_agent("identity", "--config", path)
    assert blocked.returncode == 1
    assert "cannot be read (Is a directory)" in blocked.stderr
    assert "unreadable  file" in blocked.stdout


def test_nothing_told_is_what_a_source_needs_that_is_not_configured() -> None:
    told = PairSettings(key="")
    assert (told.file, told.command, told.interface, told.nvmem, told.eeprom) == (None,) * 5
