"""What a standing code costs: bytes on the line against clearing and writing everything at each
change, time from the plug to the code, and processor time, also of looking for a port.

Bytes are counted, not timed: ten minutes of the presentation's own rules on a clock that leaps. The
processor is measured on the real presenter at the speed of a real line, in a process of its own;
`DISPLAY_SECONDS=600` makes it ten minutes.
"""

import logging
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from agent.clock import SystemClock
from agent.display import language
from agent.display.layout import Geometry
from agent.display.presentation import (
    ASK_SILENT,
    PLUG,
    Ask,
    Claim,
    Glass,
    Paint,
    Slot,
    asked,
    newest,
    painted,
    turn,
)
from agent.display.presenter import Presenter
from agent.display.screens import Paper
from agent.situation import Pairing
from hw.display import code_pages, profile
from hw.display.emulator.terminal import EmulatedTerminal
from hw.display.encoder import Encoder
from hw.display.line_display import EncodedLineDisplay, open_line_display
from hw.display.port import SerialPort
from hw.display.profile import AnswerProbe
from tests.bench._measure import Figure, figure

_ROWS: Final = 2
_COLUMNS: Final = 20
_STANDING: Final = 600.0  # s
_LINE: Final = 960.0  # bytes a second at 9600 baud
_PLUGS: Final = 15
_NAIVELY: Final = 1.1  # plain ASCII cannot go to a row: each change writes everything, as naively
_LIMIT_PLUG: Final = 300.0  # ms
_LIMIT_CPU: Final = 0.2  # percent of a core
_SILENT: Final = "star"  # of the sets that ask, the one whose start and screen are longest
_ABSENT: Final = 30.0  # s; nothing happens in them but the same look again and again
_WARM_UP: Final = 5.0  # s; claiming and the first screen are not standing
_SECONDS: Final = float(os.environ.get("DISPLAY_SECONDS", "100"))


def run() -> dict[str, Figure]:
    """Bytes, milliseconds, and percent of a core."""
    logging.getLogger("agent").setLevel(logging.CRITICAL)  # each plug is unplugged first
    figures: dict[str, Figure] = {}
    for name in profile.shipped():
        encoder = Encoder(profile=profile.load(name), rows=_ROWS, columns=_COLUMNS)
        frames = list(_frames(_STANDING))
        figures[f"display.{name}.repaint_bytes"] = figure(
            _sent(encoder, frames[:1]), _naive(encoder, frames[:1]), _NAIVELY
        )
        figures[f"display.{name}.minute_bytes"] = figure(
            (_sent(encoder, frames) + _asking(encoder)) * 60 / _STANDING,
            _naive(encoder, frames) * 60 / _STANDING,
            _NAIVELY if name == "ascii" else 1.0,
        )
    with tempfile.TemporaryDirectory() as folder:
        link = f"{folder}/display"
        plug, floor = _plug(link, "escpos")
        figures["display.plug_to_code_ms"] = figure(plug, floor, 3.0)
        figures["display.plug_to_code_limit_ms"] = figure(plug, _LIMIT_PLUG, 1.0)
        silent, _ = _plug(link, _SILENT)
        figures["display.plug_to_code_silent_ms"] = figure(silent, _LIMIT_PLUG, 1.0)
        figures["display.standing_cpu_percent"] = figure(_cpu(link), _LIMIT_CPU, 1.0)
        absent = _presenting(link, _ABSENT)
        figures["display.absent_cpu_percent"] = figure(absent, _bare_looks(link), 1.5)
    return figures


def _pairing(expires_at: float) -> Pairing:
    return Pairing(
        user_code="WDJB-MJHT",
        verification_uri="https://pair.payments.example/device",
        expires_at=expires_at,
        terminal="T7F3",
    )


# -- bytes ----------------------------------------------------------------------------------------


def _frames(seconds: float) -> Iterator[tuple[Paint, bool]]:
    """What the presentation wants painted, and whether it differs from what is up."""
    paper = Paper(
        geometry=Geometry(rows=_ROWS, columns=_COLUMNS),
        language=language.load("en"),
        as_shown=lambda text: code_pages.as_shown(text, "ascii"),
    )
    now, glass = 0.0, Glass()
    shown: tuple[str, ...] = ()
    slot = newest(Slot(), _pairing(expires_at=900.0), now)
    while now < seconds:
        match turn(slot, glass, paper, now):
            case Paint() as paint:
                yield paint, paint.rows != shown
                glass, shown, now = painted(glass, paint, now), paint.rows, paint.until
            case Claim():
                glass = Glass(claimed=True)
            case Ask():
                glass = asked(glass, "unknown", now)
            case other:
                now = other.until


def _cells(paint: Paint) -> tuple[bytes, ...]:
    return tuple(row.encode("ascii") for row in paint.rows)


class _Counter:
    """A line that only counts what is sent over it."""

    fd = None

    def __init__(self) -> None:
        self.sent = 0

    def there(self) -> bool:
        return True

    def open(self) -> None: ...

    def close(self, *, discard: bool) -> None: ...

    def write(self, data: bytes, settle: float = 0.0, *, stall: float | None = None) -> None:
        self.sent += len(data)

    def read(self, limit: int, seconds: float) -> bytes:
        return b""

    def forget_input(self) -> None: ...

    def dsr(self) -> bool | None:
        return None

    def wire(self) -> bool | None:
        return None


def _sent(encoder: Encoder, frames: list[tuple[Paint, bool]]) -> int:
    """What the line display sends when these are painted; claiming and asking not counted."""
    port = _Counter()
    display = EncodedLineDisplay(encoder=encoder, port=port)
    display.claim()
    port.sent = 0
    for paint, _ in frames:
        display.display_rows({row: paint.rows[row] for row in paint.changed})
    return port.sent


def _asking(encoder: Encoder) -> int:
    """The questions to a display that never answers, and its glass written again after each."""
    match encoder.profile.presence:
        case AnswerProbe(ask=ask):
            blank = (b" " * _COLUMNS,) * _ROWS
            return int(_STANDING / ASK_SILENT) * len(ask + encoder.encode((), blank))
        case _:  # DSR is read first, and nothing sent where there is none
            return 0


def _naive(encoder: Encoder, frames: list[tuple[Paint, bool]]) -> int:
    """Clear and write everything, whenever anything has changed."""
    screens = (_cells(paint) for paint, changed in frames if changed)
    return sum(len(encoder.clear() + encoder.encode((), cells)) for cells in screens)


# -- time -----------------------------------------------------------------------------------------


def _plug(link: str, command_set: str) -> tuple[float, float]:
    """Milliseconds from the plug until the code stands on the glass; and until bytes that are
    known beforehand do, written into the port that has just come. The cable has no return wire."""
    terminal = EmulatedTerminal(
        _ROWS, _COLUMNS, command_set, link=link, bytes_per_second=_LINE, return_wire=False
    )
    terminal.unplug()
    clock = SystemClock()
    encoder = Encoder(profile=profile.load(command_set), rows=_ROWS, columns=_COLUMNS)
    rows = next(_frames(_STANDING))[0]
    agent, bare = [], []
    with closing(terminal):
        for _ in range(_PLUGS):
            bare.append(_timed(terminal, lambda: _write(link, encoder, _cells(rows))))
            display = open_line_display(port=link, command_set=command_set)
            with closing(Presenter(display=display, language="en", clock=clock)) as presenter:
                presenter.show(_pairing(clock.now() + 900))
                _until(lambda: presenter.health == "absent")
                agent.append(_timed(terminal, lambda: None))
    return statistics.median(agent), statistics.median(bare)


def _timed(terminal: EmulatedTerminal, write: Callable[[], None]) -> float:
    started = time.monotonic()
    terminal.plug()
    write()
    _until(lambda: any("WDJB-MJHT" in row for row in terminal.cells()))
    took = time.monotonic() - started
    terminal.unplug()
    return took * 1000


def _write(link: str, encoder: Encoder, cells: tuple[bytes, ...]) -> None:
    port = SerialPort(path=link)
    port.open()
    for command in encoder.begin():
        port.write(command.data, command.settle)
    port.write(encoder.encode((), cells))
    port.close(discard=False)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the code never stood on the glass")
        time.sleep(0.001)


# -- processor ------------------------------------------------------------------------------------

_STANDING_CODE: Final = """
import sys, time
from tests.bench.display import stand
stand(sys.argv[1], float(sys.argv[2]))
"""


def _cpu(link: str) -> float:
    """Percent of a core."""
    terminal = EmulatedTerminal(_ROWS, _COLUMNS, "escpos", link=link, bytes_per_second=_LINE)
    with closing(terminal):
        return _presenting(link, _SECONDS)


def _presenting(link: str, seconds: float) -> float:
    """Percent of a core in a process of its own, with or without a display."""
    ended = subprocess.run(
        [sys.executable, "-c", _STANDING_CODE, link, str(seconds)],
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(ended.stdout) / seconds * 100


def _bare_looks(link: str) -> float:
    """Percent of a core for looking for the name as often, and nothing else: what waking costs."""
    with closing(os.fdopen(os.eventfd(0), "rb")) as never:
        poll = select.poll()
        poll.register(never, select.POLLIN)
        before, end = time.process_time(), time.monotonic() + _ABSENT
        while time.monotonic() < end:
            poll.poll(round(PLUG * 1000))
            os.access(link, os.F_OK)
    return (time.process_time() - before) / _ABSENT * 100


def stand(link: str, seconds: float) -> None:
    """Show a code that long, and print the seconds of processor time that took."""
    logging.getLogger("agent").setLevel(logging.CRITICAL)
    clock = SystemClock()
    display = open_line_display(port=link, command_set="escpos")
    with closing(Presenter(display=display, language="en", clock=clock)) as presenter:
        presenter.show(_pairing(clock.now() + 900))
        time.sleep(_WARM_UP)
        before = time.process_time()
        time.sleep(seconds)
        print(time.process_time() - before)
