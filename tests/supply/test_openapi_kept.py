"""docs/openapi.yaml is kept: whatever schemathesis makes of it is answered as the page says, and
the agent's own desk tells what the double of these tests does."""

import asyncio
import contextlib
import dataclasses
import json
import random
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from agent import telling
from agent.display import presenter
from agent.front_desk import FrontDesk
from agent.identity import Provenance
from agent.keeper import Keeper
from agent.oauth.events import Fault
from agent.panel import panel
from agent.situation import (
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)
from agent.store import flash
from agent.store.memory import MemoryStore
from agent.store.record import Finding
from agent.supply.answers import hold_members, token_answer
from agent.supply.interface import Asker
from agent.supply.operations import HoldWish
from tests.supply.desk import Desk
from tests.supply.house import DEADLINE, eventually, serving, till
from tests.supply.openapi import PAGE, SCHEMA, STATES, check, hold, schemathesis, turn
from tests.supply.sinks import running, token
from tests.test_keeper import RULES
from tests.virtual import TestServer, VirtualClock

unix_http = pytest.importorskip("tests.supply.unix_http", reason="comes with schemathesis")

EXAMPLES = 8  # of each operation and kind
ENDLESS = "/v1/events"  # test_events.py looks at that
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


@contextlib.contextmanager
def in_a_thread(desk: Desk) -> Iterator[tuple[str, str]]:
    """Token and admin socket of a server with that desk."""
    paths: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        with tempfile.TemporaryDirectory(prefix="pos-") as folder:
            async with serving(Path(folder), desk, policy=till()) as house:
                paths.extend((house.token, house.admin))
                ready.set()
                await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(DEADLINE)
        yield paths[0], paths[1]
    finally:
        over.set()
        thread.join()


def has_choices(operation: Any) -> bool:
    """Whether there is anything to get wrong."""
    return bool(list(operation.iter_parameters())) or bool(list(operation.body))


def belongs_together(case: Any) -> bool:
    """OpenAPI has no words for: `extend` and `ends_with` only with `hold`."""
    return "hold" in case.query or not {"extend", "ends_with"} & set(case.query)


def search(cases: SearchStrategy[Any], ask: Callable[[Any], None]) -> None:
    """Always the same cases."""
    how = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    how(given(cases)(ask))()


@pytest.mark.parametrize("state", STATES)
def test_whatever_is_asked_is_answered_as_described(state: str) -> None:
    """No undocumented status, header, media type or member, and what the page forbids is refused.
    5xx are documented where they may occur, so the rule against them is left out."""
    desk = Desk()
    leave_out = [schemathesis.checks.not_a_server_error]
    with contextlib.ExitStack() as stack:
        paths = stack.enter_context(in_a_thread(desk))
        sessions = [stack.enter_context(unix_http.session(path)) for path in paths]

        def ask(case: Any) -> None:
            for session in sessions:
                turn(desk, state)
                if state == "holding":
                    for hold_id in (case.path_parameters.get("id"), case.query.get("extend")):
                        if re.fullmatch("[0-9a-f]{16}", str(hold_id)):
                            hold(desk, str(hold_id))
                answer = case.call(session=session, base_url="http://localhost", timeout=DEADLINE)
                case.validate_response(answer, excluded_checks=leave_out)

        for found in SCHEMA.exclude(path=ENDLESS).get_all_operations():
            operation = found.ok()
            right = operation.as_strategy(generation_mode=POSITIVE).filter(belongs_together)
            search(right, ask)
            if has_choices(operation):
                search(operation.as_strategy(generation_mode=NEGATIVE), ask)


# -- the agent's own desk -------------------------------------------------------------------------


STATUS: Mapping[str, Any] = PAGE["components"]["schemas"]["Status"]["properties"]
SITUATIONS: tuple[Situation, ...] = (
    Starting(),
    Offline(kind="network", reason="no route"),
    Pairing(user_code="code", verification_uri="https://x", expires_at=9.0, terminal="4711"),
    Denied(description=""),
    Refused(error="invalid_client", description="x", fault=Fault.CONFIGURATION),
    Paused(),
    Paired(owner=None),
    Serving(),
    Serving(degraded="the server is down"),
    Failed(support_code="S101", reason="x"),
)


def test_every_state_of_the_agent_is_described() -> None:
    kinds = get_args(Situation)
    assert set(STATUS["state"]["enum"]) == {kind.__name__.lower() for kind in kinds}
    assert {type(situation) for situation in SITUATIONS} == set(kinds)
    for situation in SITUATIONS:
        told = telling.status(situation, 0.0)
        check("Status", {**told, "since_seconds": 0, "version": "1"})
        check("Pairing", telling.pairing_status(situation, 0.0))


def test_every_word_for_how_a_part_is_is_described() -> None:
    display, parts = STATUS["display"]["properties"]["health"], STATUS["panel"]
    assert set(display["enum"]) == {*get_args(presenter.Health), "never"}
    assert set(parts["additionalProperties"]["enum"]) == set(get_args(panel.Health))
    slots = STATUS["store"]["anyOf"][-1]["properties"]["slots"]["items"]["enum"]
    assert set(slots) == {"valid", *(finding.name.lower() for finding in Finding)}


STORE = flash.Health(
    path="/var/lib/pos-agent/grant",
    direct_io=True,
    writes=3,
    bytes_written=12288,
    slots=("valid", "blank"),
    last_error=None,
)


async def test_what_the_daemon_adds_to_the_status_is_described(tmp_path: Path) -> None:
    told = {**telling.status(Starting(), 0.0), "since_seconds": 0, "version": "1"}
    for store in (dataclasses.asdict(STORE), {"kind": "memory"}, None):
        check("Status", json.loads(json.dumps({**told, "store": store})))
    async with running(tmp_path / "sinks") as room:
        check("Status", {**told, "sinks": room.sinks.health()})
        room.sinks.changed(token())
        await eventually(lambda: room.health()["fingerprint"])
        check("Status", {**told, "sinks": room.sinks.health()})


@pytest.mark.parametrize(
    "more", [{"news": 1}, {"token": {"fingerprint": f"sha256:{16 * '0'}", "expires_in": 1, "x": 1}}]
)
def test_a_member_that_is_not_described_is_found(more: dict[str, object]) -> None:
    told = {**telling.status(Starting(), 0.0), "since_seconds": 0, "version": "1"}
    check("Status", told)
    with pytest.raises(ValueError, match="Additional properties"):
        check("Status", {**told, **more})


async def test_the_agents_own_desk_tells_what_is_described() -> None:
    """From the first moment to a hold, and to somebody who waits for one. Nothing it tells is left
    out of the page, and nothing on the page is never told."""
    clock = VirtualClock()
    server = TestServer(clock)
    desk = FrontDesk(clock=clock, health={"display": lambda: None}, rekey=_never)
    keeper = Keeper(
        server=server,
        storage=MemoryStore(),
        rules=dataclasses.replace(RULES, provenance=(SERIAL,)),
        clock=clock,
        rng=random.Random(1),
        on_situation=lambda situation: setattr(desk, "situation", situation),
    )
    seen: set[object] = set()
    told: set[str] = set()

    def look() -> None:
        check("Status", desk.status())
        told.update(desk.status())
        check("Pairing", desk.pairing())
        seen.add(desk.pairing()["state"])
        assert ("user_code" in desk.pairing()) == (desk.pairing()["state"] == "pairing")
        assert "user_code" not in json.dumps(desk.status())

    look()
    desk.hand_over(keeper)
    living = asyncio.ensure_future(keeper.run())
    await clock.pass_until(lambda: keeper.status()["state"] == "pairing")
    look()
    server.approved = True
    await clock.pass_until(lambda: keeper.status()["state"] == "serving")
    look()
    asker = Asker(key="till", connection="connection:1")
    answer = await desk.hold(HoldWish(seconds=900), asker, min_ttl=30, wait=5)
    response = token_answer(answer, clock.now())
    assert response.status == 200
    check("Token", json.loads(response.body))
    [held] = desk.holds(asker)
    check("Hold", hold_members(held))
    check("Holds", {"holds": [hold_members(held)]})
    look()
    await clock.advance(800)  # too little is left for somebody else's hold, and one is in the way
    await desk.hold(HoldWish(seconds=200), asker, min_ttl=0, wait=0)
    other = Asker(key="kiosk", connection="connection:2")
    await desk.hold(HoldWish(seconds=300), other, min_ttl=0, wait=0)
    match desk.status():
        case {"holds": {"holds": [_], "waiting": [_]}}:
            look()
        case status:
            pytest.fail(f"nobody has to wait: {status}")
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    assert seen == {"starting", "pairing", "serving"}
    assert set(STATUS) - told == {"support_code", "store", "panel", "sinks"}  # see above


SERIAL = Provenance(key="serial", value="4711", source="dmi-product-serial", seen_at=1)


async def _never() -> None:
    raise AssertionError
