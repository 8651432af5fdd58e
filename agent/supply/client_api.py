"""The API's side of the client: the token goes with each request, a refused one is replaced once.

Secucard refuses a dead token with 403 and code 2003 where others say 401 (RFC 6750 section 3.1).
"""

import ipaddress
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Final, Protocol

import httpx

from agent.supply.client_agent import Token, json_object
from agent.supply.errors import InsecureRequest

_DEAD_TOKEN: Final = 2003  # Secucard's `code` beside 403; other codes are business refusals
_LONGEST_REFUSAL: Final = 65536  # bytes, as sent; no more is read to look for the code


class Tokens(Protocol):
    """Where the token of a request comes from. Raises SupplyError when there is none."""

    def first(self) -> Token: ...

    def after(self, refused: Token) -> Token | None:
        """Another one, or None: it cannot be had, so what was refused would be refused again."""
        ...


class TokensAsync(Protocol):
    """`Tokens` for asyncio and trio."""

    async def first(self) -> Token: ...

    async def after(self, refused: Token) -> Token | None: ...


class RecoveringAuth(httpx.Auth):
    """Sends each request with a token, and once more with the next one if that was refused. So the
    request's body is kept. The answer's is the caller's, who may be streaming it: what is read here
    to find a refusal is still to come there."""

    def __init__(
        self, tokens: Tokens | None = None, tokens_async: TokensAsync | None = None
    ) -> None:
        self._tokens = tokens
        self._tokens_async = tokens_async

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        if self._tokens is None:
            raise RuntimeError("use httpx.AsyncClient with this, or `hold` instead of `hold_async`")
        _check(request.url)
        request.read()
        token = self._tokens.first()
        response = yield _with(request, token)
        body = _peeked(response) if _may_be_refusal(response, token) else None
        if not _is_refusal(response, token, body):
            return
        if (successor := self._tokens.after(token)) is not None:
            yield _with(request, successor)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if self._tokens_async is None:
            raise RuntimeError("use httpx.Client with this, or `hold_async` instead of `hold`")
        _check(request.url)
        await request.aread()
        token = await self._tokens_async.first()
        response = yield _with(request, token)
        body = await _peeked_async(response) if _may_be_refusal(response, token) else None
        if not _is_refusal(response, token, body):
            return
        if (successor := await self._tokens_async.after(token)) is not None:
            yield _with(request, successor)


def _check(url: httpx.URL) -> None:
    if url.scheme != "https" and not _is_loopback(url.host):
        raise InsecureRequest(
            f"{url.scheme}://{url.host} would carry the token in clear text: use https"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _with(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.access_token}"
    return request


def _may_be_refusal(response: httpx.Response, token: Token) -> bool:
    """Only then is the body looked at; a streamed 200 must stay unread."""
    if response.status_code != 403 or not _was_sent(response, token):
        return False
    length = response.headers.get("Content-Length", "0")  # without one it may be of any length
    return length.isdecimal() and int(length) <= _LONGEST_REFUSAL


def _is_refusal(response: httpx.Response, token: Token, body: bytes | None) -> bool:
    """`body` is None where it was not looked at, or is too long."""
    if response.status_code == 401:
        return _was_sent(response, token)
    return body is not None and json_object(body).get("code") == _DEAD_TOKEN


def _was_sent(response: httpx.Response, token: Token) -> bool:
    """False after a redirect to another host: httpx took the token off, so nobody refused it."""
    sent: str | None = response.request.headers.get("Authorization")
    return sent == f"Bearer {token.access_token}"


# -- a body that is read twice --------------------------------------------------------------------


def _peeked(response: httpx.Response) -> bytes | None:
    """The body if it is short, else None. Either way all of it is still to be read."""
    stream = response.stream
    if response.is_stream_consumed or not isinstance(stream, httpx.SyncByteStream):
        return response.content  # an event hook of the client's has read it
    start, rest = _Start(), iter(stream)
    try:
        for piece in rest:
            if not start.take(piece):
                break
    except httpx.RequestError as exc:
        exc.request = response.request
        raise
    response.stream = _Again(start.pieces, rest, stream)
    return start.body(response.headers)


async def _peeked_async(response: httpx.Response) -> bytes | None:
    stream = response.stream
    if response.is_stream_consumed or not isinstance(stream, httpx.AsyncByteStream):
        return response.content
    start, rest = _Start(), aiter(stream)
    try:
        async for piece in rest:
            if not start.take(piece):
                break
    except httpx.RequestError as exc:
        exc.request = response.request
        raise
    response.stream = _AgainAsync(start.pieces, rest, stream)
    return start.body(response.headers)


class _Start:
    """The first pieces of a body, as sent."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._room = _LONGEST_REFUSAL

    def take(self, piece: bytes) -> bool:
        """False: it is too long, so what follows does not matter."""
        self.pieces.append(piece)
        self._room -= len(piece)
        return self._room >= 0

    def body(self, headers: httpx.Headers) -> bytes | None:
        """With its Content-Encoding undone, when no piece is missing; None if it is too long."""
        if self._room < 0:
            return None
        try:
            return httpx.Response(403, headers=headers, content=b"".join(self.pieces)).content
        except httpx.DecodingError:  # the caller hears of it when reading
            return None


class _Again(httpx.SyncByteStream):
    """A stream from its start, which was read already."""

    def __init__(
        self, start: list[bytes], rest: Iterator[bytes], stream: httpx.SyncByteStream
    ) -> None:
        self._start = start
        self._rest = rest
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._start
        yield from self._rest

    def close(self) -> None:
        self._stream.close()


class _AgainAsync(httpx.AsyncByteStream):
    """`_Again` for asyncio and trio."""

    def __init__(
        self, start: list[bytes], rest: AsyncIterator[bytes], stream: httpx.AsyncByteStream
    ) -> None:
        self._start = start
        self._rest = rest
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._start:
            yield piece
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        if isinstance(self._rest, AsyncGenerator):  # trio wants to hear of one that is left
            await self._rest.aclose()
        await self._stream.aclose()
