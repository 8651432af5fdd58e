"""Our agent asked over its socket, by the same few lines of blocking sockets as its peer."""

import json
import socket
from collections.abc import Mapping
from typing import Any


def ask(
    path: str, method: str = "GET", target: str = "/v1/token", content: str = ""
) -> Mapping[str, Any]:
    """One request on a connection of its own; the token and what comes with it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        return exchange(line, method, target, content)


def exchange(line: socket.socket, method: str, target: str, content: str = "") -> Mapping[str, Any]:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
    line.sendall(f"{head}Content-Type: application/json\r\n\r\n{content}".encode())
    _, _, body = line.recv(65536).partition(b"\r\n\r\n")
    members: Mapping[str, Any] = json.loads(body)
    return members


def fingerprint(path: str) -> str:
    return str(ask(path)["fingerprint"])


def renew(path: str, seen: str) -> None:
    """Report that token until there is another. A report is taken 10 s after a renewal and waits
    5 s for what comes of it: here a tenth, and a twentieth of a second."""
    content = json.dumps({"fingerprint": seen})
    while ask(path, "POST", "/v1/token/rejected", content)["fingerprint"] == seen:
        pass
