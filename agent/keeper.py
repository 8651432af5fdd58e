"""Keeps a terminal supplied with a valid access token: pairing, then renewal, then again.

Usable as a library, without the daemon: give it a server, a storage and a clock, run `run()` as a
task and ask `token()`. Storage is asked first, before every hand-out; clearing it, even while
running, makes the agent pair again.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, Literal

from agent import journal, telling, view
from agent.carry import Carry
from agent.clock import Clock, within
from agent.desk import Desk
from agent.errors import StoreError
from agent.holder import Change, Holder
from agent.identity import Provenance
from agent.oauth import pairing, pairing_again, renewal
from agent.oauth.events import (
    AccessToken,
    Demanded,
    Grant,
    NewerWanted,
    PairingWanted,
    PersonActed,
    Refused,
    Rejected,
    StoreCleared,
)
from agent.oauth.interface import AuthorizationServer
from agent.oauth.runner import Doorbell, Knock, PairingRunner, RenewalRunner, drive
from agent.situation import Failed, Paired, Situation, Starting
from agent.store.interface import NoTokenKeep, Storage, TokenKeep
from agent.stored_grant import stored_grant
from agent.supply.holds_state import LIMITS, Hold
from agent.supply.interface import Handout, Unavailable
from agent.supply.operations import DEFAULT_WAIT

STORE_LOOK: Final = 5.0  # s between looks whether somebody cleared the store

OnEvent = Callable[[Literal["state", "token", "hold"], Mapping[str, object]], object]
"""Told of what changes, JSON-ready and without a secret."""


class Keeper:
    """One terminal's grant and token; the `TokenDesk` of the sockets.

    `pairs`: False for grant types without a refresh token (client credentials, device PIN), which
    store nothing. `splay`: seconds, see `renewal.start`. `token_keep` carries the access token over
    a restart. `on_situation` is told what people should see, `on_line` what the log should keep,
    `on_token` which token may be used from now on, or None; none of them may block.
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
        longest_hold: float = LIMITS.longest,
        on_situation: Callable[[Situation], None] = lambda _: None,
        on_line: Callable[[journal.Line], None] = lambda _: None,
        on_event: OnEvent = lambda _kind, _data: None,
        on_token: Callable[[AccessToken | None], None] = lambda _: None,
    ) -> None:
        self._server = server
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._pairs = pairs
        self._splay = splay
        self._on_situation = on_situation
        self._on_line = on_line
        self._on_event = on_event
        self._on_token = on_token
        self._holder = Holder(
            clock=clock,
            former_dies=server.renewal_ends_old_token,
            longest=longest_hold,
            on_hold=self._hold_changed,
        )
        self._carry = Carry(
            place=token_keep or NoTokenKeep(),
            holder=self._holder,
            ends_old_token=server.renewal_ends_old_token,
            on_trouble=self._not_kept,
            on_token=self._new_token,
        )
        self.desk = Desk(life=self, holder=self._holder, clock=clock)
        self._people: Doorbell[PersonActed] = Doorbell(clock, rng)
        self._knocks: Doorbell[Knock] = Doorbell(clock, rng)
        self._pairing: pairing.State | None = None
        self._renewal: renewal.State | None = None
        self._spare: renewal.Serving | None = None
        self._unwanted: Grant | None = None
        self._situation: Situation = Starting()
        self._since = clock.now()
        self._owner: str | None = None
        self._paired_from: tuple[Provenance, ...] = ()
        self._changed = asyncio.Event()

    # -- the life story ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until cancelled. Raises InvalidTransition only: a bug, the grant is untouched."""
        grant = await self._stored_grant() if self._pairs else None
        now = self._clock.now()
        token = self._carry.take_up(grant, now)
        first = renewal.start(grant, now, splay=self._splay, token=token)
        while True:
            if self._pairs and grant is None:
                first = await self._pair()
            await self._renew(first)
            await self._stay_cleared()
            grant = None

    async def _stored_grant(self) -> Grant | None:
        found = await stored_grant(
            self._storage, self._rules, self._clock, on_trouble=self._store_trouble
        )
        self._tell(found.lines)
        self._rules = replace(self._rules, reidentified=found.changed)
        self._paired_from = () if found.grant is None else found.grant.provenance
        return found.grant

    def _store_trouble(self, line: journal.Line, shown: Failed) -> None:
        self._on_line(line)
        self._show(shown)

    async def _pair(self) -> renewal.Next:
        self._people.clear()
        runner = PairingRunner(server=self._server, storage=self._storage, bell=self._people)
        spare, self._spare = self._spare, None
        step, rules = pairing.step, self._rules
        if spare is not None:
            step, rules = pairing_again.step, pairing_again.tighter(rules)
        await drive(
            partial(step, rules=rules),
            pairing.start(rules),
            carry_out=runner.carry_out,
            publish=partial(self._publish_pairing, rules),
            clock=self._clock,
        )
        if spare is not None and not isinstance(self._pairing, pairing.Paired):
            return self._back_to(spare)
        return await self._paired()

    def _back_to(self, spare: renewal.Serving) -> renewal.Next:
        """Nobody paired the terminal anew: its former grant is as good as it was."""
        self._on_line(journal.Line("grant.taken_up_again"))
        first = renewal.start(
            spare.grant, self._clock.now(), token=spare.token, unsaved=spare.unsaved
        )
        self._renewal, self._pairing = first[0], None
        return first

    async def _paired(self) -> renewal.Next:
        """From the pairing's end to the renewal's start, by way of a word to the people."""
        end = self._pairing
        if not isinstance(end, pairing.Paired):
            raise TypeError(f"pairing ended in {type(end).__name__}")
        token = end.token.access()
        first = renewal.start(end.grant, self._clock.now(), token=token, unsaved=end.unsaved)
        self._renewal, self._pairing = first[0], None
        self._rules = replace(self._rules, reidentified=False)
        self._paired_from = end.grant.provenance
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
                self._step_renewal,
                first,
                carry_out=runner.carry_out,
                publish=self._publish_renewal,
                clock=self._clock,
            )
            watching.cancel()

    async def _stay_cleared(self) -> None:
        """A renewal that was under way when the store was cleared has saved its new grant since."""
        unwanted, self._unwanted = self._unwanted, None
        try:
            if unwanted is not None and await asyncio.to_thread(self._storage.load) == unwanted:
                await asyncio.to_thread(self._storage.clear)
        except StoreError as error:
            self._on_line(journal.Line("grant.not_cleared", (("reason", str(error)),)))

    def _step_renewal(self, state: renewal.State, event: renewal.Event, now: float) -> renewal.Next:
        following = renewal.step(state, event, now, held_until=self._holder.not_before(now))
        if isinstance(following[0], renewal.Lost) and isinstance(event, PairingWanted):
            self._spare = _spare(state)
        if isinstance(following[0], renewal.Lost) and isinstance(event, StoreCleared):
            serving = renewal.serving(state)
            self._unwanted = None if serving is None else serving.grant
        return following

    async def _watch_store(self) -> None:
        while True:
            await self._clock.sleep(STORE_LOOK)
            if self._storage.only_reading_tells:
                await asyncio.to_thread(self._storage.look)
            self.store_was_cleared()

    def store_was_cleared(self) -> bool:
        serving = renewal.serving(self._renewal)
        if serving is None or serving.grant is None or serving.unsaved is not None:
            return False
        if self._storage.holds_grant():
            return False
        self._knocks.ring(StoreCleared())
        return True

    # -- telling ----------------------------------------------------------------------------------

    def _publish_pairing(self, rules: pairing.Rules, state: pairing.State) -> None:
        now = self._clock.now()
        self._tell(journal.of_pairing(self._pairing, state, now))
        self._pairing = state
        self._holder.seen(None)
        self._show(view.of_pairing(state, rules))
        self.tell_token()
        self._notify()

    def _publish_renewal(self, state: renewal.State) -> None:
        now = self._clock.now()
        self._tell(journal.of_renewal(self._renewal, state, now))
        self._renewal = state
        self._holder.seen(state)
        self._carry.seen(state)
        self._show(view.of_renewal(state, now))
        self.tell_token()
        self._notify()

    def _not_kept(self, error: StoreError) -> None:
        self._on_line(journal.Line("token.not_kept", (("reason", str(error)),)))

    def _new_token(self, token: AccessToken) -> None:
        self._on_event("token", view.token_event(token, self._clock.now()))

    def _hold_changed(self, change: Change, hold: Hold, why: str | None) -> None:
        now = self._clock.now()
        self._tell((journal.of_hold(change, hold, why, now),))
        self._on_event("hold", view.hold_event(change, hold, why, now))
        self._carry.holds_changed(self._renewal)
        self._knocks.ring(Demanded(min_ttl=0.0))  # a renewal that waits for holds looks again
        self._notify()

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
        self._on_event("state", telling.status(situation, self._clock.now()))

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- the desk ---------------------------------------------------------------------------------

    def now(self) -> float:
        return self._clock.now()

    async def token(self, *, min_ttl: float, wait: float = DEFAULT_WAIT) -> Handout | Unavailable:
        return await self.desk.token(min_ttl=min_ttl, wait=wait)

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        return await self.desk.rejected(fingerprint)

    def pair(self) -> None:
        self._people.ring(PersonActed())
        self._knocks.ring(PersonActed())

    def pair_again(self) -> str | None:
        """Somebody at the terminal wants it paired, even if it is. A grant that works is gone back
        to unless there is a new one. Returns why not, or None."""
        if self._holder.in_use():
            return "a payment is under way"
        self._people.ring(PersonActed())
        self._knocks.ring(PairingWanted() if self._pairs else PersonActed())
        return None

    async def unpair(self) -> None:
        await asyncio.to_thread(self._storage.clear)
        self._on_line(journal.Line("grant.cleared"))
        self.store_was_cleared()

    def status(self) -> dict[str, object]:
        now = self._clock.now()
        return {
            **telling.status(self._situation, now),
            "since_seconds": round(now - self._since),
            "uuid": self._rules.uuid,
            "identity": view.identity_status(self._rules.provenance, self._paired_from),
            "issuer": self._rules.issuer,
            "client_id": self._rules.client_id,
            "paired_to": self._owner,
            "token": view.token_status(self.desk.valid(), now),
            "renewal": view.renewal_status(self._renewal, now),
            "holds": self._holder.status(),
        }

    def pairing(self) -> dict[str, object]:
        return telling.pairing_status(self._situation, self._clock.now())

    # -- what the desk needs ----------------------------------------------------------------------

    @property
    def renewal(self) -> renewal.State | None:
        return self._renewal

    @property
    def situation(self) -> Situation:
        return self._situation

    async def changed_within(self, seconds: float) -> None:
        await within(self._clock, seconds, self._changed.wait())

    def tell_token(self) -> None:
        token = self.desk.valid()
        self._on_token(None if token is None or self.known_dead(token) else token)

    def known_dead(self, token: AccessToken) -> bool:
        """Whether the API refused it. Who keeps a copy must not keep this one."""
        return self._holder.known_dead(token)

    async def dealt_with(self, knock: Demanded | Rejected | NewerWanted, wait: float) -> None:
        await within(self._clock, wait, self._deal_with(knock))

    async def _deal_with(self, knock: Demanded | Rejected | NewerWanted) -> None:
        while self._pairing is None and self._renewal is None:
            await self._changed.wait()
        if self._pairing is None:
            self._knocks.ring(knock)
        while self._knocks.holds(knock) or not _at_rest(self._renewal):
            await self._changed.wait()


def _spare(state: renewal.State) -> renewal.Serving | None:
    """What to go back to if a pairing comes to nothing; not to a grant the server refuses."""
    serving = renewal.serving(state)
    return None if serving is None or isinstance(serving.trouble, Refused) else serving


def _at_rest(state: renewal.State | None) -> bool:
    return state is None or isinstance(state, renewal.Serving | renewal.Lost)
