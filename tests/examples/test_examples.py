"""The examples against the real daemon and the sandbox: what a developer copies has to work."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from agent.supply.client import Event, events
from agent.supply.interface import Handout, Unavailable
from agent.supply.local import DEFAULT_SOCKET
from tests.daemon.terminal import Terminal
from tests.examples.programs import BUILDS, EXAMPLES, Outcome, Program
from tests.examples.shop import PAYMENT, Ending, shop
from tests.supply.desk import Desk
from tests.supply.house import serving

PAID, NOT_PAID, USAGE, UNKNOWN = range(4)
Build = Callable[[str], Program]
languages = pytest.mark.parametrize(
    "program",
    # Each program is built once, and the workers share the work.
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in BUILDS],
    indirect=True,
)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds a program when it is first asked for."""
    built: dict[str, Program] = {}

    def program(language: str) -> Program:
        if language not in built:
            folder = tmp_path_factory.mktemp("build")
            built[language] = Program(command=BUILDS[language](folder))
        return built[language]

    return program


@pytest.fixture
def program(request: pytest.FixtureRequest, build: Build) -> Program:
    return build(request.param)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(interval=1, cardholder_seconds=0.1)) as server:
        yield server


# -- the real daemon ------------------------------------------------------------------------------


@contextmanager
def running(folder: Path, sandbox: SandboxServer, more: str = "") -> Iterator[Terminal]:
    server = f'token_endpoint = "{sandbox.token_endpoint}"'
    client = f'id = "{sandbox.client_id}"\nsecret = "{sandbox.client_secret}"\n{more}'
    with Terminal(folder, server=server, client=client) as terminal:
        yield terminal.start()


@pytest.fixture
def paired(program: Program, sandbox: SandboxServer, tmp_path: Path) -> Iterator[Terminal]:
    """A moment ago: so the agent believes the first report of a refused token at once."""
    with running(tmp_path / "t", sandbox) as terminal:
        terminal.until(lambda: terminal.state() == "pairing")
        (code,) = sandbox.waiting()
        sandbox.approve(code.user_code)
        terminal.until(lambda: terminal.state() == "serving")
        yield terminal


@pytest.fixture
def serves(program: Program, sandbox: SandboxServer, tmp_path: Path) -> Iterator[Terminal]:
    """Without a person, which takes less time."""
    with running(tmp_path / "t", sandbox, 'grant = "client_credentials"') as terminal:
        terminal.until(lambda: terminal.state() == "serving")
        yield terminal


@languages
def test_it_pays_under_a_hold_and_survives_a_dead_token(
    program: Program, paired: Terminal, sandbox: SandboxServer
) -> None:
    with closing(events(paired.socket)) as stream:
        before = next(stream).id
    assert_paid(program.run("pay", sandbox.api, "1250", socket=paired.socket), sandbox)
    sandbox.kill_access_tokens()
    assert_paid(program.run("pay", sandbox.api, "99", socket=paired.socket), sandbox)
    assert [payment.sum_cents for payment in sandbox.world.payments] == [1250, 99]
    assert sandbox.world.sessions[0].renewals == 1
    expected = ["granted", "released", "granted", "broken", "granted", "released"]
    assert hold_changes(paired, before, len(expected)) == expected


@languages
def test_when_a_token_dies_under_the_cardholder_the_next_one_finds_out(
    program: Program, paired: Terminal, sandbox: SandboxServer
) -> None:
    sandbox.set(cardholder_seconds=1.0)
    with ThreadPoolExecutor(1) as checkout:
        paying = checkout.submit(program.run, "pay", sandbox.api, "1250", socket=paired.socket)
        paired.until(lambda: [one.status for one in sandbox.world.payments] == ["running"])
        sandbox.kill_access_tokens()
        outcome = paying.result()
    assert [one.status for one in sandbox.world.payments] == ["failed"]
    assert outcome.code == NOT_PAID, outcome


def assert_paid(outcome: Outcome, sandbox: SandboxServer) -> None:
    assert outcome.code == PAID, outcome
    payment = sandbox.world.payments[-1]
    assert outcome.out == f"paid {payment.id}\n"
    assert payment.status == "ok"
    assert sandbox.world.sessions[0].access_token not in outcome.out + outcome.err


def hold_changes(terminal: Terminal, since: str, count: int) -> list[object]:
    """So many changes of holds after that event, and no more."""
    terminal.ask("GET", "/v1/token?hold=1")  # the end of what is looked at
    found: list[object] = []
    with closing(events(terminal.socket, since)) as stream:
        while len(found) <= count:
            event: Event = next(stream)
            found += [event.data["change"]] if event.kind == "hold" else []
    assert found[-1] == "granted"
    return found[:-1]


@languages
def test_it_prints_events_over_a_restart_of_the_agent(
    program: Program, serves: Terminal, tmp_path: Path
) -> None:
    with program.running("events", socket=serves.socket, errors=tmp_path / "errors") as lines:
        assert printed(lines.readline()) == ("state", "serving")
        serves.ask("GET", "/v1/token?hold=60")
        assert printed(lines.readline()) == ("hold", "granted")
        serves.stop()
        serves.start()
        assert printed(lines.readline()) == ("missed", None)
        assert printed(lines.readline())[0] == "state"


def printed(line: str) -> tuple[str, object]:
    """The kind of the event, and what it is about."""
    kind, _, data = line.partition(" ")
    members = json.loads(data)
    return kind, members.get("state", members.get("change"))


# -- what may happen to a payment -----------------------------------------------------------------


class Breaking(Desk):
    """Breaks holds on a token that was refused, as the agent does, and always has another one."""

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        self.held.clear()
        return await super().rejected(fingerprint)


# What a program makes of it, and how many requests the API sees.
ENDINGS: dict[Ending, tuple[int, int]] = {
    "ok": (PAID, 2),
    "declined": (NOT_PAID, 2),
    "no": (NOT_PAID, 2),
    "broken": (PAID, 4),  # found out by asking what became of it
    "nonsense": (UNKNOWN, 5),
    "no status": (NOT_PAID, 3),
    "silence": (NOT_PAID, 4),
    "no id": (NOT_PAID, 1),
    "dead token": (NOT_PAID, 2),  # and the next one is dead, too
    "token died": (PAID, 3),
    "token died meanwhile": (PAID, 4),  # the cardholder had begun with the first
    "silence, and a dead token": (PAID, 4),  # which only the first look finds out
}


@languages
async def test_it_says_what_is_known_and_asks_no_cardholder_twice(
    program: Program, tmp_path: Path
) -> None:
    desk = Breaking()
    async with serving(tmp_path, desk) as house:
        with shop(look=lambda: list(desk.held)) as api:
            for ending, (code, requests) in ENDINGS.items():
                api.ending, api.seen, desk.asked = ending, [], []
                outcome = await asyncio.to_thread(
                    program.run, "pay", api.url, "1250", socket=house.token
                )
                assert (outcome.code, len(api.seen)) == (code, requests), (ending, outcome)
                assert (PAYMENT in outcome.out + outcome.err) == (code in (PAID, UNKNOWN))
                assert all(holds for path, _, holds in api.seen if not path.endswith(PAYMENT))
                looks = sum(path.endswith(PAYMENT) for path, _, _ in api.seen)
                assert looks == max(0, requests - (3 if "token died" in ending else 2))
                assert set(desk.asked) == ({10} if looks else set())  # a look needs no hold
                assert not desk.held
                sent = json.loads(api.seen[0][1])
                assert sent == {"basket_info": {"sum": 1250, "currency": "EUR"}}
        assert len(desk.rejections) == 4


@languages
async def test_a_token_does_not_travel_in_clear_text(program: Program, tmp_path: Path) -> None:
    async with serving(tmp_path, Desk()) as house:
        outcome = await asyncio.to_thread(
            program.run, "pay", "http://api.invalid/v2", "1250", socket=house.token
        )
    assert outcome.code in (NOT_PAID, USAGE)
    assert "https" in outcome.err


@languages
def test_without_an_agent_nothing_is_paid(program: Program, tmp_path: Path) -> None:
    path = str(tmp_path / "none.sock")
    with shop(look=tuple) as api:
        outcome = program.run("pay", api.url, "1", socket=path)
    assert outcome.code == NOT_PAID
    assert path in outcome.err
    assert api.seen == []


@languages
def test_an_empty_name_of_the_socket_is_none(program: Program) -> None:
    if Path(DEFAULT_SOCKET).exists():
        pytest.skip(f"an agent may be at {DEFAULT_SOCKET}")
    with shop(look=tuple) as api:
        outcome = program.run("pay", api.url, "1", socket="")
    assert outcome.code == NOT_PAID
    assert DEFAULT_SOCKET in outcome.err


class Refusing:
    """An agent that gives no events: it answers with the next of these statuses."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status = self.statuses.pop(0)
        problem = {"type": "urn:pos-agent:problem:some", "title": "No", "retry_after": 1}
        body = json.dumps({**problem, "status": status}).encode()
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/problem+json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await reader.read()  # the connection is kept, until the program ends it
        writer.close()


@languages
async def test_no_events_are_waited_for_that_are_never_given(
    program: Program, tmp_path: Path
) -> None:
    """Any 4xx ends it with a sentence, but one: what was too often is not later on."""
    for statuses in ((400,), (403,), (404,), (429, 503, 403)):
        path, agent = str(tmp_path / f"{statuses[0]}.sock"), Refusing(*statuses)
        async with await asyncio.start_unix_server(agent.answer, path):
            outcome = await asyncio.to_thread(program.run, "events", socket=path)
        assert (outcome.code, outcome.out, agent.statuses) == (NOT_PAID, "", []), outcome
        assert "no events: " in outcome.err


@languages
def test_wrong_usage_is_said(program: Program, tmp_path: Path) -> None:
    outcome = program.run("pay", socket=str(tmp_path / "none.sock"))
    assert outcome.code == USAGE
    assert "usage" in outcome.err


def test_the_table_names_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text()
    named = set(re.findall(r"^\| \[([^]]+)\]", text, re.MULTILINE))
    assert named == set(BUILDS) == {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
