"""HTTP over a Unix socket for the command line and blocking clients: `json` and `socket`.

`http.client` alone would double the start time of `pos-agent token`. One request a connection
keeps this small: the answer ends where the connection ends.
"""

import json
import os
import socket as sockets

from agent.supply.errors import AgentUnreachable, NotAllowed

DEFAULT_SOCKET = "/run/pos-agent/token.sock"
_LONGEST_ANSWER = 1 << 20  # bytes; a status has a few hundred


def socket_path() -> str:
    """Where the agent's token socket is: POS_AGENT_SOCKET, or the usual place."""
    return os.environ.get("POS_AGENT_SOCKET") or DEFAULT_SOCKET


def request(
    socket: str,
    method: str,
    target: str,
    body: dict[str, object] | None = None,
    timeout: float = 10.0,
) -> tuple[int, dict[str, object]]:
    """Ask the agent; its status code and JSON object, `{}` where there is no body.

    `timeout` in seconds for each step. Raises AgentUnreachable, NotAllowed.
    """
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return _read(_exchange(socket, head.encode() + content, timeout), socket)


def _exchange(path: str, message: bytes, timeout: float) -> bytes:
    try:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            try:  # noqa: SIM105 - contextlib costs start time
                connection.sendall(message)
            except BrokenPipeError:
                pass  # refused before all was said; the answer says why
            return _receive(connection)
    except OSError as exc:
        raise trouble(path, exc) from exc


def _receive(connection: sockets.socket) -> bytes:
    answer = b""
    while len(answer) <= _LONGEST_ANSWER and (part := connection.recv(65536)):
        answer += part
    return answer


def trouble(path: str, exc: BaseException) -> AgentUnreachable | NotAllowed:
    """What a failure to reach the agent means to its user; an OSError may be deep inside."""
    cause: BaseException | None = exc
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, PermissionError):
        return NotAllowed(
            f"this user may not open {path}: the operator has to add it to the group of the "
            "socket, to [supply] allow_uids, or to a file in clients.d (docs/supply.md, Access)"
        )
    reason = (cause.strerror if cause is not None else None) or "no answer in time"
    return AgentUnreachable(
        f"no agent at {path} ({reason}): is it running? `systemctl status pos-agent` tells; "
        "POS_AGENT_SOCKET or --socket names another path"
    )


def not_an_agent(path: str) -> AgentUnreachable:
    return AgentUnreachable(f"what answers at {path} is not pos-agent: check the path")


def _read(answer: bytes, path: str) -> tuple[int, dict[str, object]]:
    head, _, content = answer.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    try:
        if len(words) < 2 or not words[0].startswith(b"HTTP/1."):
            raise ValueError
        members = json.loads(content) if content else {}
        if not isinstance(members, dict):
            raise ValueError
        return int(words[1]), members
    except (ValueError, RecursionError):
        raise not_an_agent(path) from None
