"""Whether a display is there: asked over an emulated wire, and over a pty."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hw.contract import DeviceTimeout, HardwareError, LineDisplay, NoHardware, Presence
from hw.display.emulator import Emulator
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.encoder import Encoder
from hw.display.line_display import EncodedLineDisplay, open_line_display
from hw.display.profile import AnswerProbe, load
from tests.display.waiting import until


class Wire:
    """A display at the end of an RS-232 cable: what a pty lacks, DSR and cut wires, it has."""

    def __init__(self, command_set: str) -> None:
        self.command_set = command_set
        self.unit = Emulator(2, 20, command_set)
        self.plugged = True  # the cable; the adapter always is
        self.return_wire = True
        self.dsr_wire = True
        self.handshake = False
        self.fault: HardwareError | None = None
        self.sent = b""
        self._open = False
        self._heard = b""

    @property
    def fd(self) -> int | None:
        return None

    def there(self) -> bool:
        return self.fault is None

    def open(self) -> None:
        self._checked()
        self._open = True

    def close(self, *, discard: bool) -> None:
        self._open = False

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None:
        self._checked()
        self.sent += data
        if self.plugged:
            answer = self.unit.feed(data)
            self._heard += answer if self.return_wire else b""

    def read(self, limit: int, seconds: float) -> bytes:
        self._checked()
        if not self._heard:
            time.sleep(seconds)
        heard, self._heard = self._heard[:limit], self._heard[limit:]
        return heard

    def forget_input(self) -> None:
        self._heard = b""

    def dsr(self) -> bool | None:
        self._checked()
        return (self.plugged and self.unit.dsr) if self.dsr_wire else None

    def wire(self) -> bool | None:
        return self.dsr() if self.handshake else None

    def _checked(self) -> None:
        if self.fault is not None:
            raise self.fault


@dataclass
class Bench:
    wire: Wire
    display: EncodedLineDisplay

    def presence(self) -> Presence:
        """Asked, within the time the contract allows, and nothing changed on the glass."""
        before, start = (self.wire.unit.cells(), self.wire.unit.errors), time.monotonic()
        presence = self.display.presence()
        assert time.monotonic() - start < 0.5 + LATE
        assert (self.wire.unit.cells(), self.wire.unit.errors) == before
        return presence


LATE = 10.0  # s a loaded machine may be late


def bench_for(command_set: str) -> Bench:
    wire = Wire(command_set)
    encoder = Encoder(profile=load(command_set), rows=2, columns=20)
    display = EncodedLineDisplay(encoder=encoder, port=wire)
    display.claim()
    display.display_text_at(0, 0, "CODE  WDJB-MJHT")
    return Bench(wire, display)


ANSWERS = ["ba6x", "dsp800", "ncr", "star"]
BY_DSR = ["escpos"]
MUTE = ["aedex", "cd5220", "logic-controls", "surepos", "utc", "utc-enhanced"]


@pytest.mark.parametrize("command_set", ANSWERS + BY_DSR)
def test_a_display_that_answers_is_confirmed(command_set: str) -> None:
    bench = bench_for(command_set)

    assert [bench.presence() for _ in range(2)] == ["confirmed"] * 2


@pytest.mark.parametrize("command_set", MUTE)
def test_a_display_that_cannot_answer_is_unknown_and_not_asked(command_set: str) -> None:
    bench = bench_for(command_set)
    before = bench.wire.sent

    assert bench.presence() == "unknown"
    assert bench.wire.sent == before


@pytest.mark.parametrize("command_set", ["dsp800", "escpos"])
def test_silence_of_one_that_never_answered_proves_nothing(command_set: str) -> None:
    bench = bench_for(command_set)
    bench.wire.plugged = False
    assert bench.presence() == "unknown"

    bench.wire.plugged = True
    assert bench.presence() == "confirmed"


def test_a_cable_without_a_return_wire_leaves_it_unknown() -> None:
    bench = bench_for("star")
    bench.wire.return_wire = False

    assert bench.presence() == "unknown"


class Illiterate(Wire):
    """Shows the question it does not know."""

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None:
        probe = load(self.command_set).presence
        if isinstance(probe, AnswerProbe) and data == probe.ask:
            self.unit.feed(b"c")
        else:
            super().write(data, settle, stall=stall)


@pytest.mark.parametrize("command_set", ANSWERS)
def test_a_question_that_is_not_understood_does_not_stay_on_the_glass(command_set: str) -> None:
    wire = Illiterate(command_set)
    wire.return_wire = False
    encoder = Encoder(profile=load(command_set), rows=2, columns=20)
    display = EncodedLineDisplay(encoder=encoder, port=wire)
    display.claim()
    display.display_rows({0: "CODE  WDJB-MJHT", 1: "pair.example.com/d"})
    before = wire.unit.cells()

    assert display.presence() == "unknown"
    assert wire.unit.cells() == before


@pytest.mark.parametrize("command_set", ["dsp800", "cd5220"])
def test_nothing_is_written_twice_for_a_question_that_was_answered_or_not_sent(
    command_set: str,
) -> None:
    bench = bench_for(command_set)
    before = bench.wire.sent
    bench.presence()
    probe = load(command_set).presence

    assert bench.wire.sent == before + (probe.ask if isinstance(probe, AnswerProbe) else b"")


@pytest.mark.parametrize("command_set", ["ncr", "escpos"])
def test_silence_of_one_that_has_answered_is_absence(command_set: str) -> None:
    bench = bench_for(command_set)
    assert bench.presence() == "confirmed"
    bench.wire.plugged = False
    assert bench.presence() == "absent"

    bench.wire.plugged = True
    assert bench.presence() == "confirmed"


def test_whatever_is_plugged_in_next_starts_with_a_clean_record() -> None:
    bench = bench_for("dsp800")
    assert bench.presence() == "confirmed"
    bench.wire.fault = NoHardware("unplugged")
    with pytest.raises(NoHardware):
        bench.display.claim()
    bench.wire.fault = None
    bench.wire.return_wire = False
    bench.display.claim()

    assert bench.presence() == "unknown"


def test_an_adapter_without_dsr_is_not_asked_for_it() -> None:
    bench = bench_for("escpos")
    bench.wire.dsr_wire = False
    before = bench.wire.sent

    assert bench.presence() == "unknown"
    assert bench.wire.sent == before


def test_dsr_is_high_again_afterwards() -> None:
    bench = bench_for("escpos")
    bench.presence()

    assert bench.wire.unit.dsr


def test_dsr_tied_high_confirms_nothing() -> None:
    class TiedHigh(Wire):
        def dsr(self) -> bool | None:
            return True

    display = EncodedLineDisplay(
        encoder=Encoder(profile=load("escpos"), rows=2, columns=20), port=TiedHigh("escpos")
    )
    display.claim()

    assert display.presence() == "unknown"


@pytest.mark.parametrize("command_set", [*BY_DSR, "cd5220"])
def test_with_a_handshake_the_wire_itself_tells(command_set: str) -> None:
    bench = bench_for(command_set)
    bench.wire.handshake = True
    before = bench.wire.sent
    assert bench.presence() == "confirmed"
    bench.wire.plugged = False
    assert bench.presence() == "absent"

    bench.wire.plugged = True
    assert bench.presence() == "confirmed"
    assert bench.wire.sent == before


class Loop(Wire):
    """A connector plugged onto itself, or a modem: each byte comes back alone, and an adapter holds
    some of them for a moment after the line was asked to forget them."""

    held = b"21"

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None:
        self._heard += data

    def read(self, limit: int, seconds: float) -> bytes:
        return super().read(1, seconds)

    def forget_input(self) -> None:
        self._heard = self.held


@pytest.mark.parametrize("command_set", ["ba6x", "star"])
def test_an_echo_is_no_answer(command_set: str) -> None:
    profile = load(command_set)
    assert isinstance(profile.presence, AnswerProbe)
    assert profile.presence.answer == b""  # any reply will do
    display = EncodedLineDisplay(
        encoder=Encoder(profile=profile, rows=2, columns=20), port=Loop(command_set)
    )
    display.claim()

    assert display.presence() == "unknown"


@pytest.mark.parametrize("command_set", ["ba6x", "dsp800", "ncr", "star"])
def test_silence_is_waited_for_half_a_second_at_most(command_set: str) -> None:
    """The seconds asked for are counted: a loaded machine takes longer than they say."""

    class Patient(Wire):
        waited = 0.0

        def read(self, limit: int, seconds: float) -> bytes:
            self.waited += seconds
            return super().read(limit, seconds)

    wire = Patient(command_set)
    wire.return_wire = False
    display = EncodedLineDisplay(
        encoder=Encoder(profile=load(command_set), rows=2, columns=20), port=wire
    )
    display.claim()

    assert display.presence() == "unknown"
    assert 0.0 < wire.waited <= 0.5


def test_asking_is_for_whoever_has_claimed_it() -> None:
    bench = bench_for("dsp800")
    bench.display.release()

    with pytest.raises(NoHardware, match="not claimed"):
        bench.display.presence()


def test_trouble_while_asking_gives_the_port_up() -> None:
    bench = bench_for("dsp800")
    bench.wire.fault = DeviceTimeout("stalled")
    with pytest.raises(DeviceTimeout):
        bench.display.presence()
    bench.wire.fault = None

    with pytest.raises(NoHardware, match="not claimed"):
        bench.display.display_rows({0: "A"})


# -- over a pty -----------------------------------------------------------------------------------


@pytest.fixture(params=["ba6x", "dsp800"])
def terminal(request: pytest.FixtureRequest) -> Iterator[EmulatedTerminal]:
    with EmulatedTerminal(2, 20, request.param) as terminal:
        yield terminal


def display_on(terminal: EmulatedTerminal) -> LineDisplay:
    return open_line_display(port=terminal.path, command_set=terminal.command_set, baudrate=115200)


def becomes(ask: Callable[[], Presence], wanted: Presence) -> bool:
    """The far end is a thread, and may be late on a loaded machine."""
    return until(lambda: ask() == wanted)


def test_an_answer_comes_back_over_a_real_line(terminal: EmulatedTerminal) -> None:
    display = display_on(terminal)
    display.claim()
    assert becomes(display.presence, "confirmed")
    terminal.power_off()
    assert becomes(display.presence, "absent")
    terminal.power_on()
    assert becomes(display.presence, "confirmed")
    terminal.unplug()
    with pytest.raises(NoHardware):
        display.presence()
