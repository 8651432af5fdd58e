"""The real daemon and its customer display: borrowed, lent, kept, left alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from agent.supply.errors import AgentUnreachable
from hw.contract import DeviceBusy
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.port import SerialPort
from tests.daemon.terminal import Terminal
from tests.display.waiting import until


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(interval=1, access_token_seconds=1200)) as server:
        yield server


class Shop:
    """A terminal with a display, and a payment program that wants it too."""

    def __init__(self, sandbox: SandboxServer, path: Path, *settings: str) -> None:
        self.sandbox = sandbox
        self.display = EmulatedTerminal(2, 20, "escpos", link=str(path / "display"))
        self.port = SerialPort(path=self.display.path)
        lines = [
            "[display]",
            'command_set = "escpos"',
            f'port = "{self.display.path}"',
            "baudrate = 115200",
            *settings,
        ]
        self.terminal = Terminal(
            path / "t",
            server=f'token_endpoint = "{sandbox.token_endpoint}"',
            client=f'id = "{sandbox.client_id}"\nsecret = "{sandbox.client_secret}"',
            extra="\n".join(lines),
        )

    def pairs(self) -> str:
        self.terminal.until(lambda: bool(self.sandbox.waiting()))
        self.terminal.until(lambda: self.terminal.state() == "pairing")
        return self.sandbox.waiting()[0].user_code

    def shows(self, text: str) -> bool:
        return until(lambda: text in "\n".join(self.display.cells()))

    def becomes(self, health: str) -> dict[str, str]:
        self.terminal.until(lambda: bool((told := self.told()) and told["health"] == health))
        return self.told() or {}

    def told(self) -> dict[str, str] | None:
        """What the status says of the display; None while there is no status yet."""
        try:
            told: dict[str, str] | None = self.terminal.ask("GET", "/v1/status")[1]["display"]
        except AgentUnreachable:
            return None
        return told

    def close(self) -> None:
        self.terminal.__exit__(None, None, None)
        self.display.close()


@pytest.fixture
def shop(sandbox: SandboxServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    shop = Shop(sandbox, tmp_path, *getattr(request, "param", ()))
    yield shop
    shop.close()


def test_payment_software_gets_the_display_while_pairing_and_returns_it(shop: Shop) -> None:
    shop.terminal.start()
    code = shop.pairs()
    assert shop.shows(code)
    assert shop.becomes("unknown") == {"health": "unknown"}
    assert shop.terminal.ask("POST", "/v1/display/release", admin=True)[0] == 202
    assert shop.becomes("lent") == {"health": "lent"}
    shop.port.open()
    shop.port.write(b"\x0cTOTAL 12.50")
    assert shop.shows("TOTAL 12.50")

    shop.port.close(discard=False)
    assert shop.terminal.ask("POST", "/v1/display/claim", admin=True)[0] == 202
    assert shop.shows(code)
    assert shop.terminal.state() == "pairing"


def test_a_busy_display_is_waited_for_and_its_holder_named(shop: Shop) -> None:
    shop.port.open()
    shop.terminal.start()
    code = shop.pairs()
    told = shop.becomes("busy")
    assert f"display {shop.display.path} is in use by " in told["reason"]

    shop.port.close(discard=False)
    assert shop.shows(code)
    assert shop.becomes("unknown") == {"health": "unknown"}


@pytest.mark.parametrize("shop", [('claim = "never"',)], indirect=True)
def test_never_leaves_the_port_alone_and_the_code_to_the_payment_software(shop: Shop) -> None:
    shop.terminal.start()
    code = shop.pairs()

    assert shop.told() == {"health": "never"}
    shop.port.open()
    shop.port.close(discard=True)
    assert shop.display.received == 0
    assert shop.terminal.ask("GET", "/v1/pairing", admin=True)[1]["user_code"] == code


@pytest.mark.parametrize("shop", [('claim = "always"',)], indirect=True)
def test_always_keeps_the_port_when_there_is_nothing_to_say(shop: Shop) -> None:
    config = shop.terminal.config.read_text()
    shop.terminal.config.write_text(
        config.replace("[client]", '[client]\ngrant = "client_credentials"')  # needs no person
    )
    shop.terminal.start()
    shop.terminal.until(lambda: shop.terminal.state() == "serving")

    assert until(lambda: "".join(shop.display.cells()).strip() == "")
    assert shop.becomes("unknown")
    with pytest.raises(DeviceBusy):
        shop.port.open()


@pytest.mark.parametrize(
    ("shop", "complaint"),
    [
        (('target = "kitchen"',), "no target 'kitchen'"),
        (('character_set = "cp866"',), "no character set 'cp866'"),
    ],
    indirect=["shop"],
)
def test_what_the_command_set_lacks_exits_78(shop: Shop, complaint: str) -> None:
    shop.terminal.start()
    assert shop.terminal.process is not None

    assert shop.terminal.process.wait(20) == 78
    assert complaint in shop.terminal.logged()


@pytest.mark.parametrize("shop", [('handshake = "dtr-dsr"',)], indirect=True)
def test_a_wire_that_is_not_there_is_said_in_the_status(shop: Shop) -> None:
    shop.terminal.start()
    told = shop.becomes("unusable")

    assert "DSR cannot be read on this line" in told["reason"]


def test_a_command_set_beside_the_configuration_is_used(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    own = tmp_path / "t" / "displays.d"
    own.mkdir(parents=True)
    (own / "till.toml").write_text(
        'schema = 1\nextends = "escpos"\ntitle = "Till"\nsources = ["its manual"]\n'
    )
    shop = Shop(sandbox, tmp_path)
    config = shop.terminal.config.read_text()
    shop.terminal.config.write_text(config.replace('"escpos"', '"till"'))
    shop.terminal.start()

    assert shop.shows(shop.pairs())
    shop.close()
