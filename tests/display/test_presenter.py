"""The presenter, its thread and all, over a real pty and the emulator."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.display.presenter import Presenter
from agent.errors import ConfigError
from agent.situation import Denied, Offline, Paired, Serving, Starting
from hw.contract import HardwareError, NoHardware, Presence
from hw.display.line_display import open_line_display
from hw.display.port import SerialPort
from tests.display.bench import CODE, Bench, SkipClock
from tests.display.waiting import until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.mark.parametrize("command_set", ["escpos", "cd5220"])
def test_C1_the_code_is_on_the_glass_soon_after_it_is_known(
    tmp_path: Path, command_set: str
) -> None:
    bench = Bench(tmp_path, command_set)
    bench.presenter.show(bench.pairing())

    assert bench.shows("OPEN ON PHONE OR PC:", CODE, seconds=2.0)
    assert bench.becomes("unknown")  # this display does not answer
    assert bench.terminal.errors == ()
    assert not bench.terminal.cursor_visible
    bench.close()


def test_nothing_is_claimed_while_there_is_nothing_to_say(bench: Bench) -> None:
    bench.presenter.show(Serving())
    other = SerialPort(path=bench.link)
    other.open()
    other.close(discard=True)

    assert bench.presenter.health == "released"
    assert bench.terminal.received == 0


def test_C7_after_pairing_the_screen_is_cleared_and_the_port_given_back(bench: Bench) -> None:
    bench.presenter.show(bench.pairing())
    assert bench.shows("OPEN ON PHONE OR PC:", CODE)
    paired = Paired(owner="Café Müller")
    bench.presenter.show(paired)
    bench.presenter.show(Serving())  # at once, as the daemon does

    assert bench.shows("PAIRED WITH:", "Cafe Mueller")
    bench.clock.skip(10.0)
    bench.presenter.show(Serving())
    assert bench.shows("", "")
    assert bench.becomes("released")
    payment_software = SerialPort(path=bench.link)
    payment_software.open()
    payment_software.close(discard=True)


def test_C7_closing_takes_the_code_off_the_glass(bench: Bench) -> None:
    bench.presenter.show(bench.pairing())
    assert bench.shows("OPEN ON PHONE OR PC:", CODE)
    bench.presenter.close()

    assert bench.shows("", "")


def test_C7_a_denied_code_leaves_the_glass(bench: Bench) -> None:
    bench.presenter.show(bench.pairing())
    assert bench.shows("OPEN ON PHONE OR PC:", CODE)
    bench.presenter.show(Denied(description=""))

    assert bench.shows("PAIRING DECLINED", "NEW CODE FOLLOWS")


def test_C8_pages_turn_and_minutes_pass(bench: Bench) -> None:
    pairing = bench.pairing()
    bench.presenter.show(pairing)
    assert bench.shows("OPEN ON PHONE OR PC:", CODE)
    bench.clock.skip(3.0)
    bench.presenter.show(pairing)
    assert bench.shows("pair.example.com/d", CODE)
    bench.clock.skip(56.0)
    bench.presenter.show(pairing)

    assert until(lambda: bench.terminal.cells()[1] == "CODE  WDJB-MJHT  13m")


def test_a_page_turns_without_anybody_asking(bench: Bench) -> None:
    bench.presenter.show(bench.pairing(renewed=True))
    renewed = CODE.replace("CODE", "NEW ")
    assert bench.shows("NEW CODE", renewed)

    assert bench.shows("OPEN ON PHONE OR PC:", renewed)


def test_the_newest_situation_wins(bench: Bench) -> None:
    for number in range(200):
        bench.presenter.show(bench.pairing(user_code=f"CODE-{number:04}"))

    assert until(lambda: "CODE-0199" in bench.terminal.cells()[1])
    assert bench.terminal.received < 1000  # not two hundred screens


def test_a_display_that_lost_its_power_unseen_is_repainted(bench: Bench) -> None:
    starting = Starting()
    bench.presenter.show(starting)
    assert bench.shows("STARTING", "PLEASE WAIT")
    bench.terminal.power_cycle()
    bench.clock.skip(46.0)
    bench.presenter.show(starting)

    assert bench.shows("STARTING", "PLEASE WAIT")
    assert not bench.terminal.cursor_visible


def test_a_stalled_display_delays_nobody_and_recovers(bench: Bench) -> None:
    bench.presenter.show(Starting())
    assert bench.shows("STARTING", "PLEASE WAIT")
    bench.terminal.stall()
    start = time.monotonic()
    for number in range(100):
        bench.presenter.show(bench.pairing(user_code=f"CODE-{number:04}"))
    assert time.monotonic() - start < 0.5
    assert bench.becomes("stalled")

    bench.terminal.resume()
    assert until(lambda: "CODE-0099" in bench.terminal.cells()[1])
    assert bench.becomes("unknown")


def test_closing_is_bounded_while_the_display_is_stalled(bench: Bench) -> None:
    bench.presenter.show(Starting())
    assert bench.shows("STARTING", "PLEASE WAIT")
    bench.terminal.stall()
    bench.presenter.show(bench.pairing())
    start = time.monotonic()
    bench.presenter.close()

    assert time.monotonic() - start < 4.0


def test_a_port_in_other_hands_is_waited_for_not_fought_over(bench: Bench) -> None:
    payment_software = SerialPort(path=bench.link)
    payment_software.open()
    bench.presenter.show(bench.pairing())
    assert bench.becomes("busy")
    assert f"display {bench.link} is in use by" in bench.presenter.standing.reason
    payment_software.write(b"\x0cTOTAL 12.50")
    assert until(lambda: bench.terminal.cells()[0].startswith("TOTAL 12.50"))

    payment_software.close(discard=False)
    assert bench.code_is_shown()
    assert bench.becomes("unknown")
    assert bench.presenter.standing.reason == ""


# -- handing over ---------------------------------------------------------------------------------


def test_the_display_is_lent_while_a_code_is_shown_and_comes_back(bench: Bench) -> None:
    bench.presenter.show(bench.pairing())
    assert bench.code_is_shown()
    bench.presenter.lend(True)
    assert bench.becomes("lent")
    payment_software = SerialPort(path=bench.link)
    payment_software.open()
    assert bench.shows("", "")
    bench.presenter.show(bench.pairing(renewed=True))  # pairing goes on without it
    bench.presenter.overlay(bench.held())
    bench.presenter.overlay(None)
    payment_software.write(b"\x0cTOTAL 12.50")
    assert until(lambda: bench.terminal.cells()[0].startswith("TOTAL 12.50"))
    assert bench.presenter.health == "lent"

    payment_software.close(discard=False)
    bench.presenter.lend(False)
    assert bench.code_is_shown()


def test_always_keeps_the_display_blank_between_what_it_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path, always=True)
    bench.presenter.show(Starting())
    assert bench.shows("STARTING", "PLEASE WAIT")
    bench.presenter.show(Serving())
    assert bench.shows("", "")
    assert bench.presenter.health == "unknown"
    assert not bench.somebody_can_have_it()
    bench.presenter.lend(True)

    assert bench.becomes("lent")
    assert bench.somebody_can_have_it()
    bench.close()


# -- overlays -------------------------------------------------------------------------------------


def test_an_overlay_covers_the_code_until_it_is_taken_off(bench: Bench) -> None:
    bench.presenter.show(bench.pairing())
    assert bench.code_is_shown()
    bench.presenter.overlay(bench.held())
    assert until(lambda: bench.terminal.cells()[1] != CODE)

    bench.presenter.overlay(None)
    assert bench.code_is_shown()
    assert bench.terminal.errors == ()


def test_an_overlay_over_nothing_borrows_the_display_for_its_time(bench: Bench) -> None:
    bench.presenter.show(Serving())
    bench.presenter.overlay(bench.held())
    assert until(lambda: bool("".join(bench.terminal.cells()).strip()))
    assert bench.becomes("unknown")
    bench.clock.skip(5.0)
    bench.presenter.show(Serving())

    assert bench.shows("", "")
    assert bench.becomes("released")
    assert bench.somebody_can_have_it()


def test_an_overlay_is_not_worth_waiting_for_a_busy_port(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="agent.display")
    payment_software = SerialPort(path=bench.link)
    payment_software.open()
    bench.presenter.show(Serving())
    bench.presenter.overlay(bench.held())
    assert until(lambda: "display.skipped" in caplog.text)
    payment_software.close(discard=False)
    bench.presenter.show(Serving())
    bench.presenter.close()

    assert bench.presenter.health == "released"
    assert bench.terminal.received == 0


def test_trouble_is_logged_once_not_at_every_try(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="agent.display")
    bench.terminal.unplug()
    bench.presenter.show(Offline(kind="network", reason=""))
    assert bench.becomes("absent")
    for _ in range(5):
        bench.clock.skip(6.0)
        bench.presenter.show(Starting())
        time.sleep(0.02)
    bench.terminal.plug()
    bench.clock.skip(6.0)
    bench.presenter.show(Starting())
    assert bench.becomes("unknown")

    words = [record.getMessage().split()[0] for record in caplog.records]
    assert words == ["display.absent", "display.claimed"]
    assert f"display {bench.link} is not there; check its plug" in caplog.records[0].getMessage()


class FaultyDisplay:
    """A display whose driver fails in a way no pty can be made to."""

    device_rows, device_columns = 2, 20

    def __init__(self, fault: Exception) -> None:
        self.fault: Exception | None = fault
        self.claims = 0

    @property
    def fd(self) -> int | None:
        return None

    def as_shown(self, text: str) -> str:
        return text

    def claim(self) -> None:
        self.claims += 1
        if self.fault is not None:
            raise self.fault

    def release(self) -> None: ...

    def presence(self) -> Presence:
        return "unknown"

    def plugged(self) -> bool:
        return True

    def display_rows(self, texts: Mapping[int, str]) -> None: ...

    def display_text_at(self, row: int, column: int, text: str) -> None: ...


@pytest.mark.parametrize("fault", [HardwareError("not allowed"), ZeroDivisionError("a bug")])
def test_no_fault_of_a_driver_ends_the_presenter(fault: Exception) -> None:
    display = FaultyDisplay(fault)
    presenter = Presenter(display=display, language="en", clock=SkipClock())
    presenter.show(Starting())
    assert until(lambda: presenter.health == "unusable")

    display.fault = None
    assert until(lambda: presenter.health == "unknown")
    assert display.claims >= 2
    presenter.close()


class SilentDisplay(FaultyDisplay):
    """Takes its text and never answers; what is asked of it is written down."""

    def __init__(self) -> None:
        super().__init__(NoHardware("nowhere"))
        self.calls: list[str] = []
        self.looks = 0

    def presence(self) -> Presence:
        self.calls.append("presence")
        return "unknown"

    def plugged(self) -> bool:
        self.looks += 1
        return self.fault is None

    def display_rows(self, texts: Mapping[int, str]) -> None:
        self.calls.append("display_rows")


def test_the_code_is_up_before_a_display_is_asked_whether_it_is_there() -> None:
    display = SilentDisplay()
    display.fault = None
    presenter = Presenter(display=display, language="en", clock=SkipClock())
    presenter.show(Starting())
    assert until(lambda: presenter.health == "unknown")
    presenter.close()

    assert display.calls == ["display_rows", "presence"]


def test_a_port_that_is_not_there_is_looked_for_by_its_name_not_by_opening_it() -> None:
    """Opening in vain costs ten times as much, and a terminal may be without a display for good."""
    display = SilentDisplay()
    presenter = Presenter(display=display, language="en", clock=SkipClock())
    presenter.show(Starting())
    assert until(lambda: display.looks >= 60)
    claims = display.claims
    assert claims <= 60 / 5
    assert presenter.health == "absent"

    display.fault = None
    assert until(lambda: presenter.health == "unknown")
    presenter.close()


def test_a_port_that_comes_is_claimed_without_waiting_for_the_next_try() -> None:
    """On a clock that stands still there is no next try."""

    class Still(SkipClock):
        def now(self) -> float:
            return 1000.0

    display = SilentDisplay()
    clock = Still()
    presenter = Presenter(display=display, language="en", clock=clock)
    presenter.show(Starting())
    assert until(lambda: display.looks >= 2)
    display.fault = None

    assert until(lambda: "display_rows" in display.calls)
    presenter.close()


def test_the_code_is_never_in_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    bench.presenter.show(bench.pairing())
    assert bench.shows("OPEN ON PHONE OR PC:", CODE)
    bench.terminal.unplug()
    bench.presenter.show(bench.pairing(renewed=True))
    assert bench.becomes("absent")

    assert "WDJB" not in caplog.text


def test_german_is_spoken_where_it_is_configured(tmp_path: Path) -> None:
    bench = Bench(tmp_path, language="de")
    bench.presenter.show(Offline(kind="network", reason=""))

    assert bench.shows("KEIN NETZWERK", "KABEL PRUEFEN   N102")
    bench.close()


def test_an_unknown_language_is_the_operators_mistake(tmp_path: Path) -> None:
    display = open_line_display(port=os.devnull, command_set="escpos")

    with pytest.raises(ConfigError, match="'fr'"):
        Presenter(display=display, language="fr", clock=SkipClock())
