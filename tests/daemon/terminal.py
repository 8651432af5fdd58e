"""A terminal for tests: a directory, a configuration, and the real daemon as a child process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.supply.errors import AgentUnreachable
from agent.supply.local import request

UUID = "/vendor/acme/serial/k7-0117"


class Terminal:
    """Writes its configuration, starts and stops `pos-agent run`, and asks it things."""

    def __init__(self, directory: Path, *, server: str, client: str, extra: str = "") -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.socket = str(directory / "token.sock")
        self.admin_socket = str(directory / "admin.sock")
        self.config = directory / "config.toml"
        self.log = directory / "log"
        (directory / "key").write_bytes(bytes(range(32)))
        (directory / "key").chmod(0o400)
        self.write(server=server, client=client, extra=extra)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(directory / "notify"))
        self._notify.setblocking(False)
        self.told: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, *, server: str, client: str, extra: str = "") -> None:
        self.config.write_text(
            f"""
[server]
{server}
[client]
{client}
[identity]
vendor = "acme"
[[identity.pair]]
key = "serial"
value = "k7-0117"
[renewal]
splay = 0
[store]
path = "{self.directory}/grant"
key_file = "{self.directory}/key"
[supply]
socket = "{self.socket}"
admin_socket = "{self.admin_socket}"
{extra}
"""
        )
        self.config.chmod(0o600)

    def start(self, **environment: str) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(self.directory / "notify"),
                    **environment,
                },
            )
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._notify.close()
        if error is not None:
            error.add_note("the daemon's log:\n" + self.logged())

    def logged(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def notices(self) -> list[str]:
        """Everything systemd would have been told so far."""
        while True:
            try:
                self.told += self._notify.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.told

    def ask(self, method: str, target: str, *, admin: bool = False) -> tuple[int, dict[str, Any]]:
        return request(self.admin_socket if admin else self.socket, method, target)

    def state(self) -> str:
        try:
            return str(self.ask("GET", "/v1/status")[1].get("state"))
        except AgentUnreachable:
            return "unreachable"

    def until(self, reached: Callable[[], bool], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.process is not None
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.02)
