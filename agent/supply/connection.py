"""One client on a Unix socket: an asyncio protocol that answers one request after the other.

It feeds bytes to the reader, asks the contract what they mean, and remembers until when the client
may take for what it is doing; the server's sweep looks after that, so a request costs no timer.
What a client or the desk does wrong ends this connection at most.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.supply.access import NOTHING, Peer, Policy, Scope, scopes
from agent.supply.answering import Audit, Awaited, Immediate, at_once, in_time
from agent.supply.contract import (
    BUSY,
    INTERNAL,
    TOO_SLOW,
    DeleteGrant,
    GetToken,
    RekeyStore,
    ReportRejected,
    Request,
    Response,
    parse,
    problem,
)
from agent.supply.http1 import BODY_LIMIT, CONTINUE, HEAD_LIMIT, Heads, Reader, encode
from agent.supply.interface import TokenDesk
from agent.supply.listening import peer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds. `refused`: connections in all that are kept only to be told no."""

    request: float = 5.0  # from a request's first byte to its last, and for reading an answer
    idle: float = 60.0  # between requests
    answer: float = 30.0  # for the desk; it should take far less
    drain: float = 3.0  # at shutdown, for answers already being prepared
    per_uid: int = 32
    connections: int = 128
    refused: int = 32


class House(Protocol):
    """What a connection needs of the server it belongs to."""

    desk: TokenDesk
    policy: Policy
    audit: Audit
    limits: Limits
    heads: Heads
    scratch: memoryview  # shared: it is only full between two calls of the event loop
    closing: bool

    def enter(
        self, connection: "Connection", peer: Peer, granted: frozenset[Scope]
    ) -> Response | Literal["welcome", "drop"]:
        """Count it in. A Response is a refusal to be sent; `drop`: not even that."""
        ...

    def leave(self, connection: "Connection") -> None: ...


_INPUT = HEAD_LIMIT + BODY_LIMIT  # bytes kept of a client that sends ahead of its answers


class Connection(asyncio.BufferedProtocol):
    """One client. States: waiting for a request (`_task` None), answering, closing."""

    _transport: asyncio.Transport
    _peer: Peer

    def __init__(self, house: House, *, admin: bool) -> None:
        self._house = house
        self._admin = admin
        self._reader = Reader(house.heads)
        self._granted: frozenset[Scope] = NOTHING
        self._refusal: Response | None = None
        self._task: asyncio.Task[None] | None = None
        self._deadline = math.inf
        self._ended = False  # the client will send no more
        self._closing = False  # we shall answer no more
        self._held_up = False  # the client does not read
        self._lost = False

    # -- what asyncio tells us --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type
        self._transport = transport
        transport.set_write_buffer_limits(high=_INPUT)
        self._peer = peer_of(transport.get_extra_info("socket"))
        self._granted = scopes(self._peer, self._house.policy, admin=self._admin)
        self._expect(self._house.limits.request)
        match self._house.enter(self, self._peer, self._granted):
            case Response() as refusal:
                self._refusal = refusal
            case "drop":
                self._closing = True
                transport.abort()
            case "welcome":
                pass

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._house.scratch

    def buffer_updated(self, nbytes: int) -> None:
        if self._closing:
            return
        begun = self._reader.pending
        self._reader.feed(bytes(self._house.scratch[:nbytes]))
        if self._task is None and not self._held_up:
            self._advance(begun)
        elif self._reader.buffered > _INPUT:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        return self._task is not None or self._held_up  # half-closed clients get their answer

    def pause_writing(self) -> None:
        self._held_up = True

    def resume_writing(self) -> None:
        self._held_up = False
        if self._task is None and not self._closing:
            self._advance(begun=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = self._lost = True
        if self._task is None:
            self._house.leave(self)

    # -- one request after the other ---------------------------------------------------------------

    def _advance(self, begun: bool) -> None:
        """Answer what is complete. `begun`: the clock of the request at hand runs already."""
        while not (self._closing or self._held_up or self._transport.is_closing()):
            request = self._refusal or self._reader.next()
            if request is None:
                self._wait(begun)
                return
            begun = False
            if isinstance(request, Response):
                self._refuse(request)
                return
            if self._start(request):
                return
        if self._held_up:
            self._expect(self._house.limits.request)

    def _wait(self, begun: bool) -> None:
        if self._ended:
            self._close()
        elif self._reader.pending:
            if self._reader.wants_continue():
                self._transport.write(CONTINUE)
            if not begun:
                self._expect(self._house.limits.request)
        else:
            self._expect(self._house.limits.idle)
        self._transport.resume_reading()

    def _start(self, request: Request) -> bool:
        """True if the answer comes later, from a task."""
        operation = parse(request, self._granted)
        match operation:
            case Response():
                self._send(operation, request)
            case GetToken() | ReportRejected() | DeleteGrant() | RekeyStore():
                self._expect(self._house.limits.answer)
                answering = self._answer(operation, request)
                self._task = asyncio.get_running_loop().create_task(answering)
                return True
            case _:
                self._send(self._answer_at_once(operation), request)
        return False

    def _answer_at_once(self, operation: Immediate) -> Response:
        try:
            return at_once(self._house.desk, operation)
        except Exception as exc:  # the desk's bug must not end the server
            return self._mistake(exc)

    async def _answer(self, operation: Awaited, request: Request) -> None:
        try:
            response = await in_time(self._house.desk, operation, self._handed_out)
        except Exception as exc:  # the desk's bug must not end the server
            response = self._mistake(exc)
        except asyncio.CancelledError:
            response = problem(BUSY, "no answer in time; ask again", retry_after=5)
        self._task = None
        if self._lost:
            self._house.leave(self)
        elif not self._closing:
            self._send(response, request)
            self._advance(begun=False)

    def _send(self, response: Response, request: Request) -> None:
        keep_alive = request.keep_alive and not self._house.closing
        head_only = request.method == "HEAD"
        self._transport.write(encode(response, keep_alive=keep_alive, head_only=head_only))
        if not keep_alive:
            self._close()

    def _refuse(self, response: Response) -> None:
        """Answer and close, but read on until the client has: closing at once would break the
        pipe under a client that is still sending, and some then never read the answer."""
        self._closing = True
        self._transport.write(encode(response, keep_alive=False))
        self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._expect(self._house.limits.request)

    def _close(self) -> None:
        self._closing = True
        self._transport.close()
        self._expect(self._house.limits.request)

    def _handed_out(self, fingerprint: str, life_left: float) -> None:
        """Audit once the answer is on its way: the record must not cost the client time, and its
        failure not the token."""
        loop = asyncio.get_running_loop()
        loop.call_soon(self._house.audit, self._peer, fingerprint, life_left)

    def _mistake(self, exc: Exception) -> Response:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a request to the token socket failed", "exception": exc}
        )
        return problem(INTERNAL, "it is in the agent's log; please report it")

    # -- deadlines ---------------------------------------------------------------------------------

    def _expect(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().time() + seconds

    def check(self, now: float) -> None:
        """Called by the sweep: end what takes too long."""
        if now < self._deadline:
            return
        if self._task is not None:
            self._task.cancel()
            self._expect(self._house.limits.request)
        elif self._closing or self._held_up:
            self._transport.abort()
        elif self._reader.pending:
            self._refuse(problem(TOO_SLOW, f"the limit is {self._house.limits.request:g} s"))
        else:
            self._close()

    def wind_up(self) -> None:
        """Shutdown: an answer being prepared may go out, everything else ends."""
        if self._task is None:
            self._transport.abort() if self._held_up else self._transport.close()

    async def cut(self) -> None:
        """Shutdown, the time for good-byes is over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._transport.abort()
