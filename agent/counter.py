"""What the daemon offers payment software: two sockets, files, a credential socket, events.

Made before everything else, because clients may ask from the first moment on.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from agent import log
from agent.clock import Clock
from agent.front_desk import FrontDesk
from agent.oauth.events import AccessToken
from agent.settings import Settings
from agent.supply.access import Peer, Policy
from agent.supply.audit import HandOut, HandOuts, Repeats
from agent.supply.delivery import FOLDER
from agent.supply.feed import Feed
from agent.supply.listening import activated
from agent.supply.peer import unseen
from agent.supply.server import Server

if TYPE_CHECKING:
    from agent.supply.sinks import Sinks

_LOG: Final = logging.getLogger(__name__)


class Counter:
    """All ways to a token, put together from the settings. Raises ConfigError."""

    def __init__(self, *, settings: Settings, desk: FrontDesk, clock: Clock) -> None:
        sockets = activated(os.environ, os.getpid())
        self._for_credentials = sockets.pop("credential", None)
        self._settings = settings
        self._desk = desk
        self._clock = clock
        self._hand_outs = HandOuts()
        self.feed = Feed(name=secrets.token_hex(4))
        self._sinks = self._make_sinks()
        self._server = self._make_server(sockets)

    async def open(self) -> None:
        """From now on clients are answered. Raises ConfigError naming a path and what to do."""
        await self._server.start()
        for reason in unseen(self._settings.supply.rules):
            log.event(_LOG, "supply.rule_useless", level=logging.WARNING, reason=reason)
        log.event(_LOG, "supply.ready", socket=self._settings.supply.socket)

    async def run(self) -> None:
        """Everything beside the two sockets, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._sinks is not None:
                tasks.create_task(self._sinks.run())
            tasks.create_task(self._serve_credentials())

    async def aclose(self) -> None:
        await self._server.aclose()
        self._only(None)

    def token_changed(self, token: AccessToken | None) -> None:
        self._only(token)
        if self._sinks is not None:
            self._sinks.changed(token)

    @property
    def health(self) -> Mapping[str, Callable[[], object]]:
        """What it adds to the status."""
        return {} if self._sinks is None else {"sinks": self._sinks.health}

    def _make_sinks(self) -> "Sinks | None":
        """Without a configured one they still take away what sinks of before have left."""
        if not (self._settings.sinks or os.path.isdir(FOLDER)):
            return None
        from agent.store import ground  # noqa: PLC0415  # few terminals have sinks
        from agent.supply.sinks import Sinks  # noqa: PLC0415

        return Sinks(
            sinks=self._settings.sinks,
            clock=self._clock,
            is_memory=lambda path: ground.is_memory(ground.file_system(path)),
        )

    def _make_server(self, sockets: Mapping[str, socket.socket]) -> Server:
        settings = self._settings.supply
        return Server(
            desk=self._desk,
            socket=settings.socket,
            admin_socket=settings.admin_socket,
            group=settings.group,
            policy=Policy(
                own_uid=os.geteuid(),
                allow_uids=frozenset(settings.allow_uids),
                allow_gids=frozenset(settings.allow_gids),
                rules=settings.rules,
            ),
            events=self.feed,
            audit=self._audit,
            on_doubt=_doubt,
            activated=sockets,
        )

    async def _serve_credentials(self) -> None:
        """Also where no unit is named, if systemd has it open: who asks must not wait for ever."""
        settings = self._settings.credential_socket
        if self._for_credentials is None and not settings.units:
            return
        from agent.supply.credential_socket import CredentialSocket  # noqa: PLC0415

        served = CredentialSocket(
            source=self._desk,
            units=settings.units,
            clock=self._clock,
            path=settings.path,
            listener=self._for_credentials,
        )
        await served.run()

    def _audit(self, peer: Peer, client: str, fingerprint: str, life_left: float) -> None:
        """Who got which token; what is too frequent for lines of its own is summed up."""
        handed = HandOut(
            client=client,
            uid=peer.uid,
            pid=peer.pid,
            fingerprint=fingerprint,
            life_left=life_left,
        )
        lines = self._hand_outs.note(handed, self._clock.now())
        for line in lines:
            _tell(line)
        if handed not in lines:
            _tell(handed, level=logging.DEBUG)

    def _only(self, token: AccessToken | None) -> None:
        """Sum up the use of every other token: it is over."""
        fingerprint = None if token is None else token.value.fingerprint()
        for line in self._hand_outs.only(fingerprint, self._clock.now()):
            _tell(line)


def _tell(line: HandOut | Repeats, level: int = logging.INFO) -> None:
    match line:
        case HandOut():
            log.event(
                _LOG,
                "supply.handed_out",
                level=level,
                client=line.client,
                uid=line.uid,
                pid=line.pid,
                fingerprint=line.fingerprint,
                life_left=round(line.life_left),
            )
        case Repeats():
            log.event(
                _LOG,
                "supply.handed_out_again",
                level=level,
                client=line.client,
                fingerprint=line.fingerprint,
                times=line.times,
                unnamed=line.unnamed,
                seconds=round(line.seconds),
            )


def _doubt(reason: str) -> None:
    log.event(_LOG, "supply.client_doubted", level=logging.WARNING, reason=reason)
