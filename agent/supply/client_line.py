"""The way to the agent's socket: a connection for each question, or one that stays."""

import http.client
import json
import math
import select
import socket as sockets
import threading
from types import TracebackType
from typing import Final, Self

import httpx

from agent.supply import local
from agent.supply.client_agent import Answer, Ask, json_object

TIMEOUT: Final = 40.0  # s; the agent itself gives up after 30


class Agent:
    """The agent's socket. Keeps no connection open: a new one costs a fraction of a millisecond,
    survives the agent's restart, and belongs to no event loop or thread."""

    def __init__(self, socket: str | None, timeout: float = TIMEOUT) -> None:
        self._socket = socket or local.socket_path()
        self._timeout = timeout

    def ask(self, ask: Ask) -> Answer:
        status, members = local.request(
            self._socket, ask.method, ask.target, ask.body, self._timeout
        )
        return Answer(status=status, members=members, socket=self._socket)

    async def ask_async(self, ask: Ask) -> Answer:
        async with LineAsync(self._socket, self._timeout) as line:
            return await line.ask(ask)


class Line:
    """One connection to the agent, kept until it is closed: what is bound to it stays as long.

    Asks one thing at a time, for any thread. Another connection takes its place when the agent has
    ended it, for what is not bound.
    """

    def __init__(self, socket: str, timeout: float = TIMEOUT) -> None:
        self._socket = socket
        self._timeout = timeout
        self._connection = UnixConnection(socket, timeout)
        self._turn = threading.Lock()

    def ask(self, ask: Ask, timeout: float | None = None) -> Answer:
        """`timeout` in seconds for each step. Raises AgentUnreachable, NotAllowed."""
        with self._turn:
            try:
                self._connection.ready(timeout or self._timeout)
                body = None if ask.body is None else json.dumps(ask.body).encode()
                self._connection.request(ask.method, ask.target, body, _headers(ask))
                response = self._connection.getresponse()
                return _answer(response.status, response.read(), self._socket)
            except (OSError, http.client.HTTPException) as exc:
                self._connection.close()
                raise local.trouble(self._socket, exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket. httpx could do that, too, but leaves a socket open where nobody
    answers."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        made = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            made.settimeout(self.timeout)
            made.connect(self._path)
        except BaseException:
            made.close()
            raise
        self.sock = made

    def ready(self, timeout: float) -> None:
        """Each step of the next request may take so many seconds. It makes a new connection where
        the agent has closed this one: between an answer and a request only an end can come."""
        self.timeout = timeout
        if self.sock is None:
            return
        self.sock.settimeout(timeout)
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if poll.poll(0):
            self.close()


class LineAsync:
    """`Line` for asyncio and trio."""

    def __init__(self, socket: str, timeout: float = TIMEOUT) -> None:
        self._socket = socket
        self._timeout = timeout
        self._transport = UnixTransport(socket)

    async def ask(
        self,
        ask: Ask,
        timeout: float | None = None,  # noqa: ASYNC109 - httpx's timeout, also under trio
    ) -> Answer:
        """As `Line.ask`."""
        try:
            response = await self._transport.send(
                ask.method,
                ask.target,
                headers=_headers(ask),
                body=ask.body,
                timeout=timeout or self._timeout,
            )
            body = await response.aread()
            await response.aclose()
        except httpx.TransportError as exc:
            raise local.trouble(self._socket, exc) from exc
        return _answer(response.status_code, body, self._socket)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.aclose()


class UnixTransport:
    """httpx on one connection to a Unix socket, which is closed for certain."""

    def __init__(self, socket: str) -> None:
        # No TLS on a Unix socket: verify=False spares loading the CA bundle.
        self._transport = httpx.AsyncHTTPTransport(uds=socket, verify=False, limits=_ONE)

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str],
        body: dict[str, object] | None = None,
        timeout: float,  # noqa: ASYNC109 - httpx's timeout, also under trio
    ) -> httpx.Response:
        """The head of the answer; the rest is still to be read. `timeout` in seconds for each
        step. Raises httpx.TransportError."""
        request = httpx.Request(
            method,
            "http://localhost" + target,
            json=body,
            headers=headers,
            extensions={"timeout": httpx.Timeout(timeout).as_dict()},
        )
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        import anyio  # noqa: PLC0415 - httpx brings it, and loads it late as well

        with anyio.CancelScope(shield=True):  # who is cancelled must not leave a socket open
            await self._transport.aclose()


_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)


def _headers(ask: Ask) -> dict[str, str]:
    return {} if ask.wait is None else {"Prefer": f"wait={math.ceil(ask.wait)}"}


def _answer(status: int, body: bytes, socket: str) -> Answer:
    return Answer(status=status, members=json_object(body), socket=socket)
