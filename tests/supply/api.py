"""A payment API on loopback that refuses tokens, as Secucard does or as RFC 6750 does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Style = Literal["401", "403-2003", "403-1003", "403-html", "403-huge"]

_SECUCARD = {
    "status": "error",
    "error": "ProductNotAllowedException",
    "error_details": "Valid auth token required",
    "error_user": "Unknown error (Code 2003)",
}
_REFUSALS: dict[str, tuple[int, bytes]] = {
    "401": (401, b""),
    "403-2003": (403, json.dumps({**_SECUCARD, "code": 2003}).encode()),
    "403-1003": (403, json.dumps({**_SECUCARD, "code": 1003}).encode()),
    "403-html": (403, b"<html>no</html>"),
    "403-huge": (403, json.dumps({"pad": "x" * 70000, "code": 2003}).encode()),
}


class Api(ThreadingHTTPServer):
    """Accepts the Bearer tokens in `good`. `seen`: authorization, path and body of each request."""

    daemon_threads = True

    def __init__(self, style: Style) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.style = style
        self.good: set[str] = set()
        self.seen: list[tuple[str | None, str, bytes]] = []
        self.redirect_to: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def bearers(self) -> list[str]:
        return [str(authorization).removeprefix("Bearer ") for authorization, _, _ in self.seen]


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        authorization = self.headers.get("Authorization")
        self.server.seen.append((authorization, self.path, body))
        status, content = 200, b'{"paid":true}'
        if self.server.redirect_to is not None:
            status, content = 307, b""
        elif str(authorization).removeprefix("Bearer ") not in self.server.good:
            status, content = _REFUSALS[self.server.style]
        self.send_response(status)
        if self.server.redirect_to is not None:
            self.send_header("Location", self.server.redirect_to)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        pass


@contextmanager
def api(style: Style) -> Iterator[Api]:
    with Api(style) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
