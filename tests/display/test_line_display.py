from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.contract import DeviceTimeout, LineDisplay, NoHardware
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.encoder import Encoder
from hw.display.line_display import EncodedLineDisplay, open_line_display
from hw.display.port import SerialPort
from hw.display.profile import ProfileError, load, shipped
from tests.display.waiting import until


@pytest.fixture(params=["escpos", "cd5220"])
def terminal(request: pytest.FixtureRequest) -> Iterator[EmulatedTerminal]:
    with EmulatedTerminal(2, 20, request.param) as terminal:
        yield terminal


def display_on(terminal: EmulatedTerminal) -> LineDisplay:
    return open_line_display(port=terminal.path, command_set=terminal.command_set, baudrate=115200)


def shows(terminal: EmulatedTerminal, *rows: str) -> bool:
    return until(lambda: terminal.cells() == tuple(row.ljust(20) for row in rows))


def test_the_port_is_not_touched_before_claim() -> None:
    display = open_line_display(port="/nowhere", command_set="escpos", rows=4, columns=40)

    assert (display.device_rows, display.device_columns) == (4, 40)
    display.release()
    assert not display.plugged()
    with pytest.raises(NoHardware, match="not claimed"):
        display.display_rows({0: "A"})
    with pytest.raises(NoHardware, match="/nowhere is not there"):
        display.claim()


class RecordingPort:
    """What goes over the line, and how long it is silent after each."""

    fd = None

    def __init__(self) -> None:
        self.writes: list[tuple[bytes, float]] = []

    def there(self) -> bool:
        return True

    def open(self) -> None: ...

    def close(self, *, discard: bool) -> None: ...

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None:
        self.writes.append((data, settle))

    def read(self, limit: int, seconds: float) -> bytes:
        return b""

    def forget_input(self) -> None: ...

    def dsr(self) -> bool | None:
        return None

    def wire(self) -> bool | None:
        return None


@pytest.mark.parametrize("command_set", shipped())
def test_claim_sends_the_way_back_from_any_state_with_its_silences(command_set: str) -> None:
    encoder = Encoder(profile=load(command_set), rows=2, columns=20)
    port = RecordingPort()
    EncodedLineDisplay(encoder=encoder, port=port).claim()

    assert port.writes == [(command.data, command.settle) for command in encoder.begin()]
    settles = encoder.profile.settle
    assert sum(settle for _, settle in port.writes) == sum(settles.values())


@pytest.mark.parametrize("command_set", shipped())
def test_a_whole_screen_is_sent_in_one_go(command_set: str) -> None:
    """Row by row, a set that cannot go to a row would clear the glass and write all of it twice."""
    encoder = Encoder(profile=load(command_set), rows=2, columns=20)
    port = RecordingPort()
    display = EncodedLineDisplay(encoder=encoder, port=port)
    display.claim()
    port.writes.clear()
    display.display_rows({0: "pair.example.com/d", 1: "CODE  WDJB-MJHT  14m"})

    screen = b"pair.example.com/d".ljust(20), b"CODE  WDJB-MJHT  14m"
    assert port.writes == [(encoder.encode((), screen), 0.0)]


def test_claim_clears_the_power_on_text_and_hides_the_cursor(terminal: EmulatedTerminal) -> None:
    display_on(terminal).claim()

    assert shows(terminal, "", "")
    assert until(lambda: not terminal.cursor_visible)
    assert terminal.errors == ()


def test_text_starts_anywhere_and_never_leaves_its_row(terminal: EmulatedTerminal) -> None:
    display = display_on(terminal)
    display.claim()
    display.display_text_at(0, 0, "NO NETWORK")
    display.display_text_at(1, 16, "N102 is the support code")
    display.display_text_at(0, 3, "PAPER")

    assert shows(terminal, "NO PAPERRK", " " * 16 + "N102")
    display.display_rows({0: "OFF", 1: "X" * 30})
    assert shows(terminal, "OFF", "X" * 20)
    display.display_rows({1: ""})
    assert shows(terminal, "OFF", "")
    assert terminal.errors == ()


def test_control_characters_never_reach_the_line(terminal: EmulatedTerminal) -> None:
    display = display_on(terminal)
    display.claim()
    display.display_text_at(0, 0, "A\x1b@B\x1f@\x0cC\x00\r\nD")

    assert shows(terminal, "A?@B?@ C?  D", "")
    assert terminal.errors == ()


def test_release_leaves_a_cleared_display_and_a_free_port(terminal: EmulatedTerminal) -> None:
    display, other = display_on(terminal), display_on(terminal)
    display.claim()
    display.display_text_at(1, 0, "CODE  WDJB-MJHT  14m")
    display.release()
    display.release()

    assert shows(terminal, "", "")
    other.claim()
    other.release()


def test_the_last_cell_does_not_scroll(terminal: EmulatedTerminal) -> None:
    display = display_on(terminal)
    display.claim()
    for _ in range(2):
        display.display_text_at(0, 0, "A" * 20)
        display.display_text_at(1, 0, "B" * 20)

    assert shows(terminal, "A" * 20, "B" * 20)


def test_after_a_stall_a_new_claim_puts_everything_right(terminal: EmulatedTerminal) -> None:
    display = display_on(terminal)
    display.claim()
    display.display_text_at(0, 0, "HALF OF TH")
    terminal.stall()
    with pytest.raises(DeviceTimeout):
        display.display_text_at(1, 0, "CODE  WDJB-MJHT  14m")
    with pytest.raises(NoHardware, match="not claimed"):
        display.display_text_at(1, 0, "CODE  WDJB-MJHT  14m")

    terminal.resume()
    display.claim()
    display.display_text_at(1, 0, "CODE  WDJB-MJHT  14m")
    assert shows(terminal, "", "CODE  WDJB-MJHT  14m")


def test_release_after_the_plug_was_pulled_is_silent(terminal: EmulatedTerminal) -> None:
    display = display_on(terminal)
    display.claim()
    terminal.unplug()

    display.release()


def test_a_character_set_shows_umlauts() -> None:
    with EmulatedTerminal(2, 20, "escpos") as terminal:
        display = open_line_display(
            port=terminal.path, command_set="escpos", baudrate=115200, character_set="cp858"
        )
        display.claim()
        display.display_text_at(0, 0, "Müller & Söhne 5 €")

        assert shows(terminal, "Müller & Söhne 5 €", "")
        assert display.as_shown("Müller ☃") == "Müller ?"


@pytest.mark.parametrize(
    ("command_set", "character_set", "target", "complaint"),
    [
        ("vt52", None, None, "no command set 'vt52'; there are: .*escpos"),
        ("escpos", None, "kitchen", "no target 'kitchen'; known: display"),
        ("escpos", "cp866", None, "no character set 'cp866'; known: ascii, cp437"),
        ("cd5220", "cp437", None, "no character set 'cp437'; known: ascii"),
    ],
)
def test_what_a_profile_does_not_have_is_refused(
    command_set: str, character_set: str | None, target: str | None, complaint: str
) -> None:
    with pytest.raises(ProfileError, match=complaint):
        open_line_display(
            port="/dev/null", command_set=command_set, character_set=character_set, target=target
        )


def test_a_command_set_of_the_integrator_s_own_is_used(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text(
        'schema = 1\nextends = "escpos"\ntitle = "Till"\nsources = ["its manual"]\n'
        "[settle]\ninitialise = 0.0\n"
    )
    with EmulatedTerminal(2, 20, "escpos") as terminal:
        display = open_line_display(
            port=terminal.path, command_set="till", baudrate=115200, displays=str(tmp_path)
        )
        display.claim()
        display.display_text_at(0, 0, "HELLO")

        assert shows(terminal, "HELLO", "")
    with pytest.raises(ProfileError, match=r"no command set 'till'"):
        open_line_display(port=terminal.path, command_set="till")


def test_a_printer_in_front_is_selected_again_at_the_end() -> None:
    with EmulatedTerminal(2, 20, "escpos", selected_at_start=False) as terminal:
        display = open_line_display(
            port=terminal.path, command_set="escpos", baudrate=115200, target="display"
        )
        display.claim()
        display.display_text_at(0, 0, "HELLO")
        assert shows(terminal, "HELLO", "")
        display.release()
        other = SerialPort(path=terminal.path)
        other.open()
        other.write(b"TOTAL 12.50")
        other.close(discard=False)

        assert until(lambda: terminal.passed_on.endswith(b"TOTAL 12.50"))
        assert terminal.cells() == (" " * 20,) * 2


def test_a_set_that_scrolls_after_its_last_cell_has_a_column_less() -> None:
    display = open_line_display(port="/dev/null", command_set="ascii")

    assert display.device_columns == 19


def test_the_line_hangs_up_only_while_it_is_claimed() -> None:
    with EmulatedTerminal(2, 20, "escpos") as terminal:
        display = display_on(terminal)
        assert display.fd is None
        display.claim()
        assert display.fd is not None
        display.release()
        assert display.fd is None
