"""The life of one grant on a virtual clock: pairing, renewing, losing, pairing again."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.errors import StoreCorrupt, StoreError, StoreNotWritable
from agent.journal import Line
from agent.keeper import Keeper, OnEvent
from agent.oauth.events import (
    AccessDenied,
    Fault,
    Grant,
    InvalidGrant,
    Refused,
    TransportFailed,
    Unreadable,
)
from agent.oauth.pairing import Rules
from agent.secret import Secret
from agent.situation import Denied, Failed, Offline, Paired, Pairing, Paused, Serving, Situation
from agent.situation import Refused as RefusedSituation
from agent.store.interface import Kept, Storage, TokenKeep
from agent.store.memory import MemoryStore
from agent.supply.interface import Handout, Unavailable
from tests.store.rig import flash
from tests.virtual import TestServer, VirtualClock

RULES = Rules(
    issuer="https://as.example/token", client_id="client", uuid="/vendor/acme/serial/4711"
)
GRANT = Grant(
    refresh_token=Secret("refresh-0"),
    issuer=RULES.issuer,
    client_id=RULES.client_id,
    uuid=RULES.uuid,
)
OFFLINE = TransportFailed(kind="network", reason="no route to as.example")


class Keeping:
    """A place for the token that a test can look into, and break."""

    def __init__(self) -> None:
        self.held: tuple[Grant, Kept] | None = None
        self.broken = False

    def load(self, grant: Grant, now: float) -> Kept | None:
        if self.held is None or self.held[0] != grant or self.held[1].token.life_left(now) <= 0:
            return None
        return self.held[1]

    def save(self, grant: Grant, kept: Kept) -> None:
        if self.broken:
            raise StoreNotWritable("/run is full")
        self.held = (grant, kept)

    def forget(self) -> None:
        self.held = None


class FailingStore(MemoryStore):
    """A medium that refuses as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = True
        self.load_errors: list[StoreError] = []

    def save(self, grant: Grant) -> None:
        if self.refuses:
            raise StoreNotWritable("no space left on the flash; free some")
        super().save(grant)

    def load(self) -> Grant | None:
        if self.load_errors:
            raise self.load_errors.pop(0)
        return super().load()


@dataclass
class Life:
    """One terminal, watched."""

    clock: VirtualClock
    server: TestServer
    storage: Storage
    keeper: Keeper
    seen: list[Situation] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    async def until(self, kind: type[Situation], limit: float = 86_400.0) -> Situation:
        await self.clock.pass_until(lambda: isinstance(self.now_seen(), kind), limit)
        return self.seen[-1]

    def now_seen(self) -> Situation | None:
        return self.seen[-1] if self.seen else None

    def events(self) -> list[str]:
        return [line.event for line in self.lines]

    async def token(self, min_ttl: float = 0.0) -> Handout:
        handout = await self.keeper.token(min_ttl=min_ttl)
        assert isinstance(handout, Handout), handout
        return handout


class StuckStore(MemoryStore):
    """A medium that, once stuck, does not let go of what is on it."""

    stuck = False

    def clear(self) -> None:
        if self.stuck:
            raise StoreNotWritable("the flash is read-only; have it mounted anew")
        super().clear()


class DearStore(MemoryStore):
    """A medium that only a look tells anything of, as a partition."""

    only_reading_tells = True
    looks = 0
    seen = True

    def look(self) -> None:
        self.looks += 1
        self.seen = super().holds_grant()

    def holds_grant(self) -> bool:
        return self.seen


@asynccontextmanager
async def life(
    *,
    grant: Grant | None = GRANT,
    storage: Storage | None = None,
    pairs: bool = True,
    splay: float = 0.0,
    token_keep: TokenKeep | None = None,
    clock: VirtualClock | None = None,
    on_event: OnEvent = lambda _kind, _data: None,
    **knobs: object,
) -> AsyncIterator[Life]:
    clock = clock or VirtualClock(tick=1e-9)
    server = TestServer(clock)
    for name, value in knobs.items():
        assert hasattr(server, name), name
        setattr(server, name, value)
    storage = MemoryStore() if storage is None else storage
    if grant is not None and isinstance(storage, MemoryStore):
        MemoryStore.save(storage, grant)
    seen: list[Situation] = []
    lines: list[Line] = []
    keeper = Keeper(
        server=server,
        storage=storage,
        rules=RULES,
        clock=clock,
        rng=random.Random(7),
        pairs=pairs,
        splay=splay,
        token_keep=token_keep,
        on_event=on_event,
        on_situation=seen.append,
        on_line=lines.append,
    )
    running = asyncio.ensure_future(keeper.run())
    try:
        yield Life(clock, server, storage, keeper, seen, lines)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_new_terminal_pairs_saves_and_says_to_whom() -> None:
    async with life(grant=None) as terminal:
        code = await terminal.until(Pairing)
        assert isinstance(code, Pairing)
        assert (code.user_code, code.terminal) == ("code1", "4711")
        terminal.server.approved = True
        await terminal.until(Serving)
        assert Paired(owner="Café Müller") in terminal.seen
        assert terminal.storage.load() == GRANT
        assert (await terminal.token()).token.value.reveal() == "access-1"


async def test_a_saved_grant_is_used_without_a_person() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        assert terminal.server.codes == 0
        assert not (await terminal.token()).degraded


async def test_storage_is_asked_first_and_clearing_it_pairs_again() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        terminal.storage.clear()
        answer = await terminal.keeper.token(min_ttl=0)
        assert isinstance(answer, Unavailable)
        await terminal.until(Pairing, limit=10)


async def test_clearing_is_noticed_without_any_client() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        terminal.storage.clear()
        await terminal.until(Pairing, limit=10)
        assert "grant.lost" in terminal.events()


async def test_a_store_that_is_dear_to_read_is_looked_at_now_and_then() -> None:
    storage = DearStore()
    async with life(storage=storage) as terminal:
        await terminal.until(Serving)
        storage.clear()
        assert isinstance(await terminal.keeper.token(min_ttl=0), Handout)
        assert not storage.looks
        await terminal.until(Pairing, limit=10)
        assert storage.looks


async def test_a_restart_serves_the_same_token_and_asks_the_server_nothing() -> None:
    kept = Keeping()
    async with life(token_keep=kept) as terminal:
        await terminal.until(Serving)
        first = (await terminal.token()).token
    async with life(token_keep=kept, clock=terminal.clock, splay=300.0) as again:
        await again.until(Serving)
        assert (await again.token()).token == first
        assert again.server.refreshes == 0


async def test_a_kept_token_is_renewed_when_its_time_has_come() -> None:
    kept = Keeping()
    async with life(token_keep=kept) as terminal:
        await terminal.until(Serving)
    async with life(token_keep=kept, clock=terminal.clock) as again:
        await again.clock.pass_until(lambda: again.server.refreshes == 1, 1200)
        assert (await again.token()).token.life_left(again.clock.now()) > 1000


async def test_every_token_is_kept_before_it_is_served_with_the_grant_it_came_with() -> None:
    kept = Keeping()
    async with life(token_keep=kept, rotates=True) as terminal:
        for renewal in range(1, 5):
            await terminal.clock.pass_until(lambda n=renewal: terminal.server.refreshes == n)  # type: ignore[misc]
            await terminal.until(Serving)
            handout = await terminal.token()
            assert kept.held is not None
            assert kept.held[1].token == handout.token
            assert kept.held[0] == terminal.storage.load()


async def test_clearing_the_store_forgets_the_kept_token_as_well() -> None:
    kept = Keeping()
    async with life(token_keep=kept) as terminal:
        await terminal.until(Serving)
        assert kept.held is not None
        terminal.storage.clear()
        await terminal.until(Pairing, limit=10)
        assert kept.held is None


async def test_where_a_renewal_leaves_the_former_token_alive_it_stays_kept_meanwhile() -> None:
    kept = Keeping()
    async with life(token_keep=kept, renewal_ends_old_token=False) as terminal:
        await terminal.until(Serving)
        terminal.server.slow = 10
        await terminal.clock.pass_until(lambda: terminal.server.refreshes == 2)
        assert kept.held is not None


async def test_a_token_taken_up_again_is_no_new_one() -> None:
    kept = Keeping()
    async with life(token_keep=kept) as terminal:
        await terminal.until(Serving)
    told: list[str] = []
    clock = terminal.clock
    async with life(token_keep=kept, clock=clock, on_event=lambda kind, _: told.append(kind)) as it:
        await it.until(Serving)
    assert "token" not in told


async def test_a_token_that_cannot_be_kept_is_served_and_mentioned() -> None:
    kept = Keeping()
    kept.broken = True
    async with life(token_keep=kept) as terminal:
        await terminal.until(Serving)
        assert not (await terminal.token()).degraded
        assert "token.not_kept" in terminal.events()


async def test_a_server_that_does_not_rotate_costs_the_flash_nothing() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        store = flash(f"{directory}/grant", uuid=RULES.uuid)
        store.save(GRANT)
        async with life(storage=store, grant=None) as terminal:
            await terminal.clock.pass_until(lambda: terminal.server.refreshes >= 10)
        assert (store.health().writes, store.health().bytes_written) == (2, 8192)


async def test_a_server_that_rotates_costs_one_slot_a_renewal() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        store = flash(f"{directory}/grant", uuid=RULES.uuid)
        store.save(GRANT)
        async with life(storage=store, grant=None, rotates=True) as terminal:
            await terminal.clock.pass_until(lambda: terminal.server.refreshes >= 10)
            await terminal.until(Serving)
        assert store.health().writes == 2 + terminal.server.refreshes


async def test_a_renewal_under_way_does_not_bring_back_what_was_forgotten() -> None:
    async with life(rotates=True) as terminal:
        await terminal.until(Serving)
        terminal.server.slow = 10
        await terminal.clock.pass_until(lambda: terminal.server.refreshes == 2)
        await terminal.keeper.unpair()
        await terminal.until(Pairing)
        assert terminal.storage.load() is None


async def test_forgetting_that_fails_half_way_is_mentioned() -> None:
    storage = StuckStore()
    async with life(storage=storage, rotates=True) as terminal:
        await terminal.until(Serving)
        terminal.server.slow = 10
        await terminal.clock.pass_until(lambda: terminal.server.refreshes == 2)
        storage.clear()
        storage.stuck = True
        await terminal.until(Pairing)
        assert "grant.not_cleared" in terminal.events()


async def test_unpair_forgets_the_grant_and_shows_a_code() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        await terminal.keeper.unpair()
        await terminal.until(Pairing, limit=10)
        assert terminal.storage.load() is None


async def test_a_cached_token_costs_the_server_nothing() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        for _ in range(20):
            await terminal.token(min_ttl=60)
        assert terminal.server.refreshes == 1


async def test_S10_6_sixteen_demands_cost_one_renewal() -> None:
    async with life(life=1200.0) as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(900)
        terminal.server.slow = 2.0
        asking = [asyncio.ensure_future(terminal.token(min_ttl=900)) for _ in range(16)]
        await terminal.clock.pass_until(lambda: all(task.done() for task in asking), 5)
        assert {task.result().token.value.reveal() for task in asking} == {"access-2"}
        assert terminal.server.refreshes == 2


async def test_a_client_waits_as_long_as_it_said_by_the_agents_clock() -> None:
    async with life(life=1200.0) as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(900)
        terminal.server.slow = 20.0
        asking = asyncio.ensure_future(terminal.keeper.token(min_ttl=900, wait=7.0))
        before = terminal.clock.now()
        await terminal.clock.pass_until(asking.done, 19)
        assert 7.0 <= terminal.clock.now() - before < 7.1
        handout = asking.result()
        assert isinstance(handout, Handout)
        assert handout.token.value.reveal() == "access-1"
        await terminal.clock.advance(20)
        assert (await terminal.token()).token.value.reveal() == "access-2"


async def test_an_impossible_min_ttl_is_answered_with_what_there_is() -> None:
    """It costs one renewal and not one each time, though clients can force one every 10 s."""
    async with life(life=1200.0) as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(600)
        for _ in range(16):
            handout = await terminal.token(min_ttl=100_000)
            assert "asked for" in (handout.degraded or "")
            await terminal.clock.advance(11)
        assert terminal.server.refreshes == 2


async def test_S10_8_the_token_is_renewed_before_it_ends_and_not_early() -> None:
    async with life(life=1200.0) as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(1019)
        assert terminal.server.refreshes == 1
        await terminal.clock.advance(50)
        assert terminal.server.refreshes == 2


async def test_S10_4_an_outage_keeps_grant_and_token_and_says_degraded() -> None:
    async with life(life=1200.0) as terminal:
        await terminal.until(Serving)
        terminal.server.always = OFFLINE
        await terminal.clock.advance(1100)
        handout = await terminal.token()
        assert "no route" in (handout.degraded or "")
        await terminal.until(Offline)
        assert isinstance(await terminal.keeper.token(min_ttl=0), Unavailable)
        assert terminal.storage.load() == GRANT
        terminal.server.always = None
        await terminal.until(Serving, limit=400)
        assert terminal.server.codes == 0


async def test_a_long_outage_is_no_hot_loop() -> None:
    async with life() as terminal:
        terminal.server.always = OFFLINE
        await terminal.until(Offline)
        before = terminal.server.refreshes
        await terminal.clock.advance(3600)
        assert 12 <= terminal.server.refreshes - before <= 80


async def test_S10_5_a_dead_refresh_token_leads_to_pairing_and_the_record_stays() -> None:
    async with life(always=InvalidGrant(description="Refresh token has expired")) as terminal:
        await terminal.until(Pairing)
        assert terminal.storage.load() == GRANT
        terminal.server.known, terminal.server.always = "refresh-new", None
        terminal.server.approved = True
        await terminal.until(Serving)
        saved = terminal.storage.load()
        assert saved is not None
        assert saved.refresh_token == Secret("refresh-new")


async def test_refusals_nobody_can_read_lead_to_pairing_after_the_third() -> None:
    async with life(always=Unreadable(status=400)) as terminal:
        await terminal.until(Pairing)
        assert terminal.server.refreshes == 3
        assert terminal.storage.load() == GRANT


async def test_a_lost_grant_s_token_is_served_to_its_end() -> None:
    async with life(life=1200.0) as terminal:
        await terminal.until(Serving)
        terminal.server.always = InvalidGrant()
        await terminal.until(Pairing)
        handout = await terminal.token()
        assert "paired again" in (handout.degraded or "")
        await terminal.clock.advance(200)
        assert isinstance(await terminal.keeper.token(min_ttl=0), Unavailable)


async def test_a_configuration_fault_keeps_the_grant_and_shows_the_servers_words() -> None:
    refused = Refused(
        error="invalid_client",
        description="The client credentials are invalid",
        fault=Fault.CONFIGURATION,
    )
    async with life(always=refused) as terminal:
        shown = await terminal.until(RefusedSituation)
        assert isinstance(shown, RefusedSituation)
        assert shown.description == "The client credentials are invalid"
        await terminal.clock.advance(3600)
        assert terminal.server.refreshes <= 5
        assert terminal.storage.load() == GRANT


async def test_a_person_can_pair_again_when_the_server_only_refuses() -> None:
    refused = Refused(error="account_closed", description="", fault=Fault.SERVER)
    async with life(always=refused) as terminal:
        await terminal.until(RefusedSituation)
        terminal.keeper.pair()
        await terminal.until(Pairing, limit=10)
        assert terminal.storage.load() == GRANT


async def test_F11_a_rejected_token_is_renewed_once_for_everybody() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(30)
        dead = (await terminal.token()).token.value
        answers = [
            asyncio.ensure_future(terminal.keeper.rejected(dead.fingerprint())) for _ in range(8)
        ]
        await terminal.clock.pass_until(lambda: all(task.done() for task in answers), 5)
        await terminal.keeper.rejected(dead.fingerprint())
        assert terminal.server.refreshes == 2
        assert (await terminal.token()).token.value != dead


async def test_a_client_that_rejects_everything_cannot_drive_the_server() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        start = terminal.clock.now()
        for _ in range(50):
            current = (await terminal.token()).token.value.fingerprint()
            await terminal.keeper.rejected(current)
            await terminal.clock.advance(1)
        assert terminal.server.refreshes <= 2 + (terminal.clock.now() - start) / 10


async def test_F3_a_rotated_grant_is_saved_before_its_token_is_served() -> None:
    async with life(rotates=True, life=600.0) as terminal:
        await terminal.until(Serving)
        for refreshes in (2, 3, 4):
            await terminal.clock.advance(600)
            assert terminal.server.refreshes == refreshes
            handout = await terminal.token()
            saved = terminal.storage.load()
            assert saved is not None
            assert saved.refresh_token.reveal() == terminal.server.known
            assert handout.degraded is None


async def test_a_full_flash_at_pairing_serves_from_memory_and_saves_later() -> None:
    storage = FailingStore()
    async with life(grant=None, approved=True, storage=storage) as terminal:
        await terminal.until(Serving)
        handout = await terminal.token()
        assert "memory only" in (handout.degraded or "")
        storage.refuses = False
        await terminal.clock.pass_until(storage.holds_grant, 400)
        await terminal.clock.advance(1)
        assert (await terminal.token()).degraded is None
        assert terminal.server.refreshes == 0


async def test_with_an_unsaved_rotated_grant_no_second_rotation_is_risked() -> None:
    storage = FailingStore()
    async with life(rotates=True, storage=storage, life=1200.0) as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(1190)
        assert terminal.server.refreshes == 1
        await terminal.clock.advance(400)
        assert terminal.server.refreshes == 2


async def test_S10_19_a_corrupt_store_does_not_keep_the_agent_from_pairing() -> None:
    storage = FailingStore()
    storage.load_errors = [StoreCorrupt("both slots are torn; set aside as grant.corrupt-1")]
    async with life(grant=None, storage=storage) as terminal:
        await terminal.until(Pairing)
        assert "store.corrupt" in terminal.events()


async def test_an_unreadable_medium_is_waited_for_not_paired_over() -> None:
    storage = FailingStore()
    storage.load_errors = [StoreError("cannot read /var/lib/pos-agent: not mounted")] * 3
    async with life(storage=storage) as terminal:
        shown = await terminal.until(Failed)
        assert isinstance(shown, Failed)
        assert shown.support_code == "S201"
        await terminal.until(Serving)
        assert terminal.server.codes == 0


async def test_a_grant_of_another_server_is_never_shown_to_this_one() -> None:
    other = Grant(refresh_token=Secret("x"), issuer="https://b", client_id="client", uuid="/v")
    async with life(grant=other) as terminal:
        await terminal.until(Pairing)
        assert terminal.server.refreshes == 0
        assert terminal.storage.load() == other


async def test_the_window_of_codes_ends_in_a_pause_until_a_person_acts() -> None:
    async with life(grant=None) as terminal:
        await terminal.until(Paused)
        assert terminal.server.codes == 6
        await terminal.clock.advance(86_400)
        assert terminal.server.codes == 6
        terminal.keeper.pair()
        await terminal.until(Pairing, limit=5)


async def test_D8_after_a_denial_nothing_is_polled_until_the_pause_is_over() -> None:
    async with life(grant=None, poll_trouble=[AccessDenied(description="no")]) as terminal:
        await terminal.until(Denied)
        polls, codes = terminal.server.polls, terminal.server.codes
        await terminal.clock.advance(599)
        assert (terminal.server.polls, terminal.server.codes) == (polls, codes)
        await terminal.until(Pairing, limit=130)


async def test_S10_3_offline_while_polling_keeps_the_code() -> None:
    async with life(grant=None, poll_trouble=[OFFLINE] * 4) as terminal:
        await terminal.until(Pairing)
        await terminal.clock.pass_until(lambda: not terminal.server.poll_trouble)
        terminal.server.approved = True
        await terminal.until(Serving)
        assert terminal.server.codes == 1


async def test_the_first_renewal_waits_its_splay_unless_a_client_asks() -> None:
    async with life(splay=3600.0) as terminal:
        asking = asyncio.ensure_future(terminal.token())
        await terminal.clock.pass_until(asking.done, 1)
        assert terminal.server.refreshes == 1


async def test_client_credentials_store_nothing_and_never_pair() -> None:
    async with life(grant=None, pairs=False) as terminal:
        await terminal.until(Serving)
        await terminal.clock.advance(5000)
        assert terminal.server.codes == 0
        assert terminal.server.refreshes >= 4
        assert not terminal.storage.holds_grant()


async def test_S10_26_a_token_read_never_starts_a_pairing() -> None:
    async with life(grant=None) as terminal:
        await terminal.until(Pairing)
        for _ in range(10):
            answer = await terminal.keeper.token(min_ttl=60)
            assert isinstance(answer, Unavailable)
            assert answer.kind == "pairing"
        assert terminal.server.codes == 1


async def test_status_says_what_a_technician_needs_and_no_secret() -> None:
    async with life() as terminal:
        await terminal.until(Serving)
        status = terminal.keeper.status()
        assert (status["state"], status["uuid"]) == ("serving", RULES.uuid)
        for secret in ("refresh-0", "access-1"):
            assert secret not in repr(status)
            assert secret not in repr(terminal.lines)
