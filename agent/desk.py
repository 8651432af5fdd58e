"""What clients are answered: a token that is there, one that comes, or why there is none.

Decides nothing about renewal: it knocks, waits a bounded time for what comes of it, and says what
there is. A cached token costs no wait.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from agent import telling, view
from agent.clock import Clock
from agent.holder import Holder, not_held
from agent.oauth import renewal
from agent.oauth.events import AccessToken, Demanded, NewerWanted, Rejected
from agent.oauth.lifetime import longest_min_ttl
from agent.situation import Situation
from agent.supply.holds_state import Held, NoHold, Queued
from agent.supply.interface import Asker, Handout, HoldView, NotHeld, Promise, Unavailable
from agent.supply.operations import DEFAULT_WAIT, HoldWish

_CLEARED: Final = Unavailable(
    kind="pairing", detail="the stored grant was cleared", retry_after=5.0
)
_NOBODY_WATCHES: Final = NotHeld(
    kind="impossible",
    detail="nobody can tell when that process ends (it has ended, or the kernel does not say); ask"
    " with ends_with=connection",
)


class Life(Protocol):
    """What the desk needs of the keeper."""

    @property
    def renewal(self) -> renewal.State | None:
        """None before the first, and while pairing."""
        ...

    @property
    def situation(self) -> Situation: ...

    def store_was_cleared(self) -> bool: ...

    def tell_token(self) -> None:
        """The token is not what it was: those that keep a copy of it have to know."""
        ...

    async def changed_within(self, seconds: float) -> None:
        """Return when anything has changed, or after that time."""
        ...

    async def dealt_with(self, knock: Demanded | Rejected | NewerWanted, wait: float) -> None:
        """Return when the machine has dealt with the knock, or after `wait` seconds."""
        ...


class Desk:
    """The client's side of one terminal's token."""

    def __init__(self, *, life: Life, holder: Holder, clock: Clock) -> None:
        self._life = life
        self._holder = holder
        self._clock = clock

    def cached(self, *, min_ttl: float) -> Handout | None:
        """A token that is there already, and lives long enough: the usual case, without a wait."""
        token = self.valid()
        if token is None or not self._lives_long_enough(token, min_ttl):
            return None
        if self._life.store_was_cleared():
            return None
        return Handout(token=token, degraded=self._caveat(token, min_ttl))

    async def token(self, *, min_ttl: float, wait: float = DEFAULT_WAIT) -> Handout | Unavailable:
        if (handout := self.cached(min_ttl=min_ttl)) is not None:
            return handout
        if self._life.store_was_cleared():
            return _CLEARED
        await self._life.dealt_with(Demanded(min_ttl=min_ttl), wait)
        return self._answer(min_ttl)

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        """A report that comes right after a renewal is not believed: a client whose calls are all
        refused, for whatever reason, must neither drive the server nor break others' holds.
        """
        state = self._life.renewal
        if state is not None and _fingerprint(self._present()) == fingerprint:
            if renewal.can_be_forced(state, self._clock.now()):
                self._holder.refused(fingerprint, state)
                self._life.tell_token()
            await self._life.dealt_with(Rejected(fingerprint=fingerprint), DEFAULT_WAIT)
        return self._answer(0.0)

    async def hold(
        self, wish: HoldWish, asker: Asker, *, min_ttl: float, wait: float = DEFAULT_WAIT
    ) -> Handout | Unavailable | NotHeld:
        if self._life.store_was_cleared():
            return _CLEARED
        if wish.ends_with == "process" and asker.process is None:
            return _NOBODY_WATCHES
        end = self._clock.now() + wait
        while True:
            too_old = _fingerprint(self._present())
            answer = self._hold(wish, asker, min_ttl)
            now = self._clock.now()
            if not isinstance(answer, Queued):
                return answer
            if answer.retry_at > now:
                if answer.retry_at >= end:
                    return not_held(answer, now)
                await self._life.changed_within(answer.retry_at - now)
                continue
            await self._life.dealt_with(NewerWanted(fingerprint=too_old), end - now)
            if _fingerprint(self._present()) == too_old:  # it failed, or takes too long
                answer = self._hold(wish, asker, min_ttl)
                now = self._clock.now()
                return not_held(answer, now) if isinstance(answer, Queued) else answer

    def _hold(
        self, wish: HoldWish, asker: Asker, min_ttl: float
    ) -> Handout | Unavailable | NotHeld | Queued:
        answer = self._holder.ask(wish, asker, self._life.renewal)
        match answer:
            case Held(hold=hold, less=less) if (token := self.valid()) is not None:
                promise = Promise(id=hold.id, until=hold.until, less=less)
                return Handout(token=token, degraded=self._caveat(token, min_ttl), promise=promise)
            case Queued():
                return answer
            case NoHold() if answer.kind != "lost":
                return not_held(answer, self._clock.now())
            case _:
                return telling.unavailable(self._life.situation)

    def holds(self, asker: Asker) -> Sequence[HoldView]:
        return self._holder.views(asker)

    def release(self, hold_id: str, asker: Asker) -> bool:
        return self._holder.release(hold_id, asker)

    def ended(self, bound_to: str) -> None:
        self._holder.ended(bound_to)

    def valid(self) -> AccessToken | None:
        """The token to hand out: with life left. One that a client reported as refused is, too,
        with a caveat, while no other can be had: the reporter may be wrong, and if it is right
        nothing is lost. It is never held.
        """
        token = self._present()
        return token if token and token.life_left(self._clock.now()) >= 1.0 else None

    def _present(self) -> AccessToken | None:
        state = self._life.renewal
        return None if state is None else renewal.served(state)

    def _answer(self, min_ttl: float) -> Handout | Unavailable:
        token = self.valid()
        if token is None:
            return telling.unavailable(self._life.situation)
        return Handout(token=token, degraded=self._caveat(token, min_ttl))

    def _caveat(self, token: AccessToken, min_ttl: float) -> str | None:
        now = self._clock.now()
        if self._holder.known_dead(token):
            return "a client reports that it was refused, and no other could be had yet"
        held_for = self._holder.not_before(now) - now
        return view.caveat(self._life.renewal, token, min_ttl, now, held_for=held_for)

    def _lives_long_enough(self, token: AccessToken, min_ttl: float) -> bool:
        return token.life_left(self._clock.now()) >= min(min_ttl, longest_min_ttl(token))


def _fingerprint(token: AccessToken | None) -> str | None:
    return None if token is None else token.value.fingerprint()
