"""How soon the daemon is READY, and how much memory it keeps, against an interpreter that only
stands on the same libraries.

The daemon is the real one: a process with a configuration file, an emulated display on a pty, and
a sandbox to pair with. Resident memory is VmRSS once it serves its first token; its floor has an
HTTP client open, as the daemon then has. Neither sees the command line of httpx, whose libraries
are here because developers have them and cost 6 MiB that no terminal pays.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.demo.person import read_code
from agent.demo.workspace import COLUMNS, COMMAND_SET, ROWS, Workspace
from agent.sandbox.main import tables
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from agent.supply import local
from agent.supply.errors import AgentUnreachable
from hw.display.emulator.terminal import EmulatedTerminal
from tests.bench._measure import Figure, figure

_STARTS: Final = 9
_PAIRINGS: Final = 3
_LIMIT: Final = 60.0  # s for anything to happen

_AS_ON_A_TERMINAL: Final = """
import sys
sys.modules.update(dict.fromkeys(("click", "pygments", "rich")))
"""
_DAEMON: Final = f"""{_AS_ON_A_TERMINAL}
from agent.__main__ import main
sys.exit(main())
"""
_LIBRARIES: Final = f"""{_AS_ON_A_TERMINAL}
import asyncio, os, socket
import h11, httpx, serial, tenacity
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
def ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    input()
"""
_STARTED: Final = f"{_LIBRARIES}ready()"
_SERVING: Final = f"""{_LIBRARIES}
import anyio._backends._asyncio, httpcore, ssl  # as httpx does with the first request
async def client():
    trusted = ssl.create_default_context(capath="/etc/ssl/certs")
    async with httpx.AsyncClient(verify=trusted, trust_env=False):
        ready()
asyncio.run(client())
"""


def run() -> dict[str, Figure]:
    """Start in milliseconds, memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        with _shop(folder) as (space, _, _):
            daemon, floor = _interleaved_starts(space)
        memory = statistics.median(_memory_of_daemon(folder) for _ in range(_PAIRINGS))
        bare = statistics.median(_memory_of_floor(folder) for _ in range(_PAIRINGS))
    return {
        "daemon.start_to_ready_ms": figure(daemon * 1000, floor * 1000, 2.0),
        "daemon.resident_mib": figure(memory, bare, 1.3),
    }


@contextmanager
def _shop(folder: str) -> Iterator[tuple[Workspace, SandboxServer, EmulatedTerminal]]:
    """A terminal that never paired, its server and its display."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        space = Workspace(f"{own}/t")
        space.make()
        display = EmulatedTerminal(ROWS, COLUMNS, COMMAND_SET, link=space.display)
        with display, SandboxServer(options=Options(interval=0.2)) as sandbox:
            space.configure(
                port=sandbox.port,
                tables=tables(sandbox, secret_file=space.secret_file),
                secret=sandbox.client_secret,
            )
            yield space, sandbox, display


@contextmanager
def _process(command: list[str], notify: str) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A running process, and the seconds from its creation to its READY=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(notify)
        manager.settimeout(_LIMIT)
        begun = time.perf_counter()
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": notify},
        ) as process:
            try:
                while b"READY=1" not in manager.recv(4096):
                    pass
                yield process, time.perf_counter() - begun
            finally:
                process.terminate()
    Path(notify).unlink()


def _daemon(space: Workspace) -> list[str]:
    return [sys.executable, "-c", _DAEMON, "run", "--config", space.config]


def _interleaved_starts(space: Workspace) -> tuple[float, float]:
    notify = f"{space.directory}/notify"
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_STARTS):
        for command, into in zip(
            (_daemon(space), [sys.executable, "-c", _STARTED]), times, strict=True
        ):
            with _process(command, notify) as (_, seconds):
                into.append(seconds)
    return statistics.median(times[0]), statistics.median(times[1])


def _memory_of_floor(folder: str) -> float:
    with _process([sys.executable, "-c", _SERVING], f"{folder}/notify") as (process, _):
        return _resident(process.pid)


def _memory_of_daemon(folder: str) -> float:
    with (
        _shop(folder) as (space, sandbox, display),
        _process(_daemon(space), f"{space.directory}/notify") as (process, _),
    ):
        _until(lambda: read_code(display.cells()) is not None)
        code = read_code(display.cells())
        assert code is not None
        sandbox.approve(code)
        _until(lambda: _serves(space.socket))
        return _resident(process.pid)


def _serves(path: str) -> bool:
    try:
        status, _ = local.request(path, "GET", "/v1/token", timeout=10.0)
    except AgentUnreachable:
        return False
    return status == 200


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _LIMIT
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {_LIMIT:.0f} s")
        time.sleep(0.02)


def _resident(pid: int) -> float:
    """MiB of RAM the process occupies now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in lines)
    return int(facts["VmRSS"].split()[0]) / 1024
