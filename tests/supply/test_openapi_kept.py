"""docs/openapi.yaml is kept: whatever schemathesis makes of it is answered as the page says, and
the agent's own desk tells what the double of these tests does."""

import asyncio
import contextlib
import json
import random
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from agent.front_desk import FrontDesk
from agent.keeper import Keeper
from agent.situation import Situation
from agent.store.memory import MemoryStore
from agent.supply.answers import hold_members, token_answer
from agent.supply.interface import Asker
from agent.supply.operations import HoldWish
from tests.supply.desk import Desk
from tests.supply.house import DEADLINE, serving, till
from tests.supply.openapi import PAGE, SCHEMA, STATES, check, hold, schemathesis, turn
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


def test_every_state_of_the_agent_is_described() -> None:
    names = {kind.__name__.lower() for kind in get_args(Situation)}
    assert set(PAGE["components"]["schemas"]["Status"]["properties"]["state"]["enum"]) == names


async def test_the_agents_own_desk_tells_what_is_described() -> None:
    """From the first moment to a hold."""
    clock = VirtualClock()
    server = TestServer(clock)
    desk = FrontDesk(clock=clock, health={"display": lambda: None}, rekey=_never)
    keeper = Keeper(
        server=server,
        storage=MemoryStore(),
        rules=RULES,
        clock=clock,
        rng=random.Random(1),
        on_situation=lambda situation: setattr(desk, "situation", situation),
    )
    seen = set()

    def look() -> None:
        check("Status", desk.status())
        check("Pairing", desk.pairing())
        seen.add(desk.pairing()["state"])
        assert ("user_code" in desk.pairing()) == (desk.pairing()["state"] == "pairing")
        assert "user_code" not in json.dumps(desk.status())

    look()
    desk.hand_over(keeper)
    running = asyncio.ensure_future(keeper.run())
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
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert seen == {"starting", "pairing", "serving"}


async def _never() -> None:
    raise AssertionError
