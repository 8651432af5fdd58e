"""The demo's two real processes: the daemon, and the payment program."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from agent.demo.story import Entry, parse

_PAYMENT = (sys.executable, "-m", "agent.demo.payment")
_STOP_SECONDS = 10.0  # the daemon's own promise is less; after this it is killed


class Daemon:
    """`pos-agent run` as a child. `on_line` gets each line of its log, in a thread of its own."""

    def __init__(self, *, config: str, on_line: Callable[[str], None]) -> None:
        self._config = config
        self._on_line = on_line
        self._entries: list[Entry] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        # Without JOURNAL_STREAM: its log goes to us, whatever ours goes to.
        environment = {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", self._config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,  # Ctrl-C is for the demo, which ends the daemon in order
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def stop(self) -> int | None:
        """SIGTERM, then what it takes. The exit status, None if it never ran."""
        process, self._process = self._process, None
        if process is None or self._reader is None:
            return None
        process.terminate()
        try:
            status = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self._reader.join()
        return status

    @property
    def status(self) -> int | None:
        """The exit status of a daemon that ended by itself, or None."""
        return None if self._process is None else self._process.poll()

    def count(self, *events: str) -> int:
        """How often any of these was logged, since the first start."""
        return sum(entry.event in events for entry in list(self._entries))

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:  # never: it was asked for
            return
        with process.stdout as log:
            for line in log:
                if (entry := parse(line)) is not None:
                    self._entries.append(entry)
                self._on_line(line)


class Payment:
    """One run of the payment program."""

    def __init__(self, *, socket: str, api: str, cents: int) -> None:
        self._process = subprocess.Popen(
            [*_PAYMENT, "--socket", socket, "--api", api, "--cents", str(cents)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def done(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> tuple[bool, str]:
        """Whether it paid, and its words. Waits for the end."""
        words, _ = self._process.communicate()
        return self._process.returncode == 0, words.strip()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()
