"""A presenter, its thread and all, over a real pty with an emulated display at its end."""

import time
from pathlib import Path
from typing import Final

from agent.display.presenter import Health, Presenter
from agent.situation import HeldButton, Pairing
from hw.contract import DeviceBusy
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.line_display import open_line_display
from hw.display.port import SerialPort
from tests.display.waiting import until

CODE: Final = "CODE  WDJB-MJHT  14m"


class SkipClock:
    """Runs as the real one does, and skips ahead when a test would have to wait."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def skip(self, seconds: float) -> None:
        self._ahead += seconds


class Bench:
    """A terminal with a display on a stable path, and a presenter for it."""

    def __init__(
        self,
        path: Path,
        command_set: str = "escpos",
        *,
        language: str = "en",
        always: bool = False,
        baudrate: int = 115200,
    ) -> None:
        self.clock = SkipClock()
        self.link = str(path / "display")
        self.terminal = EmulatedTerminal(2, 20, command_set, link=self.link)
        self.presenter = Presenter(
            display=open_line_display(port=self.link, command_set=command_set, baudrate=baudrate),
            language=language,
            clock=self.clock,
            always=always,
        )

    def pairing(self, user_code: str = "WDJB-MJHT", renewed: bool = False) -> Pairing:
        return Pairing(
            user_code=user_code,
            verification_uri="https://pair.example.com/d",
            expires_at=self.clock.now() + 835,
            terminal="T7F3",
            renewed=renewed,
        )

    def held(self) -> HeldButton:
        return HeldButton(pairs_at=self.clock.now() + 5)

    def shows(self, *rows: str, seconds: float = 20.0) -> bool:
        wanted = tuple(row.ljust(20) for row in rows)
        return until(lambda: self.terminal.cells() == wanted, seconds)

    def becomes(self, health: Health) -> bool:
        return until(lambda: self.presenter.health == health)

    def code_is_shown(self) -> bool:
        return until(lambda: "WDJB-MJHT" in self.terminal.cells()[1])

    def somebody_can_have_it(self) -> bool:
        """Whether the port can be opened, as payment software would."""
        other = SerialPort(path=self.link)
        try:
            other.open()
        except DeviceBusy:
            return False
        other.close(discard=True)
        return True

    def close(self) -> None:
        self.presenter.close()
        self.terminal.close()
