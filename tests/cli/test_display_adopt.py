"""`display adopt`: what it says and does, and that the rule file is left whole."""

import os
import re
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.display_tools import adopt
from agent.errors import AgentError
from tests.cli.test_display_adopting import BY_SERIAL, FTDI
from tests.display.sysfs import Machine, Usb

# -- the command ----------------------------------------------------------------------------------


class Udev:
    """Does what udevd would with the rules, as far as these tests look: makes the link."""

    def __init__(self, machine: Machine, rules: Path, *, code: int = 0, works: bool = True) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._machine = machine
        self._rules = rules
        self._code = code
        self._works = works

    def __call__(self, words: Sequence[str]) -> int:
        self.asked.append(tuple(words))
        if self._works and "trigger" in words and "POS_DISPLAY" in self._rules.read_text():
            device = words[-1].partition("=")[2]
            self._machine.name("/dev/pos/display", device)
        return self._code


def adopted(
    machine: Machine,
    rules: Path,
    udev: Udev,
    *,
    device: str = "/dev/ttyUSB0",
    dry_run: bool = False,
    euid: int = 0,
) -> int:
    return adopt.run(
        device,
        by=None,
        role="display",
        dry_run=dry_run,
        rules=str(rules),
        euid=euid,
        command=udev,
        root=machine.root,
    )


def machine_with(tmp_path: Path) -> tuple[Machine, Path]:
    machine = Machine(tmp_path / "machine")
    machine.usb_serial("ttyUSB0", FTDI)
    return machine, tmp_path / "rules.d/65-pos-display.rules"


def test_it_writes_the_rule_and_tells_udev(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, rules = machine_with(tmp_path)
    udev = Udev(machine, rules)

    assert adopted(machine, rules, udev) == 0

    assert BY_SERIAL in rules.read_text().splitlines()
    assert "# FTDI FT232R USB UART 0403:6001" in rules.read_text().splitlines()
    assert rules.stat().st_mode & 0o777 == 0o644
    assert os.listdir(rules.parent) == [rules.name]
    assert udev.asked == [
        ("udevadm", "control", "--reload"),
        ("udevadm", "trigger", "--settle", "--action=change", "--name-match=/dev/ttyUSB0"),
    ]
    said = capsys.readouterr().out
    assert "To undo: remove that line" in said
    assert "/dev/ttyUSB0 is /dev/pos/display now" in said


def test_a_second_time_there_is_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, rules = machine_with(tmp_path)
    adopted(machine, rules, Udev(machine, rules))
    before = rules.read_text()
    again = Udev(machine, rules)

    assert adopted(machine, rules, again) == 0

    assert (again.asked, rules.read_text()) == ([], before)
    assert "is /dev/pos/display already" in capsys.readouterr().out


def test_other_lines_of_the_file_stay(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    rules.parent.mkdir()
    rules.write_text('# the integrator\'s own\nKERNEL=="x"\n')

    adopted(machine, rules, Udev(machine, rules))

    assert rules.read_text().startswith('# the integrator\'s own\nKERNEL=="x"\n# FTDI')


def test_dry_run_changes_nothing_and_needs_no_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, rules = machine_with(tmp_path)
    udev = Udev(machine, rules)

    assert adopted(machine, rules, udev, dry_run=True, euid=1000) == 0

    assert (udev.asked, rules.exists()) == ([], False)
    said = capsys.readouterr().out
    assert BY_SERIAL in said
    assert str(rules) in said


def test_without_root_it_says_so_and_changes_nothing(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    with pytest.raises(AgentError, match=r"only root may write .*sudo pos-agent display adopt"):
        adopted(machine, rules, Udev(machine, rules), euid=1000)
    assert not rules.exists()


def test_a_display_there_is_already_is_not_fought_over(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    machine.usb_serial("ttyUSB1", Usb(usb="0403:6001", place="1-4", serial="A10KOTHR"))
    machine.name("/dev/pos/display", "/dev/ttyUSB1")
    with pytest.raises(AgentError, match="/dev/pos/display is /dev/ttyUSB1: unplug that"):
        adopted(machine, rules, Udev(machine, rules))
    assert not rules.exists()


def test_what_is_no_port_is_refused_with_those_there_are(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    with pytest.raises(AgentError, match=r"/dev/sda is no serial .*there are: /dev/ttyUSB0"):
        adopted(machine, rules, Udev(machine, rules), device="/dev/sda")


def test_a_link_in_place_of_the_file_is_left_alone(tmp_path: Path) -> None:
    """A link to /dev/null is how administrators switch a rule file off."""
    machine, rules = machine_with(tmp_path)
    rules.parent.mkdir()
    rules.symlink_to("/dev/null")
    with pytest.raises(AgentError, match="is a link"):
        adopted(machine, rules, Udev(machine, rules))
    assert rules.is_symlink()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    rules.parent.write_text("no folder")
    with pytest.raises(AgentError, match="nothing was changed"):
        adopted(machine, rules, Udev(machine, rules))


@pytest.mark.usefixtures("capsys")  # keeps pytest's own record in memory, off the full disk
def test_a_write_that_fails_leaves_the_file_and_no_draft(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    rules.parent.mkdir()
    rules.write_text("# before\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))  # as a disk with room for 16 bytes
    try:
        with pytest.raises(AgentError, match="File too large; nothing was changed"):
            adopted(machine, rules, Udev(machine, rules))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(rules.parent) == [rules.name]
    assert rules.read_text() == "# before\n"


def test_everybody_may_read_the_file_whatever_the_umask(tmp_path: Path) -> None:
    machine, rules = machine_with(tmp_path)
    before = os.umask(0o077)
    try:
        adopted(machine, rules, Udev(machine, rules))
    finally:
        os.umask(before)
    assert rules.stat().st_mode & 0o777 == 0o644


def test_a_rule_that_is_there_is_not_written_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, rules = machine_with(tmp_path)
    rules.parent.mkdir()
    rules.write_text(f"{BY_SERIAL}\n")

    assert adopted(machine, rules, Udev(machine, rules)) == 0

    assert rules.read_text() == f"{BY_SERIAL}\n"
    assert f"It is already in {rules}" in capsys.readouterr().out


def test_if_udev_cannot_be_told_a_person_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, rules = machine_with(tmp_path)

    assert adopted(machine, rules, Udev(machine, rules, code=127, works=False)) == 1

    assert BY_SERIAL in rules.read_text()
    assert "run as root: udevadm control --reload && udevadm trigger" in capsys.readouterr().err


def test_if_udev_does_not_make_the_name_it_says_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, rules = machine_with(tmp_path)

    assert adopted(machine, rules, Udev(machine, rules, works=False)) == 1

    assert "is udev/70-pos-agent.rules installed?" in capsys.readouterr().err


def test_a_port_of_the_board_needs_the_services_leave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path / "machine")
    machine.uart("ttymxc1", driver="imx-uart")
    rules = tmp_path / "rules.d/65.rules"

    adopted(machine, rules, Udev(machine, rules), device="/dev/ttymxc1")

    assert "DeviceAllow=char-ttymxc rw" in capsys.readouterr().out


def test_who_would_meddle_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine, rules = machine_with(tmp_path)
    machine.process(300, "brltty")

    adopted(machine, rules, Udev(machine, rules), dry_run=True)

    assert re.search(r"^Beware: brltty runs", capsys.readouterr().out, re.MULTILINE)


def test_a_program_that_is_not_there_is_an_exit_code() -> None:
    assert adopt.run_program(["/nonexistent/udevadm"]) == 127
    assert adopt.run_program(["false"]) == 1
