"""Runs the sinks' commands: one at a time, none for long, and nobody waits for them.

A command hears which file has changed, POS_AGENT_SINK, and nothing else: the token is in neither
its arguments nor its environment, which other users could see. Changes that come while it runs make
it run once more, not once each: it reads the file, and the newest is there.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

TIMEOUT: Final = 10.0  # s; telling a program something takes far less
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run for a sink, and the file it is about."""

    sink: str
    argv: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended, in a few words."""

    good: bool
    text: str


class Commands:
    """A queue with one place for each sink. `told` hears how each run ended."""

    def __init__(
        self, *, told: Callable[[Command, Outcome], None], timeout: float = TIMEOUT
    ) -> None:
        self._told = told
        self._timeout = timeout
        self._waiting: dict[str, Command] = {}
        self._news = asyncio.Event()

    def put(self, command: Command) -> None:
        """To be run after those that wait already. Never blocks."""
        self._waiting.setdefault(command.sink, command)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled; a command that runs then is killed."""
        while True:
            while self._waiting:
                command = self._waiting.pop(next(iter(self._waiting)))
                self._told(command, await self._outcome(command))
            self._news.clear()
            await self._news.wait()

    async def _outcome(self, command: Command) -> Outcome:
        try:
            process = await _start(command)
        except OSError as exc:
            return Outcome(good=False, text=f"cannot be run: {exc.strerror}")
        try:
            async with asyncio.timeout(self._timeout):
                status = await process.wait()
        except TimeoutError:
            await _kill(process)
            return Outcome(good=False, text=f"killed, not done within {self._timeout:g} s")
        except BaseException:
            await _kill(process)
            raise
        if status < 0:
            return Outcome(good=False, text=f"ended by signal {-status}")
        return Outcome(good=status == 0, text=f"exit status {status}")


async def _start(command: Command) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command.argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": _PATH, "POS_AGENT_SINK": command.path},
        cwd="/",
        start_new_session=True,  # a group of its own, so that its children die with it
    )


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
