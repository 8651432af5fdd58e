"""The real daemon with a panel: what is there works, what is missing harms nothing."""

from pathlib import Path

from tests.daemon.terminal import Terminal

SERVER = 'token_endpoint = "http://127.0.0.1:9/oauth/token"'  # discard: nobody answers
CLIENT = 'id = "client"\nsecret = "secret"'
PANEL = """
[panel]
button_chip = "no-such-chip"
button_line = "SERVICE"
lamp_led = "status:green"
"""


def make_led(leds: Path) -> Path:
    led = leds / "status:green"
    led.mkdir(parents=True)
    for name, text in {
        "max_brightness": "15",
        "brightness": "0",
        "trigger": "none [heartbeat]",
    }.items():
        (led / name).write_text(text)
    return led


def test_the_lamp_blinks_and_a_missing_button_is_said_once(tmp_path: Path, kernel: Path) -> None:
    led = make_led(tmp_path / "leds")
    with Terminal(tmp_path / "t", server=SERVER, client=CLIENT, extra=PANEL) as terminal:
        terminal.start(LD_PRELOAD=str(kernel), LEDS=str(tmp_path / "leds"))
        terminal.until(lambda: terminal.state() == "offline")
        terminal.until(lambda: (led / "brightness").read_text().startswith("15"))
        panel = terminal.ask("GET", "/v1/status")[1]["panel"]
        assert panel == {"button": "failed", "lamp": "ready"}
        assert terminal.stop() == 0
        assert (led / "brightness").read_text().startswith("0")
        assert (led / "trigger").read_text() == "heartbeat"
        (line,) = (line for line in terminal.logged().splitlines() if " panel." in line)
        assert 'panel.failed part=button reason="no GPIO chip is labelled no-such-chip' in line


def test_without_a_panel_there_is_nothing_to_say(tmp_path: Path) -> None:
    with Terminal(tmp_path / "t", server=SERVER, client=CLIENT) as terminal:
        terminal.start()
        terminal.until(lambda: terminal.state() == "offline")
        assert "panel" not in terminal.ask("GET", "/v1/status")[1]
        assert terminal.stop() == 0
        assert " panel." not in terminal.logged()
