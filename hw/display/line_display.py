"""A customer display as UnifiedPOS sees it, over an encoder and a port."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from hw.contract import HardwareError, LineDisplay, NoHardware, Presence
from hw.display import code_pages
from hw.display.encoder import Encoder
from hw.display.port import Handshake, Parity, SerialPort
from hw.display.presence import ProbedPort, Prober
from hw.display.profile import load


class Port(ProbedPort, Protocol):
    """The line as this module needs it; `hw.display.port.SerialPort` is the real one."""

    @property
    def fd(self) -> int | None: ...

    def there(self) -> bool: ...

    def open(self) -> None: ...

    def close(self, *, discard: bool) -> None: ...


class EncodedLineDisplay:
    """Implements `hw.contract.LineDisplay`. Remembers what each row should show, so that text
    may start anywhere while whole rows go over the line."""

    def __init__(self, *, encoder: Encoder, port: Port) -> None:
        self._encoder = encoder
        self._port = port
        self._prober = Prober(port=port, probe=encoder.profile.presence)
        self._claimed = False
        self._rows = self._blank()

    @property
    def device_rows(self) -> int:
        return self._encoder.rows

    @property
    def device_columns(self) -> int:
        return self._encoder.width

    @property
    def fd(self) -> int | None:
        return self._port.fd

    def plugged(self) -> bool:
        return self._port.there()

    def as_shown(self, text: str) -> str:
        return code_pages.as_shown(text, self._encoder.character_set)

    def claim(self) -> None:
        try:
            self._port.open()
        except NoHardware:
            self._prober.forget()
            raise
        self._claimed = True
        self._rows = self._blank()
        for command in self._encoder.begin():
            self._send(command.data, command.settle)

    def release(self) -> None:
        if not self._claimed:
            return
        try:
            self._send(self._encoder.end())
        except HardwareError:
            return  # `_send` has closed the port
        self._claimed = False
        self._port.close(discard=False)

    def presence(self) -> Presence:
        if not self._claimed:
            raise NoHardware("the display is not claimed")
        try:
            presence = self._prober.ask()
        except HardwareError:
            self._give_up()
            raise
        if self._prober.unanswered:
            self._write(range(len(self._rows)))
        return presence

    def display_rows(self, texts: Mapping[int, str]) -> None:
        for row, text in texts.items():
            cells = code_pages.encode(text, self._encoder.character_set)
            self._rows[row] = cells.ljust(self._encoder.columns)[: self._encoder.columns]
        self._write(texts)

    def display_text_at(self, row: int, column: int, text: str) -> None:
        cells = code_pages.encode(text, self._encoder.character_set)
        before = self._rows[row]
        after = before[:column] + cells + before[column + len(cells) :]
        self._rows[row] = after[: self._encoder.columns]
        self._write([row])

    def _write(self, rows: Iterable[int]) -> None:
        """All of them at once: where a set cannot go to a row, each writing redraws the glass."""
        old: list[bytes | None] = list(self._rows)
        for row in rows:
            old[row] = None
        self._send(self._encoder.encode(tuple(old), tuple(self._rows)))

    def _send(self, data: bytes, settle: float = 0.0) -> None:
        """After trouble the port is given up at once: what is half-sent stays unsent."""
        if not self._claimed:
            raise NoHardware("the display is not claimed")
        try:
            self._port.write(data, settle)
        except HardwareError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        self._claimed = False
        self._port.close(discard=True)

    def _blank(self) -> list[bytes]:
        return [b" " * self._encoder.columns] * self._encoder.rows


def open_line_display(
    *,
    port: str,
    command_set: str,
    baudrate: int = 9600,
    parity: Parity = "none",
    handshake: Handshake = "none",
    rows: int = 2,
    columns: int = 20,
    character_set: str | None = None,
    target: str | None = None,
    displays: str | None = None,
) -> LineDisplay:
    """A display by its command set's profile. Does not touch the port before `claim`.

    `displays` is a directory with profiles of the integrator's own. `character_set` and `target`
    (a display behind a printer) are names in the profile; without them its own character set is
    used and no target is selected. Raises ProfileError.
    """
    profile = load(command_set, displays)
    encoder = Encoder(
        profile=profile,
        rows=rows,
        columns=columns,
        character_set=character_set or profile.character_set,
        target=target,
    )
    line = SerialPort(path=port, baudrate=baudrate, parity=parity, handshake=handshake)
    return EncodedLineDisplay(encoder=encoder, port=line)
