"""Keeps a terminal supplied with a valid access token: pairing, then renewal, then again.

Usable as a library, without the daemon: give it a server, a storage and a clock, run `run()` as a
task and ask `token()`. Storage is asked first, before every hand-out; clearing it, even while
running, makes the agent pair again.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from agent import journal, view
from agent.clock import Clock
from agent.errors import StoreCorrupt, StoreError
from agent.oauth import pairing, renewal
from agent.oauth.backoff import backoff
from agent.oauth.events import (
    AccessToken,
    Demanded,
    Grant,
    PersonActed,
    Rejected,
    StoreCleared,
)
from agent.oauth.interface import AuthorizationServer
from agent.oauth.lifetime import longest_min_ttl
from agent.oauth.runner import Doorbell, Knock, PairingRunner, RenewalRunner, drive
from agent.situation import Failed, Paired, Situation, Starting
from agent.store.interface import NoTokenKeep, Storage, TokenKeep
from agent.supply.interface import Handout, Unavailable

LONGEST_WAIT: Final = 5.0  # s a client waits for a renewal before it gets what there is
STORE_LOOK: Final = 5.0  # s between looks whether somebody cleared the store
STORE_UNREADABLE: Final = "S201"  # support code


class Keeper:
    """One terminal's grant and token; the `TokenDesk` of the sockets.

    `pairs`: False for grant types without a refresh token (client credentials, device PIN), which
    store nothing. `splay`: seconds, see `renewal.start`. `token_keep` carries the access token over
    a restart. `on_situation` is told what people should see, `on_line` what the log should keep;
    neither may block.
    """

    def __init__(
        self,
        *,
        server: AuthorizationServer,
        storage: Storage,
        rules: pairing.Rules,
        clock: Clock,
        rng: random.Random,
        pairs: bool = True,
        splay: float = 0.0,
        token_keep: TokenKeep | None = None,
        on_situation: Callable[[Situation], None] = lambda _: None,
        on_line: Callable[[journal.Line], None] = lambda _: None,
    ) -> None:
        self._server = server
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._pairs = pairs
        self._splay = splay
        self._token_keep = token_keep or NoTokenKeep()
        self._kept: AccessToken | None = None
        self._on_situation = on_situation
        self._on_line = on_line
        self._people: Doorbell[PersonActed] = Doorbell(clock, rng)
        self._knocks: Doorbell[Knock] = Doorbell(clock, rng)
        self._pairing: pairing.State | None = None
        self._renewal: renewal.State | None = None
        self._situation: Situation = Starting()
        self._since = clock.now()
        self._owner: str | None = None
        self._changed = asyncio.Event()

    # -- the life story ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until cancelled. Raises InvalidTransition only: a bug, the grant is untouched."""
        grant = await self._stored_grant() if self._pairs else None
        now = self._clock.now()
        self._kept = None if grant is None else self._token_keep.load(grant, now)
        first = renewal.start(grant, now, splay=self._splay, token=self._kept)
        while True:
            if self._pairs and grant is None:
                first = await self._pair()
            await self._renew(first)
            grant = None

    async def _stored_grant(self) -> Grant | None:
        """The grant to start with. A medium that cannot be read is waited for: pairing on it would
        end in a grant that cannot be saved either."""
        failures = 0
        while True:
            try:
                grant = await asyncio.to_thread(self._storage.load)
            except StoreCorrupt as exc:
                self._on_line(journal.Line("store.corrupt", (("reason", str(exc)),)))
                return None
            except StoreError as exc:
                failures += 1
                self._on_line(journal.Line("store.unreadable", (("reason", str(exc)),)))
                self._show(Failed(support_code=STORE_UNREADABLE, reason=str(exc)))
                await self._clock.sleep(backoff(failures).at_most)
            else:
                return grant if grant is None or self._ours(grant) else None

    def _ours(self, grant: Grant) -> bool:
        """A refresh token is shown only to the server, for the client and terminal it is from."""
        rules = self._rules
        mine = (rules.issuer, rules.client_id, rules.uuid)
        if (grant.issuer, grant.client_id, grant.uuid) == mine:
            return True
        fields = (("issuer", grant.issuer), ("client_id", grant.client_id), ("uuid", grant.uuid))
        self._on_line(journal.Line("grant.foreign", fields))
        return False

    async def _pair(self) -> renewal.Next:
        self._people.clear()
        runner = PairingRunner(server=self._server, storage=self._storage, bell=self._people)
        await drive(
            partial(_pairing_step, self._rules),
            pairing.start(self._rules),
            carry_out=runner.carry_out,
            publish=self._publish_pairing,
            clock=self._clock,
        )
        return await self._paired()

    async def _paired(self) -> renewal.Next:
        """From the pairing's end to the renewal's start, by way of a word to the people."""
        end = self._pairing
        if not isinstance(end, pairing.Paired):
            raise TypeError(f"pairing ended in {type(end).__name__}")
        token = end.token.access()
        first = renewal.start(end.grant, self._clock.now(), token=token, unsaved=end.unsaved)
        self._renewal, self._pairing = first[0], None
        self._owner = await self._server.owner_of(token)
        self._on_line(journal.Line("pairing.done", (("owner", self._owner or ""),)))
        self._show(Paired(owner=self._owner))
        return first

    async def _renew(self, first: renewal.Next) -> None:
        self._knocks.clear()
        runner = RenewalRunner(server=self._server, storage=self._storage, bell=self._knocks)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch_store())
            await drive(
                renewal.step,
                first,
                carry_out=runner.carry_out,
                publish=self._publish_renewal,
                clock=self._clock,
            )
            watching.cancel()

    async def _watch_store(self) -> None:
        while True:
            await self._clock.sleep(STORE_LOOK)
            self._store_was_cleared()

    def _store_was_cleared(self) -> bool:
        serving = _serving(self._renewal)
        if serving is None or serving.grant is None or serving.unsaved is not None:
            return False
        if self._storage.holds_grant():
            return False
        self._knocks.ring(StoreCleared())
        return True

    # -- telling ----------------------------------------------------------------------------------

    def _publish_pairing(self, state: pairing.State) -> None:
        now = self._clock.now()
        self._tell(journal.of_pairing(self._pairing, state, now))
        self._pairing = state
        self._show(view.of_pairing(state, self._rules))
        self._notify()

    def _publish_renewal(self, state: renewal.State) -> None:
        now = self._clock.now()
        self._tell(journal.of_renewal(self._renewal, state, now))
        self._renewal = state
        self._keep_token(state)
        self._show(view.of_renewal(state, now))
        self._notify()

    def _keep_token(self, state: renewal.State) -> None:
        """Before anybody gets it: a crash must not lose a token that is in somebody's hand."""
        serving = _serving(state)
        if serving is None or serving.grant is None:
            self._kept = None
            self._token_keep.forget()
        elif serving.token is not None and serving.token != self._kept:
            self._kept = serving.token
            try:
                self._token_keep.save(serving.grant, serving.token)
            except StoreError as exc:
                self._on_line(journal.Line("token.not_kept", (("reason", str(exc)),)))

    def _tell(self, lines: Iterable[journal.Line]) -> None:
        for line in lines:
            self._on_line(line)

    def _show(self, situation: Situation | None) -> None:
        if situation is None or situation == self._situation:
            return
        if type(situation) is not type(self._situation):
            self._since = self._clock.now()
        self._situation = situation
        self._on_situation(situation)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- the desk ---------------------------------------------------------------------------------

    def now(self) -> float:
        return self._clock.now()

    async def token(self, *, min_ttl: float) -> Handout | Unavailable:
        if self._store_was_cleared():
            return Unavailable(
                kind="pairing", detail="the stored grant was cleared", retry_after=STORE_LOOK
            )
        token = self._valid()
        if token is None or not self._lives_long_enough(token, min_ttl):
            await self._ask_for_renewal(Demanded(min_ttl=min_ttl))
        return self._answer(min_ttl)

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        token = self._valid()
        if token is not None and token.value.fingerprint() == fingerprint:
            await self._ask_for_renewal(Rejected(fingerprint=fingerprint))
        return self._answer(0.0)

    def pair(self) -> None:
        self._people.ring(PersonActed())
        self._knocks.ring(PersonActed())

    async def unpair(self) -> None:
        await asyncio.to_thread(self._storage.clear)
        self._on_line(journal.Line("grant.cleared"))
        self._store_was_cleared()

    def status(self) -> dict[str, object]:
        now = self._clock.now()
        return {
            **view.status(self._situation, now),
            "since_seconds": round(now - self._since),
            "uuid": self._rules.uuid,
            "issuer": self._rules.issuer,
            "client_id": self._rules.client_id,
            "paired_to": self._owner,
            "token": view.token_status(self._valid(), now),
            "renewal": view.renewal_status(self._renewal, now),
        }

    async def _ask_for_renewal(self, knock: Demanded | Rejected) -> None:
        """Wait until the machine has dealt with the knock, but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                while self._pairing is None and self._renewal is None:
                    await self._changed.wait()
                if self._pairing is None:
                    self._knocks.ring(knock)
                while self._knocks.holds(knock) or not _at_rest(self._renewal):
                    await self._changed.wait()

    def _answer(self, min_ttl: float) -> Handout | Unavailable:
        token = self._valid()
        if token is None:
            return view.unavailable(self._situation)
        now = self._clock.now()
        return Handout(token=token, degraded=view.caveat(self._renewal, token, min_ttl, now))

    def _valid(self) -> AccessToken | None:
        token = renewal.served(self._renewal) if self._renewal is not None else None
        return token if token is not None and token.life_left(self._clock.now()) >= 1.0 else None

    def _lives_long_enough(self, token: AccessToken, min_ttl: float) -> bool:
        return token.life_left(self._clock.now()) >= min(min_ttl, longest_min_ttl(token))


def _pairing_step(
    rules: pairing.Rules, state: pairing.State, event: pairing.Event, now: float
) -> pairing.Next:
    return pairing.step(state, event, now, rules)


def _at_rest(state: renewal.State | None) -> bool:
    return state is None or isinstance(state, renewal.Serving | renewal.Lost)


def _serving(state: renewal.State | None) -> renewal.Serving | None:
    match state:
        case renewal.Serving():
            return state
        case renewal.Renewing(before=before) | renewal.Saving(before=before):
            return before
        case _:
            return None
