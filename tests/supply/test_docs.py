"""The two pages say what the code does."""

import asyncio
import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest

from agent import view
from agent.holder import Change
from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply import client, contract, credential_socket, problems, quick, sink_commands
from agent.supply.caps import CAPS
from agent.supply.feed import KEPT, Kind
from agent.supply.holds_state import LIMITS as HOLDS
from agent.supply.holds_state import Hold
from agent.supply.house import Limits
from agent.supply.http1 import BODY_LIMIT, HEAD_LIMIT
from agent.supply.operations import DEFAULT_WAIT, LONGEST_WAIT
from agent.supply.policy_files import CONNECTIONS
from agent.supply.stream import BACKLOG
from tests.examples.shop import PAYMENT, shop
from tests.supply.house import House

_DOCS = Path(__file__).parents[2] / "docs"


def test_every_problem_has_its_entry_with_status_and_error() -> None:
    text = (_DOCS / "problems.md").read_text()
    entries = dict(re.findall(r"^### (\S+)\n(.+)", text, re.MULTILINE))
    kinds = [value for value in vars(problems).values() if isinstance(value, problems.Problem)]
    assert set(entries) == {kind.name for kind in kinds}
    for kind in kinds:
        assert entries[kind.name].startswith(f"{kind.status}, `{kind.error}`.")


def test_the_routes_are_the_ones_served() -> None:
    text = (_DOCS / "supply.md").read_text()
    described = set(re.findall(r"^\| `([A-Z]+) ([^`? ]+)", text, re.MULTILINE))
    served = {(method, path) for path, routes in contract.ROUTES.items() for method in routes}
    assert described == served


def section(title: str) -> str:
    """In one line, without the emphasis."""
    text = (_DOCS / "supply.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return " ".join(text.replace("**", "").split())


def test_the_limits_are_the_ones_enforced() -> None:
    limits = Limits()
    assert section("Limits").startswith(
        f"Head {HEAD_LIMIT // 1024} KiB, body {BODY_LIMIT // 1024} KiB, "
        f"target {contract.TARGET_LIMIT // 1024} KiB, {limits.request:g} s for a request to arrive "
        f"and for an answer to be read, {limits.idle:g} s between requests of a kept connection, "
        f"{limits.answer:g} s for an answer, {limits.connections} connections in all, the last "
        f"{limits.spare} of them for clients with fewer than {limits.few}, "
        f"{HOLDS.in_all} holds in all. Unless its policy says otherwise, a client has "
        f"{CAPS.connections} connections and {CAPS.holds} holds at a time, and {CAPS.requests:g} "
        f"requests a second in the long run, {CAPS.burst} at once."
    )
    assert f"who leaves {BACKLOG // 1024} KiB of them unread is cut off" in section("Limits")


def test_the_figures_of_waiting_holds_and_events_are_the_ones_in_force() -> None:
    assert f"{DEFAULT_WAIT:g} if it says nothing, {LONGEST_WAIT:g} at most" in section("Routes")
    assert f"after {HOLDS.longest:g} s at most" in section("Holds")
    assert f"asks again within {HOLDS.grace:g} s after `retry_after`" in section("Holds")
    assert f"The agent keeps {KEPT} events" in section("Events")
    assert f"A comment comes every {Limits().heartbeat:g} s" in section("Events")


def test_the_figures_for_software_that_cannot_speak_http_are_the_ones_in_force() -> None:
    page = " ".join((_DOCS / "supply.md").read_text().split())
    assert f"after {sink_commands.TIMEOUT:g} seconds it is killed" in page
    assert sink_commands.TIMEOUT == 10
    socket = f"{credential_socket.CONNECTIONS} answers at a time, "
    assert socket + f"{credential_socket.DEADLINE:g} seconds each" in page


def test_the_figures_for_any_language_are_the_ones_in_force() -> None:
    limits, text = Limits(), section("In any language")
    assert f"closed after {limits.idle:g} s without a request" in text
    assert f"within {limits.answer:g} s, and waits for a renewal for {LONGEST_WAIT:g} s" in text


def test_the_figures_of_the_problems_are_the_ones_in_force() -> None:
    text = " ".join((_DOCS / "problems.md").read_text().split())
    assert f"allows ({CAPS.holds} unless it says otherwise), or there are {HOLDS.in_all} in" in text
    assert f"connections open as its policy allows ({CAPS.connections} unless" in text
    limits = Limits()
    assert (
        f"there are {limits.connections}, and the last {limits.spare} are for clients with fewer "
        f"than {limits.few}." in text
    )
    assert CONNECTIONS.meaning.startswith(
        f"Connections at a time, of the {limits.connections} for everybody; the last {limits.spare}"
        f" are for clients with fewer than {limits.few}."
    )
    assert f"({CAPS.requests:g} times a second in the long run and {CAPS.burst} at once" in text
    assert f"for {HOLDS.grace:g} s from then this client keeps its place" in text


def test_the_events_are_the_ones_told() -> None:
    text = (_DOCS / "supply.md").read_text()
    table = text.split("| Event | `data` |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(get_args(Kind))
    row = next(line for line in table.splitlines() if line.startswith("| `hold`"))
    changes, reasons = row.split("then `reason`")
    assert set(re.findall(r"`(\w+)`", changes)) == {"hold", "change", *get_args(Change)}
    assert set(re.findall(r"`(\w+)`", reasons)) == {"refused", "replaced", "none"}


def test_the_example_stream_has_the_members_that_are_sent() -> None:
    text = (_DOCS / "supply.md").read_text()
    example = text.split("http://localhost/v1/events\n")[1].split("```")[0]
    hold = Hold(id="x", client="till", token="x", since=0, until=9, latest=9)
    token = AccessToken(value=Secret("x"), issued_at=0, expires_at=9)
    sent = {
        "hold": set(view.hold_event("granted", hold, None, 0)),
        "token": set(view.token_event(token, 0)),
        "state": {"state", "reason", "since_seconds", "uuid"},
    }
    blocks = re.findall(r"id: (\w+)-(\d+)\nevent: (\w+)\ndata: (.*)\n\n?", example)
    assert [kind for *_, kind, _ in blocks] == ["state", "hold", "hold", "token"]
    for *_, kind, data in blocks:
        assert set(re.findall(r'"(\w+)":', data)) == sent[kind]


def test_the_exit_codes_are_the_ones_returned() -> None:
    text = (_DOCS / "supply.md").read_text()
    described = {int(code) for code in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    assert described == {
        quick.OK,
        quick.USAGE,
        quick.UNREACHABLE,
        quick.PAIRING_NEEDED,
        quick.UNAVAILABLE,
        quick.NOT_ALLOWED,
    }


# -- what can be copied ---------------------------------------------------------------------------

API = "https://connect.example.com/api/v2"  # in the samples


class _Heard(Exception):
    """Enough of the events, which have no end."""


def _heard(*_: object) -> None:
    raise _Heard


def run(sample: str, names: dict[str, object], api: str) -> None:
    exec(compile(sample.replace(API, api), "sample", "exec"), names)


async def test_the_samples_for_python_run_as_they_are(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order: each goes on with what those before it have named."""
    monkeypatch.setenv("POS_AGENT_SOCKET", house.token)
    text = (_DOCS / "supply.md").read_text().split("\n## Python\n")[1].split("\n## ")[0]
    samples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(samples) == 3
    names: dict[str, object] = {"print": _heard}
    with shop(look=lambda: list(house.desk.held)) as api:
        for sample in samples[:2]:
            await asyncio.to_thread(run, sample, names, api.url)
        with pytest.raises(_Heard):
            await asyncio.to_thread(run, samples[2], names, api.url)
    assert names["status"] == "ok"
    assert [(path, len(held)) for path, _, held in api.seen] == [
        ("/api/v2/Smart/Transactions", 0),
        (f"/api/v2/Smart/Transactions/{PAYMENT}/start/cashless", 1),
    ]


async def test_the_sample_of_the_client_runs_as_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POS_AGENT_SOCKET", house.token)
    indented = re.search(r"\n\n(    .*?\n)\n\S", str(client.__doc__), re.DOTALL)
    assert indented is not None
    with shop(look=lambda: list(house.desk.held)) as api:
        await asyncio.to_thread(run, textwrap.dedent(indented[1]), {}, api.url)
    assert [len(held) for _, _, held in api.seen] == [0, 1]


def test_no_sample_hangs_up_while_the_cardholder_pays() -> None:
    """What starts a payment waits longer than httpx does by itself, and less long than the hold."""
    for text in ((_DOCS / "supply.md").read_text(), str(client.__doc__)):
        [until_start] = re.findall(r"from agent\.supply\.client import [^`]*?/start/cashless", text)
        held, waits = (
            re.search(r"hold\((\d+)\)", until_start),
            re.search(r"timeout=(\d+)", until_start),
        )
        assert held is not None
        assert waits is not None
        assert 60 < int(waits[1]) < int(held[1])
