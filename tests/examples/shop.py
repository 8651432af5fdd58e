"""A payment API on loopback that does to a payment what may happen to one."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

PAYMENT = "STX_0123456789ABCDEFGHJKMNPQRSTUVW"
Ending = Literal[
    "ok",
    "declined",
    "no",
    "broken",
    "nonsense",
    "no status",
    "silence",
    "no id",
    "dead token",
    "token died",
    "token died meanwhile",
    "silence, and a dead token",
]

_CREATED: dict[str, tuple[int, str]] = {
    "no id": (200, "{}"),
    "dead token": (401, ""),
}
_STARTED: dict[str, tuple[int, str]] = {
    "ok": (200, json.dumps({"merchant": {"id": "x", "status": "open"}, "status": "ok"})),
    "declined": (200, json.dumps({"id": PAYMENT, "status": "failed"})),
    "no": (403, json.dumps({"status": "error", "error_user": 'no "such" thing', "code": 1003})),
    "broken": (502, json.dumps({"status": "error", "error": "ProductInternalException"})),
    "nonsense": (200, "<h1>It works!</h1>"),
    "no status": (200, json.dumps({"merchant": {"status": "ok"}})),
}

# After a first answer that refused the token.
_STARTED_AGAIN: dict[str, tuple[int, str]] = {
    "token died": _STARTED["ok"],
    "token died meanwhile": (404, json.dumps({"status": "error", "code": 404})),
}
_DEAD_TOKEN = (403, json.dumps({"status": "error", "code": 2003}))


def _is(status: str) -> tuple[int, str]:
    return 200, json.dumps({"id": PAYMENT, "status": status})


# What the API says of the payment later, one answer after the other; the last one for ever.
_FOUND: dict[str, tuple[tuple[int, str], ...]] = {
    "broken": ((502, ""), _is("ok")),
    "no status": (_is("failed"),),
    "silence": (_is("running"), _is("failed")),
    "token died meanwhile": (_is("ok"),),
}
_NOT_FOUND = (404, json.dumps({"status": "error", "code": 404}))


class Shop(ThreadingHTTPServer):
    """`ending`: how a payment goes; in `silence`, the connection breaks under the cardholder, and
    perhaps the token that it began with is dead from then on. `begun_with`: that token's header.
    `seen`: path and body of each request, and what `look` said at that moment."""

    daemon_threads = True

    def __init__(self, look: Callable[[], Sequence[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.look = look
        self.ending: Ending = "ok"
        self.begun_with: str | None = None
        self.seen: list[tuple[str, str, Sequence[str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v2"


class _Handler(BaseHTTPRequestHandler):
    server: Shop
    protocol_version = "HTTP/1.1"  # connections are kept, as the real ones are

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.seen.append((self.path, body.decode(), self.server.look()))
        if not self.path.endswith("/start/cashless"):
            created = json.dumps({"basket": {"id": "x"}, "id": PAYMENT, "status": "created"})
            self._answer(*_CREATED.get(self.server.ending, (200, created)))
        elif self.server.ending.startswith("silence"):
            self.server.begun_with = self.headers["Authorization"]
            self.close_connection = True
        elif self.server.ending in _STARTED_AGAIN:
            first = sum("/start/" in path for path, _, _ in self.server.seen) == 1
            self._answer(*(_DEAD_TOKEN if first else _STARTED_AGAIN[self.server.ending]))
        else:
            self._answer(*_STARTED[self.server.ending])

    def do_GET(self) -> None:
        self.server.seen.append((self.path, "", self.server.look()))
        if self.server.ending == "silence, and a dead token":
            dead = self.headers["Authorization"] == self.server.begun_with
            self._answer(*(_DEAD_TOKEN if dead else _is("ok")))
            return
        before = sum(path == self.path for path, _, _ in self.server.seen) - 1
        found = _FOUND.get(self.server.ending, (_NOT_FOUND,))
        self._answer(*found[min(before, len(found) - 1)])

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if body[:1] == "<" else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        pass


@contextmanager
def shop(look: Callable[[], Sequence[str]]) -> Iterator[Shop]:
    with Shop(look) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
