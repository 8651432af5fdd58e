"""docs/openapi.yaml as a value, and a desk in every state it speaks of."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from agent.errors import AgentError
from agent.supply.interface import NotHeld, Unavailable
from tests.supply.desk import Desk, Held

schemathesis = pytest.importorskip("schemathesis", reason="not in the floor")
jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="comes with schemathesis")

FILE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
SCHEMA = schemathesis.openapi.from_path(FILE)
PAGE: dict[str, Any] = SCHEMA.raw_schema
HOLD = "00112233445566ff"


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found = PAGE
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def described() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation, with all of its parameters."""
    for path, item in PAGE["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
                yield path, method.upper(), {**operation, "parameters": parameters}


def parameters(operation: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Schemas by name."""
    found = operation["parameters"]
    return {one["name"]: resolved(one["schema"]) for one in found if one["in"] == where}


def check(schema: str, value: object) -> None:
    """Raises ValueError saying what is not as that schema of the page has it. Clients ignore what
    they do not know; the page has to know every member."""
    page = {"$ref": f"#/components/schemas/{schema}", "components": _closed(PAGE["components"])}
    jsonschema_rs.validator_for(page).validate(value)


def _closed(part: Any) -> Any:
    """The same, where objects have no other members than those described."""
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(one) for name, one in part.items()}
    if isinstance(part.get("type"), str | list) and "object" in part["type"]:
        closed.setdefault("additionalProperties", False)
    return closed


# -- the desk -------------------------------------------------------------------------------------

Turn = Callable[[Desk], None]
"""Brings the desk into some state."""


def _missing(kind: Literal["starting", "pairing", "offline", "refused"]) -> Turn:
    absence = Unavailable(kind=kind, detail="x", retry_after=5)
    return lambda desk: setattr(desk, "missing", absence)


def _no_hold(kind: Literal["held", "impossible", "limit", "unknown"]) -> Turn:
    absence = NotHeld(kind=kind, detail="x", retry_after=5, held_for=30)
    return lambda desk: setattr(desk, "no_hold", absence)


def _holding(desk: Desk) -> None:
    hold(desk, HOLD)


STATES: dict[str, Turn] = {
    "serving": lambda _: None,
    "holding": _holding,
    "degraded": lambda desk: setattr(desk, "degraded", "the server is down"),
    "starting": _missing("starting"),
    "pairing": _missing("pairing"),
    "offline": _missing("offline"),
    "refused": _missing("refused"),
    "held": _no_hold("held"),
    "impossible": _no_hold("impossible"),
    "limit": _no_hold("limit"),
    "broken": lambda desk: setattr(desk, "bug", AgentError("bug")),
    "read-only": lambda desk: setattr(desk, "medium_broken", True),
}


def turn(desk: Desk, state: str) -> None:
    """From whatever came before. A little time passes, so that nobody asks too often."""
    desk.missing = desk.no_hold = desk.bug = desk.degraded = None
    desk.medium_broken = False
    desk.held.clear()
    desk.clock += 0.01
    STATES[state](desk)


def hold(desk: Desk, hold_id: str) -> None:
    """The client `till` has it already."""
    held = Held(client="till", bound_to=None, since=desk.clock, until=desk.clock + 60)
    desk.held[hold_id] = held
