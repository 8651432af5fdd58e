"""The life of a terminal whose serial number changes, on a virtual clock and a real store.

A board is swapped, a firmware update fills in a serial number that was empty before, a card is
cloned: then the stored grant is another terminal's, and stays where it is until this one is paired.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from agent import telling
from agent.identity import Provenance
from agent.journal import Line
from agent.keeper import Keeper
from agent.oauth.events import Grant
from agent.oauth.pairing import Rules
from agent.secret import Secret
from agent.situation import Pairing, Serving, Situation
from agent.store.interface import Storage
from agent.store.memory import MemoryStore
from tests.store.faulty import FaultyDisk
from tests.store.rig import flash
from tests.virtual import TestServer, VirtualClock

OLD = "/vendor/acme/serial/A-4711"
NEW = "/vendor/acme/serial/B-4712"


def came(source: str, value: str = "A-4711", seen_at: int = 1_790_000_000) -> Provenance:
    return Provenance(key="serial", value=value, source=source, seen_at=seen_at)


def rules(uuid: str = OLD, *provenance: Provenance) -> Rules:
    return Rules(
        issuer="https://as.example/token", client_id="client", uuid=uuid, provenance=provenance
    )


GRANT = Grant(
    refresh_token=Secret("refresh-0"),
    issuer=rules().issuer,
    client_id="client",
    uuid=OLD,
    provenance=(came("device-tree"),),
)


@dataclass
class Life:
    clock: VirtualClock
    server: TestServer
    keeper: Keeper
    shown: list[Situation] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    async def until(self, kind: type[Situation]) -> Situation:
        await self.clock.pass_until(lambda: bool(self.shown) and isinstance(self.shown[-1], kind))
        return self.shown[-1]

    def line(self, event: str) -> Mapping[str, object]:
        (fields,) = [dict(line.fields) for line in self.lines if line.event == event]
        return fields

    def events(self) -> list[str]:
        return [line.event for line in self.lines]


@asynccontextmanager
async def life(storage: Storage, by: Rules) -> AsyncIterator[Life]:
    clock = VirtualClock(tick=1e-9)
    server, shown, lines = TestServer(clock), list[Situation](), list[Line]()
    keeper = Keeper(
        server=server,
        storage=storage,
        rules=by,
        clock=clock,
        rng=random.Random(7),
        on_situation=shown.append,
        on_line=lines.append,
    )
    running = asyncio.ensure_future(keeper.run())
    try:
        yield Life(clock, server, keeper, shown, lines)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def bytes_of(path: str) -> bytes:
    return Path(path).read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A store with the old terminal's grant in it."""
    path = str(tmp_path / "grant")
    flash(path, uuid=OLD).save(GRANT)
    return path


async def test_people_clients_and_the_log_are_told_why_a_paired_terminal_shows_a_code(
    path: str,
) -> None:
    async with life(flash(path, uuid=NEW), rules(NEW)) as terminal:
        code = await terminal.until(Pairing)
        assert isinstance(code, Pairing)
        assert code.reidentified
        reason = str(terminal.keeper.status()["reason"])
        line = terminal.line("identity.changed")

    assert reason.startswith("the serial number changed: the stored grant is of another terminal")
    assert line["uuid"] == NEW
    assert "written by another terminal (the serial number changed" in str(line["reason"])
    assert Line("identity.changed").trouble
    assert "store.corrupt" not in terminal.events()


async def test_a_new_code_still_says_so_and_the_paired_terminal_no_longer(path: str) -> None:
    storage = flash(path, uuid=NEW)
    async with life(storage, rules(NEW)) as terminal:
        await terminal.until(Pairing)
        first = len(terminal.shown)
        await terminal.clock.pass_until(
            lambda: any(isinstance(s, Pairing) and s.renewed for s in terminal.shown[first:])
        )
        assert all(s.reidentified for s in terminal.shown if isinstance(s, Pairing))
        terminal.server.approved = True
        await terminal.until(Serving)
        seen = len(terminal.shown)
        storage.clear()
        code = await terminal.until(Pairing)
        assert isinstance(code, Pairing)
        assert not code.reidentified  # cleared by a person, that is something else
        assert len(terminal.shown) > seen


async def test_the_old_board_put_back_before_the_new_one_is_paired_serves_at_once(
    path: str,
) -> None:
    before = bytes_of(path)
    async with life(flash(path, uuid=NEW), rules(NEW)) as swapped:
        await swapped.until(Pairing)
        await swapped.clock.advance(7200)  # codes run out, nobody comes
    assert bytes_of(path) == before

    async with life(flash(path, uuid=OLD), rules(OLD, came("device-tree"))) as back:
        await back.until(Serving)
        assert back.server.codes == 0
        assert not [event for event in back.events() if event.startswith("identity.")]


async def test_the_old_grant_survives_a_pairing_that_cannot_be_saved(path: str) -> None:
    broken = flash(path, uuid=NEW, disk=FaultyDisk(fail_at=1, sticky=True, only="pwrite", error=5))
    async with life(broken, rules(NEW)) as swapped:
        await swapped.until(Pairing)
        swapped.server.approved = True
        await swapped.until(Serving)

    assert flash(path, uuid=OLD).load() == GRANT


async def test_once_paired_the_new_terminal_is_the_only_one_and_a_copy_of_the_old_is_kept(
    path: str,
) -> None:
    async with life(flash(path, uuid=NEW), rules(NEW, came("soc", "B-4712"))) as swapped:
        await swapped.until(Pairing)
        swapped.server.approved = True
        await swapped.until(Serving)

    new = flash(path, uuid=NEW).load()
    assert new is not None
    assert new.provenance == (came("soc", "B-4712"),)
    assert flash(path + ".corrupt-1", uuid=OLD).load() == GRANT
    async with life(flash(path, uuid=OLD), rules(OLD)) as back:
        code = await back.until(Pairing)
        assert isinstance(code, Pairing)
        assert code.reidentified


async def test_a_storage_that_opens_another_terminals_grant_is_no_better() -> None:
    """A store of the integrator's own may not know of terminals."""
    storage = MemoryStore()
    storage.save(GRANT)
    async with life(storage, rules(NEW)) as terminal:
        code = await terminal.until(Pairing)
        assert isinstance(code, Pairing)
        assert code.reidentified
        assert terminal.line("identity.changed")["reason"] == f"the stored grant is of {OLD}"


async def test_a_grant_of_another_client_is_not_called_another_terminal() -> None:
    storage = MemoryStore()
    storage.save(replace(GRANT, client_id="other"))
    async with life(storage, rules(OLD)) as terminal:
        code = await terminal.until(Pairing)
        assert isinstance(code, Pairing)
        assert not code.reidentified
        assert "identity.changed" not in terminal.events()


# -- the same value from elsewhere ----------------------------------------------------------------


async def test_the_same_value_from_another_source_is_a_warning_and_nothing_is_written(
    path: str,
) -> None:
    before = bytes_of(path)
    now = came("soc", seen_at=1_795_000_000)
    async with life(flash(path, uuid=OLD), rules(OLD, now)) as terminal:
        await terminal.until(Serving)
        assert terminal.server.codes == 0
        assert terminal.line("identity.moved") == {
            "key": "serial",
            "value": "A-4711",
            "source": "soc",
            "was": "device-tree",
        }
        assert terminal.keeper.status()["identity"] == [
            {
                "key": "serial",
                "value": "A-4711",
                "source": "soc",
                "seen_at": 1_795_000_000,
                "paired_from": "device-tree",
            }
        ]
    assert Line("identity.moved").trouble
    assert bytes_of(path) == before


async def test_the_same_source_is_not_worth_a_word(path: str) -> None:
    async with life(flash(path, uuid=OLD), rules(OLD, came("device-tree"))) as terminal:
        await terminal.until(Serving)
        told = terminal.keeper.status()["identity"]
    assert told == [asdict(came("device-tree"))]
    assert "identity.moved" not in terminal.events()


async def test_a_grant_of_an_older_agent_has_no_provenance_and_serves(tmp_path: Path) -> None:
    storage = flash(str(tmp_path / "grant"), uuid=OLD)
    storage.save(replace(GRANT, provenance=()))
    async with life(storage, rules(OLD, came("soc"))) as terminal:
        await terminal.until(Serving)
        assert "identity.moved" not in terminal.events()


async def test_a_rotated_refresh_token_keeps_where_the_serial_number_came_from(path: str) -> None:
    storage = flash(path, uuid=OLD)
    async with life(storage, rules(OLD, came("soc"))) as terminal:
        terminal.server.rotates = True
        terminal.server.life = 1200.0
        await terminal.until(Serving)
        await terminal.clock.advance(1190)
        assert terminal.server.refreshes >= 1

    found = flash(path, uuid=OLD).load()
    assert found is not None
    assert found.refresh_token != GRANT.refresh_token
    assert found.provenance == (came("device-tree"),)  # as it was when a person approved


def test_the_status_says_it_in_words_only_while_a_code_is_shown() -> None:
    code = Pairing(user_code="abcd", verification_uri="https://a", expires_at=60.0, terminal="4711")
    assert telling.status(code, 0.0)["reason"] is None
    assert telling.status(replace(code, reidentified=True), 0.0)["reason"] == telling.REIDENTIFIED
    assert telling.pairing_status(replace(code, reidentified=True), 0.0)["reason"]
