"""Where the demo is seen: redrawn in place on a terminal, plain lines anywhere else."""

import os
import threading
import time
from collections.abc import Sequence
from typing import TextIO

from agent.demo.picture import frame, picture

_HEIGHT = 14  # rows of the redrawn part
_KEPT = 200  # lines of log


class Window:
    """Shows the display beside the log. On a pipe or file a glass is printed only once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._began = time.monotonic()
        self._log: list[str] = []
        self._cells: tuple[str, ...] = ("",)
        self._seen: set[tuple[str, ...]] = set()
        self._drawn = False
        self._lock = threading.Lock()  # the log is told from a thread of its own
        self.advice = ""

    def say(self, text: str) -> None:
        """A line of the story, with the seconds since the start."""
        line = f"{time.monotonic() - self._began:5.1f}  {text}"
        with self._lock:
            self._log = [*self._log, line][-_KEPT:]
            if self._live:
                self._draw()
            else:
                print(line, file=self._out, flush=True)

    def show(self, cells: Sequence[str], *, settled: bool) -> None:
        """What the glass shows now; a pipe or file gets only what stands still."""
        with self._lock:
            changed = tuple(cells) != self._cells
            self._cells = tuple(cells)
            if self._live and changed:
                self._draw()
            elif not self._live and settled and self._cells not in self._seen:
                self._seen.add(self._cells)
                framed = "\n".join("       " + row for row in frame(cells))
                print(framed, file=self._out, flush=True)

    def last_words(self, lines: int = 12) -> tuple[str, ...]:
        return tuple(self._log[-lines:])

    def _draw(self) -> None:
        rows = picture(
            cells=self._cells,
            log=self._log,
            advice=self.advice,
            width=max(60, min(120, _columns(self._out))),
            height=_HEIGHT,
        )
        up = f"\x1b[{_HEIGHT}F" if self._drawn else ""
        self._drawn = True
        # Each row ends with "erase to the end of the line": what was longer before disappears.
        self._out.write(up + "".join(row + "\x1b[K\n" for row in rows))
        self._out.flush()


def _columns(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns
    except OSError:
        return 80
