"""One slip a code, and nobody waits for it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.display import language
from agent.errors import ConfigError
from agent.receipt import Receipts, open_receipts
from agent.settings import ReceiptPrinterSettings, Settings
from agent.situation import Offline, Paired, Serving, Situation
from hw.contract import (
    DeviceBusy,
    DeviceTimeout,
    HardwareError,
    NoHardware,
    ReceiptPrinter,
    Slip,
)
from tests.config.samples import MINIMAL, write
from tests.display.waiting import until
from tests.receipt.test_slip import COMPLETE, NOW, pairing

FIRST, SECOND = pairing(code="AAAA-AAAA"), pairing(code="BBBB-BBBB")


class Clock:
    """Stands still, and counts how often the thread has looked."""

    def __init__(self) -> None:
        self.time = NOW
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        return self.time


class Printer:
    """Prints to a list; `trouble` is raised instead, `stuck` holds everything up."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.tries = 0
        self.trouble: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def print_slip(self, slip: Slip) -> None:
        self.tries += 1
        self.free.wait(60)
        if self.trouble is not None:
            raise self.trouble
        self.codes.append(slip.code)


Make = Callable[..., Receipts]


@pytest.fixture
def printer() -> Iterator[Printer]:
    printer = Printer()
    yield printer
    printer.free.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receipts(printer: Printer, clock: Clock) -> Iterator[Receipts]:
    receipts = Receipts(printer=printer, language=language.load("en"), clock=clock, retry=0.01)
    yield receipts
    receipts.close()


def settled(receipts: Receipts, printer: Printer) -> bool:
    """The thread has dealt with all that was shown: a further code comes out last."""
    receipts.show(pairing(code="THE-LAST"))
    return until(lambda: printer.codes[-1:] == ["THE-LAST"])


def looked_at(receipts: Receipts, situation: Situation, clock: Clock) -> bool:
    """The thread has seen that it is shown."""
    before = clock.looks
    receipts.show(situation)
    return until(lambda: clock.looks > before)


def test_a_code_is_printed_once_however_often_it_is_shown(
    receipts: Receipts, printer: Printer, clock: Clock
) -> None:
    for situation in (FIRST, FIRST, Offline(kind="network", reason=""), FIRST, FIRST):
        assert looked_at(receipts, situation, clock)

    assert settled(receipts, printer)
    assert printer.codes == ["AAAA-AAAA", "THE-LAST"]


def test_a_new_code_gets_a_slip_of_its_own(receipts: Receipts, printer: Printer) -> None:
    receipts.show(FIRST)
    assert until(lambda: printer.codes == ["AAAA-AAAA"])
    receipts.show(SECOND)

    assert until(lambda: printer.codes == ["AAAA-AAAA", "BBBB-BBBB"])


@pytest.mark.parametrize("situation", [Serving(), Paired(owner="Cafe")])
def test_nothing_else_is_printed(
    receipts: Receipts, printer: Printer, clock: Clock, situation: Situation
) -> None:
    for shown in (situation, replace(FIRST, expires_at=NOW)):
        assert looked_at(receipts, shown, clock)

    assert settled(receipts, printer)
    assert printer.codes == ["THE-LAST"]


def test_a_stuck_printer_holds_nobody_up_and_the_newest_code_wins(
    receipts: Receipts, printer: Printer
) -> None:
    printer.free.clear()
    receipts.show(FIRST)
    assert until(lambda: printer.tries == 1)
    for number in range(100):
        receipts.show(pairing(code=f"CODE-{number:04}"))
    assert printer.tries == 1
    printer.free.set()

    assert until(lambda: printer.codes == ["AAAA-AAAA", "CODE-0099"])


@pytest.mark.parametrize("trouble", [NoHardware("it is not there"), DeviceBusy("somebody has it")])
def test_a_printer_that_is_away_is_waited_for_and_named_once(
    receipts: Receipts,
    printer: Printer,
    trouble: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="agent.receipt")
    printer.trouble = trouble
    receipts.show(FIRST)
    assert until(lambda: printer.tries >= 3)
    printer.trouble = None

    assert until(lambda: printer.codes == ["AAAA-AAAA"])
    assert until(lambda: len(caplog.records) == 2)
    words = [record.getMessage().split()[0] for record in caplog.records]
    assert words == ["receipt.not_printed", "receipt.printed"]


def test_it_is_not_waited_for_longer_than_the_code_lives(
    receipts: Receipts, printer: Printer, clock: Clock
) -> None:
    printer.trouble = NoHardware("it is not there")
    receipts.show(FIRST)
    assert until(lambda: printer.tries >= 1)
    for _ in range(2):  # whatever the thread was at during the first is over in the second
        assert looked_at(receipts, Serving(), clock)
        printer.trouble = None

    assert settled(receipts, printer)
    assert printer.codes == ["THE-LAST"]
    clock.time = FIRST.expires_at
    receipts.show(SECOND)
    receipts.show(replace(FIRST, user_code="LATER", expires_at=clock.time + 60))
    assert until(lambda: printer.codes == ["THE-LAST", "LATER"])


@pytest.mark.parametrize("trouble", [DeviceTimeout("no paper"), HardwareError("no"), KeyError("x")])
def test_half_a_slip_is_not_tried_again_but_the_next_code_is(
    receipts: Receipts, printer: Printer, clock: Clock, trouble: Exception
) -> None:
    printer.trouble = trouble
    receipts.show(FIRST)
    assert until(lambda: printer.tries == 1)
    assert looked_at(receipts, Serving(), clock)
    printer.trouble = None
    assert looked_at(receipts, FIRST, clock)

    assert settled(receipts, printer)
    assert (printer.codes, printer.tries) == (["THE-LAST"], 2)


@pytest.mark.parametrize("trouble", [DeviceTimeout("no paper"), ValueError(COMPLETE, "AAAA")])
def test_neither_code_nor_address_is_in_the_log(
    receipts: Receipts, printer: Printer, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    printer.trouble = trouble
    receipts.show(FIRST)
    assert until(lambda: len(caplog.records) == 1)
    printer.trouble = None
    receipts.show(SECOND)
    assert until(lambda: len(caplog.records) == 2)

    assert "AAAA" not in caplog.text + repr(receipts)
    assert "BBBB" not in caplog.text
    assert "pair.example.com" not in caplog.text


# -- from the configuration -----------------------------------------------------------------------


def settings(tmp_path: Path, more: str) -> Settings:
    from agent import config

    return config.load(write(tmp_path, MINIMAL + more))


def driver(*, port: str, baudrate: int, profile: str) -> ReceiptPrinter:
    assert (port, baudrate, profile) == ("/dev/pos/printer", 9600, "TM-T88V")
    return Printer()


def missing(*, port: str, baudrate: int, profile: str) -> ReceiptPrinter:
    raise HardwareError("python-escpos is not installed")


def test_without_the_table_there_is_no_printer(tmp_path: Path, clock: Clock) -> None:
    assert open_receipts(settings(tmp_path, ""), missing, clock=clock) is None


def test_the_printer_is_made_as_configured(tmp_path: Path, clock: Clock) -> None:
    found = settings(tmp_path, '\n[receipt_printer]\nprofile = "TM-T88V"\n')
    assert found.receipt_printer == ReceiptPrinterSettings(profile="TM-T88V")
    receipts = open_receipts(found, driver, clock=clock)

    assert receipts is not None
    receipts.close()


def test_without_its_library_pairing_goes_on_with_one_warning(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    found = settings(tmp_path, "\n[receipt_printer]\n")

    assert open_receipts(found, missing, clock=clock) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "receipt.not_printed" in caplog.text


def test_a_language_without_texts_is_the_operators_mistake(tmp_path: Path, clock: Clock) -> None:
    found = replace(settings(tmp_path, "\n[receipt_printer]\n"), language="xx")

    with pytest.raises(ConfigError, match="no display texts for language 'xx'"):
        open_receipts(found, driver, clock=clock)


def test_closing_does_not_wait_for_a_stuck_printer_for_ever(
    receipts: Receipts, printer: Printer
) -> None:
    printer.free.clear()
    receipts.show(FIRST)
    assert until(lambda: printer.tries == 1)
    before = time.monotonic()
    receipts.close()

    assert time.monotonic() - before < 20
    printer.free.set()
