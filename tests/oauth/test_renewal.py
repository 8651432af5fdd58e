"""The renewal machine: late as is safe, single flight, and no trouble ever destroys a grant."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.errors import InvalidTransition
from agent.oauth import renewal
from agent.oauth.events import (
    AccessToken,
    Ask,
    Demanded,
    Fault,
    Grant,
    InvalidGrant,
    NewerWanted,
    PairingWanted,
    PersonActed,
    RefreshToken,
    Refused,
    Rejected,
    RequestToken,
    SaveFailed,
    SaveToken,
    StoreCleared,
    TokenResponse,
    TokenSaved,
    TransportFailed,
    Unreadable,
    Wait,
    Waited,
)
from agent.oauth.lifetime import longest_min_ttl, margin
from agent.oauth.renewal import Lost, Renewing, Saving, Serving, served
from agent.secret import Secret
from tests.oauth.samples import GRANT, NOW
from tests.oauth.states import (
    AFTER_ROTATION,
    FIRST,
    FRESH,
    IN_LIFE,
    MACHINE,
    MISCONFIGURED,
    NEXT,
    OFFLINE,
    RENEWING,
    ROTATED,
    SERVING,
)

RT1, RT2, RT3 = GRANT.refresh_token, Secret("rt-2"), Secret("rt-3")
REFRESH = RefreshToken(refresh_token=RT1)
UNSAVED = replace(SERVING, unsaved="full")
DUE = replace(SERVING, due_from=IN_LIFE, due_until=IN_LIFE, demand_from=IN_LIFE - 1)


def step(state: renewal.State, event: renewal.Event, now: float = IN_LIFE) -> renewal.Next:
    return renewal.step(state, event, now)


def tokens(refresh_token: Secret | None = None, life: float = 1200.0) -> TokenResponse:
    return TokenResponse(
        access_token=Secret("at-2"),
        expires_in=life,
        refresh_token=refresh_token,
        scope=None,
        asked_at=IN_LIFE,
        server_time=1_790_000_000,
    )


def waited(ask: Ask | None) -> tuple[float, float]:
    assert isinstance(ask, Wait)
    return ask.at_least, ask.at_most


# -- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "expected"), [(1200, 180), (1_000_000, 180), (600, 90), (200, 30), (60, 24), (10, 4)]
)
def test_the_margin_before_expiry(life: float, expected: float) -> None:
    assert margin(life) == pytest.approx(expected)


def test_what_a_client_can_ask_for_is_what_the_margin_leaves() -> None:
    assert longest_min_ttl(FRESH) == 1020.0


def test_a_saved_grant_is_renewed_within_the_splay() -> None:
    state, ask = renewal.start(GRANT, NOW, splay=30.0)
    assert state == Serving(
        grant=GRANT, token=None, due_from=NOW, due_until=NOW + 30, demand_from=NOW
    )
    assert waited(ask) == (0.0, 30.0)
    assert renewal.start(GRANT, NOW)[1] == Wait(at_least=0.0, at_most=0.0)


def test_a_fresh_token_is_renewed_late() -> None:
    state, ask = renewal.start(GRANT, NOW + 1, token=FRESH)
    assert waited(ask) == pytest.approx((1019.0, 1055.0))
    assert served(state) == FRESH


def test_a_grant_that_is_not_saved_is_saved_soon() -> None:
    state, ask = renewal.start(GRANT, NOW, token=FRESH, unsaved="full")
    assert waited(ask) == (1.0, 5.0)
    assert step(state, Waited(), NOW + 3) == (
        Saving(before=state, then=state),  # type: ignore[arg-type]
        SaveToken(grant=GRANT),
    )


@pytest.mark.parametrize("life", [0.001, 1.0, 5.0, 8.0])
def test_a_token_over_on_arrival_makes_no_hot_loop(life: float) -> None:
    _, ask = step(RENEWING, tokens(life=life), IN_LIFE + 20.0)
    assert waited(ask) == (5.0, 5.0)


# -- renewing -------------------------------------------------------------------------------------


def test_the_time_comes() -> None:
    assert step(SERVING, Waited()) == (RENEWING, REFRESH)
    assert step(MACHINE, Waited()) == (Renewing(before=MACHINE), RequestToken())


def test_nothing_is_written_when_no_refresh_token_came() -> None:
    for event in (tokens(), tokens(RT1)):
        state, ask = step(RENEWING, event, IN_LIFE + 2)
        assert isinstance(state, Serving)
        assert state.grant == GRANT
        assert state.token == event.access()
        assert (state.demand_from, state.failures, state.trouble) == (IN_LIFE + 12, 0, None)
        assert waited(ask) == pytest.approx((1018.0, 1054.0))


def test_a_rotated_grant_is_durable_before_the_token_is_published() -> None:
    state, ask = step(RENEWING, tokens(RT2))
    rotated = replace(ROTATED, obtained_at=1_790_000_000)
    assert ask == SaveToken(grant=rotated)
    assert served(state) == FRESH
    state, ask = step(state, TokenSaved(), IN_LIFE + 1)
    assert isinstance(state, Serving)
    assert (state.grant, state.token, state.unsaved) == (rotated, tokens().access(), None)
    assert waited(ask) == pytest.approx((1019.0, 1055.0))


def test_rotation_without_a_server_clock_keeps_the_known_time() -> None:
    known = replace(RENEWING, before=replace(SERVING, grant=replace(GRANT, obtained_at=7)))
    _, ask = step(known, replace(tokens(RT2), server_time=0))
    assert isinstance(ask, SaveToken)
    assert ask.grant.obtained_at == 7


def test_the_token_before_is_discarded_once_its_successor_worked() -> None:
    """RFC 6749 section 6."""
    _, ask = step(AFTER_ROTATION, tokens())
    assert ask == SaveToken(grant=replace(ROTATED, previous_refresh_token=None))
    _, ask = step(AFTER_ROTATION, tokens(RT3))
    assert isinstance(ask, SaveToken)
    assert (ask.grant.refresh_token, ask.grant.previous_refresh_token) == (RT3, RT2)


def test_when_the_newest_is_unknown_the_one_before_is_tried_once() -> None:
    state, ask = step(AFTER_ROTATION, InvalidGrant())
    assert (state, ask) == (replace(AFTER_ROTATION, previous=True), REFRESH)
    assert isinstance(step(state, InvalidGrant())[0], Lost)
    _, ask = step(state, tokens())
    assert isinstance(ask, SaveToken)
    assert (ask.grant.refresh_token, ask.grant.previous_refresh_token) == (RT1, None)
    _, ask = step(state, tokens(RT3))
    assert isinstance(ask, SaveToken)
    assert (ask.grant.refresh_token, ask.grant.previous_refresh_token) == (RT3, RT1)


def test_trying_the_previous_again_without_one_asks_with_the_current() -> None:
    """After trouble with the previous, the next try starts with the current token again."""
    trying = replace(AFTER_ROTATION, previous=True)
    state, _ = step(trying, OFFLINE)
    assert step(state, Waited())[1] == RefreshToken(refresh_token=RT2)


@pytest.mark.parametrize(
    ("event", "bounds", "demand"),
    [
        (OFFLINE, (1, 5), 5),
        (replace(OFFLINE, retry_after=60.0), (60, 90), 70),
        (Unreadable(status=400), (1, 5), 5),
        (MISCONFIGURED, (900, 1080), 910),
    ],
)
def test_trouble_keeps_grant_and_token_and_paces_what_follows(
    event: TransportFailed | Unreadable | Refused, bounds: tuple[float, float], demand: float
) -> None:
    state, ask = step(RENEWING, event)
    assert isinstance(state, Serving)
    assert (state.grant, state.token, state.trouble) == (GRANT, FRESH, event)
    assert state.failures == 1
    assert waited(ask) == bounds
    assert state.demand_from == IN_LIFE + demand


def test_refusals_nobody_can_read_are_counted_over_other_trouble() -> None:
    state: renewal.State = RENEWING
    for event in (Unreadable(status=400), OFFLINE, Unreadable(status=400)):
        state, _ = step(state, event)
        assert isinstance(state, Serving)
        state, _ = step(state, Waited())
    assert step(state, Unreadable(status=400)) == (
        Lost(why=Unreadable(status=400), token=FRESH),
        None,
    )
    assert isinstance(state, Renewing)
    assert state.before.unreadable == 2
    healed, _ = step(state, tokens())
    assert isinstance(healed, Serving)
    assert healed.unreadable == 0


def test_a_grant_of_no_person_is_never_lost() -> None:
    renewing = Renewing(before=replace(MACHINE, unreadable=99))
    for event in (Unreadable(status=400), InvalidGrant(description="wrong PIN"), MISCONFIGURED):
        state, ask = step(renewing, event)
        assert isinstance(state, Serving)
        assert isinstance(ask, Wait)
    state, ask = step(renewing, InvalidGrant(description="wrong PIN"))
    assert isinstance(state, Serving)
    assert state.trouble == Refused(
        error="invalid_grant", description="wrong PIN", fault=Fault.SERVER
    )
    assert waited(ask) == (900.0, 1080.0)
    state, ask = step(renewing, tokens(RT2))
    assert isinstance(state, Serving)
    assert state.grant is None


def test_a_dead_grant_is_given_up_with_what_the_server_said() -> None:
    why = InvalidGrant(description="Refresh token has expired", after_lost_answer=True)
    state, ask = step(RENEWING, why)
    assert (state, ask) == (Lost(why=why, token=FRESH), None)
    assert served(state) == FRESH


# -- saving ---------------------------------------------------------------------------------------


def test_what_cannot_be_saved_is_served_and_saved_again_ever_more_patiently() -> None:
    state: renewal.State = Saving(before=SERVING, then=NEXT)
    for most in (5, 10, 20):
        state, ask = step(state, SaveFailed(reason="read-only"))
        assert isinstance(state, Serving)
        assert (state.unsaved, served(state)) == ("read-only", NEXT.token)
        assert waited(ask) == (1.0, most)
        state, ask = step(state, Waited())
        assert ask == SaveToken(grant=ROTATED)
    state, ask = step(state, TokenSaved())
    assert isinstance(state, Serving)
    assert (state.unsaved, state.failures) == (None, 0)


def test_an_unsaved_grant_is_not_rotated_again_while_its_token_lives() -> None:
    assert step(UNSAVED, Waited())[1] == SaveToken(grant=GRANT)
    assert step(UNSAVED, Demanded(min_ttl=1e9))[0] == UNSAVED
    assert step(UNSAVED, Waited(), NOW + 1200) == (Renewing(before=UNSAVED), REFRESH)
    assert step(UNSAVED, Demanded(min_ttl=5), NOW + 1200) == (Renewing(before=UNSAVED), REFRESH)
    _, ask = step(Renewing(before=UNSAVED), tokens())
    assert ask == SaveToken(grant=GRANT)


def test_saving_without_a_token_keeps_the_time_of_the_first_renewal() -> None:
    waiting = replace(FIRST, unsaved="full")
    state, ask = step(Saving(before=waiting, then=waiting), TokenSaved(), NOW + 1)
    assert state == FIRST
    assert waited(ask) == (0.0, 29.0)


# -- people and clients ---------------------------------------------------------------------------


def test_a_demand_renews_only_what_is_really_too_short() -> None:
    assert step(SERVING, Demanded(min_ttl=701.0)) == (RENEWING, REFRESH)
    state, ask = step(SERVING, Demanded(min_ttl=700.0))
    assert state == SERVING
    assert waited(ask) == (520.0, 556.0)


def test_a_demand_for_the_impossible_is_met_as_far_as_possible() -> None:
    assert step(SERVING, Demanded(min_ttl=inf), NOW + 180)[0] == SERVING
    assert step(SERVING, Demanded(min_ttl=inf), NOW + 180.1)[0] == RENEWING


def test_the_first_demand_cuts_the_splay_short() -> None:
    assert step(FIRST, Demanded(min_ttl=0.0), NOW) == (Renewing(before=FIRST), REFRESH)


def test_clients_cannot_force_renewals_in_a_row() -> None:
    for event in (Demanded(min_ttl=1e9), Rejected(fingerprint=FRESH.value.fingerprint())):
        assert step(SERVING, event, NOW + 9.9)[0] == SERVING
        assert step(replace(SERVING, demand_from=IN_LIFE), event)[0] != SERVING


def test_a_rejected_token_is_renewed_only_if_it_is_the_current_one() -> None:
    assert step(SERVING, Rejected(fingerprint=FRESH.value.fingerprint())) == (RENEWING, REFRESH)
    assert step(SERVING, Rejected(fingerprint="sha256:0"))[0] == SERVING
    assert step(FIRST, Rejected(fingerprint="sha256:0"), NOW)[0] == FIRST


def test_a_person_ends_a_pause_but_not_a_healthy_life() -> None:
    assert step(SERVING, PersonActed())[0] == SERVING
    assert step(FIRST, PersonActed(), NOW)[1] == REFRESH
    assert step(replace(SERVING, trouble=OFFLINE), PersonActed())[1] == REFRESH
    refused = replace(SERVING, trouble=MISCONFIGURED)
    assert step(refused, PersonActed()) == (Lost(why=MISCONFIGURED, token=FRESH), None)
    assert step(replace(refused, grant=None), PersonActed())[1] == RequestToken()


def test_a_person_who_wants_to_pair_again_can_unless_there_is_nothing_to_pair() -> None:
    wanted = PairingWanted()
    assert step(SERVING, wanted) == (Lost(why=wanted, token=FRESH), None)
    assert step(UNSAVED, wanted) == (Lost(why=wanted, token=FRESH), None)
    assert step(MACHINE, wanted)[0] == MACHINE


def test_clearing_the_store_means_pairing_again_and_no_token_until_then() -> None:
    assert step(SERVING, StoreCleared()) == (Lost(why=StoreCleared(), token=None), None)
    assert step(UNSAVED, StoreCleared())[0] == UNSAVED
    assert step(MACHINE, StoreCleared())[0] == MACHINE


def test_what_cannot_happen_names_both() -> None:
    lost = Lost(why=InvalidGrant(), token=None)
    for state, event in ((lost, Waited()), (RENEWING, Waited()), (SERVING, TokenSaved())):
        words = f"^{type(event).__name__} cannot happen in {type(state).__name__}$"
        with pytest.raises(InvalidTransition, match=words):
            step(state, event)
    with pytest.raises(InvalidTransition):
        step(Saving(before=SERVING, then=NEXT), Waited())


# -- any schedule ---------------------------------------------------------------------------------


class AnySchedule(RuleBasedStateMachine):
    """A server that rotates when it likes, a medium that fails, clients and people at any time.

    `valid` is the refresh token the server would take; what the machine holds or the medium keeps
    must always include it, until the server itself says the grant is dead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.on_medium: Grant = GRANT
        self.valid = RT1
        self.issued = 1
        self.refused_all = False
        self.requests: list[float] = []
        self.state, self.ask = renewal.start(GRANT, NOW, splay=30.0)

    def feed(self, event: renewal.Event) -> None:
        self.state, self.ask = renewal.step(self.state, event, self.now)
        if isinstance(self.ask, RefreshToken) and not isinstance(event, InvalidGrant):
            self.requests.append(self.now)  # trying the token before belongs to the same request

    @precondition(lambda self: isinstance(self.ask, Wait))
    @rule(share=st.floats(0, 1), late=st.sampled_from([0.0, 0.0, 40.0, 4000.0]))
    def time_passes(self, share: float, late: float) -> None:
        low, high = waited(self.ask)
        self.now += low + (high - low) * share + late
        self.feed(Waited())

    @precondition(lambda self: isinstance(self.ask, Wait))
    @rule(
        after=st.floats(0, 30),
        min_ttl=st.sampled_from([0.0, 60.0, 1000.0, inf]),
        rejected=st.booleans(),
    )
    def a_client_asks(self, after: float, min_ttl: float, rejected: bool) -> None:
        self.now += min(after, waited(self.ask)[0])
        token = served(self.state)
        if rejected and token is not None:
            self.feed(Rejected(fingerprint=token.value.fingerprint()))
        else:
            self.feed(Demanded(min_ttl=min_ttl))

    @precondition(lambda self: isinstance(self.ask, RefreshToken))
    @rule(rotate=st.booleans(), life=st.sampled_from([0.001, 4.0, 60.0, 1200.0]))
    def the_server_answers(self, rotate: bool, life: float) -> None:
        assert isinstance(self.ask, RefreshToken)
        if self.refused_all or self.ask.refresh_token != self.valid:
            self.feed(InvalidGrant())
            return
        if rotate:
            self.issued += 1
            self.valid = Secret(f"rt-{self.issued}")
        self.feed(
            TokenResponse(
                access_token=Secret(f"at-{self.now}-{self.issued}"),
                expires_in=life,
                refresh_token=self.valid if rotate else None,
                scope=None,
                asked_at=self.now,
            )
        )

    @precondition(lambda self: isinstance(self.ask, RefreshToken))
    @rule(rotate=st.booleans())
    def the_answer_is_lost(self, rotate: bool) -> None:
        """A lost rotation leaves us with a token the server no longer takes: nobody's fault."""
        if rotate:
            self.refused_all = True
        self.feed(replace(OFFLINE, answer_lost=True))

    @precondition(lambda self: isinstance(self.ask, RefreshToken))
    @rule(event=st.sampled_from([OFFLINE, replace(OFFLINE, retry_after=0.01), MISCONFIGURED]))
    def trouble(self, event: renewal.Event) -> None:
        self.feed(event)

    @precondition(lambda self: isinstance(self.ask, SaveToken))
    @rule(works=st.booleans())
    def the_medium_answers(self, works: bool) -> None:
        assert isinstance(self.ask, SaveToken)
        if works:
            self.on_medium = self.ask.grant
        self.feed(TokenSaved() if works else SaveFailed(reason="full"))

    @precondition(lambda self: self.ask is None)
    @rule()
    def a_new_pairing_follows(self) -> None:
        self.refused_all = False
        self.on_medium = GRANT
        self.valid = RT1
        self.requests.clear()
        self.state, self.ask = renewal.start(GRANT, self.now)

    def held(self) -> Grant | None:
        match self.state:
            case Serving():
                return self.state.grant
            case Renewing():
                return self.state.before.grant
            case Saving():
                return self.state.then.grant
            case Lost():
                return None

    @invariant()
    def a_living_grant_is_never_lost(self) -> None:
        if self.refused_all:
            return
        held = self.held()
        assert held is not None
        assert held.refresh_token == self.valid

    @invariant()
    def no_hot_loop(self) -> None:
        """Of any four requests, the first and last are three seconds apart or more."""
        for first, last in zip(self.requests, self.requests[3:], strict=False):
            assert last - first >= 3.0 - 1e-6

    @invariant()
    def waits_are_possible(self) -> None:
        if isinstance(self.ask, Wait):
            assert 0.0 <= self.ask.at_least <= self.ask.at_most < inf

    @invariant()
    def single_flight(self) -> None:
        """While a request or a save is under way nothing else is asked."""
        asking = isinstance(self.ask, RefreshToken | SaveToken)
        assert asking == isinstance(self.state, Renewing | Saving)

    @invariant()
    def a_rotated_grant_is_durable_before_its_token_is_served(self) -> None:
        if isinstance(self.state, Serving) and self.state.unsaved is None:
            assert self.state.grant == self.on_medium


AnySchedule.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_no_schedule_breaks_it = AnySchedule.TestCase


def test_tokens_say_when_they_end() -> None:
    assert AccessToken(value=Secret("x"), issued_at=0, expires_at=9).life_left(4) == 5


# -- while somebody holds the token ---------------------------------------------------------------


def held(state: renewal.State, event: renewal.Event, until: float) -> renewal.Next:
    return renewal.step(state, event, IN_LIFE, held_until=until)


LONG = Demanded(min_ttl=inf)


@pytest.mark.parametrize(
    "event", [Waited(), LONG, NewerWanted(fingerprint=FRESH.value.fingerprint())]
)
def test_what_renews_by_plan_waits_for_the_end_of_a_hold(event: renewal.Event) -> None:
    assert isinstance(step(DUE, event)[0], Renewing)
    state, ask = held(DUE, event, IN_LIFE + 60)
    assert state == DUE
    assert waited(ask) == (60.0, 60.0)
    assert isinstance(held(DUE, event, IN_LIFE)[0], Renewing)


def test_a_token_reported_as_dead_is_renewed_hold_or_no_hold() -> None:
    report = Rejected(fingerprint=FRESH.value.fingerprint())
    assert isinstance(held(DUE, report, IN_LIFE + 60)[0], Renewing)


def test_a_token_that_is_over_has_nothing_left_to_hold() -> None:
    over = replace(DUE, token=replace(FRESH, expires_at=IN_LIFE))
    assert isinstance(held(over, Waited(), IN_LIFE + 60)[0], Renewing)
    assert isinstance(held(replace(DUE, token=None), Waited(), IN_LIFE + 60)[0], Renewing)


def test_a_hold_does_not_make_a_renewal_come_earlier_than_it_is_due() -> None:
    later = replace(DUE, due_from=IN_LIFE + 100, due_until=IN_LIFE + 120)
    assert waited(held(later, LONG, IN_LIFE + 60)[1]) == (100.0, 120.0)


def test_a_hold_keeps_neither_saving_nor_losing_a_grant_waiting() -> None:
    saving, ask = held(UNSAVED, Waited(), IN_LIFE + 60)
    assert isinstance(saving, Saving)
    assert isinstance(ask, SaveToken)
    assert isinstance(held(DUE, StoreCleared(), IN_LIFE + 60)[0], Lost)


def test_a_hold_is_worth_more_than_the_wish_to_pair_again() -> None:
    assert held(DUE, PairingWanted(), IN_LIFE + 60)[0] == DUE
    assert isinstance(held(DUE, PairingWanted(), IN_LIFE)[0], Lost)


def test_a_newer_token_is_fetched_once_for_everybody_who_needs_one() -> None:
    wanted = NewerWanted(fingerprint=FRESH.value.fingerprint())
    renewing, _ = step(DUE, wanted)
    assert isinstance(renewing, Renewing)
    renewed, _ = step(renewing, tokens())
    assert step(renewed, wanted)[0] == renewed
    assert step(DUE, NewerWanted(fingerprint=None))[0] == DUE
    none = replace(DUE, token=None)
    assert isinstance(step(none, NewerWanted(fingerprint=None))[0], Renewing)
    assert step(UNSAVED, wanted)[0] == UNSAVED
