"""What happens to USB displays, told with `tests.display.usb_bed`; one story a process.

    umockdev-wrapper /usr/bin/python3 -m tests.display.usb_stories STORY DIRECTORY

Ends with 0 if the story went as it should.
"""

import os
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.display.presenter import Presenter
from agent.situation import Pairing, Starting
from hw.contract import DeviceBusy, DeviceTimeout, HardwareError, NoHardware
from hw.display.line_display import open_line_display
from hw.display.port import Handshake, SerialPort
from tests.display.bench import SkipClock
from tests.display.usb_bed import LINK, Adapter, Bed
from tests.display.waiting import until

LOCKS: Final = Path(sys.argv[2])


def port(path: str = LINK, *, handshake: Handshake = "none", stall: float = 0.2) -> SerialPort:
    return SerialPort(
        path=path,
        baudrate=115200,
        handshake=handshake,
        stall=stall,
        lock_directory=str(LOCKS),
    )


def refusal(call: Callable[[], object], kind: type[HardwareError]) -> str:
    try:
        call()
    except kind as exc:
        return str(exc)
    raise AssertionError(f"no {kind.__name__}")


class Agent:
    """A presenter for the stable name."""

    def __init__(self, command_set: str = "escpos") -> None:
        self.clock = SkipClock()
        self.presenter = Presenter(
            display=open_line_display(port=LINK, command_set=command_set, baudrate=115200),
            language="en",
            clock=self.clock,
        )

    def pair(self) -> None:
        self.presenter.show(
            Pairing(
                user_code="WDJB-MJHT",
                verification_uri="https://pair.example.com/d",
                expires_at=self.clock.now() + 835,
                terminal="T7F3",
            )
        )

    def becomes(self, health: str) -> bool:
        return until(lambda: self.presenter.health == health)


def code_on(adapter: Adapter) -> bool:
    return until(lambda: "WDJB-MJHT" in adapter.cells()[-1])


# -- presence -------------------------------------------------------------------------------------


def confirmed_by_dsr(bed: Bed) -> None:
    """DSR follows the display's own command, until somebody pulls the cable behind the adapter."""
    adapter, agent = bed.plug("ttyUSB0"), Agent()
    agent.pair()
    assert agent.becomes("confirmed")
    assert code_on(adapter)
    adapter.pull_cable()
    agent.clock.skip(3.0)
    agent.pair()
    assert agent.becomes("absent")
    adapter.put_cable_back()
    agent.clock.skip(3.0)
    agent.pair()
    assert agent.becomes("confirmed")
    assert code_on(adapter)
    assert adapter.unit.errors == ()
    agent.presenter.close()


def a_bridge_proves_nothing(bed: Bed) -> None:
    adapter, agent = bed.plug("ttyUSB0"), Agent()
    adapter.dsr = True  # tied high in the adapter
    agent.pair()
    assert agent.becomes("unknown")
    assert code_on(adapter)
    agent.presenter.close()


# -- wires ----------------------------------------------------------------------------------------


def waits_for_dsr(bed: Bed) -> None:
    adapter, line = bed.plug("ttyUSB0"), port(handshake="dtr-dsr", stall=20.0)
    line.open()
    adapter.dsr = False
    writing = threading.Thread(target=line.write, args=(b"A" * 40,))
    writing.start()
    looks = len(adapter.asked_for)
    assert until(lambda: adapter.asked_for[looks:].count(termios.TIOCMGET) > 3)
    assert adapter.received == b""
    adapter.dsr = True
    writing.join()
    assert until(lambda: adapter.received == b"A" * 40)
    line.close(discard=False)


def gives_up_on_dsr(bed: Bed) -> None:
    adapter, line = bed.plug("ttyUSB0"), port(handshake="dtr-dsr")
    line.open()
    assert line.wire() is True
    adapter.dsr = False
    told = refusal(lambda: line.write(b"A"), DeviceTimeout)
    assert "DSR is low" in told, told
    assert adapter.received == b""
    line.close(discard=True)


def gives_up_on_cts(bed: Bed) -> None:
    """In the wire itself, or in what the kernel still holds."""
    adapter, line = bed.plug("ttyUSB0"), port(handshake="rts-cts")
    line.open()
    assert line.fd is not None
    assert termios.tcgetattr(line.fd)[2] & termios.CRTSCTS
    adapter.cts = False
    told = refusal(lambda: line.write(b"A"), DeviceTimeout)
    assert "CTS is low" in told, told
    adapter.cts = True
    line.write(b"B")
    adapter.held_back = 1
    told = refusal(lambda: line.write(b"C"), DeviceTimeout)
    assert "did not take its text" in told, told
    far = os.open(os.ttyname(line.fd), os.O_RDWR | os.O_NOCTTY)
    line.close(discard=True)
    assert not termios.tcgetattr(far)[2] & termios.CRTSCTS  # else the adapter keeps close() waiting


def no_pulse_on_dtr_or_rts(bed: Bed) -> None:
    adapter, line = bed.plug("ttyUSB0"), port()
    for _ in range(2):
        line.open()
        line.write(b"A")
        line.close(discard=False)
    assert adapter.asked_for.count(termios.TIOCMBIS) == 4  # both, twice
    assert not {termios.TIOCMBIC, termios.TIOCMSET} & set(adapter.asked_for)


# -- plugs ----------------------------------------------------------------------------------------


def eio_in_mid_write(bed: Bed) -> None:
    adapter, line = bed.plug("ttyUSB0"), port()
    line.open()
    adapter.writes_left = 2
    told = refusal(lambda: line.write(b"A" * 100), NoHardware)
    assert told == f"display {LINK} is not there; check its plug", told
    assert until(lambda: adapter.received == b"A" * 32)
    line.close(discard=True)


def a_write_that_fails_is_drawn_again(bed: Bed) -> None:
    adapter, agent = bed.plug("ttyUSB0"), Agent()
    agent.presenter.show(Starting())
    assert until(lambda: adapter.cells()[0].startswith("STARTING"))
    adapter.writes_left = 3
    agent.pair()
    assert agent.becomes("absent")
    adapter.writes_left = None
    assert code_on(adapter)
    assert agent.becomes("confirmed")
    agent.presenter.close()


def unplugged_and_back_under_another_name(bed: Bed) -> None:
    first, agent = bed.plug("ttyUSB0"), Agent()
    agent.presenter.show(Starting())
    assert until(lambda: first.cells()[0].startswith("STARTING"))
    first.unplug()
    assert agent.becomes("absent")
    second = bed.plug("ttyUSB1")
    assert until(lambda: second.cells()[0].startswith("STARTING"))
    assert agent.becomes("confirmed")
    agent.presenter.close()


def two_identical_adapters(bed: Bed) -> None:
    """Only the socket tells them apart; their names come in the order of plugging."""
    other, display, agent = bed.plug("ttyUSB0", 2), bed.plug("ttyUSB1", 1), Agent()
    agent.pair()
    assert code_on(display)
    for adapter in (display, other):
        adapter.unplug()
    assert agent.becomes("absent")
    display, again = bed.plug("ttyUSB2", 1), bed.plug("ttyUSB3", 2)
    assert code_on(display)
    agent.presenter.close()
    assert other.received == again.received == b""


# -- others ---------------------------------------------------------------------------------------


def locked_for_java(bed: Bed) -> None:
    bed.plug("ttyUSB0")
    line, seen = port(), {"LCK..display", "LCK..ttyUSB0"}
    line.open()
    assert {file.name for file in LOCKS.iterdir()} == seen
    assert "in use by" in refusal(port("/dev/ttyUSB0").open, DeviceBusy)
    line.close(discard=False)
    assert list(LOCKS.iterdir()) == []


def a_lock_of_java_s_is_respected(bed: Bed) -> None:
    adapter, line = bed.plug("ttyUSB0"), port()
    java = subprocess.Popen(["sleep", "600"])
    try:
        (LOCKS / "LCK..ttyUSB0").write_bytes(b"%10d\n" % java.pid)
        told = refusal(line.open, DeviceBusy)
        assert f"({java.pid})" in told, told
        assert adapter.asked_for == []  # not even opened: that would move its wires
    finally:
        java.kill()
        java.wait()
    line.open()
    line.close(discard=False)


STORIES: Final = (
    confirmed_by_dsr,
    a_bridge_proves_nothing,
    waits_for_dsr,
    gives_up_on_dsr,
    gives_up_on_cts,
    no_pulse_on_dtr_or_rts,
    eio_in_mid_write,
    a_write_that_fails_is_drawn_again,
    unplugged_and_back_under_another_name,
    two_identical_adapters,
    locked_for_java,
    a_lock_of_java_s_is_respected,
)

if __name__ == "__main__":
    {story.__name__: story for story in STORIES}[sys.argv[1]](Bed())
    os._exit(0)  # umockdev's threads need not be waited for
