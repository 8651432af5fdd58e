"""Plugs pulled and put back, in any order and at any moment.

Only where the clock is skipped, time has to pass: everything else is noticed at once.
"""

import os
import time
from pathlib import Path

import pytest

from agent.situation import Serving, Starting
from tests.display.bench import Bench
from tests.display.waiting import until


@pytest.mark.parametrize("command_set", ["escpos", "dsp800"])
def test_a_display_that_comes_late_shows_the_code(tmp_path: Path, command_set: str) -> None:
    bench = Bench(tmp_path, command_set)
    bench.terminal.unplug()
    bench.presenter.show(bench.pairing())
    assert bench.becomes("absent")

    bench.terminal.plug()
    assert bench.code_is_shown()
    bench.close()


def test_a_display_that_was_there_first_shows_the_code(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.presenter.show(bench.pairing())

    assert bench.code_is_shown()
    bench.close()


def test_a_pulled_plug_is_noticed_although_nothing_is_to_be_written(tmp_path: Path) -> None:
    """STARTING stands still for 45 s; the line hangs up at once."""
    bench = Bench(tmp_path)
    bench.presenter.show(Starting())
    assert bench.shows("STARTING", "PLEASE WAIT")
    bench.terminal.unplug()
    assert bench.becomes("absent")
    assert bench.presenter.standing.reason == f"display {bench.link} is not there; check its plug"

    bench.terminal.plug()
    assert bench.shows("STARTING", "PLEASE WAIT")
    assert bench.becomes("unknown")
    assert not bench.terminal.cursor_visible
    assert bench.terminal.errors == ()
    bench.close()


def test_the_port_may_come_back_under_another_name(tmp_path: Path) -> None:
    """While somebody still has the old one open, the adapter becomes ttyUSB1."""
    bench = Bench(tmp_path)
    bench.presenter.show(Starting())
    assert bench.shows("STARTING", "PLEASE WAIT")
    before = os.readlink(bench.link)
    still_open = os.open(before, os.O_RDWR | os.O_NOCTTY)
    bench.terminal.unplug()
    bench.terminal.plug()

    assert os.readlink(bench.link) != before
    assert bench.shows("STARTING", "PLEASE WAIT")
    os.close(still_open)
    bench.close()


def test_a_plug_pulled_in_mid_write_costs_nothing_but_the_screen(tmp_path: Path) -> None:
    bench = Bench(tmp_path, baudrate=1200)
    bench.presenter.show(bench.pairing())
    assert until(lambda: bench.terminal.received > 20)  # of some 90
    bench.terminal.unplug()
    assert bench.becomes("absent")

    bench.terminal.plug()
    assert bench.code_is_shown()
    assert bench.terminal.errors == ()
    bench.close()


def test_many_plugs_in_a_row_end_with_the_code(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.presenter.show(bench.pairing())
    for number in range(20):
        bench.terminal.unplug()
        time.sleep(0.013 * (number % 5))  # a different moment of the agent's each time
        bench.terminal.plug()
        time.sleep(0.017 * (number % 7))

    assert bench.code_is_shown()
    assert bench.terminal.errors == ()
    bench.close()


def test_unplugged_while_nothing_is_said_is_nobody_s_trouble(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.presenter.show(Serving())
    bench.terminal.unplug()
    bench.presenter.show(Serving())
    bench.terminal.plug()

    assert bench.presenter.health == "released"
    bench.presenter.show(Starting())
    assert bench.shows("STARTING", "PLEASE WAIT")
    bench.close()


# -- behind an adapter that stays -----------------------------------------------------------------


def test_a_display_that_answers_is_confirmed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "dsp800")
    bench.presenter.show(bench.pairing())

    assert bench.becomes("confirmed")
    assert until(lambda: "WDJB-MJHT" in bench.terminal.cells()[1])
    bench.close()


def test_a_plug_pulled_behind_the_adapter_is_told_once_and_healed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The port stays, so only the missing answer tells; back again, it starts from power-on."""
    caplog.set_level("INFO", logger="agent.display")
    bench = Bench(tmp_path, "dsp800")
    starting = Starting()
    bench.presenter.show(starting)
    assert bench.becomes("confirmed")
    bench.terminal.power_off()
    for _ in range(3):
        bench.clock.skip(3.0)
        bench.presenter.show(starting)
        assert bench.becomes("absent")
    assert "answered before" in bench.presenter.standing.reason
    assert not bench.somebody_can_have_it()  # kept, and written to

    bench.terminal.power_on()
    bench.clock.skip(3.0)
    bench.presenter.show(starting)
    assert bench.becomes("confirmed")
    assert until(lambda: bench.terminal.cells()[0].startswith("STARTING"))
    assert not bench.terminal.cursor_visible
    words = [record.getMessage().split()[0] for record in caplog.records]
    assert words == ["display.claimed", "display.absent", "display.claimed"]
    bench.close()


def test_an_absent_display_is_written_to_all_the_same(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "dsp800")
    bench.presenter.show(Starting())
    assert bench.becomes("confirmed")
    bench.terminal.power_off()
    bench.clock.skip(3.0)
    bench.presenter.show(Starting())
    assert bench.becomes("absent")
    before = bench.terminal.received
    bench.presenter.show(bench.pairing())

    assert until(lambda: bench.terminal.received >= before + 40)
    assert bench.presenter.health == "absent"
    bench.close()
