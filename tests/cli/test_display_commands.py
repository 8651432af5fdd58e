"""`display test` on real pseudo-terminals, and the display that the running agent lends."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hw.display.emulator.terminal import EmulatedTerminal
from tests.cli.command import pos_agent
from tests.cli.running import SERVING, Desk, running
from tests.cli.window import LONGEST, Window, no_agent
from tests.display.waiting import until

# -- test -----------------------------------------------------------------------------------------


class Person:
    """Reads the emulated glass, and the picture in the window, and answers."""

    def __init__(self, window: Window, glass: EmulatedTerminal) -> None:
        self._window = window
        self._glass = glass

    def plays(self, *, until_asked: str = "") -> None:
        """Answer until the command ends, or asks that: then stop."""
        while asked := self._window.asks():
            if until_asked and until_asked in asked:
                self._window.types("q\n")
            else:
                self._window.types(f"{self._answer(asked)}\n")

    def _answer(self, asked: str) -> str:
        if word := re.search(r"can you read  (\S+)  anywhere", asked):
            return "y" if self._settles(lambda: word[1] in "".join(self._glass.cells())) else "n"
        if "Is it certain" in asked or "may be the wrong command set" in asked:
            return "y"
        if "Shall other speeds" in asked:
            return "n"
        if "Is there a cursor" in asked:
            return "y" if self._glass.cursor_visible else "n"
        picture = tuple(re.findall(r"│ (.*) │", asked))
        return "y" if self._settles(lambda: self._glass.cells() == picture) else "n"

    def _settles(self, right: Callable[[], bool]) -> bool:
        """Everything has been sent when the question comes; the emulator may still be reading."""
        quiet, received = 0, -1
        while quiet < 8 and not right():
            quiet = quiet + 1 if received == self._glass.received else 0
            received = self._glass.received
            time.sleep(0.02)
        return right()


@pytest.mark.parametrize("command_set", ["cd5220", "logic-controls", "ncr", "aedex"])
def test_the_right_command_set_is_suggested(tmp_path: Path, command_set: str) -> None:
    with EmulatedTerminal(2, 20, command_set) as glass:
        options = ("--port", glass.path, "--baudrate", "115200", "--search")
        with Window("display", "test", *options, *no_agent(tmp_path)) as window:
            Person(window, glass).plays(until_asked="Is this all the display shows")
            code = window.ends()

        assert code == 0, window.text
        assert f'  command_set = "{command_set}"\n' in window.text
        assert f'  port = "{glass.path}"\n' in window.text
        assert "  baudrate = 115200\n" in window.text
        assert glass.harmed == ()
        assert until(lambda: not "".join(glass.cells()).strip())


def test_the_whole_walk_ends_well_on_the_chosen_set(tmp_path: Path) -> None:
    with EmulatedTerminal(2, 20, "escpos") as glass:
        options = ("--port", glass.path, "--command-set", "escpos", "--baudrate", "115200")
        with Window("display", "test", *options, *no_agent(tmp_path)) as window:
            Person(window, glass).plays()
            code = window.ends()

        assert code == 0, window.text
        assert window.text.count("  ok  ") == 6
        assert "  NO  " not in window.text
        assert (glass.errors, glass.harmed) == ((), ())


def test_a_finding_is_an_exit_code(tmp_path: Path) -> None:
    with EmulatedTerminal(2, 20, "ncr") as glass:
        options = ("--port", glass.path, "--command-set", "ncr", "--baudrate", "115200")
        with Window("display", "test", *options, *no_agent(tmp_path)) as window:
            while asked := window.asks():
                window.types("n\n" if "two metres" in asked or "cursor" in asked else "y\n")
            code = window.ends()

    assert code == 1
    assert "  ok  no cursor" in window.text
    assert "  NO  a code can be read" in window.text


def test_what_is_not_understood_is_asked_again_and_r_sends_again(tmp_path: Path) -> None:
    with EmulatedTerminal(2, 20, "escpos") as glass:
        options = ("--port", glass.path, "--baudrate", "115200", "--search")
        with Window("display", "test", *options, *no_agent(tmp_path)) as window:
            window.asks()
            assert until(lambda: "ICON" in "".join(glass.cells()))
            window.types("what?\n")
            window.asks()
            window.types("r\n")
            window.asks()
            assert until(lambda: "ICONICON" in "".join(glass.cells()))
            window.types("q\n")
            assert window.asks() == ""

        assert "Stopped before anything was found" in window.text
        assert window.ends() == 1


def test_it_is_for_people(tmp_path: Path) -> None:
    told = pos_agent("display", "test", "--port", "/dev/null", *no_agent(tmp_path), given="y\n")
    assert told.returncode == 1
    assert "run it in a terminal window" in told.stderr


def test_a_port_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    options = ("--port", str(tmp_path / "none"), *no_agent(tmp_path))
    with Window("display", "test", *options) as window:
        assert window.asks() == ""
        assert window.ends() == 1
    assert "is not there; check its plug" in window.text
    assert "Traceback" not in window.text


# -- the running agent lends the display ----------------------------------------------------------


class Lender(Desk):
    """An agent that has the display until it is asked for it."""

    def lend_display(self, lent: bool) -> None:
        super().lend_display(lent)
        self.told["display"] = {"health": "lent" if lent else "unknown"}


def lender(health: str = "unknown") -> Lender:
    return Lender({**SERVING, "display": {"health": health}})


def shown_by(glass: EmulatedTerminal, admin: str, config: Path) -> tuple[str, ...]:
    options = ("--port", glass.path, "--command-set", "escpos", "--baudrate", "115200")
    return ("display", "show", "GREETINGS", *options, "--config", str(config), "--socket", admin)


def test_the_display_is_borrowed_and_given_back(tmp_path: Path) -> None:
    desk = lender()
    with EmulatedTerminal(2, 20, "escpos") as glass, running(tmp_path, desk) as (_, admin):
        done = pos_agent(*shown_by(glass, admin, tmp_path / "none"), "--seconds", "0")

    assert done.returncode == 0, done.stderr
    assert desk.asked == ["lend", "use"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_given_back_however_the_command_ends(tmp_path: Path, number: int) -> None:
    desk = lender()
    with EmulatedTerminal(2, 20, "escpos") as glass, running(tmp_path, desk) as (_, admin):
        with Window(*shown_by(glass, admin, tmp_path / "none")) as window:
            assert until(lambda: "GREETINGS" in "".join(glass.cells()), LONGEST)
            window.process.send_signal(number)
            assert window.ends() == 0
        assert until(lambda: not "".join(glass.cells()).strip())

    assert desk.asked == ["lend", "use"]


def test_it_is_given_back_after_trouble(tmp_path: Path) -> None:
    desk = lender()
    port = str(tmp_path / "display")  # a name of its own: numbers of ptys are given out again
    with (
        EmulatedTerminal(2, 20, "escpos", link=port) as glass,
        running(tmp_path, desk) as (_, admin),
    ):
        words = shown_by(glass, admin, tmp_path / "none")
    with running(tmp_path, desk) as (_, admin):
        done = pos_agent(*words)  # the display is unplugged by now

    assert done.returncode == 1
    assert "is not there" in done.stderr
    assert desk.asked == ["lend", "use"]


def test_what_somebody_else_borrowed_before_stays_borrowed(tmp_path: Path) -> None:
    desk = lender("lent")
    with EmulatedTerminal(2, 20, "escpos") as glass, running(tmp_path, desk) as (_, admin):
        done = pos_agent(*shown_by(glass, admin, tmp_path / "none"), "--seconds", "0")

    assert done.returncode == 0
    assert desk.asked == []


class Impatient(Lender):
    """A person presses Ctrl-C again while the display is being given back."""

    command: Window | None = None

    def lend_display(self, lent: bool) -> None:
        super().lend_display(lent)
        if not lent and self.command is not None:
            self.command.process.send_signal(signal.SIGINT)


def test_a_second_ctrl_c_does_not_keep_the_display(tmp_path: Path) -> None:
    desk = Impatient({**SERVING, "display": {"health": "unknown"}})
    with EmulatedTerminal(2, 20, "escpos") as glass, running(tmp_path, desk) as (_, admin):
        with Window(*shown_by(glass, admin, tmp_path / "none")) as window:
            desk.command = window
            assert until(lambda: "GREETINGS" in "".join(glass.cells()), LONGEST)
            window.process.send_signal(signal.SIGINT)
            assert window.ends() == 0

    assert desk.asked == ["lend", "use"]


def test_a_walk_that_is_broken_off_leaves_the_glass_blank(tmp_path: Path) -> None:
    with EmulatedTerminal(2, 20, "escpos") as glass:
        options = ("--port", glass.path, "--command-set", "escpos", "--baudrate", "115200")
        with Window("display", "test", *options, *no_agent(tmp_path)) as window:
            window.asks()
            assert until(lambda: glass.cells()[0].startswith("A1..."))
            window.process.send_signal(signal.SIGINT)
            assert window.ends() == 130
        assert until(lambda: not "".join(glass.cells()).strip())


def test_ctrl_c_in_the_middle_of_the_test_gives_it_back(tmp_path: Path) -> None:
    desk = lender()
    with EmulatedTerminal(2, 20, "escpos") as glass, running(tmp_path, desk) as (_, admin):
        options = ("--port", glass.path, "--search", "--config", str(tmp_path / "none"))
        with Window("display", "test", *options, "--socket", admin) as window:
            window.asks()
            assert desk.asked == ["lend"]
            window.process.send_signal(signal.SIGINT)
            assert window.ends() == 130
    assert desk.asked == ["lend", "use"]
