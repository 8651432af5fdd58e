"""docs/identity.md says what the code does."""

import errno
import re
from pathlib import Path

from agent.machine_identity import LOOK_LIMIT
from hw.machine import NAMES
from hw.serial_number import command, i2c
from hw.serial_number.files import ABSENT, LONGEST
from hw.serial_number.late import SETTLED
from hw.serial_number.memory import CHUNK

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")


def row(first: str) -> list[str]:
    """The cells behind this one."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {first} |")]
    return line.split(" | ")[1:]


def test_every_source_has_its_strength_and_traps() -> None:
    table = PAGE.partition("## The sources")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", table)))
    assert set(named) == {*NAMES, "value"}


def test_the_errnos_of_absence() -> None:
    absent = {f"`{errno.errorcode[number]}`" for number in ABSENT}
    assert set(row("a file, sysfs, nvmem")[0].split(", ")) == absent


def test_the_limits() -> None:
    assert f"It takes {LOOK_LIMIT:.0f} seconds at most" in PAGE
    assert f"has been up for {SETTLED:.0f} s" in PAGE
    assert f"or {i2c.LIMIT:.0f} s without an end" in PAGE
    assert f"{command.LIMIT:.0f} s without an end, more than {LONGEST} bytes" in PAGE
    assert f"in pieces of {CHUNK} bytes" in PAGE
