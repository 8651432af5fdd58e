"""Tokens for payment software written in Python; needs httpx and nothing else.

    from agent.supply.client import TokenAuth

    with httpx.Client(auth=TokenAuth(), base_url="https://connect.example.com") as api:
        api.post("/api/v2/Smart/Transactions", json=...)

The agent is the cache: the token is asked for before every request (a fraction of a millisecond)
and never kept here. When the API refuses it, its fingerprint is reported to the agent, which
renews it if it is still the current one, and the request is sent once more; never twice, so an
API that refuses everything sees two requests and no loop. Secucard refuses a dead token with
403 and code 2003 where others say 401.
"""

import ipaddress
import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from typing import Final

import httpx

from agent.supply import local
from agent.supply.errors import (
    AgentUnreachable,
    InsecureRequest,
    NotAllowed,
    NoToken,
    PairingRequired,
    TokenUnavailable,
)

__all__ = [
    "AgentUnreachable",
    "InsecureRequest",
    "NoToken",
    "NotAllowed",
    "PairingRequired",
    "Token",
    "TokenAuth",
    "TokenUnavailable",
    "fetch_token",
    "fetch_token_async",
]

_DEAD_TOKEN: Final = 2003  # Secucard's `code` beside 403; other codes are business refusals
_LONGEST_REFUSAL: Final = 65536  # bytes; a body beyond is not read to look for the code


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the agent handed out. `expires_in` in seconds from now; `degraded` says why it is less
    than was asked for, or is None. The token itself stays out of the repr."""

    access_token: str = field(repr=False)
    expires_in: int
    fingerprint: str
    scope: str | None = None
    degraded: str | None = None


def fetch_token(socket: str | None = None, min_ttl: int = 60, *, timeout: float = 40.0) -> Token:
    """A token that lives at least `min_ttl` seconds where possible. Raises SupplyError."""
    return _Agent(socket, timeout).token(_wanted(min_ttl))


async def fetch_token_async(
    socket: str | None = None,
    min_ttl: int = 60,
    *,
    timeout: float = 40.0,  # noqa: ASYNC109 - httpx's timeout, also under trio
) -> Token:
    """`fetch_token` for asyncio and trio."""
    return await _Agent(socket, timeout).token_async(_wanted(min_ttl))


class TokenAuth(httpx.Auth):
    """Puts the agent's token on requests of `httpx.Client` and `httpx.AsyncClient`.

    `socket`: the agent's, else $POS_AGENT_SOCKET, else /run/pos-agent/token.sock. `min_ttl` in
    seconds: how long the longest call with the token takes. Requests raise SupplyError when there
    is no token, InsecureRequest when the URL is neither https nor on this machine.
    """

    requires_request_body = True  # a refused request is sent again, so its body has to be kept

    def __init__(
        self, socket: str | None = None, min_ttl: int = 60, *, timeout: float = 40.0
    ) -> None:
        self._agent = _Agent(socket, timeout)
        self._wanted = _wanted(min_ttl)

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        _check(request.url)
        request.read()
        token = self._agent.token(self._wanted)
        response = yield _with(request, token)
        if _may_be_refusal(response, token):
            response.read()
        if not _is_refusal(response, token):
            return
        successor = self._agent.token(_rejected(token))
        if successor.fingerprint != token.fingerprint:
            yield _with(request, successor)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        _check(request.url)
        await request.aread()
        token = await self._agent.token_async(self._wanted)
        response = yield _with(request, token)
        if _may_be_refusal(response, token):
            await response.aread()
        if not _is_refusal(response, token):
            return
        successor = await self._agent.token_async(_rejected(token))
        if successor.fingerprint != token.fingerprint:
            yield _with(request, successor)


# -- the API's side -------------------------------------------------------------------------------


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
    """RFC 6750 section 3.1: 401. Secucard: 403 whose JSON has the code 2003."""
    if response.status_code == 401:
        return _was_sent(response, token)
    return (
        _may_be_refusal(response, token)
        and _json_object(response.content).get("code") == _DEAD_TOKEN
    )


def _was_sent(response: httpx.Response, token: Token) -> bool:
    """False after a redirect to another host: httpx took the token off, so nobody refused it."""
    sent: str | None = response.request.headers.get("Authorization")
    return sent == f"Bearer {token.access_token}"


# -- the agent's side -----------------------------------------------------------------------------


class _Agent:
    """The agent's socket. Keeps no connection open: a new one costs a fraction of a millisecond,
    survives the agent's restart, and belongs to no event loop or thread."""

    def __init__(self, socket: str | None, timeout: float) -> None:
        self._socket = socket or local.socket_path()
        self._timeout = timeout

    def token(self, ask: "_Ask") -> Token:
        return self._read(
            *local.request(self._socket, ask.method, ask.target, ask.body, self._timeout)
        )

    async def token_async(self, ask: "_Ask") -> Token:
        request = httpx.Request(
            ask.method,
            "http://localhost" + ask.target,
            json=ask.body,
            extensions={"timeout": httpx.Timeout(self._timeout).as_dict()},
        )
        # No TLS on a Unix socket: verify=False spares loading the CA bundle.
        transport = httpx.AsyncHTTPTransport(uds=self._socket, verify=False)
        try:
            async with transport:
                response = await transport.handle_async_request(request)
                body = await response.aread()
                await response.aclose()
        except httpx.TransportError as exc:
            raise local.trouble(self._socket, exc) from exc
        return self._read(response.status_code, _json_object(body))

    def _read(self, status: int, members: dict[str, object]) -> Token:
        if status == 200:
            return self._token(members)
        detail = f"{members.get('title', status)}: {members.get('detail', '')}"
        if status == 403:
            raise NotAllowed(detail)
        seconds = members.get("retry_after")
        retry_after = float(seconds) if isinstance(seconds, int) else 5.0
        if status == 409:
            raise PairingRequired(
                f"{detail}; the code to approve is on the customer display", retry_after
            )
        raise TokenUnavailable(f"{detail}; `pos-agent status` tells more", retry_after)

    def _token(self, members: dict[str, object]) -> Token:
        value, expires_in = members.get("access_token"), members.get("expires_in")
        fingerprint, kind = members.get("fingerprint"), members.get("token_type")
        scope, degraded = members.get("scope"), members.get("degraded")
        if (
            not isinstance(value, str)
            or not isinstance(expires_in, int)
            or not isinstance(fingerprint, str)
            or not isinstance(kind, str)
            or kind.lower() != "bearer"  # RFC 6749 section 5.1: compared without regard to case
        ):
            raise local.not_an_agent(self._socket)
        return Token(
            access_token=value,
            expires_in=expires_in,
            fingerprint=fingerprint,
            scope=scope if isinstance(scope, str) else None,
            degraded=degraded if isinstance(degraded, str) else None,
        )


@dataclass(frozen=True, slots=True)
class _Ask:
    method: str
    target: str
    body: dict[str, object] | None = None


def _wanted(min_ttl: int) -> _Ask:
    return _Ask("GET", f"/v1/token?min_ttl={min_ttl}")


def _rejected(token: Token) -> _Ask:
    return _Ask("POST", "/v1/token/rejected", {"fingerprint": token.fingerprint})


def _json_object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
