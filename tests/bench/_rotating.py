"""A server that rotates refresh tokens, over HTTP: the rules are those of the crash tests.

It says when a token request has arrived and when its answer has left, approves every terminal at
once, and counts them.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs

from agent.oauth.events import InvalidGrant, TokenResponse
from tests.crash.rotation_server import Policy, RotatingServer

CLIENT_ID: Final = "bench"
CLIENT_SECRET: Final = "only-for-the-bench"
_LIFE: Final = 1_000_000.0  # s; nothing but what we force is renewed
_THINKS: Final = 0.01  # s from a token request to its answer
_PATIENCE: Final = 20.0  # s a person takes; time leaps over them


class RotatingHttp(ThreadingHTTPServer):
    """For one terminal: another pairing ends the former one. `asked` is set when a request with a
    refresh token has arrived; `answered_at` is when the last answer to one had left (perf_counter);
    `codes` counts how often a person was needed."""

    daemon_threads = True
    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET

    def __init__(self, policy: Policy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked = threading.Event()
        self.answered_at = 0.0
        self.codes = 0
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._rules = RotatingServer(policy=policy, life=_LIFE, now=self._now)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def honours(self, access_token: str) -> bool:
        with self._lock:
            return self._rules.honours(access_token)

    def refresh_token(self) -> str:
        """The first one of a pairing, for who brings no person along."""
        code = self.new_code()
        granted = self.poll(str(code["device_code"]))
        return str(granted["refresh_token"])

    # -- what it answers --------------------------------------------------------------------------

    def new_code(self) -> Mapping[str, object]:
        with self._lock:
            self.codes += 1
            code = self._rules.new_code(0.0)
            self._ahead += _PATIENCE
        return {
            "device_code": code.device_code.reveal(),
            "user_code": code.user_code,
            "verification_uri": self.url,
            "expires_in": code.expires_in,
            "interval": 1,
        }

    def poll(self, device_code: str) -> Mapping[str, object]:
        with self._lock:
            return _members(self._rules.poll(device_code, 0.0))

    def refresh(self, refresh_token: str) -> Mapping[str, object]:
        self.asked.set()
        time.sleep(_THINKS)
        with self._lock:
            return _members(self._rules.refresh(refresh_token, 0.0))

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever was killed hears no answer."""

    def _now(self) -> float:
        return time.monotonic() + self._ahead


def _members(answer: object) -> Mapping[str, object]:
    if isinstance(answer, TokenResponse):
        assert answer.refresh_token is not None
        return {
            "access_token": answer.access_token.reveal(),
            "token_type": "Bearer",
            "expires_in": answer.expires_in,
            "refresh_token": answer.refresh_token.reveal(),
        }
    error = "invalid_grant" if isinstance(answer, InvalidGrant) else "authorization_pending"
    return {"error": error}


class _Handler(BaseHTTPRequestHandler):
    server: RotatingHttp
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second of two would wait for a delayed ACK

    def do_GET(self) -> None:
        url = self.server.url
        self._answer(
            {
                "issuer": url,
                "token_endpoint": url + "/token",
                "device_authorization_endpoint": url + "/device_authorization",
            }
        )

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(content).items()}
        if self.path == "/device_authorization":
            self._answer(self.server.new_code())
        elif form["grant_type"] == "refresh_token":
            self._answer(self.server.refresh(form["refresh_token"]))
            self.server.answered_at = time.perf_counter()
        else:
            self._answer(self.server.poll(form["device_code"]))

    def _answer(self, members: Mapping[str, object]) -> None:
        content = json.dumps(members).encode()
        self.send_response(400 if "error" in members else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        return


@contextmanager
def rotating(policy: Policy) -> Iterator[RotatingHttp]:
    with RotatingHttp(policy) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()
