"""`display emulate`: a display on a pseudo-terminal, drawn here, for payment developers."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TextIO

from agent.cli_talk import printable
from agent.errors import AgentError
from hw.display.emulator import COMMAND_SETS, draw
from hw.display.emulator.terminal import EmulatedTerminal

_LOOK: Final = 0.05  # s between two looks at the glass
_ERRORS_SHOWN: Final = 6
_BITS: Final = 10  # of a byte on the line, 8N1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What there is to see at one moment."""

    cells: tuple[str, ...]
    errors: tuple[str, ...]
    cursor_visible: bool


def run(
    command_set: str,
    *,
    rows: int,
    columns: int,
    link: str | None,
    baudrate: int | None,
    out: TextIO,
) -> int:
    """Draw until somebody interrupts; on a pipe or in a file, a line for each change."""
    if command_set not in COMMAND_SETS:
        raise AgentError(
            f"command set {command_set!r} is not emulated; these are: {', '.join(COMMAND_SETS)}"
        )
    with _terminal(command_set, rows, columns, link, baudrate) as terminal:
        print(_greeting(terminal, out.isatty()), file=out, flush=True)
        try:
            _watch(terminal, Window(out) if out.isatty() else Paper(out))
        except KeyboardInterrupt:
            print("", file=out, flush=True)
    return 0


@contextmanager
def _terminal(
    command_set: str, rows: int, columns: int, link: str | None, baudrate: int | None
) -> Iterator[EmulatedTerminal]:
    if link is not None and os.path.lexists(link) and not os.path.islink(link):
        raise AgentError(f"{link} is there and no link: it is left alone; name another path")
    speed = None if baudrate is None else baudrate / _BITS
    try:
        terminal = EmulatedTerminal(rows, columns, command_set, link=link, bytes_per_second=speed)
    except OSError as error:
        raise AgentError(f"{link or 'pseudo-terminal'}: {error.strerror}") from error
    with terminal:
        yield terminal


def _greeting(terminal: EmulatedTerminal, live: bool) -> str:
    ends = "Ctrl-C ends. " if live else ""
    return (
        f"A {terminal.command_set} display is at {terminal.path}; set display.port to that."
        f" {ends}What a real display would ignore or show as junk is listed below the glass."
    )


def _watch(terminal: EmulatedTerminal, watcher: "Window | Paper") -> None:
    seen: View | None = None
    nap = threading.Event()
    while True:
        view = View(
            cells=terminal.cells(),
            errors=terminal.errors,
            cursor_visible=terminal.cursor_visible,
        )
        if view != seen:
            watcher.show(view, seen)
            seen = view
        nap.wait(_LOOK)


class Window:
    """Redrawn in place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._drawn = 0

    def show(self, view: View, _before: View | None) -> None:
        lines = picture(view)
        # Up to where it began; each line ends with "erase to the end of the line".
        up = f"\x1b[{self._drawn}F" if self._drawn else ""
        self._out.write(up + "".join(f"{printable(line)}\x1b[K\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)


class Paper:
    """One line a change, for a pipe or a file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, view: View, before: View | None) -> None:
        for error in view.errors[len(before.errors) if before is not None else 0 :]:
            print(f"junk: {printable(error)}", file=self._out)
        if before is None or view.cells != before.cells:
            print(f"|{'|'.join(map(printable, view.cells))}|", file=self._out)
        self._out.flush()


def picture(view: View) -> tuple[str, ...]:
    """The glass, and below it the newest of what it could not read; always as many lines."""
    newest = view.errors[-_ERRORS_SHOWN:]
    padded = (*newest, *("",) * (_ERRORS_SHOWN - len(newest)))
    return (
        *draw.text(view.cells).splitlines(),
        f"cursor {'on' if view.cursor_visible else 'off'}, junk: {len(view.errors)}",
        *(f"  {error}" if error else "" for error in padded),
    )
