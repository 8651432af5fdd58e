"""The holds on this terminal's token: the rules of `agent.supply.holds` with a clock and a voice.

The keeper tells it what the renewal is at, and asks it how long a planned renewal has to wait.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from agent.clock import Clock
from agent.oauth import renewal
from agent.oauth.events import AccessToken, Refused, TransportFailed, Unreadable
from agent.supply import holds as rules
from agent.supply.holds_state import (
    Answer,
    Broken,
    Held,
    Hold,
    Holds,
    Limits,
    NoHold,
    Present,
    Queued,
    Wish,
    from_plain,
    status,
    to_plain,
)
from agent.supply.interface import Asker, HoldView, NotHeld
from agent.supply.operations import HoldWish
from agent.view import reason

Change = Literal["granted", "extended", "released", "ended", "broken"]
OnHold = Callable[[Change, Hold, str | None], None]
"""Told of each hold that comes, goes or breaks, and why it broke."""

_CONNECTION: Final = "connection:"  # Asker.connection begins so: it does not outlive a restart


class Holder:
    """`former_dies`: a renewal ends the token before it. `on_hold` may not block."""

    def __init__(
        self,
        *,
        clock: Clock,
        former_dies: bool,
        longest: float,
        on_hold: OnHold = lambda _change, _hold, _why: None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._clock = clock
        self._former_dies = former_dies
        self._limits = Limits(longest=longest)
        self._on_hold = on_hold
        self._new_id = new_id
        self._holds = Holds()

    # -- the renewal's side -----------------------------------------------------------------------

    def not_before(self, now: float) -> float:
        """The earliest instant at which a planned renewal may begin: `now` if nothing is in its
        way. The caller's now, for on a real clock a second look is always later.
        """
        return rules.not_before(self._holds, now, former_dies=self._former_dies)

    def seen(self, state: renewal.State | None) -> None:
        """The renewal has made a step (None: there is none, the terminal is being paired)."""
        now = self._clock.now()
        self._forget_ended(now)
        self._holds, broken = rules.seen(self._holds, self.present(state), now)
        self._broken(broken)

    def refused(self, fingerprint: str, state: renewal.State | None) -> None:
        """The API refused that token."""
        now = self._clock.now()
        self._forget_ended(now)
        self._holds, broken = rules.token_refused(
            self._holds, fingerprint, self.present(state), now
        )
        self._broken(broken)

    def in_use(self) -> bool:
        """Whether somebody was promised that the token lives on, right now."""
        self._forget_ended(self._clock.now())
        return bool(self._holds.active)

    def known_dead(self, token: AccessToken) -> bool:
        return rules.known_dead(self._holds, token)

    def present(self, state: renewal.State | None) -> Present:
        """What the renewal is at, in the words of the holds."""
        if state is None or isinstance(state, renewal.Lost):
            left = None if state is None else state.token
            return Present(token=left, former_dies=self._former_dies, renewal="lost")
        serving = state if isinstance(state, renewal.Serving) else state.before
        trouble = serving.trouble
        return Present(
            token=renewal.served(state),
            former_dies=self._former_dies,
            renewal="resting" if isinstance(state, renewal.Serving) else "running",
            renewable_from=serving.demand_from,
            trouble=_words(trouble),
            answer_lost=isinstance(trouble, TransportFailed) and trouble.answer_lost,
        )

    # -- the clients' side ------------------------------------------------------------------------

    def ask(self, wish: HoldWish, asker: Asker, state: renewal.State | None) -> Answer:
        now = self._clock.now()
        self._forget_ended(now)
        bound_to = {None: None, "connection": asker.connection, "process": asker.process}
        wanted = Wish(
            id=self._new_id(),
            client=asker.key,
            seconds=min(float(wish.seconds), self._limits.longest),
            extends=wish.extends,
            bound_to=bound_to[wish.ends_with],
        )
        limits = self._limits
        if asker.holds is not None:
            limits = replace(limits, per_client=asker.holds)
        self._holds, answer = rules.decide(
            self._holds, wanted, self.present(state), now, limits=limits
        )
        if not isinstance(answer, Held):
            return answer
        self._on_hold("extended" if wish.extends else "granted", answer.hold, None)
        if wish.seconds > wanted.seconds and answer.less is None:
            return replace(answer, less=f"{limits.longest:g} s is the limit; extend it in time")
        return answer

    def release(self, hold_id: str, asker: Asker) -> bool:
        self._forget_ended(self._clock.now())
        self._holds, hold = rules.released(
            self._holds, hold_id, client=asker.key, admin=asker.admin
        )
        if hold is not None:
            self._on_hold("released", hold, None)
        return hold is not None

    def ended(self, bound_to: str) -> bool:
        """A connection or process is over. True if a hold ended with it."""
        self._holds, gone = rules.ended(self._holds, bound_to)
        for hold in gone:
            self._on_hold("ended", hold, None)
        return bool(gone)

    def views(self, asker: Asker) -> Sequence[HoldView]:
        now = self._clock.now()
        self._forget_ended(now)
        return [
            HoldView(
                id=hold.id,
                client=str(hold.client),
                fingerprint=hold.token,
                expires_in=hold.until - now,
                since=now - hold.since,
                bound_to=None if hold.bound_to is None else str(hold.bound_to),
            )
            for hold in self._holds.active
            if asker.admin or hold.client == asker.key
        ]

    def status(self) -> dict[str, object]:
        return status(self._holds, self._clock.now())

    # -- over a restart ---------------------------------------------------------------------------

    def plain(self) -> Mapping[str, object]:
        return to_plain(self._holds)

    def restore(self, plain: object, token: AccessToken | None) -> None:
        """What an earlier process of this boot promised. Its connections are gone, and so are the
        holds that were to end with them; of its processes nobody knows any more."""
        found = from_plain(plain, token, self._clock.now())
        bound = {one.bound_to for one in found.active} | {one.bound_to for one in found.waiting}
        for name in bound:
            if name is not None and str(name).startswith(_CONNECTION):
                found, _ = rules.ended(found, name)
        self._holds = found

    # -- inside -----------------------------------------------------------------------------------

    def _forget_ended(self, now: float) -> None:
        """Holds that ran out are told of once; the rules drop them by themselves."""
        for hold in self._holds.active:
            if hold.until <= now:
                self._on_hold("ended", hold, None)
        self._holds = rules.in_time(self._holds, now)

    def _broken(self, broken: Sequence[Broken]) -> None:
        for one in broken:
            self._on_hold("broken", one.hold, one.why)


def not_held(answer: Queued | NoHold, now: float) -> NotHeld:
    """Why there is no hold, as a client is told."""
    if isinstance(answer, NoHold):
        kinds: dict[str, Literal["impossible", "limit", "never", "unknown"]] = {
            "client": "limit",
            "full": "limit",
            "never": "never",
            "unknown": "unknown",
        }
        retry_after = None if answer.retry_at is None else max(1.0, answer.retry_at - now)
        return NotHeld(
            kind=kinds.get(answer.kind, "impossible"), detail=answer.detail, retry_after=retry_after
        )
    retry_after = max(1.0, answer.retry_at - now)
    if answer.in_the_way is not None:
        left = max(1.0, answer.in_the_way.until - now)
        return NotHeld(
            kind="held",
            detail=f"a newer token is needed first, and another hold on the present one lasts for"
            f" {left:.0f} s more",
            retry_after=retry_after,
            held_for=left,
        )
    why = answer.trouble or "the renewal takes its time"
    if answer.trouble is None and answer.retry_at > now:
        why = f"one can be had in {retry_after:.0f} s"
    return NotHeld(
        kind="held",
        detail=f"a newer token is needed first, and there is none yet: {why}",
        retry_after=retry_after,
    )


def _words(trouble: TransportFailed | Refused | Unreadable | None) -> str | None:
    match trouble:
        case None:
            return None
        case Refused():
            return trouble.description or trouble.error
        case _:
            return reason(trouble)
