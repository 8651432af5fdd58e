"""The metrics are OpenMetrics, as the parser of its makers reads it, and say what is so."""

from pathlib import Path
from typing import get_args

import pytest

from agent.situation import Situation
from agent.supply.metrics import render
from tests.supply.desk import REFRESH_TOKEN, USER_CODE, Desk
from tests.supply.house import House, request, serving

parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="not in the floor")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    """Every sample by name and labels. Raises ValueError for what the specification forbids."""
    found: Samples = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def states(found: Samples) -> dict[str, float]:
    return {
        dict(labels)["pos_agent_state"]: number
        for (name, labels), number in found.items()
        if name == "pos_agent_state"
    }


def test_the_parser_is_strict() -> None:
    """Otherwise the rest of this file says little."""
    for text in (
        "",
        "a 1",
        "# TYPE a counter\na 1\n# EOF\n",
        "# EOF\n\n",
        "# TYPE a gauge\na None\n# EOF\n",
    ):
        with pytest.raises(ValueError, match=r"."):
            list(parser.text_string_to_metric_families(text))


def test_a_terminal_that_serves() -> None:
    found = parse(render(Desk().status(), {("GetToken", 200): 7, ("Refused", 403): 1}, 3))
    assert {state for state, number in states(found).items() if number} == {"serving"}
    assert value(found, "pos_agent_requests_total", operation="GetToken", status="200") == 7
    assert value(found, "pos_agent_requests_total", operation="Refused", status="403") == 1
    assert value(found, "pos_agent_connections") == 3
    assert value(found, "pos_agent_token_life_seconds") == 1200
    assert value(found, "pos_agent_renewal_failures") == 0
    assert value(found, "pos_agent_holds") == 0
    assert value(found, "pos_agent_store_writes_total") == 3
    assert value(found, "pos_agent_store_written_bytes_total") == 12288


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"state": "starting", "token": None, "renewal": None, "store": None},
        {"state": "starting", "store": {"kind": "memory"}, "holds": {}, "token": {}},
        {"state": 'new"\\\n{}', "store": {"writes": "many"}, "holds": {"holds": None}},
    ],
)
def test_what_the_status_does_not_tell_is_left_out(status: dict[str, object]) -> None:
    found = parse(render(status, {}, 0))
    names = {name for name, _ in found}
    assert names == {"pos_agent_state", "pos_agent_connections"}
    assert sum(states(found).values()) == (1 if status.get("state") == "starting" else 0)


def test_every_family_is_of_its_kind() -> None:
    text = render(Desk().status(), {("GetToken", 200): 7}, 3)
    kinds = {one.name: one.type for one in parser.text_string_to_metric_families(text)}
    assert kinds == {
        "pos_agent_state": "stateset",
        "pos_agent_requests": "counter",
        "pos_agent_connections": "gauge",
        "pos_agent_token_life_seconds": "gauge",
        "pos_agent_renewal_failures": "gauge",
        "pos_agent_holds": "gauge",
        "pos_agent_store_writes": "counter",
        "pos_agent_store_written_bytes": "counter",
    }


def test_every_state_is_one_of_the_set() -> None:
    names = {kind.__name__.lower() for kind in get_args(Situation)}
    assert set(states(parse(render({}, {}, 0)))) == names


async def test_requests_and_connections_are_counted(house: House) -> None:
    await house.get()
    await house.get("/v1/token?hold=60")
    await house.get("/v1/status")
    await house.get("/nowhere")
    await house.get("/v1/token", "Origin: null")
    await house.exchange(b"rubbish\r\n\r\n")
    await house.exchange(request("HEAD", "/v1/events"))
    async with house.connection():
        answer = await house.get("/metrics", admin=True)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0;")
    found = parse(answer.body.decode())
    counted = {
        (dict(labels)["operation"], dict(labels)["status"]): number
        for (name, labels), number in found.items()
        if name == "pos_agent_requests_total"
    }
    assert counted == {
        ("GetToken", "200"): 2,
        ("GetStatus", "200"): 1,
        ("GetEvents", "200"): 1,
        ("Refused", "400"): 1,
        ("Refused", "403"): 1,
        ("Refused", "404"): 1,
    }
    assert value(found, "pos_agent_holds") == 1
    assert value(found, "pos_agent_connections") == 2


async def test_metrics_are_for_the_administrator(house: House) -> None:
    assert (await house.get("/metrics")).status == 403


async def test_metrics_name_no_secret(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk) as house:
        await house.get("/v1/token?hold=60")
        serving_now = await house.get("/metrics", admin=True)
        await house.ask(request("DELETE", "/v1/grant"), admin=True)
        pairing_now = await house.get("/metrics", admin=True)
    text = (serving_now.body + pairing_now.body).decode()
    assert {'pos_agent_state="pairing"} 1', 'pos_agent_state="serving"} 1'} < set(
        text.replace("pos_agent_state{", "").splitlines()
    )
    for secret in (desk.current.value.reveal(), REFRESH_TOKEN, USER_CODE):
        assert secret not in text
    assert desk.current.value.fingerprint() not in text
