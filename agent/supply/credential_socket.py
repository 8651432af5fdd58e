"""The socket behind `LoadCredential=`: systemd fetches a token when it starts somebody's unit.

systemd connects from an abstract address that names the unit and the credential (systemd.exec(5)),
reads until we close, and makes a file of it that stays as it is while the unit runs:

    \\0<16 hex digits>/unit/till.service/access-token

Anybody can bind such an address. So a peer is believed if the kernel says that it is root, and the
unit gets a token if the configuration names it. There is no way to say "none": systemd takes an
empty answer for an empty credential, and starts the unit with it.
"""

import asyncio
import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from agent import log
from agent.clock import Clock
from agent.supply.delivery import Format, content, worth_giving
from agent.supply.interface import Handout, Unavailable
from agent.supply.listening import listen, remove
from agent.supply.peer import peer_of

PATH: Final = "/run/pos-agent/credential.sock"
MIN_TTL: Final = 60.0  # s asked for: the unit has yet to start
WAIT: Final = 5.0  # s for a renewal; systemd and the boot behind it wait as long
DEADLINE: Final = 10.0  # s for one connection
CONNECTIONS: Final = 8  # at once; more wait in the kernel's queue, which is no harm to them
_PAUSE: Final = 1.0  # s after accept(2) failed, for want of descriptors as a rule
_REMEMBERED: Final = 64  # names that are logged once; whoever has more has other troubles

_LOG: Final = logging.getLogger(__name__)
_ADDRESS: Final = re.compile(rb"\0[0-9a-f]{1,16}/unit/([^/\0]+)/([^/\0]+)")


class TokenSource(Protocol):
    """What the socket needs of the desk."""

    async def token_to_keep(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        """For somebody who cannot ask again: none that is known to be dead."""
        ...

    def now(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A unit that is being started, and the name of the credential it wants."""

    unit: str
    credential: str


def asked(address: object) -> Asked | None:
    """What the peer's address says, as `socket.getpeername` gives it; None if it is not one of
    systemd's for a unit."""
    found = _ADDRESS.fullmatch(address) if isinstance(address, bytes) else None
    if found is None:
        return None
    unit, credential = (part.decode(errors="backslashreplace") for part in found.groups())
    return Asked(unit=unit, credential=credential)


class CredentialSocket:
    """Answers systemd for the units named. `listener` is a socket that systemd handed over;
    without one the path is bound, for `trusted_uid` (root) alone."""

    def __init__(
        self,
        *,
        source: TokenSource,
        units: Mapping[str, Format],
        clock: Clock,
        path: str = PATH,
        listener: socket.socket | None = None,
        trusted_uid: int = 0,
        deadline: float = DEADLINE,
        connections: int = CONNECTIONS,
    ) -> None:
        self._source = source
        self._units = units
        self._clock = clock
        self._path = path
        self._listener = listener
        self._trusted_uid = trusted_uid
        self._deadline = deadline
        self._free = asyncio.Semaphore(connections)
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Until cancelled. Raises ConfigError if the socket cannot be made."""
        if self._listener is not None:
            with self._listener:
                await self._accept(self._listener)
            return
        with listen(self._path, mode=0o600) as listener:
            inode = os.lstat(self._path).st_ino
            try:
                await self._accept(listener)
            finally:
                remove(self._path, inode)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._free.acquire()
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError as exc:
                    self._free.release()
                    reason = exc.strerror or ""
                    log.event(_LOG, "credential.no_accept", level=logging.WARNING, reason=reason)
                    await self._clock.sleep(_PAUSE)
                    continue
                tasks.create_task(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            with connection:
                async with asyncio.timeout(self._deadline):
                    answer = await self._answer(connection)
                    await loop.sock_sendall(connection, answer)
        except (OSError, TimeoutError) as exc:
            reason = str(exc) or "no end in time"
            log.event(_LOG, "credential.not_read", level=logging.WARNING, reason=reason)
        except Exception as exc:  # the desk's bug must not end the socket
            loop.call_exception_handler(
                {"message": "an answer to LoadCredential= failed", "exception": exc}
            )
        finally:
            self._free.release()

    async def _answer(self, connection: socket.socket) -> bytes:
        """The bytes of the credential, empty if there are none for this peer."""
        peer, who = peer_of(connection), asked(connection.getpeername())
        if peer.uid != self._trusted_uid or who is None:
            self._refuse(f"uid {peer.uid}", "this is not systemd starting a unit")
            return b""
        form = self._units.get(who.unit)
        if form is None:
            self._refuse(who.unit, "the unit is not in [credential_socket] units")
            return b""
        handout = await self._source.token_to_keep(min_ttl=MIN_TTL, wait=WAIT)
        now = self._source.now()
        if isinstance(handout, Unavailable) or not worth_giving(handout.token, now):
            reason = handout.detail if isinstance(handout, Unavailable) else "the token is over"
            log.event(_LOG, "credential.empty", level=logging.WARNING, unit=who.unit, reason=reason)
            return b""
        log.event(
            _LOG,
            "credential.handed_out",
            unit=who.unit,
            credential=who.credential,
            fingerprint=handout.token.value.fingerprint(),
            life_left=round(handout.token.life_left(now)),
        )
        return content(handout, form, now).reveal().encode()

    def _refuse(self, who: str, reason: str) -> None:
        """Say it once: a unit may be restarted for ever."""
        if who not in self._refused and len(self._refused) < _REMEMBERED:
            self._refused.add(who)
            log.event(_LOG, "credential.refused", level=logging.WARNING, asker=who, reason=reason)
