"""HTTP/1.1 without a socket: bytes in, requests out; answers in, bytes out. Pure.

h11 parses. Around it: hard limits, one fresh parser a request (so no request can leave a state
behind for the next one on the connection), and a memory of heads already parsed. A polling client
sends the same bytes every time, and what they mean depends on nothing else, so the second time
costs a dictionary lookup instead of a parse.

Heads have to end in CR LF CR LF. h11 would also take bare LF; two opinions about where a head ends
are how requests get smuggled, so a head on which h11 and this module differ is refused.
"""

from typing import Final

import h11

from agent.supply.operations import Request
from agent.supply.problems import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    TARGET_TOO_LONG,
    Response,
    problem,
)

HEAD_LIMIT: Final = 8 * 1024  # bytes, as nginx and Apache have it
BODY_LIMIT: Final = 4 * 1024  # bytes; the longest sensible one has 50
_REMEMBERED: Final = 64  # heads; a terminal has a handful of clients
_WORTH_REMEMBERING: Final = 1024  # bytes; longer heads do not come from pollers
_END: Final = b"\r\n\r\n"


class Heads:
    """Heads of bodiless requests and what they mean; bounded to 64 KiB of heads."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Request] = {}

    def get(self, head: bytes) -> Request | None:
        return self._known.get(head)

    def remember(self, head: bytes, request: Request) -> None:
        if len(head) > _WORTH_REMEMBERING:
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[head] = request

    def __len__(self) -> int:
        return len(self._known)


class Reader:
    """The requests of one connection. After a Response (the refusal) there is no next one."""

    __slots__ = ("_body", "_data", "_heads", "_open", "_told_to_continue")

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self._data = b""
        self._open: tuple[h11.Connection, h11.Request] | None = None  # its body is arriving
        self._body = b""
        self._told_to_continue = False

    @property
    def buffered(self) -> int:
        """Bytes received and not yet used."""
        return len(self._data)

    @property
    def pending(self) -> bool:
        """A request has begun and is not complete."""
        return bool(self._data) or self._open is not None

    def feed(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data

    def wants_continue(self) -> bool:
        """True once for a request that waits for `100 Continue` before it sends its body."""
        if self._open is None or self._told_to_continue:
            return False
        self._told_to_continue = self._open[0].they_are_waiting_for_100_continue
        return self._told_to_continue

    def next(self) -> Request | Response | None:
        """The next complete request; None: feed more; a Response: refuse with it and close."""
        try:
            return self._read_head() if self._open is None else self._read_body(*self._open)
        except h11.RemoteProtocolError:  # whose words may repeat the client's, a token among them
            return problem(BAD_REQUEST, "not HTTP/1.1 as RFC 9112 has it")

    def _read_head(self) -> Request | Response | None:
        end = self._data.find(_END, 0, HEAD_LIMIT)
        if end < 0:
            return self._head_too_large() if len(self._data) >= HEAD_LIMIT else None
        head, self._data = self._data[: end + 4], self._data[end + 4 :]
        if known := self._heads.get(head):
            return known
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        parser.receive_data(head)
        event = parser.next_event()
        if not isinstance(event, h11.Request) or parser.trailing_data[0]:
            return problem(BAD_REQUEST, "not HTTP/1.1: lines end in CR LF")
        if event.http_version not in (b"1.0", b"1.1"):
            return problem(BAD_REQUEST, "the socket speaks HTTP/1.1")
        if isinstance(parser.next_event(), h11.EndOfMessage):
            request = _request(event, b"", parser)
            self._heads.remember(head, request)
            return request
        return self._begin_body(parser, event)

    def _head_too_large(self) -> Response:
        if b"\r\n" in self._data[:HEAD_LIMIT]:
            return problem(HEAD_TOO_LARGE, f"the limit is {HEAD_LIMIT} bytes")
        return problem(TARGET_TOO_LONG, "the first line does not end")

    def _begin_body(self, parser: h11.Connection, event: h11.Request) -> Request | Response | None:
        length = dict(event.headers).get(b"content-length", b"0")
        if int(length) > BODY_LIMIT:
            return problem(BODY_TOO_LARGE, f"the limit is {BODY_LIMIT} bytes")
        self._open, self._body, self._told_to_continue = (parser, event), b"", False
        return self._read_body(parser, event)

    def _read_body(self, parser: h11.Connection, event: h11.Request) -> Request | Response | None:
        if self._data:
            parser.receive_data(self._data)
            self._data = b""
        while isinstance(part := parser.next_event(), h11.Data):
            self._body += part.data
            if len(self._body) > BODY_LIMIT:
                return problem(BODY_TOO_LARGE, f"the limit is {BODY_LIMIT} bytes")
        if not isinstance(part, h11.EndOfMessage):
            return None
        self._open, self._data = None, parser.trailing_data[0]
        return _request(event, self._body, parser)


def _request(event: h11.Request, body: bytes, parser: h11.Connection) -> Request:
    return Request(
        method=event.method.decode("ascii"),
        target=event.target.decode("latin-1"),
        headers=tuple((name, value) for name, value in event.headers),
        body=body,
        keep_alive=parser.their_state is h11.DONE,
    )


CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS: Final = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    414: "URI Too Long",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def encode(response: Response, *, keep_alive: bool, head_only: bool = False) -> bytes:
    """The bytes of an answer; `head_only` for HEAD, which gets the length but not the body."""
    head = f"HTTP/1.1 {response.status} {_REASONS[response.status]}\r\n"
    for name, value in response.headers:
        head += f"{name}: {value}\r\n"
    if response.status not in (204, 304):
        head += f"Content-Length: {len(response.body)}\r\n"
    if not keep_alive:
        head += "Connection: close\r\n"
    return (head + "\r\n").encode("latin-1") + (b"" if head_only else response.body)
