"""A model of holds: any schedule of clients, renewals, outages, refused tokens and restarts.

It knows what the agent cannot: which tokens the server takes. It keeps its own book of the promises
given, and plays clients that wait: some keep their request open and ask again as soon as a renewal
has ended; the others come back when they were told to, and a little late.
"""

import json
from dataclasses import dataclass, replace
from math import inf
from typing import Final, Literal

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from agent.oauth.events import AccessToken
from agent.oauth.lifetime import due
from agent.secret import Secret
from agent.supply import holds as rules
from agent.supply.holds_state import (
    Answer,
    Broken,
    Held,
    Hold,
    Holds,
    Key,
    Limits,
    NoHold,
    Present,
    Queued,
    Wish,
    from_plain,
    status,
    to_plain,
)

LIMITS: Final = Limits(per_client=3, in_all=5)  # small, so that they are reached
LATE: Final = 10.0  # s; how late a client comes back
RENEWAL: Final = 20.0  # s; how long a renewal takes at most
PAUSE: Final = 10.0  # s between two renewals that clients can have
PAUSE_AFTER_FAILURE: Final = 60.0  # s
ROUNDING: Final = 1e-6  # s
CLIENTS: Final = st.sampled_from(["till", "kiosk", 1001, 1002])
SECONDS: Final = st.sampled_from([5.0, 60.0, 180.0, 300.0])
CONNECTIONS: Final = st.sampled_from([None, "c1", "c2"])


@dataclass(frozen=True, kw_only=True)
class Request:
    """A renewal under way. `lost`: the server has renewed, and nobody here will know."""

    ends_at: float
    outcome: Literal["renewed", "failed", "lost"]
    token: AccessToken


@dataclass(kw_only=True)
class Waiter:
    """A client that waits. It was told `told` about the token `about`, and has to have its hold at
    `served_by`; infinite after trouble, until it has asked again. `place`: kept for it alone."""

    client: Key
    seconds: float
    stays: bool
    asks_at: float = inf
    told: float = inf
    about: str = ""
    served_by: float = inf
    place: bool = True


@dataclass(frozen=True, kw_only=True)
class Promise:
    token: str
    until: float
    bound_to: Key | None


class AnySchedule(RuleBasedStateMachine):
    """Secucard: a renewal ends the former token."""

    former_dies = True
    limits = LIMITS

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.count = 0
        self.holds = Holds()
        self.token: AccessToken | None = None
        self.request: Request | None = None
        self.renewable_from = -inf
        self.trouble: str | None = None
        self.answer_lost = False
        self.server: Literal["up", "down", "answers lost"] = "up"
        self.takes, self.life = 0.5, 420.0  # short, so that many wishes need a newer token
        self.alive: set[str] = set()  # the tokens the server takes
        self.revoked: set[str] = set()  # those it stopped taking for reasons of its own
        self.reported: set[str] = set()
        self.book: dict[str, Promise] = {}
        self.waiters: list[Waiter] = []
        self.day = "quiet"
        self.renew()
        self.pass_time(1.0)

    # -- the rules: seams for seeded defects -------------------------------------------------------

    def decide(self, wish: Wish) -> Answer:
        self.holds, answer = rules.decide(
            self.holds, wish, self.present(), self.now, limits=self.limits
        )
        return answer

    def look(self) -> None:
        self.holds, broken = rules.seen(self.holds, self.present(), self.now)
        self.cross_out(broken)

    def hear_refused(self, fingerprint: str) -> None:
        self.holds, broken = rules.token_refused(self.holds, fingerprint, self.present(), self.now)
        assert {one.hold.token for one in broken} <= {fingerprint}
        self.cross_out(broken)

    def not_before(self) -> float:
        return rules.not_before(self.holds, self.now, former_dies=self.former_dies)

    def restored(self, plain: object) -> Holds:
        return from_plain(plain, self.token, self.now)

    def compare(self, told: float, before: float) -> None:
        assert told <= before, "kept waiting longer than it was told"

    # -- the agent ---------------------------------------------------------------------------------

    def present(self) -> Present:
        return Present(
            token=self.token,
            former_dies=self.former_dies,
            renewal="resting" if self.request is None else "running",
            renewable_from=self.renewable_from,
            trouble=self.trouble,
            answer_lost=self.answer_lost,
        )

    def name(self) -> str:
        return "" if self.token is None else self.token.value.fingerprint()

    def known_dead(self) -> bool:
        return self.token is not None and rules.known_dead(self.holds, self.token)

    def cross_out(self, broken: tuple[Broken, ...]) -> None:
        for one in broken:
            assert self.book.pop(one.hold.id).until == one.hold.until > self.now

    def renew(self) -> None:
        """The request leaves, and the server may deal with it at once."""
        if self.former_dies and not self.known_dead():
            kept = all(promise.until <= self.now for promise in self.book.values())
            assert kept, "a planned renewal broke a hold"
        self.count += 1
        token = AccessToken(
            value=Secret(f"at-{self.count}"), issued_at=self.now, expires_at=self.now + self.life
        )
        outcomes: dict[str, Literal["renewed", "failed", "lost"]]
        outcomes = {"up": "renewed", "down": "failed", "answers lost": "lost"}
        outcome = outcomes[self.server]
        if outcome != "failed":
            if self.former_dies:
                self.alive.discard(self.name())
            self.alive.add(token.value.fingerprint())
        self.request = Request(ends_at=self.now + self.takes, outcome=outcome, token=token)
        self.look()

    def end_request(self, request: Request) -> None:
        self.request = None
        if request.outcome == "renewed":
            self.token, self.trouble, self.answer_lost = request.token, None, False
            self.renewable_from = self.now + PAUSE
        else:
            self.trouble, self.answer_lost = "offline", request.outcome == "lost"
            self.renewable_from = self.now + PAUSE_AFTER_FAILURE
            self.excuse()
        self.look()
        for waiter in [waiter for waiter in self.waiters if waiter.stays]:
            self.ask_again(waiter)

    def next_renewal(self) -> float:
        """When the agent renews by itself."""
        if self.request is not None:
            return inf
        if self.token is None or self.known_dead():
            return max(self.now, self.renewable_from)
        planned = max(due(self.token)[1], self.not_before())
        return max(planned, self.renewable_from if self.trouble else self.now)

    def pass_time(self, seconds: float) -> None:
        """Let everything happen in its order."""
        end = self.now + seconds
        while True:
            ends_at = inf if self.request is None else self.request.ends_at
            asks_at = min((waiter.asks_at for waiter in self.waiters), default=inf)
            renews_at = self.next_renewal()
            self.now = max(self.now, min(ends_at, asks_at, renews_at, end))
            for waiter in self.waiters:
                assert self.now <= waiter.served_by, "a client was starved"
            if self.request is not None and ends_at <= self.now:
                self.end_request(self.request)
            elif asks_at <= self.now:
                self.ask_again(min(self.waiters, key=lambda waiter: waiter.asks_at))
            elif renews_at <= self.now:
                self.renew()
            else:
                return

    # -- clients -----------------------------------------------------------------------------------

    def ask(self, client: Key, seconds: float, bound_to: Key | None = None) -> Answer:
        self.count += 1
        wish = Wish(id=f"h{self.count}", client=client, seconds=seconds, bound_to=bound_to)
        answer = self.decide(wish)
        if isinstance(answer, Held):
            self.write_down(answer, wish)
        elif isinstance(answer, Queued):
            assert not self.is_fresh() or self.expects(client), "a fresh token was not good enough"
            assert answer.retry_at <= max(self.now + LIMITS.longest, self.renewable_from)
            if answer.retry_at <= self.now and self.request is None:
                self.renew()
        return answer

    def is_fresh(self) -> bool:
        fit = self.name() in self.alive and self.name() not in self.reported
        resting = self.request is None and self.holds.doubted is None
        young = self.token is not None and self.now <= self.token.issued_at + LIMITS.grace
        return fit and resting and young

    def expects(self, client: Key) -> bool:
        """Whether another client may come back that was told when, about a former token."""
        others = [one.token for one in self.holds.waiting if one.client != client]
        return any(token not in (None, self.name()) for token in others)

    def write_down(self, answer: Held, wish: Wish) -> None:
        hold = answer.hold
        assert (hold.client, hold.id) == (wish.client, wish.extends or wish.id)
        assert (answer.less is None) == (hold.until >= self.now + wish.seconds)
        assert hold.token not in self.reported, "promised a token known to be dead"
        assert hold.token in self.alive | self.revoked, "promised a token we had replaced"
        if self.token is not None and hold.token == self.name():
            end = due(self.token)[0] if self.former_dies else self.token.expires_at
            assert self.now < hold.until <= end, "promised more than the token lives"
        self.book[hold.id] = Promise(token=hold.token, until=hold.until, bound_to=hold.bound_to)

    def ask_again(self, waiter: Waiter) -> None:
        answer = self.ask(waiter.client, waiter.seconds)
        if not isinstance(answer, Queued):
            turned_away = isinstance(answer, NoHold) and answer.kind != "brief"
            assert not (waiter.place and turned_away), "newcomers took the place of one that waits"
            self.waiters.remove(waiter)
            return
        assert answer.trouble == self.trouble
        ends_at = inf if self.request is None else self.request.ends_at
        if waiter.served_by < inf and waiter.about == self.name():
            before = max(waiter.told, self.renewable_from, self.now) + ROUNDING
            self.compare(answer.retry_at, before)
        else:
            starts = answer.retry_at if self.request is None else ends_at
            late = 0.0 if waiter.stays else 2 * LATE  # to have the renewal begun, and to fetch
            waiter.served_by = starts + RENEWAL + late + ROUNDING if self.server == "up" else inf
        waiter.told, waiter.about, waiter.place = answer.retry_at, self.name(), True
        if self.request is None:
            waiter.asks_at = answer.retry_at + (0.0 if waiter.stays else LATE)
        else:
            waiter.asks_at = inf if waiter.stays else ends_at + LATE

    def excuse(self) -> None:
        """Trouble that is not the holds' fault."""
        for waiter in self.waiters:
            waiter.served_by = inf

    # -- what can happen ---------------------------------------------------------------------------

    @initialize(day=st.sampled_from(["quiet", "bad server", "all goes wrong"]))
    def the_day_begins(self, day: str) -> None:
        """Some days are quiet, so that the clients' schedules are looked at closely, too."""
        self.day = day

    @rule(seconds=st.sampled_from([1.0, 9.0, 29.0, 70.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(client=CLIENTS, seconds=SECONDS, bound_to=CONNECTIONS)
    def a_client_asks(self, client: Key, seconds: float, bound_to: Key | None) -> None:
        """It takes what it gets. Another program of the same client may be waiting."""
        if isinstance(self.ask(client, seconds, bound_to), Held):
            for waiter in self.waiters:
                waiter.place = waiter.place and waiter.client != client

    @rule(
        client=CLIENTS,
        seconds=st.sampled_from([60.0, 300.0, 300.0]),
        stays=st.sampled_from([True, True, False]),
    )
    def a_client_asks_and_waits(self, client: Key, seconds: float, stays: bool) -> None:
        if all(waiter.client != client for waiter in self.waiters):
            waiter = Waiter(client=client, seconds=seconds, stays=stays, place=False)
            self.waiters.append(waiter)
            self.ask_again(waiter)

    @precondition(lambda self: self.waiters)
    @rule(pick=st.integers(0, 5))
    def a_client_that_waits_asks_again(self, pick: int) -> None:
        self.ask_again(self.waiters[pick % len(self.waiters)])

    @precondition(lambda self: self.holds.active)
    @rule(pick=st.integers(0, 5), seconds=SECONDS, own=st.sampled_from([True, True, False]))
    def a_hold_is_extended(self, pick: int, seconds: float, own: bool) -> None:
        hold = self.holds.active[pick % len(self.holds.active)]
        client = hold.client if own else "stranger"
        wish = Wish(id="unused", client=client, seconds=seconds, extends=hold.id)
        answer = self.decide(wish)
        assert isinstance(answer, Held) == (own and self.now < hold.until)
        if isinstance(answer, Held):
            assert answer.hold.until >= hold.until
            self.write_down(answer, wish)

    @precondition(lambda self: self.holds.active)
    @rule(
        pick=st.integers(0, 5),
        how=st.sampled_from(["by its client", "by a stranger", "by root", "connection closed"]),
    )
    def a_hold_is_released(self, pick: int, how: str) -> None:
        hold = self.holds.active[pick % len(self.holds.active)]
        gone: tuple[Hold, ...] = ()
        if how != "connection closed":
            client = hold.client if how == "by its client" else "stranger"
            self.holds, one = rules.released(
                self.holds, hold.id, client=client, admin=how == "by root"
            )
            assert one == (None if how == "by a stranger" else hold)
            gone = () if one is None else (one,)
        elif hold.bound_to is not None:
            self.holds, gone = rules.ended(self.holds, hold.bound_to)
            assert hold in gone
            assert {one.bound_to for one in gone} == {hold.bound_to}
        for one in gone:
            del self.book[one.id]

    @precondition(lambda self: self.day != "quiet")
    @precondition(lambda self: self.request is None and self.not_before() <= self.now)
    @rule(seconds=st.sampled_from([0.0, 1.0, RENEWAL]))
    def a_renewal_is_planned(self, seconds: float) -> None:
        """A retry, a person, a client without a hold: at any instant the holds allow."""
        self.renew()
        self.pass_time(seconds)

    @precondition(lambda self: self.day != "quiet")
    @rule(server=st.sampled_from(["up", "down", "answers lost"]))
    def the_server_changes(self, server: Literal["up", "down", "answers lost"]) -> None:
        if server != self.server:
            self.excuse()
        self.server = server

    @precondition(lambda self: self.day != "quiet")
    @rule(
        takes=st.sampled_from([0.5, RENEWAL]),
        life=st.sampled_from([420.0, 420.0, 420.0, 1200.0, 100.0, 40.0]),
    )
    def its_answers_change(self, takes: float, life: float) -> None:
        self.takes, self.life = takes, life

    @precondition(lambda self: self.day == "all goes wrong")
    @rule(mishap=st.sampled_from(["refused", "revoked", "a mistake", "an old one", "restart"]))
    def things_go_wrong(self, mishap: str) -> None:
        """The API refuses a token, and a client reports it at once or not; or it is mistaken, which
        the agent cannot know; or it reports an older one; or the agent restarts."""
        match mishap:
            case "refused" | "revoked":
                self.alive.discard(self.name())
                self.revoked.add(self.name())
                if mishap == "refused":
                    self.report()
            case "a mistake":
                self.report()
            case "an old one":
                self.hear_refused("sha256:0123456789abcdef")
            case _:
                self.restart()

    def report(self) -> None:
        self.reported.add(self.name())
        self.hear_refused(self.name())

    def restart(self) -> None:
        """What a renewal under way became of nobody will know, so its token is doubted."""
        holds = self.holds
        if self.request is not None and self.former_dies and self.token is not None:
            holds = replace(holds, doubted=self.name())
        plain = json.loads(json.dumps(to_plain(holds)))
        self.answer_lost = False
        self.request, self.trouble, self.renewable_from = None, None, -inf
        self.holds = self.restored(plain)
        self.look()
        self.book = {name: one for name, one in self.book.items() if one.token == self.name()}
        self.excuse()
        for waiter in self.waiters:
            waiter.place = False
            waiter.asks_at = self.now

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def the_book_and_the_state_agree(self) -> None:
        told = {hold.id: hold.until for hold in self.holds.active if self.now < hold.until}
        book = {name: one.until for name, one in self.book.items() if self.now < one.until}
        assert told == book, "a hold vanished or changed without a word"

    @invariant()
    def limits_are_kept(self) -> None:
        waiting = [one.client for one in self.holds.waiting]
        since = [one.since for one in self.holds.waiting]
        assert len(waiting) == len(set(waiting))
        assert since == sorted(since)
        clients = [hold.client for hold in self.holds.active] + waiting
        assert len(clients) <= LIMITS.in_all
        assert all(clients.count(client) <= LIMITS.per_client for client in clients)

    @invariant()
    def status_is_plain(self) -> None:
        assert json.loads(json.dumps(status(self.holds, self.now)))

    @invariant()
    def nothing_is_delayed_where_the_former_token_lives_on(self) -> None:
        if not self.former_dies:
            assert self.not_before() <= self.now, "delayed for nothing"


class FormerLivesOn(AnySchedule):
    """RFC 8628 servers: holds of several tokens stand side by side."""

    former_dies = False
