"""docs/openapi.yaml is true: valid, and just what can be asked and answered."""

import asyncio
import inspect
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.supply import contract, problems
from agent.supply.access import Scope
from agent.supply.caps import Caps
from agent.supply.contract import ROUTES, parse
from agent.supply.holds_state import LIMITS
from agent.supply.house import Limits
from agent.supply.operations import DEFAULT_WAIT, LONGEST_WAIT, Operation, Request
from agent.supply.problems import Problem, Response, problem
from tests.supply.desk import Desk
from tests.supply.house import DEADLINE, House, request, serving, till
from tests.supply.openapi import (
    FILE,
    HOLD,
    PAGE,
    SCHEMA,
    STATES,
    check,
    described,
    jsonschema_rs,
    parameters,
    turn,
)

REPORT = b'{"fingerprint":"sha256:0123456789abcdef"}'
BEFORE_ANY_ROUTE = {400, 404, 405, 408, 413, 414, 431}  # in the words at the top of the page


# -- the page itself ------------------------------------------------------------------------------


def test_the_page_is_openapi_3_1() -> None:
    SCHEMA.validate()
    assert PAGE["openapi"].startswith("3.1.")
    for schema in PAGE["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_every_part_is_used() -> None:
    text = FILE.read_text()
    for kind, parts in PAGE["components"].items():
        for name in parts:
            assert f"#/components/{kind}/{name}" in text


def test_its_operations_are_the_routes() -> None:
    assert {(path, method) for path, method, _ in described()} == {
        (path, method) for path, methods in ROUTES.items() for method in methods
    }


def test_its_tags_are_the_permissions() -> None:
    for path, method, operation in described():
        assert operation["tags"] == [ROUTES[path][method].scope.value]


def test_its_figures_are_the_ones_in_force() -> None:
    text = " ".join(FILE.read_text().split())
    assert f"(default {DEFAULT_WAIT:g}, at most {LONGEST_WAIT:g})" in text
    assert f"Longer wishes than the limit ({LIMITS.longest:g}, set by the operator)" in text
    assert f"A comment every {Limits().heartbeat:g} seconds" in text


# -- what can be asked ----------------------------------------------------------------------------


def asked(
    path: str, method: str, query: str = "", *headers: tuple[bytes, bytes]
) -> Operation | Response:
    target = path.replace("{id}", HOLD) + (f"?{query}" if query else "")
    headers = ((b"host", b"localhost"), *headers)
    made = Request(method=method, target=target, headers=headers, body=REPORT)
    return parse(made, frozenset(Scope))


@pytest.mark.parametrize(
    ("where", "pattern"),
    [("query", r'query\.pop\("(\w+)"'), ("header", r'header\(b"([\w-]+)"\)')],
)
def test_every_parameter_that_the_parser_knows_is_described(where: str, pattern: str) -> None:
    taken = set(re.findall(pattern, inspect.getsource(contract)))
    named = {name.lower() for *_, one in described() for name in parameters(one, where)}
    assert taken == named != set()


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("min_ttl", "min_ttl=5"),
        ("hold", "hold=5"),
        ("extend", f"hold=5&extend={HOLD}"),
        ("ends_with", "hold=5&ends_with=process"),
    ],
)
def test_query_parameters_are_taken_where_they_are_described(name: str, query: str) -> None:
    for path, method, operation in described():
        taken = not isinstance(asked(path, method, query), Response)
        assert taken == (name in parameters(operation, "query"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("Prefer", b"wait=7"), ("If-None-Match", b'"x"'), ("Last-Event-ID", b"ab12-1")],
)
def test_headers_matter_where_they_are_described(name: str, value: bytes) -> None:
    for path, method, operation in described():
        matters = asked(path, method) != asked(path, method, "", (name.lower().encode(), value))
        assert matters == (name in parameters(operation, "header"))


@pytest.mark.parametrize("name", ["min_ttl", "hold", "extend", "ends_with"])
def test_query_parameters_have_the_limits_described(name: str) -> None:
    [token] = [one for path, _, one in described() if path == "/v1/token"]
    schema = parameters(token, "query")[name]

    def taken(value: object) -> bool:
        others = "" if name in ("min_ttl", "hold") else "hold=60&"
        return not isinstance(asked("/v1/token", "GET", f"{others}{name}={value}"), Response)

    match schema:
        case {"type": "integer", "minimum": least, "maximum": most}:
            around = (least - 1, least, most, most + 1)
            assert [taken(number) for number in around] == [False, True, True, False]
        case {"type": "string", "enum": values}:
            assert all(taken(value) for value in values)
            assert not taken("other")
        case {"type": "string", "pattern": pattern}:
            for value in (HOLD, HOLD[1:], HOLD + "0", HOLD.upper(), ""):
                assert taken(value) == bool(re.search(pattern, value))
        case _:
            pytest.fail("nobody looks at its limits")
    if "default" in schema:
        default = asked("/v1/token", "GET", f"{name}={schema['default']}")
        assert default == asked("/v1/token", "GET")


# -- what can be answered -------------------------------------------------------------------------


def provocations(path: str, method: str) -> Iterator[bytes]:
    target, body = path.replace("{id}", HOLD), REPORT if path.endswith("/rejected") else b""
    yield request(method, target, body=body)
    yield request(method, target, "Origin: null", body=body)
    yield request(method, target + "?x=1", body=body)
    if path == "/v1/token":
        yield request(method, target, "If-None-Match: *")
        yield request(method, target + "?hold=60")
        yield request(method, f"{target}?hold=60&extend={HOLD[::-1]}")


async def status_of(house: House, data: bytes, *, admin: bool = False) -> int:
    async with asyncio.timeout(DEADLINE), house.connection(admin=admin) as (reader, writer):
        writer.write(data)
        return int((await reader.readline()).split()[1])


async def test_the_statuses_described_are_those_that_occur(folder: Path, desk: Desk) -> None:
    """In any state of the desk, when the house is full, and when one client asks too often."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    occurring: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    async with serving(folder, desk) as house:
        for path, method, _ in described():
            for state in STATES:
                for data in provocations(path, method):
                    turn(desk, state)
                    occurring[path, method].add(await status_of(house, data, admin=True))
    turn(desk, "serving")
    hasty = till(Caps(requests=0.001, burst=1))
    for policy, connections in ((None, 0), (hasty, 128)):
        limits = Limits(connections=connections)
        async with serving(folder, desk, policy=policy, limits=limits) as house:
            await status_of(house, request("GET", "/livez"))
            for path, method, _ in described():
                found = await status_of(house, next(provocations(path, method)))
                occurring[path, method].add(found)
    told = {(path, method): set(one["responses"]) for path, method, one in described()}
    assert told == {key: {str(code) for code in codes} for key, codes in occurring.items()}


def test_every_problem_has_its_place() -> None:
    """With an operation, or among those that come before any."""
    kinds = [value for value in vars(problems).values() if isinstance(value, Problem)]
    by_operations = {int(code) for *_, one in described() for code in one["responses"]}
    assert {kind.status for kind in kinds} <= by_operations | BEFORE_ANY_ROUTE
    words = PAGE["info"]["description"].split("cannot be read as a request")[1]
    assert {int(code) for code in re.findall(r"\b4\d\d\b", words)} == BEFORE_ANY_ROUTE
    for kind in kinds:
        check("Problem", json.loads(problem(kind, "x").body))
        check("Problem", json.loads(problem(kind, "x", retry_after=2, more={"held_for": 3}).body))
