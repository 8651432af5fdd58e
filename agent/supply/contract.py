"""The contract with payment software, version 1: requests in, operations and answers out. Pure.

Bodies are RFC 6749 section 5.1, errors RFC 9457 with OAuth's `error` and `error_description`
beside it. Nothing an answer is built from holds a refresh token, so none can leave by this way.

Unknown members of JSON are ignored in both directions. Unknown query parameters are not: they ask
for promises (`hold`), and a promise an agent does not know must not look given. There is no
`expires_at` and no Date header, because the wall clock of a terminal may be wrong; `expires_in`
counts from the answer.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.supply.access import NOTHING, Scope, relayed
from agent.supply.interface import Handout, Unavailable

TARGET_LIMIT: Final = 2048  # bytes; the longest sensible one has under 100
LONGEST_RETRY_AFTER: Final = 3600.0  # s; nobody should be told to stay away for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Header names are lower case. `keep_alive`: another may follow."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""
    keep_alive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


# -- operations -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GetToken:
    """`min_ttl` in seconds. `known` holds the fingerprints the client has (If-None-Match)."""

    min_ttl: int
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRejected:
    """The API refused the token with this fingerprint."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class GetStatus:
    """What the agent is doing."""


@dataclass(frozen=True, slots=True)
class GetLive:
    """Does the agent answer?"""


@dataclass(frozen=True, slots=True)
class GetReady:
    """Has it a token to give?"""


@dataclass(frozen=True, slots=True)
class StartPairing:
    """A person wants a code now."""


@dataclass(frozen=True, slots=True)
class DeleteGrant:
    """Forget the grant and pair again."""


@dataclass(frozen=True, slots=True)
class RekeyStore:
    """Seal the stored grant with a new key."""


Operation = (
    GetToken
    | ReportRejected
    | GetStatus
    | GetLive
    | GetReady
    | StartPairing
    | DeleteGrant
    | RekeyStore
)


# -- problems -------------------------------------------------------------------------------------


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
NOT_FOUND = _problem("not-found", 404, "invalid_request", "There is no such resource")
METHOD = _problem("method", 405, "invalid_request", "The resource does not know that method")
TOO_SLOW = _problem("too-slow", 408, "invalid_request", "The request took too long to arrive")
PAIRING_REQUIRED = _problem(
    "pairing-required", 409, "pairing_required", "A person has to approve this terminal"
)
BODY_TOO_LARGE = _problem("body-too-large", 413, "invalid_request", "The body is too large")
TARGET_TOO_LONG = _problem("target-too-long", 414, "invalid_request", "The target is too long")
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

_UNAVAILABLE: Mapping[str, Problem] = {
    "starting": STARTING,
    "pairing": PAIRING_REQUIRED,
    "offline": OFFLINE,
    "refused": REFUSED,
}

_NO_STORE: Final = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
_JSON: Final = (("Content-Type", "application/json"), *_NO_STORE)
_PROBLEM_JSON: Final = (("Content-Type", "application/problem+json"), *_NO_STORE)


def problem(
    kind: Problem,
    detail: str,
    *,
    retry_after: float | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """A refusal in the words of RFC 9457. `detail` is one sentence saying what to do. Retry-After
    is repeated in the body, for clients that see nothing else."""
    members: dict[str, object] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "error": kind.error,
        "error_description": _NOT_DESCRIPTION.sub("?", detail),
    }
    if retry_after is not None:
        seconds = math.ceil(min(max(retry_after, 1.0), LONGEST_RETRY_AFTER))
        headers = (*headers, ("Retry-After", str(seconds)))
        members["retry_after"] = seconds
    return Response(status=kind.status, headers=(*_PROBLEM_JSON, *headers), body=_dump(members))


def unavailable(answer: Unavailable) -> Response:
    return problem(_UNAVAILABLE[answer.kind], answer.detail, retry_after=answer.retry_after)


_NOT_DESCRIPTION: Final = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")  # RFC 6749 section 5.2


# -- answers --------------------------------------------------------------------------------------


def token_answer(
    answer: Handout | Unavailable, now: float, known: frozenset[str] = frozenset()
) -> Response:
    """RFC 6749 section 5.1, plus `fingerprint` and `degraded`.

    The ETag is weak, because `expires_in` runs while the token stays. 304 promises all that was
    asked for, so a degraded token is always sent in full, with its reason.
    """
    if isinstance(answer, Unavailable):
        return unavailable(answer)
    token = answer.token
    expires_in = math.floor(token.life_left(now))
    if expires_in < 1:
        return problem(OFFLINE, "the token ran out just now; ask again", retry_after=1)
    fingerprint = token.value.fingerprint()
    etag = ("ETag", f'W/"{fingerprint}"')
    if answer.degraded is None and not known.isdisjoint((fingerprint, "*")):
        return Response(status=304, headers=(*_NO_STORE, etag))
    members: dict[str, object] = {
        "access_token": token.value.reveal(),
        "token_type": "Bearer",
        "expires_in": expires_in,
        "fingerprint": fingerprint,
        "degraded": answer.degraded,
    }
    if token.scope is not None:
        members["scope"] = token.scope
    return Response(status=200, headers=(*_JSON, etag), body=_dump(members))


def status_answer(status: Mapping[str, object], code: int = 200) -> Response:
    return Response(status=code, headers=_JSON, body=_dump(status))


def live_answer() -> Response:
    return Response(status=200, headers=_JSON, body=_dump({"live": True}))


def ready_answer(status: Mapping[str, object]) -> Response:
    """Ready means: a token could be handed out now."""
    if status.get("token") is None:
        return problem(STARTING, "no token yet; `pos-agent status` says why", retry_after=5)
    return Response(status=200, headers=_JSON, body=_dump({"ready": True}))


def _dump(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")


# -- requests -------------------------------------------------------------------------------------


def parse(request: Request, granted: frozenset[Scope]) -> Operation | Response:
    """What is asked for, or the refusal. The order tells a stranger as little as possible."""
    if granted == NOTHING:
        return problem(NOT_PERMITTED, "the operator decides who may ask: docs/supply.md, Access")
    host, target = _origin_form(request.target)
    if reason := relayed((*request.headers, (b"host", host))):
        return problem(RELAYED, f"the request looks like a browser's: {reason}")
    if len(target) > TARGET_LIMIT:
        return problem(TARGET_TOO_LONG, f"the limit is {TARGET_LIMIT} bytes")
    path, _, query = target.partition("?")
    routes = _ROUTES.get(path)
    if routes is None:
        return problem(NOT_FOUND, "docs/supply.md lists what there is")
    route = routes.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        allow = ", ".join("GET, HEAD" if method == "GET" else method for method in routes)
        return problem(METHOD, f"use {allow}", headers=(("Allow", allow),))
    if route.scope not in granted:
        return problem(NOT_PERMITTED, "that is for the admin socket")
    try:
        return route.read(request, _query(query))
    except _Unusable as exc:
        return problem(BAD_REQUEST, str(exc))


def _origin_form(target: str) -> tuple[bytes, str]:
    """RFC 9112 section 3.2.2: the absolute form has to be taken, and its host counts."""
    if not target.startswith("http://"):
        return b"", target
    host, _, rest = target.removeprefix("http://").partition("/")
    return host.encode("latin-1"), "/" + rest


class _Unusable(Exception):
    """The message is for the client's programmer."""


def _query(text: str) -> dict[str, str]:
    """Strict: names and values need no escaping here, so none is undone."""
    found: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not equals or name in found:
            raise _Unusable("the query has to be name=value, each name once")
        found[name] = value
    return found


def _bare(query: dict[str, str]) -> None:
    if query:
        raise _Unusable("an unknown query parameter; docs/supply.md lists them")


def _get_token(request: Request, query: dict[str, str]) -> GetToken:
    min_ttl = query.pop("min_ttl", "0")
    _bare(query)
    if not _SECONDS.fullmatch(min_ttl):
        raise _Unusable("min_ttl has to be whole seconds, 0 to 999999")
    known = b",".join(value for name, value in request.headers if name == b"if-none-match")
    return GetToken(min_ttl=int(min_ttl), known=_tags(known.decode("latin-1")) if known else _NONE)


def _tags(header: str) -> frozenset[str]:
    """RFC 9110 section 13.1.2, compared weakly; our tags contain no comma."""
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))


def _report_rejected(request: Request, query: dict[str, str]) -> ReportRejected:
    _bare(query)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    fingerprint = body.get("fingerprint") if isinstance(body, dict) else None
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise _Unusable('the body has to be {"fingerprint": "sha256:..."}, as GET /v1/token said')
    return ReportRejected(fingerprint=fingerprint)


_NONE: Final[frozenset[str]] = frozenset()
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class _Route:
    scope: Scope
    read: Callable[[Request, dict[str, str]], Operation]


def _plain(scope: Scope, operation: Operation) -> _Route:
    def read(_request: Request, query: dict[str, str]) -> Operation:
        _bare(query)
        return operation

    return _Route(scope, read)


_ROUTES: Mapping[str, Mapping[str, _Route]] = {
    "/livez": {"GET": _plain(Scope.STATUS, GetLive())},
    "/readyz": {"GET": _plain(Scope.STATUS, GetReady())},
    "/v1/grant": {"DELETE": _plain(Scope.ADMIN, DeleteGrant())},
    "/v1/pairing": {"POST": _plain(Scope.ADMIN, StartPairing())},
    "/v1/status": {"GET": _plain(Scope.STATUS, GetStatus())},
    "/v1/store/rekey": {"POST": _plain(Scope.ADMIN, RekeyStore())},
    "/v1/token": {"GET": _Route(Scope.TOKEN, _get_token)},
    "/v1/token/rejected": {"POST": _Route(Scope.TOKEN, _report_rejected)},
}
