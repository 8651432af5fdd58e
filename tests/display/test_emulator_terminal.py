"""The emulated display at the end of a real pty: answers, power, printer, and the accidents."""

import os
import select
import termios
import time
import tty
from collections.abc import Iterator

import pytest

from hw.display.emulator.terminal import EmulatedTerminal
from tests.display.waiting import until


@pytest.fixture
def dsp800() -> Iterator[EmulatedTerminal]:
    with EmulatedTerminal(2, 20, "dsp800") as terminal:
        yield terminal


@pytest.fixture
def line(dsp800: EmulatedTerminal) -> Iterator[int]:
    """The host's end, raw."""
    descriptor = opened(dsp800)
    yield descriptor
    os.close(descriptor)


def opened(terminal: EmulatedTerminal) -> int:
    descriptor = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    return descriptor


def said(line: int, count: int) -> bytes:
    """What the display says, up to `count` bytes; less when it falls silent for 5 s."""
    heard = b""
    while len(heard) < count and select.select([line], [], [], 5)[0]:
        heard += os.read(line, count - len(heard))
    return heard


FRAME = b"\x04\x01P\x31\x17"


def test_answers_go_back_over_the_line(dsp800: EmulatedTerminal, line: int) -> None:
    os.write(line, FRAME + b"A" + b"\x04\x01P\x30\x17")

    assert said(line, 2) == b"\x06\x15"
    assert dsp800.cells()[0].startswith("A")


def test_a_host_that_never_reads_stops_nothing() -> None:
    """The answers, 480 kB, fill the line and are lost; the display goes on."""
    read_back = b"\x04\x01T\x17"
    with EmulatedTerminal(4, 40, "star") as star:
        line = opened(star)
        for _ in range(300):
            os.write(line, read_back * 10)
        os.write(line, b"\x0cSTILL HERE")

        assert until(lambda: star.cells()[0].startswith("STILL HERE"))
        assert star.received == 3000 * len(read_back) + 11
        os.close(line)


def test_a_stalled_display_answers_when_it_goes_on(dsp800: EmulatedTerminal, line: int) -> None:
    os.write(line, FRAME)
    assert said(line, 1) == b"\x06"
    dsp800.stall()
    os.set_blocking(line, False)
    with pytest.raises(BlockingIOError):
        os.write(line, FRAME)
    os.set_blocking(line, True)

    dsp800.resume()
    os.write(line, FRAME)
    assert said(line, 1) == b"\x06"
    assert dsp800.errors == ()  # what filled the line is not the host's
    assert dsp800.received == 2 * len(FRAME)


def test_a_display_without_power_says_nothing(dsp800: EmulatedTerminal, line: int) -> None:
    dsp800.power_off()
    assert not dsp800.dsr
    os.write(line, FRAME)
    assert until(lambda: dsp800.received == len(FRAME))
    assert dsp800.cells() == (" " * 20,) * 2

    dsp800.power_on()
    assert dsp800.dsr
    os.write(line, FRAME)
    assert said(line, 1) == b"\x06"
    assert not select.select([line], [], [], 0)[0]


def test_a_line_that_is_flushed_in_a_stall_goes_on(dsp800: EmulatedTerminal, line: int) -> None:
    dsp800.stall()
    termios.tcflush(line, termios.TCOFLUSH)  # as a port does that gives up
    dsp800.resume()
    os.write(line, FRAME)

    assert said(line, 1) == b"\x06"


def test_dsr_follows_us_v_and_the_plug() -> None:
    with EmulatedTerminal(2, 20, "escpos") as terminal:
        line = opened(terminal)
        assert terminal.dsr
        os.write(line, b"\x1fv\x01")
        assert until(lambda: not terminal.dsr)
        os.write(line, b"\x1fv\x00")
        assert until(lambda: terminal.dsr)
        os.close(line)

        terminal.unplug()
        assert not terminal.dsr
        assert terminal.cells() == (" " * 20,) * 2
        terminal.plug()
        assert terminal.dsr


def test_the_printer_behind_and_what_harms_are_seen_from_outside() -> None:
    with EmulatedTerminal(2, 20, "escpos", display_target=1, selected_at_start=False) as terminal:
        line = opened(terminal)
        os.write(line, b"\x1b@RECEIPT\x1b=\x01\x0cHELLO\x1f@")
        assert until(lambda: terminal.cells()[0].startswith("HELLO"))
        assert until(lambda: len(terminal.harmed) == 1)
        os.close(line)

        assert terminal.passed_on == b"\x1b@RECEIPT"
        terminal.unplug()
        terminal.plug()
        assert terminal.harmed == ("1F40: US @ runs the self-test",)


def test_it_reads_no_faster_than_its_line() -> None:
    with EmulatedTerminal(2, 20, "escpos", bytes_per_second=960.0) as terminal:
        line = opened(terminal)
        start = time.monotonic()
        os.write(line, b"A" * 192)
        assert until(lambda: terminal.received == 192)
        elapsed = time.monotonic() - start
        os.close(line)

    assert elapsed >= 192 / 960
