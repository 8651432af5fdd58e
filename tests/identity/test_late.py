"""Absence is believed only when drivers have had their time."""

import pytest

from hw.contract import HardwareError, NoHardware, Reading
from hw.serial_number.late import SETTLED, Late, uptime

FOUND = Reading(source="/dev/x", value="A-4711")


class Source:
    name = "eeprom"

    def __init__(self, found: Reading | None) -> None:
        self.found = found

    def read(self) -> Reading | None:
        return self.found


def late(found: Reading | None, up_for: float, *, choosy: bool = False) -> Late:
    return Late(Source(found), up_for=lambda: up_for, choosy=choosy, advice="; do this")


def test_what_is_not_there_soon_after_the_start_is_waited_for() -> None:
    with pytest.raises(NoHardware, match=r"^eeprom: its driver may still be on its way; wai.*; do"):
        late(None, SETTLED - 0.1).read()
    assert late(None, SETTLED).read() is None


def test_what_is_there_counts_at_once() -> None:
    assert late(FOUND, 1.0).read() == FOUND


def test_a_source_that_picks_one_of_several_waits_until_all_are_there() -> None:
    with pytest.raises(HardwareError):
        late(FOUND, 1.0, choosy=True).read()
    assert late(FOUND, SETTLED, choosy=True).read() == FOUND


def test_the_time_is_that_before_the_look() -> None:
    """A driver may come between the look and the clock."""
    times = iter([SETTLED - 1, SETTLED + 1])
    source = Late(Source(None), up_for=lambda: next(times))
    with pytest.raises(NoHardware):
        source.read()


def test_the_name_is_that_of_the_source_and_the_clock_is_the_machine_s() -> None:
    assert late(None, 0.0).name == "eeprom"
    assert 0 < uptime() <= uptime()
