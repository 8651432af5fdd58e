"""The life of the daemon, and with `agent.shopfront` the one place that names concrete parts.

    sockets open -> READY -> serial number -> store -> pairing -> renewal, for ever

Everything that can be late or broken comes after READY and is waited for with a reason in the
status and on the display. Only a configuration that no waiting can mend ends the process (exit 78,
which systemd does not restart) and a bug of ours (exit 70, which it does; the grant is untouched).
"""

import asyncio
import functools
import logging
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, TypeVar

from agent import log
from agent.clock import Clock, SystemClock
from agent.counter import Counter
from agent.errors import ConfigError, StoreError
from agent.front_desk import FrontDesk
from agent.heartbeat import beat
from agent.machine_identity import Identity, OpenSource, identify
from agent.notify import Notifier
from agent.oauth.backoff import backoff
from agent.oauth.interface import AuthorizationServer
from agent.process import harden
from agent.settings import Settings
from agent.shopfront import Shopfront
from agent.situation import Failed, Situation
from agent.store.interface import Storage, TokenKeep
from hw.contract import HardwareError

if TYPE_CHECKING:
    from agent.journal import Line
    from agent.keeper import Keeper

EX_SOFTWARE: Final = 70  # sysexits.h
CONFIG, STORE, SERIAL = "C301", "S201", "I301"  # support codes, docs/display.md
_TO_READ: Final = 10.0  # s a configuration error stays on the display before the process ends

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code. Raises ConfigError."""
    log.configure(settings.log_level)
    for failed in harden().failed:
        log.event(_LOG, "process.not_hardened", level=logging.WARNING, reason=failed)
    try:
        asyncio.run(Daemon(settings).live())
    except ExceptionGroup as group:
        first = _first(group)
        if isinstance(first, ConfigError):
            raise first from None
        _LOG.critical("agent.bug", exc_info=group)
        return EX_SOFTWARE
    return 0


class Daemon:
    """One terminal's agent, put together from its settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock: Clock = SystemClock()
        self._notifier = Notifier(os.environ)
        self._shopfront = Shopfront(settings, clock=self._clock, pair_again=self._pair_again)
        self._storage: Storage | None = None
        self._token_keep: TokenKeep | None = None
        self._desk = FrontDesk(
            clock=self._clock,
            health={**self._shopfront.health(), "store": self._store_health},
            rekey=self._rekey,
            lend_display=self._shopfront.lend,
        )

    async def live(self) -> None:
        """Raises ConfigError if the sockets cannot be opened, an ExceptionGroup for the rest."""
        async with AsyncExitStack() as stack:
            counter = Counter(settings=self._settings, desk=self._desk, clock=self._clock)
            self._desk.add_health(counter.health)
            await counter.open()
            stack.push_async_callback(counter.aclose)
            self._notifier.ready()
            self._shopfront.open_panel()
            await self._until_stopped(
                self._work(stack, counter), counter.run(), self._shopfront.attend()
            )
            self._notifier.stopping()
            log.event(_LOG, "agent.stopping")

    async def _until_stopped(self, *work: Awaitable[None]) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with asyncio.TaskGroup() as tasks:
            running = (
                *(tasks.create_task(_awaited(each)) for each in work),
                tasks.create_task(beat(self._notifier, self._settings.supply.socket)),
            )
            await stopped.wait()
            for task in running:
                task.cancel()

    async def _work(self, stack: AsyncExitStack, counter: Counter) -> None:
        """From the serial number to renewing for ever."""
        self._shopfront.open(stack)
        self._shopfront.show(self._desk.situation)
        try:
            identity = await self._patiently(SERIAL, self._identify, HardwareError)
            for verdict in identity.verdicts:
                log.event(_LOG, "identity.source", verdict=str(verdict))
            uuid = str(identity.uuid)
            log.event(_LOG, "identity.built", uuid=uuid)
            self._shopfront.named(uuid)
            storage = await self._patiently(
                STORE, lambda: self._open_store(uuid, stack), StoreError
            )
            self._storage = storage
            server = await asyncio.to_thread(self._server, uuid)
        except ConfigError as exc:
            await self._explain(exc)
            raise
        keeper = self._keeper(server, storage, identity, counter)
        self._desk.hand_over(keeper)
        await keeper.run()

    async def _patiently(
        self, code: str, attempt: Callable[[], _T], trouble: type[Exception]
    ) -> _T:
        """Try again, ever more slowly, for as long as the trouble may pass by itself."""
        failures = 0
        while True:
            try:
                return await asyncio.to_thread(attempt)
            except trouble as exc:
                failures += 1
                log.event(_LOG, "agent.waiting", level=logging.WARNING, code=code, reason=str(exc))
                self._show(Failed(support_code=code, reason=str(exc)))
                await self._clock.sleep(backoff(failures).at_most)

    async def _explain(self, error: ConfigError) -> None:
        """The technician on the ladder has no log at hand."""
        self._show(Failed(support_code=CONFIG, reason=str(error)))
        if self._shopfront.has_display:
            await self._clock.sleep(_TO_READ)

    # -- the parts --------------------------------------------------------------------------------

    @functools.cached_property
    def _open_source(self) -> OpenSource:
        from hw.machine import source_opener  # noqa: PLC0415  # after the sockets are open

        return source_opener(credentials_directory=os.environ.get("CREDENTIALS_DIRECTORY"))

    def _identify(self) -> Identity:
        at = int(self._clock.wall())
        return identify(self._settings.identity, self._open_source, at=at)

    def _open_store(self, uuid: str, stack: AsyncExitStack) -> Storage:
        if self._settings.store.kind == "memory" or self._settings.client.grant != "device":
            from agent.store.memory import MemoryStore  # noqa: PLC0415

            return MemoryStore()
        from agent.store import ground, kept, opening  # noqa: PLC0415

        settings = self._settings.store
        opened = opening.open_store(
            path=settings.path,
            uuid=uuid,
            key_file=settings.key_file,
            key_credential=settings.key_credential,
            bind_to=settings.bind_to,
        )
        stack.callback(opened.lock.release)
        for remark in opened.remarks:
            log.event(_LOG, "store.remark", level=logging.WARNING, reason=remark)
        folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]  # systemd.exec(5)
        if folder and ground.is_memory(ground.file_system(folder)):
            self._token_keep = kept.KeptToken(path=f"{folder}/token", keys=opened.keys, uuid=uuid)
        return opened.store

    async def _rekey(self) -> None:
        from agent.store.flash import FlashStore  # noqa: PLC0415

        if not isinstance(self._storage, FlashStore):
            raise StoreError("there is no store on flash (yet), so there is no key to replace")
        await asyncio.to_thread(self._storage.rekey)
        log.event(_LOG, "store.rekeyed")

    def _server(self, uuid: str) -> AuthorizationServer:
        """In a thread: loading the TLS and HTTP libraries takes a small board seconds."""
        from agent.oauth.build import build_server  # noqa: PLC0415

        return build_server(self._settings, uuid=uuid, clock=self._clock, rng=_rng())

    def _keeper(
        self, server: AuthorizationServer, storage: Storage, identity: Identity, counter: Counter
    ) -> "Keeper":
        from agent.keeper import Keeper  # noqa: PLC0415  # after the sockets are open
        from agent.oauth.pairing import Rules  # noqa: PLC0415

        pairing = self._settings.pairing
        return Keeper(
            server=server,
            storage=storage,
            rules=Rules(
                issuer=server.issuer,
                client_id=self._settings.client.id,
                uuid=str(identity.uuid),
                provenance=identity.provenance,
                codes=pairing.codes,
                denied_pause=pairing.denied_pause,
                refused_pause=pairing.refused_pause,
            ),
            clock=self._clock,
            rng=_rng(),
            pairs=self._settings.client.grant == "device",
            splay=self._settings.renewal.splay,
            token_keep=self._token_keep,
            on_situation=self._show,
            on_line=_write,
            on_event=counter.feed.append,
            on_token=counter.token_changed,
        )

    # -- telling ----------------------------------------------------------------------------------

    def _show(self, situation: Situation) -> None:
        self._desk.situation = situation
        self._notifier.status(type(situation).__name__.lower())
        self._shopfront.show(situation)

    def _pair_again(self) -> str | None:
        keeper = self._desk.keeper
        return "the agent is still starting" if keeper is None else keeper.pair_again()

    def _store_health(self) -> object:
        from agent.store.flash import FlashStore  # noqa: PLC0415

        if isinstance(self._storage, FlashStore):
            return asdict(self._storage.health())
        return None if self._storage is None else {"kind": "memory"}


def _write(line: "Line") -> None:
    level = logging.WARNING if line.trouble else logging.INFO
    log.event(_LOG, line.event, level=level, **dict(line.fields))


def _rng() -> random.Random:
    return random.SystemRandom()


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _awaited(work: Awaitable[None]) -> None:
    await work
