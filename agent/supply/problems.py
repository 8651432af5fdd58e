"""Every way in which the agent refuses, in the words of RFC 9457. Pure.

`docs/problems.md` has a page of them; types stay once they are out.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LONGEST_RETRY_AFTER: Final = 3600.0  # s; nobody should be told to stay away for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A kind of refusal: `name` ends the `type` URI and is an anchor of docs/problems.md."""

    name: str
    status: int
    title: str
    error: str

    @property
    def type(self) -> str:
        return f"urn:pos-agent:problem:{self.name}"


def _problem(name: str, status: int, error: str, title: str) -> Problem:
    return Problem(name=name, status=status, error=error, title=title)


BAD_REQUEST = _problem("bad-request", 400, "invalid_request", "The request is not understood")
NOT_PERMITTED = _problem("not-permitted", 403, "access_denied", "This user may not do that")
RELAYED = _problem("relayed", 403, "access_denied", "Requests from browsers are refused")
NO_SUCH_HOLD = _problem("no-such-hold", 404, "invalid_request", "This client has no such hold")
NOT_FOUND = _problem("not-found", 404, "invalid_request", "There is no such resource")
METHOD = _problem("method", 405, "invalid_request", "The resource does not know that method")
TOO_SLOW = _problem("too-slow", 408, "invalid_request", "The request took too long to arrive")
PAIRING_REQUIRED = _problem(
    "pairing-required", 409, "pairing_required", "A person has to approve this terminal"
)
BODY_TOO_LARGE = _problem("body-too-large", 413, "invalid_request", "The body is too large")
TARGET_TOO_LONG = _problem("target-too-long", 414, "invalid_request", "The target is too long")
HELD = _problem("held", 409, "temporarily_unavailable", "Another client holds the token as it is")
HOLD_IMPOSSIBLE = _problem(
    "hold-impossible", 409, "invalid_request", "The server's tokens are too short for a hold"
)
TOO_MANY_HOLDS = _problem(
    "too-many-holds", 429, "temporarily_unavailable", "There are too many holds"
)
TOO_MANY_REQUESTS = _problem(
    "too-many-requests", 429, "temporarily_unavailable", "This client asks too often"
)
TOO_MANY = _problem(
    "too-many-connections", 429, "temporarily_unavailable", "This user has too many connections"
)
HEAD_TOO_LARGE = _problem("head-too-large", 431, "invalid_request", "The head is too large")
INTERNAL = _problem("internal", 500, "server_error", "The agent made a mistake")
STORE = _problem("store", 500, "server_error", "The stored grant could not be changed")
STARTING = _problem("starting", 503, "temporarily_unavailable", "The agent has just started")
OFFLINE = _problem("offline", 503, "temporarily_unavailable", "The server cannot be reached")
REFUSED = _problem("refused", 503, "server_refused", "The server refuses this terminal")
BUSY = _problem("busy", 503, "temporarily_unavailable", "The agent has too much to do")

NO_STORE: Final = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
JSON: Final = (("Content-Type", "application/json"), *NO_STORE)
_PROBLEM_JSON: Final = (("Content-Type", "application/problem+json"), *NO_STORE)


def problem(
    kind: Problem,
    detail: str,
    *,
    retry_after: float | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    more: Mapping[str, object] | None = None,
) -> Response:
    """A refusal in the words of RFC 9457. `detail` is one sentence saying what to do. Retry-After
    is repeated in the body, for clients that see nothing else; `more` are further members."""
    members: dict[str, object] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "error": kind.error,
        "error_description": _NOT_DESCRIPTION.sub("?", detail),
        **(more or {}),
    }
    if retry_after is not None:
        seconds = math.ceil(min(max(retry_after, 1.0), LONGEST_RETRY_AFTER))
        headers = (*headers, ("Retry-After", str(seconds)))
        members["retry_after"] = seconds
    return Response(status=kind.status, headers=(*_PROBLEM_JSON, *headers), body=dump(members))


def dump(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


_NOT_DESCRIPTION: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")  # RFC 6749 section 5.2
