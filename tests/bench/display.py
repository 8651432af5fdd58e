"""What a standing code costs: bytes on the line against clearing and writing everything at each
change, time from the plug to the code, and processor time.

Bytes are counted, not timed: ten minutes of the presentation's own rules on a clock that leaps. The
processor is measured on the real presenter at the speed of a real line, in a process of its own;
`DISPLAY_SECONDS=600` makes it ten minutes.
"""

import logging
import os
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
from hw.display.line_display import open_line_display
from hw.display.port import SerialPort
from tests.bench._measure import Figure, figure

_ROWS: Final = 2
_COLUMNS: Final = 20
_STANDING: Final = 600.0  # s
_LINE: Final = 960.0  # bytes a second at 9600 baud
_PLUGS: Final = 15
_NO_MOVE: Final = 1.1  # plain ASCII cannot go to a row: each change writes everything, as naively
_LIMIT_PLUG: Final = 300.0  # ms
_LIMIT_CPU: Final = 0.2  # percent of a core
_WARM_UP: Final = 5.0  # s; claiming and the first screen are not standing
_SECONDS: Final = float(os.environ.get("DISPLAY_SECONDS", "100"))


def run() -> dict[str, Figure]:
    """Bytes, milliseconds, and percent of a core."""
    logging.getLogger("agent").setLevel(logging.CRITICAL)  # each plug is unplugged first
    figures: dict[str, Figure] = {}
    for name in profile.shipped():
        encoder = Encoder(profile=profile.load(name), rows=_ROWS, columns=_COLUMNS)
        frames = list(_frames(_STANDING))
        figures[f"display.{name}.repaint_bytes"] = figure(*_repaint(encoder, frames[0]), 1.0)
        figures[f"display.{name}.minute_bytes"] = figure(
            *_minute(encoder, frames), _NO_MOVE if name == "ascii" else 1.0
        )
    with tempfile.TemporaryDirectory() as folder:
        plug, floor = _plug(f"{folder}/display")
        figures["display.plug_to_code_ms"] = figure(plug, floor, 3.0)
        figures["display.plug_to_code_limit_ms"] = figure(plug, _LIMIT_PLUG, 1.0)
        cpu = _cpu(f"{folder}/display")
        figures["display.standing_cpu_percent"] = figure(cpu, _LIMIT_CPU, 1.0)
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


def _repaint(encoder: Encoder, frame: tuple[Paint, bool]) -> tuple[int, int]:
    cells = _cells(frame[0])
    ours = encoder.encode((), cells)
    return len(ours), len(encoder.clear() + ours)


def _minute(encoder: Encoder, frames: list[tuple[Paint, bool]]) -> tuple[float, float]:
    """Ours as the line display sends it: row after row, and all of them every 45 s."""
    ours = naive = 0
    for paint, changed in frames:
        cells = _cells(paint)
        for row in paint.changed:
            unknown: list[bytes | None] = list(cells)
            unknown[row] = None
            ours += len(encoder.encode(tuple(unknown), cells))
        naive += len(encoder.clear() + encoder.encode((), cells)) if changed else 0
    return ours * 60 / _STANDING, naive * 60 / _STANDING


# -- time -----------------------------------------------------------------------------------------


def _plug(link: str) -> tuple[float, float]:
    """Milliseconds from the plug until the code stands on the glass; and until bytes that are
    known beforehand do, written into the port that has just come."""
    terminal = EmulatedTerminal(_ROWS, _COLUMNS, "escpos", link=link, bytes_per_second=_LINE)
    terminal.unplug()
    clock = SystemClock()
    encoder = Encoder(profile=profile.load("escpos"), rows=_ROWS, columns=_COLUMNS)
    rows = next(_frames(_STANDING))[0]
    agent, bare = [], []
    with closing(terminal):
        for _ in range(_PLUGS):
            bare.append(_timed(terminal, lambda: _write(link, encoder, _cells(rows))))
            display = open_line_display(port=link, command_set="escpos")
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
        ended = subprocess.run(
            [sys.executable, "-c", _STANDING_CODE, link, str(_SECONDS)],
            stdout=subprocess.PIPE,
            check=True,
        )
    return float(ended.stdout) / _SECONDS * 100


def stand(link: str, seconds: float) -> None:
    """Show a code that long, and print the seconds of processor time that took."""
    clock = SystemClock()
    display = open_line_display(port=link, command_set="escpos")
    with closing(Presenter(display=display, language="en", clock=clock)) as presenter:
        presenter.show(_pairing(clock.now() + 900))
        time.sleep(_WARM_UP)
        before = time.process_time()
        time.sleep(seconds)
        print(time.process_time() - before)
