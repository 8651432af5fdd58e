"""One client on a Unix socket: an asyncio protocol that answers one request after the other.

It feeds bytes to the reader, asks the contract what they mean, and remembers until when the client
may take for what it is doing; the server's sweep looks after that, so a request costs no timer.
What a client or the desk does wrong ends this connection at most.
"""

import asyncio
import math
import select

from agent.supply.access import Access, Peer, access
from agent.supply.answering import Client
from agent.supply.contract import parse
from agent.supply.house import House
from agent.supply.http1 import BODY_LIMIT, CONTINUE, HEAD_LIMIT, Reader, encode
from agent.supply.operations import (
    Awaited,
    DeleteGrant,
    GetEvents,
    GetToken,
    Operation,
    RekeyStore,
    ReportRejected,
    Request,
)
from agent.supply.peer import PeerProcess, peer_of
from agent.supply.problems import TOO_MANY_REQUESTS, TOO_SLOW, Response, problem
from agent.supply.stream import HEAD, Stream

_INPUT = HEAD_LIMIT + BODY_LIMIT  # bytes kept of a client that sends ahead of its answers


class Connection(asyncio.BufferedProtocol):
    """One client. States: waiting for a request, answering (`_task`), telling what happens
    (`_stream`), closing."""

    _transport: asyncio.Transport
    _peer: Peer
    _process: PeerProcess
    _access: Access
    _client: Client

    def __init__(self, house: House, *, admin: bool) -> None:
        self._house = house
        self.admin = admin
        self._reader = Reader(house.heads)
        self._refusal: Response | None = None
        self._task: asyncio.Task[None] | None = None
        self._for_itself = False  # what `_task` is for is of use to this client alone
        self._stream: Stream | None = None
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
        socket = transport.get_extra_info("socket")
        self._peer = peer_of(socket)
        self._process = PeerProcess(socket, self._peer)
        self._access = access(self._peer, self._house.policy, admin=self.admin, facts=self._process)
        for reason in self._process.doubts:
            self._house.doubted(reason)
        self._client = Client(
            self._house, self._peer, self._process, self._access, admin=self.admin
        )
        self._expect(self._house.limits.request)
        match self._house.enter(self, self._peer, self._access):
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
        if self._closing or self._stream is not None:  # whoever follows has nothing more to say
            return
        begun = self._reader.pending
        self._reader.feed(bytes(self._house.scratch[:nbytes]))
        if self._task is None and not self._held_up:
            self._advance(begun)
        elif self._reader.buffered > _INPUT:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        # Half-closed clients get their answer.
        busy = self._task is not None or self._stream is not None or self._held_up
        return busy and not self._has_left()

    def pause_writing(self) -> None:
        self._held_up = True

    def resume_writing(self) -> None:
        self._held_up = False
        # asyncio is in the middle of writing: whoever closes now is lost twice.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._task is None and self._stream is None and not self._closing:
            self._advance(begun=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = self._lost = True
        self._process.close()
        if self._stream is not None:
            self._stream.close()
        self._client.gone()
        if self._task is None:
            self._house.leave(self)
        elif self._for_itself:
            self._task.cancel()

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
        operation = self._read(request)
        match operation:
            case Response():
                self._house.answered(None, operation.status)
                self._send(operation, request)
            case GetEvents():
                return self._follow(operation, request)
            case GetToken() | ReportRejected() | DeleteGrant() | RekeyStore():
                if (response := self._client.from_memory(operation)) is not None:
                    self._answered(operation, response, request)
                    return False
                self._expect(self._house.limits.answer)
                self._for_itself = isinstance(operation, GetToken)
                answering = self._answer(operation, request)
                self._task = asyncio.get_running_loop().create_task(answering)
                return True
            case _:
                response = self._client.at_once(operation)
                self._house.answered(operation, response.status)
                self._send(response, request)
        return False

    def _read(self, request: Request) -> Operation | Response:
        """What is asked for, if this client may ask for anything just now."""
        if not self.admin and (seconds := self._house.wait_for(self._access)):
            detail = f"the limit is {self._access.caps.requests:g} requests a second"
            return problem(TOO_MANY_REQUESTS, detail, retry_after=seconds)
        return parse(request, self._access.scopes)

    def _follow(self, operation: GetEvents, request: Request) -> bool:
        present = self._client.present()
        if isinstance(present, Response):
            self._house.answered(operation, present.status)
            self._send(present, request)
            return False
        self._house.answered(operation, 200)
        if request.method == "HEAD":
            self._transport.write(HEAD)
            self._close()
            return False
        self._stream = Stream(self._house.events, self._transport)
        self._stream.start(operation.last_event_id, present)
        self._expect(self._house.limits.heartbeat)
        return True

    async def _answer(self, operation: Awaited, request: Request) -> None:
        response = await self._client.in_time(operation)
        self._task = None
        self._answered(operation, response, request)
        if self._lost:
            self._house.leave(self)
        else:
            self._advance(begun=False)

    def _answered(self, operation: Awaited, response: Response, request: Request) -> None:
        if not self._lost:
            self._house.answered(operation, response.status)
        sent = not self._closing and self._send(response, request)
        if request.method != "HEAD":  # which is handed nothing
            self._client.told(operation, sent=sent)

    def _send(self, response: Response, request: Request) -> bool:
        """False if the client is gone already."""
        keep_alive = request.keep_alive and not self._house.closing
        head_only = request.method == "HEAD"
        self._transport.write(encode(response, keep_alive=keep_alive, head_only=head_only))
        sent = not self._transport.is_closing()
        if not keep_alive:
            self._close()
        return sent

    def _refuse(self, response: Response) -> None:
        """Answer and close, but read on until the client has: closing at once would break the
        pipe under a client that is still sending, and some then never read the answer."""
        self._closing = True
        self._house.answered(None, response.status)
        self._transport.write(encode(response, keep_alive=False))
        self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._expect(self._house.limits.request)

    def _close(self) -> None:
        self._closing = True
        self._transport.close()
        self._expect(self._house.limits.request)

    # -- deadlines ---------------------------------------------------------------------------------

    def _expect(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().time() + seconds

    def check(self, now: float) -> None:
        """Called by the sweep: end what takes too long, or is for somebody who shut its end first
        and left then: asyncio does not tell."""
        if self._task is not None and self._ended and not self._lost and self._has_left():
            self._transport.abort()
        elif now >= self._deadline:
            self._end_what_takes_too_long()

    def _end_what_takes_too_long(self) -> None:
        if self._stream is not None and not (self._closing or self._held_up):
            self._stream.beat()
            self._expect(self._house.limits.heartbeat)
        elif self._task is not None:
            self._task.cancel()
            self._expect(self._house.limits.request)
        elif self._closing or self._held_up:
            self._transport.abort()
        elif self._reader.pending:
            self._refuse(problem(TOO_SLOW, f"the limit is {self._house.limits.request:g} s"))
        elif self._client.relied_on():
            self._expect(self._house.limits.idle)
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

    def _has_left(self) -> bool:
        """Whether the client closed both ways: poll(2) tells that from a half-closed Unix socket.
        Only while there is a transport."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))
