"""One HTTP exchange with the authorization server: an `Answer`, or why there is none.

The only module of this room that knows httpx, and the place where its errors end. What a stock
client would do and a payment terminal must not:

- Timeouts of httpx are per operation: a server that drips one byte at a time never runs into
  one. Here one deadline stands around everything, name lookup and TLS included.
- httpx decompresses what it reads (261 kB on the wire can become 256 MiB). Here the body is read
  raw up to a limit, and any Content-Encoding is refused.
- Redirects would carry the client's secret to wherever they point: refused before the body is read.
- Environment variables can name a proxy, another set of CAs and a file for TLS keys: all ignored.

`answer_lost` decides whether a one-time code or a rotated refresh token may be gone, so it is not
guessed from the type of the error: httpcore reports when the request begins to leave.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import anyio
import httpx

from agent.clock import Clock
from agent.errors import ConfigError
from agent.oauth import fields
from agent.oauth.events import TransportFailed, Trouble
from agent.oauth.link import has_link
from agent.oauth.tls import client_context
from agent.oauth.wire import Answer, Request
from agent.secret import Secret

DEADLINE: Final = 20.0  # s, for the whole exchange
BODY_LIMIT: Final = 65_536  # bytes; tokens need 2 kB, error pages of portals reach 90 kB
CLOCK_FLOOR: Final = 1_767_225_600.0  # 2026-01-01: this code did not exist before
_CLOCK_CEILING: Final = CLOCK_FLOOR + 25 * 365.25 * 86_400  # and no terminal lives this long
_HEADER_LIMIT: Final = 256  # characters of a header we pass on
_IDLE_LIMIT: Final = 30.0  # s; servers close idle connections after 5 to 75 s
_NOT_YET_VALID: Final = 9  # X509_V_ERR_CERT_NOT_YET_VALID
_HAS_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED

# Everything httpx 0.23 to 0.28 lets through on the way to a server. RequestError alone is not
# enough: 0.23 leaks ssl and anyio errors from a handshake, and what ASCII or IDNA cannot express
# is a UnicodeError.
_FAILURES: Final = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    anyio.EndOfStream,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,  # with ssl.SSLError, socket.gaierror and TimeoutError
    UnicodeError,
)


class Transport:
    """HTTP/1.1 to one server, over TLS 1.2 or better unless the URL is plain http.

    `ca_file` replaces the system's CAs; `client_certificate` and `client_key` are PEM files
    (RFC 8705); `proxy` is a URL. Raises ConfigError when one of them cannot be used. `link` tells
    whether a network cable is in: without one no name is found either, and that is not the router.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        deadline: float = DEADLINE,
        body_limit: int = BODY_LIMIT,
        ca_file: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        proxy: str | None = None,
        link: Callable[[], bool] = has_link,
    ) -> None:
        self._clock = clock
        self._link = link
        self._deadline = deadline
        self._body_limit = body_limit
        connections = httpx.AsyncHTTPTransport(
            verify=client_context(ca_file, client_certificate, client_key),
            http2=False,
            trust_env=False,
            # No cap, so no queue: cancelled waiters clog that of httpcore 0.16 for ever.
            limits=httpx.Limits(max_keepalive_connections=1, keepalive_expiry=_IDLE_LIMIT),
            proxy=_proxy(proxy),
        )
        self._client = httpx.AsyncClient(
            transport=connections,
            trust_env=False,
            follow_redirects=False,
            # httpcore closes a socket it gives up on itself, but not one whose handshake is
            # cancelled. TCP and TLS get this long each, so that happens before our deadline.
            timeout=httpx.Timeout(None, connect=0.4 * deadline),
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
            headers={"User-Agent": "pos-agent"},
        )

    async def exchange(self, request: Request) -> Answer | TransportFailed:
        """POST a form to a token or device authorization endpoint."""
        return await self._send("POST", request.url, request.headers(), request.body())

    async def get(self, url: str, bearer: Secret | None = None) -> Answer | TransportFailed:
        """GET a JSON document, with an access token when there is one."""
        headers = [("Accept", "application/json"), ("Accept-Encoding", "identity")]
        if bearer is not None:
            headers.append(("Authorization", f"Bearer {bearer.reveal()}"))
        return await self._send("GET", url, headers, None)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | None
    ) -> Answer | TransportFailed:
        if fields.web_address(url) is None:
            return TransportFailed(kind="server", reason=f"{_host(url)} has no usable web address")
        journey, host = _Journey(), _host(url)
        kind: Trouble
        try:
            request = self._client.build_request(
                method, url, headers=headers, content=body, extensions={"trace": journey.note}
            )
            async with asyncio.timeout(self._deadline):
                # In a task of its own: anyio 3 leaves cancellations uncounted behind, after
                # which no timeout or task group around this one would work any more.
                return await asyncio.create_task(self._receive(request, host))
        except TimeoutError:
            verb = "did not answer" if journey.sent else "could not be reached"
            kind, reason = "network", f"{host} {verb} within {self._deadline:g} s"
        except _FAILURES as error:
            kind, reason = _explain(list(_chain(error)), host, self._clock.wall())
            if kind == "name" and not self._link():
                kind, reason = "network", "no network interface has a link: check the cable"
        return TransportFailed(kind=kind, reason=reason, answer_lost=journey.sent)

    async def _receive(self, request: httpx.Request, host: str) -> Answer | TransportFailed:
        asked_at = self._clock.now()
        response = await self._client.send(request, stream=True)
        try:
            if refusal := _refusal(response, host):
                return refusal
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._body_limit:
                    return _unusable(f"{host} sent more than {self._body_limit // 1024} KiB")
        finally:
            await response.aclose()
        return Answer(
            status=response.status_code,
            body=bytes(body),
            asked_at=asked_at,
            retry_after=_header(response, "Retry-After"),
            date=_header(response, "Date"),
            content_type=_header(response, "Content-Type"),
        )


class _Journey:
    """Whether any byte of the request may have reached the server."""

    def __init__(self) -> None:
        self.sent = False

    async def note(self, event: str, info: dict[str, Any]) -> None:
        """httpcore's trace extension. Headers already count: a GET is complete with them. A
        CONNECT is for the proxy."""
        if event == "http11.send_request_headers.started":
            self.sent = info["request"].method != b"CONNECT"


def _refusal(response: httpx.Response, host: str) -> TransportFailed | None:
    """Judge an answer by its head alone, before a byte of the body is read."""
    if 300 <= response.status_code < 400:
        # Never followed, so nothing was spent anywhere: the request ended at whoever redirects.
        return TransportFailed(
            kind="server",
            reason=f"{host} redirects elsewhere (HTTP {response.status_code}), which is refused",
        )
    coding = _header(response, "Content-Encoding")
    if coding is not None and coding.strip().lower() not in ("", "identity"):
        return _unusable(f"{host} sent a compressed answer, which was not asked for")
    return None


def _unusable(reason: str) -> TransportFailed:
    return TransportFailed(kind="server", reason=reason, answer_lost=True)


# The first row one of whose errors is in the chain wins. The sentences are ours: a library's own
# words may quote a header or a form field.
_SENTENCES: Final[tuple[tuple[type[BaseException], Trouble, str], ...]] = (
    (httpx.InvalidURL, "server", "{} has no usable web address"),
    (UnicodeError, "server", "the request to {} cannot be put into HTTP"),
    (httpx.LocalProtocolError, "server", "the request to {} cannot be put into HTTP"),
    (ssl.SSLEOFError, "network", "{} ended the connection in the middle of TLS"),
    (socket.gaierror, "name", "the name {} cannot be resolved: check network and DNS"),
    (httpx.ProxyError, "network", "the proxy does not let the request to {} through"),
    (httpx.RemoteProtocolError, "server", "{} did not send a complete HTTP answer"),
    (ConnectionRefusedError, "network", "{} refuses the connection"),
    (httpx.TimeoutException, "network", "{} could not be reached in time"),
    (httpx.ConnectError, "network", "{} cannot be reached"),
)


def _explain(chain: list[BaseException], host: str, wall: float) -> tuple[Trouble, str]:
    """The kind of trouble and a sentence about it."""
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _certificate_trouble(error, host, wall)
        # Its other subclasses are an end of the stream, or "wants more" in an error's context.
        if type(error) is ssl.SSLError:
            return "tls", f"no TLS connection to {host}: {fields.printable(error.reason, 60)}"
    for expected, kind, sentence in _SENTENCES:
        if any(isinstance(error, expected) for error in chain):
            return kind, sentence.format(host)
    return "network", f"the connection to {host} broke"


def _certificate_trouble(
    error: ssl.SSLCertVerificationError, host: str, wall: float
) -> tuple[Trouble, str]:
    """A wrong clock is named as such; the certificate is refused all the same."""
    clock_is_absurd = not CLOCK_FLOOR <= wall <= _CLOCK_CEILING
    too_early = error.verify_code == _NOT_YET_VALID
    if too_early or (error.verify_code == _HAS_EXPIRED and clock_is_absurd):
        return "clock", (
            f"the certificate of {host} is not valid at this terminal's time,"
            f" {time.strftime('%Y-%m-%d', time.gmtime(wall))}: set the clock"
        )
    return (
        "tls",
        f"the certificate of {host} is refused: {fields.printable(error.verify_message, 100)}",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it. httpx wraps twice, anyio may group."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            for inner in link.exceptions:
                yield from _chain(inner)
        link = link.__cause__ or link.__context__


def _host(url: str) -> str:
    """Host and port for a message; never user, path or query."""
    try:
        parsed = httpx.URL(url)
        host, port = fields.printable(parsed.host, 100), parsed.port
    except (httpx.InvalidURL, ValueError):
        return "the server"
    return (f"{host}:{port}" if port else host) or "the server"


def _header(response: httpx.Response, name: str) -> str | None:
    value: str | None = response.headers.get(name)
    return None if value is None else value[:_HEADER_LIMIT]


def _proxy(url: str | None) -> httpx.Proxy | None:
    if url is None:
        return None
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host:
        # No cause and no quote: the URL may hold a password.
        raise ConfigError("server.proxy is not a URL like http://proxy.example:3128")
    return proxy
