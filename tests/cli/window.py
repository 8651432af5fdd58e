"""A command in a terminal window of its own, and what it needs there."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

LONGEST: Final = 60.0  # s for anything; the machine may be busy
_PROMPT: Final = re.compile(rb"\[[a-z] = [^\]]*\] $")


class Window:
    """A command in a terminal window of its own, and what it has written so far."""

    def __init__(self, *words: str) -> None:
        self.text = ""
        self._window, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "agent", *words],
            stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            env={**os.environ, "COLUMNS": "100"},
        )  # fmt: skip
        os.close(inner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._window)

    def reads(self, enough: Callable[[str], bool]) -> str:
        """Everything written since the last call, once it is enough."""
        end, new = time.monotonic() + LONGEST, b""
        while not enough(new.decode("utf-8", "replace")):
            ready, _, _ = select.select([self._window], [], [], end - time.monotonic())
            assert ready, new.decode("utf-8", "replace")
            try:
                part = os.read(self._window, 4096)
            except OSError:  # it has ended, and closed the window
                part = b""
            assert part, new.decode("utf-8", "replace")
            new += part.replace(b"\r\n", b"\n")
        self.text += new.decode("utf-8", "replace")
        return new.decode("utf-8", "replace")

    def asks(self) -> str:
        """The next question, and all that led to it; empty at the end."""
        try:
            return self.reads(lambda new: _PROMPT.search(new.encode()) is not None)
        except AssertionError as ended:
            self.text += str(ended).partition("\nassert ")[0]
            return ""

    def types(self, text: str) -> None:
        os.write(self._window, text.encode())

    def ends(self) -> int:
        return self.process.wait(LONGEST)


def no_agent(tmp_path: Path) -> tuple[str, ...]:
    """Neither a configuration nor an agent that would lend the display."""
    return ("--config", str(tmp_path / "none.toml"), "--socket", str(tmp_path / "none"))
