"""Keeps the sinks' files as the plan wants them. Never in the way of a token: files are written in
a thread, commands run beside, and trouble is a line in the log, an entry in the status and another
attempt later.

When the agent stops, the files stay: the token lives on, and after a restart it is the same. So
what an earlier agent left is believed for a moment, until the keeper has spoken.
"""

import asyncio
import logging
import os
import pwd
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from agent import log
from agent.clock import Clock
from agent.errors import ConfigError
from agent.oauth.events import AccessToken
from agent.supply.delivery import FOLDER, Action, Remove, SinkSettings, Write, pause, plan
from agent.supply.sink_commands import Command, Commands, Outcome
from agent.supply.sink_files import SinkFiles, SinkTrouble

FIRST_WORD: Final = 10.0  # s; the keeper speaks as soon as it has read the stored grant

_LOG: Final = logging.getLogger(__name__)


class Sinks:
    """The files of all sinks. `is_memory` tells whether a path is on tmpfs.

    Raises ConfigError for a sink that no waiting can mend.
    """

    def __init__(
        self,
        *,
        sinks: Sequence[SinkSettings],
        clock: Clock,
        is_memory: Callable[[str], bool],
        folder: str = FOLDER,
    ) -> None:
        self._files = SinkFiles(folder)
        for sink in sinks:
            _check(sink, self._files.path(sink.name), is_memory)
        self._sinks = tuple(sinks)
        self._clock = clock
        self._commands = Commands(told=self._ran)
        self._token: AccessToken | None = None
        self._news = asyncio.Event()
        self._done: dict[str, str | None] = {}
        self._trouble: dict[str, str] = {}
        self._outcomes: dict[str, str] = {}

    def changed(self, token: AccessToken | None) -> None:
        """The token that may be used from now on, or None. Never blocks."""
        self._token = token
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._clean_up)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._commands.run())
            await self._news_within(FIRST_WORD)
            while True:
                self._news.clear()
                token = self._token
                for action in plan(token, self._clock.now(), self._sinks, self._done):
                    await self._carry_out(action)
                now = self._clock.now()
                await self._news_within(pause(token, now, self._sinks, self._done))

    def health(self) -> dict[str, object]:
        """For the status: what each sink holds, what is wrong, how its command ended."""
        return {
            sink.name: {
                "path": self._files.path(sink.name),
                "fingerprint": self._done.get(sink.name),
                "trouble": self._trouble.get(sink.name),
                "command": self._outcomes.get(sink.name),
            }
            for sink in self._sinks
        }

    async def _news_within(self, seconds: float) -> None:
        news = asyncio.ensure_future(self._news.wait())
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((news, sleep), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            sleep.cancel()

    def _clean_up(self) -> None:
        """A sink that is no longer configured must not keep its token. Its directory stays: it
        may be somebody else's, and is empty."""
        for name in self._files.strangers({sink.name for sink in self._sinks}):
            try:
                if self._files.remove(name):
                    log.event(_LOG, "sink.leftover_removed", sink=name)
            except SinkTrouble as exc:
                log.event(_LOG, "sink.trouble", level=logging.WARNING, sink=name, reason=str(exc))

    async def _carry_out(self, action: Action) -> None:
        sink = action.sink
        try:
            changed = await asyncio.to_thread(self._act, action)
        except SinkTrouble as exc:
            self._failed(sink.name, str(exc))
            return
        self._done[sink.name] = action.fingerprint if isinstance(action, Write) else None
        self._trouble.pop(sink.name, None)
        if not changed:
            return
        match action:
            case Write(fingerprint=fingerprint):
                log.event(_LOG, "sink.written", sink=sink.name, fingerprint=fingerprint)
            case Remove():
                log.event(_LOG, "sink.removed", sink=sink.name)
        if sink.command is not None:
            path = self._files.path(sink.name)
            self._commands.put(Command(sink=sink.name, argv=sink.command, path=path))

    def _act(self, action: Action) -> bool:
        """In a thread. Whether the file is another one now."""
        match action:
            case Remove(sink=sink):
                return self._files.remove(sink.name)
            case Write(sink=sink, content=content):
                try:
                    self._files.write(sink, content)
                except SinkTrouble:
                    # No file is honest, the token of before is not: at Secucard it is dead.
                    with suppress(SinkTrouble):
                        self._files.remove(sink.name)
                    raise
                return True

    def _failed(self, name: str, reason: str) -> None:
        """Say it once, not at every attempt."""
        self._done.pop(name, None)
        if self._trouble.get(name) != reason:
            log.event(_LOG, "sink.trouble", level=logging.WARNING, sink=name, reason=reason)
        self._trouble[name] = reason

    def _ran(self, command: Command, outcome: Outcome) -> None:
        self._outcomes[command.sink] = outcome.text
        level = logging.INFO if outcome.good else logging.WARNING
        log.event(_LOG, "sink.command", level=level, sink=command.sink, result=outcome.text)


def _check(sink: SinkSettings, path: str, is_memory: Callable[[str], bool]) -> None:
    if not is_memory(path):
        raise ConfigError(
            f"[[sink]] {sink.name}: {path} would not be on tmpfs, and a token must not be written"
            " to flash; mount a tmpfs there, or remove the sink"
        )
    if sink.owner is not None and os.geteuid() != 0 and not _is_me(sink.owner):
        raise ConfigError(
            f"[[sink]] {sink.name}: owner is another user, and only an agent that runs as root can"
            " give files away; leave owner out and let the reader's group read: docs/supply.md"
        )


def _is_me(user: str) -> bool:
    try:
        return pwd.getpwnam(user).pw_uid == os.geteuid()
    except KeyError:
        return False
