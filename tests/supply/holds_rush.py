"""Busy tills and a shy one: who comes back only when it was told, and finds the token replaced.

The busy ones keep their requests open, give holds back early, and are the first to ask again. On
tokens that live briefly the shy one then finds one that is too old for its wish, and held again.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from agent.oauth.events import AccessToken
from agent.oauth.lifetime import due
from agent.secret import Secret
from agent.supply import holds as rules
from agent.supply.holds_state import Answer, Held, Holds, NoHold, Present, Queued, Wish

PAUSE: Final = 10.0  # s between two renewals that clients can have
RENEWAL: Final = 1.0  # s
LATE: Final = 10.0  # s; how late the shy one comes at most


@dataclass(slots=True, kw_only=True, eq=False)
class Till:
    """`acts_at`: when it asks, or gives its hold back. `waits`: its request is open."""

    client: str
    shy: bool = False
    hold: str | None = None
    acts_at: float = 0.0
    waits: bool = False


@dataclass(slots=True, kw_only=True)
class Rush:
    """`shares`: of a hold, after which a busy till gives it back. `waits`: how long the shy one
    waited for each of its own, in seconds; the last one perhaps in vain."""

    busy: int
    life: float
    seconds: float
    shares: Sequence[float]
    dice: random.Random
    now: float = 1000.0
    waits: list[float] = field(default_factory=list)
    renewals: int = 0
    _holds: Holds = field(default_factory=Holds)
    _token: AccessToken | None = None
    _renewed_at: float = inf
    _renewable_from: float = 0.0
    _count: int = 0

    def run(self, times: int, until: float) -> None:
        """Until the shy one has had so many holds, or that much time has passed."""
        self._renewed()
        tills = [Till(client=f"busy-{number}", acts_at=self.now) for number in range(self.busy)]
        shy = Till(client="shy", shy=True, acts_at=self.now + self.dice.uniform(1.0, self.seconds))
        everybody, asked, end = [*tills, shy], shy.acts_at, self.now + until
        while len(self.waits) < times and self.now < end:
            self.now = min(self._renewed_at, self._due(), *(till.acts_at for till in everybody))
            if self._renewed_at <= self.now:
                self._renewed()
                self._look_again(everybody)
            elif self._due() <= self.now:
                self._renew()
            else:
                till = min(everybody, key=lambda one: one.acts_at)
                had = till.hold
                self._act(till, everybody)
                if till is shy and had is None and till.hold is not None:
                    self.waits.append(self.now - asked)
                elif till is shy and had is not None:
                    asked = till.acts_at
        self.waits.append(max(0.0, self.now - asked) if shy.hold is None else 0.0)

    # -- the agent ---------------------------------------------------------------------------------

    def decide(self, wish: Wish) -> Answer:
        """A seam for seeded defects."""
        self._holds, answer = rules.decide(self._holds, wish, self.present(), self.now)
        return answer

    def present(self) -> Present:
        return Present(
            token=self._token,
            former_dies=True,
            renewal="resting" if self._renewed_at == inf else "running",
            renewable_from=self._renewable_from,
        )

    def _due(self) -> float:
        if self._token is None or self._renewed_at < inf:
            return inf
        planned = max(due(self._token)[1], self.now)
        return rules.not_before(self._holds, planned, former_dies=True)

    def _renew(self) -> None:
        self._renewed_at = self.now + RENEWAL

    def _renewed(self) -> None:
        self.renewals += 1
        self._token = AccessToken(
            value=Secret(f"at-{self.renewals}"), issued_at=self.now, expires_at=self.now + self.life
        )
        self._renewed_at, self._renewable_from = inf, self.now + PAUSE
        self._holds, broken = rules.seen(self._holds, self.present(), self.now)
        assert not broken

    # -- the tills ---------------------------------------------------------------------------------

    def _act(self, till: Till, everybody: list[Till]) -> None:
        if till.hold is not None:
            self._holds, _ = rules.released(self._holds, till.hold, client=till.client)
            till.hold = None
            till.acts_at = self.now + self.dice.uniform(0.0, 1.0)
            self._look_again(everybody)
            return
        self._count += 1
        wish = Wish(id=f"h{self._count}", client=till.client, seconds=self.seconds)
        answer = self.decide(wish)
        match answer:
            case Held(hold=hold):
                till.hold, till.waits = hold.id, False
                till.acts_at = self.now + self.dice.choice(self.shares) * (hold.until - self.now)
            case Queued(retry_at=retry_at):
                self._wait(till, retry_at)
            case NoHold():
                raise AssertionError(answer.detail)

    def _wait(self, till: Till, retry_at: float) -> None:
        if retry_at <= self.now:  # a request that waits for the renewal is answered after it
            if self._renewed_at == inf:
                self._renew()
            till.acts_at, till.waits = inf, True
        else:
            late = self.dice.uniform(0.0, LATE) if till.shy else 0.0
            till.acts_at, till.waits = retry_at + late, not till.shy

    def _look_again(self, everybody: list[Till]) -> None:
        """Open requests look again at every change; the shy one's is closed."""
        for till in everybody:
            if till.waits:
                till.acts_at = self.now
