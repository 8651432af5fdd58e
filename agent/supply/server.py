"""The agent's two Unix sockets: listeners, the count of connections, and the end.

The admin socket is a second listener of the same server; what differs is the peer's scopes.
"""

import asyncio
import itertools
import os
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

from agent.supply.access import NOTHING, Access, Peer, Policy
from agent.supply.caps import Buckets, Places
from agent.supply.connection import Connection
from agent.supply.feed import Feed
from agent.supply.house import Audit, Limits
from agent.supply.http1 import HEAD_LIMIT, Heads
from agent.supply.interface import EventSource, TokenDesk
from agent.supply.listening import BACKLOG, admitting, listen, remove, token_mode
from agent.supply.metrics import render
from agent.supply.operations import Operation
from agent.supply.problems import BUSY, NOT_PERMITTED, TOO_MANY, Response, problem
from agent.supply.watch import ProcessWatch


def no_audit(_peer: Peer, _client: str, _fingerprint: str, _life_left: float) -> None:
    """For servers whose hand-outs nobody records."""


class Server:
    """Serves the desk on both sockets.

    `activated` are listening sockets that systemd handed over (`listening.activated`), by name
    (`token`, `admin`); a path is bound only for the missing ones. `group` owns the token socket's
    file; the admin socket stays with the agent's own user. `on_doubt` is told once of each reason
    why a fact about a client, which a rule asks for, could not be found out.
    """

    def __init__(
        self,
        *,
        desk: TokenDesk,
        socket: str,
        admin_socket: str,
        policy: Policy,
        events: EventSource | None = None,
        group: str | None = None,
        audit: Audit = no_audit,
        on_doubt: Callable[[str], None] = lambda _reason: None,
        limits: Limits | None = None,
        activated: Mapping[str, socket.socket] | None = None,
    ) -> None:
        self._name = secrets.token_hex(4)  # another one each start, so ids of before are known
        self.desk = desk
        self.events = events or Feed(name=self._name)
        self.policy = policy
        self.audit = audit
        self.limits = limits or Limits()
        self.heads = Heads()
        self.scratch = memoryview(bytearray(HEAD_LIMIT))
        self.closing = False
        self._paths = {"token": socket, "admin": admin_socket}
        self._group = group
        self._activated = dict(activated or {})
        self._listening: list[asyncio.Server] = []
        self._made: list[tuple[str, int]] = []  # path and inode of socket files that are ours
        self._served: dict[Connection, tuple[Places, str]] = {}  # where its client is counted
        self._clients, self._administrators, self._own = (
            Places(most=self.limits.connections, spare=self.limits.spare, few=self.limits.few)
            for _ in range(3)
        )
        self._on_doubt = on_doubt
        self._doubts: set[str] = set()  # bounded by the rules: they name no process
        self._buckets = Buckets()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._numbers = itertools.count(1)
        self._watch = ProcessWatch(self.desk.ended, prefix=f"process:{self._name}-")
        self._refused: dict[Connection, str | None] = {}  # None: not even told so
        self._told_no = Places(most=self.limits.refused, spare=0, few=0)
        self._sweeping: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises ConfigError naming the path and what to do; nothing stays open then."""
        try:
            self.policy = admitting(self.policy, self._group)
            for name in ("token", "admin"):
                await self._listen(name)
        except BaseException:
            await self.aclose()
            raise

    async def _listen(self, name: str) -> None:
        listener = self._activated.pop(name, None)
        if listener is None:
            path = self._paths[name]
            if name == "admin":
                listener = listen(path, mode=0o600)
            else:
                mode = token_mode(self.policy, self._group)
                listener = listen(path, mode=mode, group=self._group)
            self._made.append((path, os.lstat(path).st_ino))
        # Not create_unix_server: from Python 3.13 on that one removes the file, also systemd's.
        serving = await asyncio.get_running_loop().create_server(
            lambda: Connection(self, admin=name == "admin"), sock=listener, backlog=BACKLOG
        )
        self._listening.append(serving)

    async def aclose(self) -> None:
        """Stop listening, let answers already being prepared go out, end all connections."""
        self.closing = True
        for path, inode in self._made:
            remove(path, inode)
        for serving in self._listening:
            serving.close()
        for listener in self._activated.values():
            listener.close()
        for connection in self._connections():
            connection.wind_up()
        try:
            async with asyncio.timeout(self.limits.drain):
                await self._drained()
        except TimeoutError:
            for connection in self._connections():
                await connection.cut()
            await self._drained()
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._watch.close()

    def _connections(self) -> tuple[Connection, ...]:
        return (*self._served, *self._refused)

    async def _drained(self) -> None:
        while self._connections():
            self._empty.clear()
            await self._empty.wait()

    # -- what connections tell us ------------------------------------------------------------------

    def enter(
        self, connection: Connection, peer: Peer, access: Access
    ) -> Response | Literal["welcome", "drop"]:
        if self._sweeping is None:
            self._schedule_sweep()
        places = self._places_for(connection, peer)
        refusal = _refusal(places, access)
        if refusal is None:
            self._served[connection] = places, access.key
            return "welcome"
        told = self._told_no.take(access.key, self.limits.refused_each) is None
        self._refused[connection] = access.key if told else None
        return refusal if told else "drop"

    def _places_for(self, connection: Connection, peer: Peer) -> Places:
        """Neither root's programs nor any client can keep the administrator out, or the agent's own
        question for the watchdog."""
        if connection.admin:
            return self._administrators
        return self._own if peer.uid == self.policy.own_uid else self._clients

    def leave(self, connection: Connection) -> None:
        if (told := self._refused.pop(connection, None)) is not None:
            self._told_no.give_back(told)
        if connection in self._served:
            places, client = self._served.pop(connection)
            places.give_back(client)
        self._empty.set()

    def doubted(self, reason: str) -> None:
        if reason not in self._doubts:
            self._doubts.add(reason)
            self._on_doubt(reason)

    def new_name(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def wait_for(self, access: Access) -> float:
        return self._buckets.take(access.key, access.caps, self.desk.now())

    def answered(self, operation: Operation | None, status: int) -> None:
        name = "Refused" if operation is None else type(operation).__name__
        self._requests[name, status] += 1

    def metrics(self) -> str:
        return render(self.desk.status(), self._requests, len(self._served))

    def watch(self, pid: int, pidfd: int) -> str | None:
        return self._watch.add(pid, pidfd)

    def _schedule_sweep(self) -> None:
        interval = min(1.0, self.limits.request / 4)
        self._sweeping = asyncio.get_running_loop().call_later(interval, self._sweep)

    def _sweep(self) -> None:
        """Look after every deadline, as long as there are connections."""
        now = asyncio.get_running_loop().time()
        for connection in self._connections():
            connection.check(now)
        self._sweeping = None
        if self._connections():
            self._schedule_sweep()


def _refusal(places: Places, access: Access) -> Response | None:
    """None: it is counted among those that are there."""
    if access.scopes == NOTHING:
        detail = "the operator decides who may ask: docs/supply.md, Access"
        return problem(NOT_PERMITTED, detail)
    match places.take(access.key, access.caps.connections):
        case "client":
            limit = access.caps.connections
            detail = f"the limit is {limit}; close some, or use one for many requests"
            return problem(TOO_MANY, detail, retry_after=1)
        case "all":
            return problem(BUSY, "too many connections", retry_after=1)
        case None:
            return None
