"""oidc-agent, the nearest peer, at the same server: set up without a person, asked by its socket.

Debian has it as `oidc-agent-cli`. It wants OpenID discovery, which our servers have not: a second
port says where their endpoints are.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Protocol

from agent.sandbox.endpoint import DEVICE_CODE_GRANT
from agent.sandbox.server import SandboxServer
from tests.bench._measure import ms_until

_ACCOUNT: Final = "peer"
_PASSWORD: Final = "only-for-the-bench"
FOR_EVER: Final = 10_000_000  # s; longer than any token lives: it has to renew


class Absent(Exception):
    """It is not installed."""


class Server(Protocol):
    """What it has to know of the authorization server."""

    @property
    def url(self) -> str: ...

    @property
    def client_id(self) -> str: ...

    @property
    def client_secret(self) -> str: ...


class OidcAgent:
    """One that runs or not, and its account on disk. `start_ms`: until it took connections."""

    def __init__(self, folder: str, issuer: str, server: Server) -> None:
        self.file = Path(folder, ".oidc-agent", _ACCOUNT)
        self.pid = 0
        self.start_ms = 0.0
        self._path = f"{folder}/oidc.sock"
        self._issuer = issuer
        self._server = server
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "OIDC_SOCK": self._path,
            "OIDC_ENCRYPTION_PW": _PASSWORD,
        }

    def start(self) -> None:
        Path(self._path).unlink(missing_ok=True)
        begun = time.perf_counter()
        told = self._run("oidc-agent", "--json", "--socket-path", self._path)
        told.check_returncode()
        self.pid = int(json.loads(told.stdout)["dpid"])
        ms_until(self._takes_connections, begun)  # which it does not always when it says so
        self.start_ms = (time.perf_counter() - begun) * 1000

    def _takes_connections(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            return line.connect_ex(self._path) == 0

    def kill(self) -> None:
        """Both of its processes, at the same moment as far as we can."""
        for pid in (self.pid, *_children(self.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def create(self, refresh_token: str) -> None:
        """An account with that grant, in the place of any former one."""
        self.file.unlink(missing_ok=True)
        server = self._server
        self._environment["OIDC_REFRESH_TOKEN"] = refresh_token
        self._run(
            *("oidc-gen", _ACCOUNT, "--manual", "--iss", self._issuer, "--scope", "openid"),
            *("--client-id", server.client_id, "--client-secret", server.client_secret),
            *("--redirect-uri=", f"--dae={server.url}/device_authorization"),
            *("--rt-env", "--pw-env", "--prompt=none", "--confirm-yes"),
        ).check_returncode()

    def load(self) -> bool:
        """The account from disk, which takes a renewal. False: its grant buys nothing any more."""
        return self._run("oidc-add", _ACCOUNT, "--pw-env").returncode == 0

    def token(self, min_valid: int = 0) -> str:
        """One request on a connection of its own, as its protocol has it."""
        while True:
            try:
                line = self.asked(min_valid)
            except BlockingIOError:  # its backlog is 5
                time.sleep(0.005)
                continue
            with line:
                return str(json.loads(line.recv(65536))["access_token"])

    def asked(self, min_valid: int) -> socket.socket:
        """The question is on its way, the answer to be read. Raises BlockingIOError."""
        question = {"request": "access_token", "account": _ACCOUNT, "min_valid_period": min_valid}
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(self._path)
            line.sendall(json.dumps(question).encode())
        except BaseException:
            line.close()
            raise
        return line

    def _run(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )


@contextmanager
def oidc_agent(folder: str, server: Server, refresh_token: str) -> Iterator[OidcAgent]:
    """A running one with an account. Raises Absent."""
    if shutil.which("oidc-agent") is None:
        raise Absent("oidc-agent is not installed, and Debian has it as oidc-agent-cli")
    with _discovery(server) as issuer:
        peer = OidcAgent(folder, issuer, server)
        peer.start()
        try:
            peer.create(refresh_token)
            yield peer
        finally:
            peer.kill()


def resident_mib(pid: int) -> float:
    """Of the process and its children."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = int(dict(line.split(":", 1) for line in status)["VmRSS"].split()[0]) / 1024
    return own + sum(resident_mib(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sandbox_grant(sandbox: SandboxServer) -> str:
    """A refresh token as a person would get it: a device of its own, approved."""
    code = _post(sandbox, "/device_authorization", uuid="oidc-agent")
    if not sandbox.approve(code["user_code"]):
        raise AssertionError("the sandbox does not wait for its own code")
    grant = {"grant_type": DEVICE_CODE_GRANT, "device_code": code["device_code"]}
    return str(_post(sandbox, "/token", **grant)["refresh_token"])


def _post(sandbox: SandboxServer, path: str, **form: str) -> dict[str, Any]:
    form |= {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    content = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(sandbox.url + path, content) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@contextmanager
def _discovery(server: Server) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(
                {
                    "issuer": issuer,
                    "token_endpoint": server.url + "/token",
                    "authorization_endpoint": server.url + "/nowhere",
                    "device_authorization_endpoint": server.url + "/device_authorization",
                    "userinfo_endpoint": server.url + "/nowhere",
                    "jwks_uri": server.url + "/nowhere",
                    "scopes_supported": ["openid", "offline_access"],
                    "grant_types_supported": ["refresh_token", "authorization_code"],
                    "response_types_supported": ["code"],
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as pages:
        issuer = f"http://127.0.0.1:{pages.server_address[1]}"
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        try:
            yield issuer
        finally:
            pages.shutdown()
