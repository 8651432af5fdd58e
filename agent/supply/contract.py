"""The contract with payment software, version 1: what a request asks for. Pure.

docs/openapi.yaml is the contract in the words of OpenAPI; a test holds the two together. Unknown
members of JSON are ignored in both directions. Unknown query parameters are not: they ask for
promises (`hold`), and a promise an agent does not know must not look given.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.supply.access import NOTHING, Scope, relayed
from agent.supply.operations import (
    DEFAULT_WAIT,
    LONGEST_WAIT,
    DeleteGrant,
    GetEvents,
    GetHold,
    GetLive,
    GetMetrics,
    GetPairing,
    GetReady,
    GetStatus,
    GetToken,
    HoldWish,
    LendDisplay,
    ListHolds,
    Operation,
    RekeyStore,
    ReleaseHold,
    ReportRejected,
    Request,
    StartPairing,
)
from agent.supply.problems import (
    BAD_REQUEST,
    METHOD,
    NOT_FOUND,
    NOT_PERMITTED,
    RELAYED,
    TARGET_TOO_LONG,
    Response,
    problem,
)

TARGET_LIMIT: Final = 2048  # bytes; the longest sensible one has under 100


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
    routes, name = _find(path)
    if routes is None:
        return problem(NOT_FOUND, "docs/supply.md lists what there is")
    route = routes.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        allow = ", ".join("GET, HEAD" if method == "GET" else method for method in routes)
        return problem(METHOD, f"use {allow}", headers=(("Allow", allow),))
    if route.scope not in granted:
        return problem(NOT_PERMITTED, _WITHOUT[route.scope])
    try:
        return route.read(_Asked(request, _query(query), name))
    except _Unusable as exc:
        return problem(BAD_REQUEST, str(exc))


_WITHOUT: Final = {
    Scope.ADMIN: "that is for the admin socket",
    Scope.DISPLAY: "that is for the admin socket, and for clients the operator permits it:"
    " docs/supply.md, Access",
    Scope.PAIRING: "that is for the admin socket, and for clients the operator permits it:"
    " docs/supply.md, Access",
    Scope.STATUS: "the operator lets this client see no status: docs/supply.md, Access",
    Scope.TOKEN: "the operator gives this client no tokens: docs/supply.md, Access",
}


def _origin_form(target: str) -> tuple[bytes, str]:
    """RFC 9112 section 3.2.2: the absolute form has to be taken, and its host counts."""
    if not target.startswith("http://"):
        return b"", target
    host, _, rest = target.removeprefix("http://").partition("/")
    return host.encode("latin-1"), "/" + rest


class _Unusable(Exception):
    """The message is for the client's programmer."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request on its way through a route. `name`: the last part of a path such as /v1/holds/ID.
    Who reads a query parameter takes it out; what is left over nobody knows."""

    request: Request
    query: dict[str, str]
    name: str

    def header(self, name: bytes) -> str | None:
        found = b",".join(value for key, value in self.request.headers if key == name)
        return found.decode("latin-1") if found else None

    def bare(self) -> None:
        if self.query:
            raise _Unusable("an unknown query parameter; docs/supply.md lists them")


def _query(text: str) -> dict[str, str]:
    """Strict: names and values need no escaping here, so none is undone."""
    found: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not equals or name in found:
            raise _Unusable("the query has to be name=value, each name once")
        found[name] = value
    return found


def _get_token(asked: _Asked) -> GetToken:
    min_ttl = _seconds(asked.query.pop("min_ttl", "0"), "min_ttl", least=0)
    hold = _hold_wish(asked.query)
    asked.bare()
    if hold is not None and asked.request.method == "HEAD":
        raise _Unusable("a hold needs GET: its id is in the body")
    tags = asked.header(b"if-none-match") if hold is None else None
    return GetToken(
        min_ttl=min_ttl,
        wait=_wait(asked.header(b"prefer")),
        known=_tags(tags) if tags else frozenset(),
        hold=hold,
    )


def _hold_wish(query: dict[str, str]) -> HoldWish | None:
    seconds, extends = query.pop("hold", None), query.pop("extend", None)
    ends_with = query.pop("ends_with", None)
    if seconds is None:
        if extends is not None or ends_with is not None:
            raise _Unusable("extend and ends_with belong to hold=SECONDS")
        return None
    if extends is not None and not _HOLD_ID.fullmatch(extends):
        raise _Unusable("extend has to be the id of a hold, as the agent gave it")
    match ends_with:
        case None | "connection" | "process":
            return HoldWish(
                seconds=_seconds(seconds, "hold", least=1), extends=extends, ends_with=ends_with
            )
        case _:
            raise _Unusable("ends_with is connection or process")


def _seconds(text: str, name: str, *, least: int) -> int:
    if not _SECONDS.fullmatch(text) or int(text) < least:
        raise _Unusable(f"{name} has to be whole seconds, {least} to 999999")
    return int(text)


def _wait(prefer: str | None) -> float:
    """RFC 7240 section 2: the first of a name counts, and what is not understood is as if it were
    not there."""
    at = 0
    while prefer is not None and (found := _PREFERENCE.match(prefer, at)):
        if found["name"].lower() == "wait":
            seconds = (found["value"] or "").strip('"')
            return (
                min(float(seconds), LONGEST_WAIT) if _SECONDS.fullmatch(seconds) else DEFAULT_WAIT
            )
        at = found.end()
    return DEFAULT_WAIT


def _tags(header: str) -> frozenset[str]:
    """RFC 9110 section 13.1.2, compared weakly; our tags contain no comma."""
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))


def _report_rejected(asked: _Asked) -> ReportRejected:
    asked.bare()
    try:
        body = json.loads(asked.request.body)
    except (ValueError, RecursionError):
        body = None
    fingerprint = body.get("fingerprint") if isinstance(body, dict) else None
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise _Unusable('the body has to be {"fingerprint": "sha256:..."}, as GET /v1/token said')
    return ReportRejected(fingerprint=fingerprint)


def _get_events(asked: _Asked) -> GetEvents:
    asked.bare()
    return GetEvents(last_event_id=asked.header(b"last-event-id"))


_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{16}")
_HOLD_ID: Final = re.compile(r"[0-9a-f]{16}")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PREFERENCE: Final = re.compile(
    rf'[\s,]*(?P<name>[^\s=,;"]+)(?:\s*=\s*(?P<value>{_QUOTED}|[^\s,;"]*))?'
    rf'[^,"]*(?:{_QUOTED}[^,"]*)*(?:,|$)'  # and its parameters, up to the next
)


@dataclass(frozen=True, slots=True)
class _Route:
    scope: Scope
    read: Callable[[_Asked], Operation]


def _plain(scope: Scope, operation: Operation) -> _Route:
    def read(asked: _Asked) -> Operation:
        asked.bare()
        return operation

    return _Route(scope, read)


def _named(scope: Scope, make: Callable[[str], Operation]) -> _Route:
    def read(asked: _Asked) -> Operation:
        asked.bare()
        if not _HOLD_ID.fullmatch(asked.name):
            raise _Unusable("the id of a hold has 16 hex digits, as the agent gave it")
        return make(asked.name)

    return _Route(scope, read)


ROUTES: Final[Mapping[str, Mapping[str, _Route]]] = {
    "/livez": {"GET": _plain(Scope.STATUS, GetLive())},
    "/metrics": {"GET": _plain(Scope.ADMIN, GetMetrics())},
    "/readyz": {"GET": _plain(Scope.STATUS, GetReady())},
    "/v1/display/claim": {"POST": _plain(Scope.DISPLAY, LendDisplay(lent=False))},
    "/v1/display/release": {"POST": _plain(Scope.DISPLAY, LendDisplay(lent=True))},
    "/v1/events": {"GET": _Route(Scope.STATUS, _get_events)},
    "/v1/grant": {"DELETE": _plain(Scope.ADMIN, DeleteGrant())},
    "/v1/holds": {"GET": _plain(Scope.TOKEN, ListHolds())},
    "/v1/holds/{id}": {
        "GET": _named(Scope.TOKEN, lambda name: GetHold(id=name)),
        "DELETE": _named(Scope.TOKEN, lambda name: ReleaseHold(id=name)),
    },
    "/v1/pairing": {
        "GET": _plain(Scope.PAIRING, GetPairing()),
        "POST": _plain(Scope.PAIRING, StartPairing()),
    },
    "/v1/status": {"GET": _plain(Scope.STATUS, GetStatus())},
    "/v1/store/rekey": {"POST": _plain(Scope.ADMIN, RekeyStore())},
    "/v1/token": {"GET": _Route(Scope.TOKEN, _get_token)},
    "/v1/token/rejected": {"POST": _Route(Scope.TOKEN, _report_rejected)},
}


def _find(path: str) -> tuple[Mapping[str, _Route] | None, str]:
    """The routes of a path, and its last part where that is a name."""
    if path in ROUTES:
        return ROUTES[path], ""
    folder, _, name = path.rpartition("/")
    return ROUTES.get(folder + "/{id}"), name
