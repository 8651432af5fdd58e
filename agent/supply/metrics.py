"""The agent in numbers, in the OpenMetrics text format 1.0. Pure.

For whoever watches a fleet: on the admin socket only, and nothing in it names a token.
"""

from collections.abc import Iterable, Mapping
from typing import Final

_STATES: Final = (
    "starting", "offline", "pairing", "denied", "refused", "paused", "paired", "serving", "failed",
)  # fmt: skip

Requests = Mapping[tuple[str, int], int]
"""How often each operation was answered with each status."""


def render(status: Mapping[str, object], requests: Requests, connections: int) -> str:
    """`status`: as `TokenDesk.status` tells it; what it does not tell is left out."""
    return "\n".join((*_lines(status, requests, connections), "# EOF", ""))


def _lines(status: Mapping[str, object], requests: Requests, connections: int) -> Iterable[str]:
    state = status.get("state")
    yield from _head("pos_agent_state", "stateset", "What the agent is doing.")
    for name in _STATES:
        yield f'pos_agent_state{{pos_agent_state="{name}"}} {int(state == name)}'
    yield from _head("pos_agent_requests", "counter", "Answers, by operation and status.")
    for (operation, code), count in sorted(requests.items()):
        yield f'pos_agent_requests_total{{operation="{operation}",status="{code}"}} {count}'
    yield from _gauge("pos_agent_connections", "Open connections.", connections)
    yield from _gauge(
        "pos_agent_token_life_seconds",
        "Life left of the token.",
        _inner(status, "token", "expires_in"),
    )
    yield from _gauge(
        "pos_agent_renewal_failures",
        "Failed tries in a row.",
        _inner(status, "renewal", "failures"),
    )
    holds = _inner(status, "holds", "holds")
    yield from _gauge("pos_agent_holds", "Holds.", len(holds) if isinstance(holds, list) else None)
    for name, key, what in (
        ("pos_agent_store_writes", "writes", "Slots written since enrolment."),
        ("pos_agent_store_written_bytes", "bytes_written", "Bytes written since enrolment."),
    ):
        if isinstance(value := _inner(status, "store", key), int):
            yield from _head(name, "counter", what)
            yield f"{name}_total {value}"


def _inner(status: Mapping[str, object], name: str, key: str) -> object:
    inner = status.get(name)
    return inner.get(key) if isinstance(inner, Mapping) else None


def _gauge(name: str, what: str, value: object) -> Iterable[str]:
    if isinstance(value, int | float):
        yield from _head(name, "gauge", what)
        yield f"{name} {value}"


def _head(name: str, kind: str, what: str) -> Iterable[str]:
    yield f"# TYPE {name} {kind}"
    yield f"# HELP {name} {what}"
