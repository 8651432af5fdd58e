"""The API's side of the client: the token goes with each request, a refused one is replaced once.

Secucard refuses a dead token with 403 and code 2003 where others say 401 (RFC 6750 section 3.1).
"""

import ipaddress
from collections.abc import AsyncGenerator, Generator
from typing import Final, Protocol

import httpx

from agent.supply.client_agent import Token, json_object
from agent.supply.errors import InsecureRequest

_DEAD_TOKEN: Final = 2003  # Secucard's `code` beside 403; other codes are business refusals
_LONGEST_REFUSAL: Final = 65536  # bytes; a body beyond is not read to look for the code


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
    """Sends each request with a token, and once more with the next one if that was refused."""

    requires_request_body = True  # a refused request is sent again, so its body has to be kept

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
        if _may_be_refusal(response, token):
            response.read()
        if not _is_refusal(response, token):
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
        if _may_be_refusal(response, token):
            await response.aread()
        if not _is_refusal(response, token):
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
    length = response.headers.get("Content-Length", "0")
    return length.isdecimal() and int(length) <= _LONGEST_REFUSAL


def _is_refusal(response: httpx.Response, token: Token) -> bool:
    if response.status_code == 401:
        return _was_sent(response, token)
    return (
        _may_be_refusal(response, token)
        and json_object(response.content).get("code") == _DEAD_TOKEN
    )


def _was_sent(response: httpx.Response, token: Token) -> bool:
    """False after a redirect to another host: httpx took the token off, so nobody refused it."""
    sent: str | None = response.request.headers.get("Authorization")
    return sent == f"Bearer {token.access_token}"
