"""oidc-agent, the nearest peer, at the same server: set up without a person, asked by its socket.

Debian has it as `oidc-agent-cli`. It wants OpenID discovery, which the sandbox has not: a second
port says where the sandbox's endpoints are.
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
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from agent.sandbox.endpoint import DEVICE_CODE_GRANT
from agent.sandbox.server import SandboxServer

_ACCOUNT: Final = "peer"
_PASSWORD: Final = "only-for-the-bench"


class Absent(Exception):
    """It is not installed."""


class OidcAgent:
    """A running one with an account. `start_ms`: until it took connections."""

    def __init__(self, path: str, pid: int, start_ms: float) -> None:
        self._path = path
        self.pid = pid
        self.start_ms = start_ms

    def token(self, min_valid: int = 0) -> str:
        """One request on a connection of its own, as its protocol has it."""
        question = {"request": "access_token", "account": _ACCOUNT, "min_valid_period": min_valid}
        content = json.dumps(question).encode()
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                try:
                    line.connect(self._path)
                except BlockingIOError:  # its backlog is 5
                    time.sleep(0.005)
                    continue
                line.sendall(content)
                return str(json.loads(line.recv(65536))["access_token"])


@contextmanager
def oidc_agent(folder: str, sandbox: SandboxServer) -> Iterator[OidcAgent]:
    """Raises Absent."""
    if shutil.which("oidc-agent") is None:
        raise Absent("oidc-agent is left out: apt-get install oidc-agent-cli")
    path = f"{folder}/oidc.sock"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "TMPDIR": folder,
        "OIDC_SOCK": path,
        "OIDC_ENCRYPTION_PW": _PASSWORD,
        "OIDC_REFRESH_TOKEN": _refresh_token(sandbox),
    }
    begun = time.perf_counter()
    command = ["oidc-agent", "--json", "--socket-path", path]
    told = subprocess.run(command, env=environment, check=True, capture_output=True)
    took = time.perf_counter() - begun
    pid = int(json.loads(told.stdout)["dpid"])
    try:
        with _discovery(sandbox) as issuer:
            _add_account(issuer, sandbox, environment)
        yield OidcAgent(path, pid, took * 1000)
    finally:
        os.kill(pid, signal.SIGTERM)


def resident_mib(pid: int) -> float:
    """Of the process and its children."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = int(dict(line.split(":", 1) for line in status)["VmRSS"].split()[0]) / 1024
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(resident_mib(int(child)) for child in children)


def _add_account(issuer: str, sandbox: SandboxServer, environment: dict[str, str]) -> None:
    subprocess.run(
        [
            *("oidc-gen", _ACCOUNT, "--manual", "--iss", issuer, "--scope", "openid"),
            *("--client-id", sandbox.client_id, "--client-secret", sandbox.client_secret),
            *("--redirect-uri=", f"--dae={sandbox.url}/device_authorization"),
            *("--rt-env", "--pw-env", "--prompt=none", "--confirm-yes"),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        check=True,
        capture_output=True,
        timeout=30,
    )


def _refresh_token(sandbox: SandboxServer) -> str:
    """As a person would get it: a device of its own, approved."""
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
def _discovery(sandbox: SandboxServer) -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(
                {
                    "issuer": issuer,
                    "token_endpoint": sandbox.url + "/token",
                    "authorization_endpoint": sandbox.url + "/nowhere",
                    "device_authorization_endpoint": sandbox.url + "/device_authorization",
                    "userinfo_endpoint": sandbox.url + "/nowhere",
                    "jwks_uri": sandbox.url + "/nowhere",
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

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        issuer = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield issuer
        server.shutdown()
