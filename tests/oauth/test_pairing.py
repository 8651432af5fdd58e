"""The pairing machine: its computed table, its timing, and that no schedule of events breaks it."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.errors import InvalidTransition
from agent.oauth import pairing
from agent.oauth.events import (
    AccessDenied,
    Ask,
    AuthorizationPending,
    CodeDead,
    ExpiredToken,
    Fault,
    PersonActed,
    PollToken,
    Refused,
    RequestCode,
    SaveFailed,
    SaveToken,
    SlowDown,
    TokenResponse,
    TokenSaved,
    TransportFailed,
    Unreadable,
    Wait,
    Waited,
)
from agent.oauth.pairing import AwaitingUser, Paired, Paused, RequestingCode, Resting, Saving
from agent.secret import Secret
from tests.oauth.samples import NOW, authorization, token
from tests.oauth.states import (
    AWAITING,
    DENIED,
    GRANTED,
    LATER,
    MISCONFIGURED,
    OFFLINE,
    OVER,
    PAUSED,
    REQUESTING,
    RESTING,
    RULES,
    SAVING_FIRST,
    UNREGISTERED,
)
from tests.oauth.tables import DOCUMENT, document


def step(state: pairing.State, event: pairing.Event, now: float = LATER) -> pairing.Next:
    return pairing.step(state, event, now, RULES)


def waited(ask: Ask | None) -> tuple[float, float]:
    assert isinstance(ask, Wait)
    return ask.at_least, ask.at_most


def test_the_document_is_what_the_machines_do() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run python -m tests.oauth.tables"


def test_a_window_starts_with_a_code() -> None:
    assert pairing.start(RULES) == (RequestingCode(codes_left=6), RequestCode())


def test_the_first_poll_waits_an_interval_with_margin() -> None:
    state, ask = step(REQUESTING, authorization(interval=10), NOW)
    assert isinstance(state, AwaitingUser)
    assert state.codes_left == 5
    assert waited(ask) == pytest.approx((10.5, 12.0))


def test_no_poll_is_due_after_the_codes_end() -> None:
    """The last falls within the code's life; where none fits, the end itself is waited for."""
    _, ask = step(AWAITING, AuthorizationPending(), OVER - 6.5)
    assert waited(ask) == pytest.approx((5.25, 5.5))
    _, ask = step(AWAITING, AuthorizationPending(), OVER - 6.0)
    assert waited(ask) == (6.0, 6.0)


def test_an_outage_near_the_end_still_leaves_a_last_poll() -> None:
    state = replace(AWAITING, failures=5)
    _, ask = step(state, OFFLINE, OVER - 37.0)
    assert waited(ask) == pytest.approx((31.5, 36.0))


@pytest.mark.parametrize(("failures", "pause"), [(0, 10), (1, 20), (2, 40), (3, 60), (500, 60)])
def test_trouble_doubles_the_pause_to_a_limit(failures: int, pause: float) -> None:
    for trouble in (OFFLINE, Unreadable(status=403)):
        state, ask = step(replace(AWAITING, failures=failures), trouble)
        assert isinstance(state, AwaitingUser)
        assert (state.failures, state.interval) == (failures + 1, 5.0)
        assert waited(ask) == pytest.approx((pause * 1.05, pause * 1.2))


def test_trouble_is_never_polled_faster_than_the_interval_or_retry_after() -> None:
    _, ask = step(replace(AWAITING, interval=90.0), OFFLINE)
    assert waited(ask) == pytest.approx((94.5, 108.0))
    _, ask = step(AWAITING, replace(OFFLINE, retry_after=200.0))
    assert waited(ask) == pytest.approx((210.0, 240.0))


def test_a_good_answer_ends_the_doubling() -> None:
    state, ask = step(replace(AWAITING, failures=5), AuthorizationPending())
    assert isinstance(state, AwaitingUser)
    assert (state.failures, state.interval) == (0, 5.0)
    assert (state.poll_from, state.poll_until) == pytest.approx((LATER + 5.25, LATER + 6))
    assert waited(ask) == pytest.approx((5.25, 6.0))


def test_slow_down_adds_up_and_a_larger_interval_counts() -> None:
    state: pairing.State = AWAITING
    for expected in (10.0, 15.0, 20.0):
        state, _ = step(state, SlowDown())
        assert isinstance(state, AwaitingUser)
        assert state.interval == expected
    state, ask = step(state, SlowDown(interval=60.0))
    assert waited(ask) == pytest.approx((63.0, 72.0))
    state, ask = step(state, SlowDown(interval=1.0, retry_after=100.0))
    assert isinstance(state, AwaitingUser)
    assert state.interval == 65.0
    assert waited(ask) == pytest.approx((105.0, 120.0))


def test_a_person_can_neither_hasten_nor_delay_a_poll() -> None:
    state, ask = step(AWAITING, PersonActed(), NOW + 100)
    assert state == AWAITING
    assert waited(ask) == (5.0, 6.0)
    assert waited(step(AWAITING, PersonActed(), NOW + 105.5)[1]) == (0.0, 0.5)


def test_a_token_that_arrives_after_the_codes_end_is_kept() -> None:
    state, ask = step(AWAITING, GRANTED, OVER + 60)
    assert isinstance(state, Saving)
    assert ask == SaveToken(grant=state.grant)


def test_the_grant_names_whom_it_may_be_shown_to() -> None:
    state, _ = step(AWAITING, replace(token(scope="pay"), server_time=1_790_000_000))
    assert isinstance(state, Saving)
    assert (state.grant.issuer, state.grant.client_id, state.grant.uuid) == (
        RULES.issuer,
        RULES.client_id,
        RULES.uuid,
    )
    assert (state.grant.scope, state.grant.obtained_at) == ("pay", 1_790_000_000)
    assert state.grant.refresh_token == GRANTED.refresh_token
    assert state.grant.previous_refresh_token is None


def test_a_grant_that_cannot_be_saved_is_still_a_pairing() -> None:
    assert step(SAVING_FIRST, TokenSaved()) == (
        Paired(grant=SAVING_FIRST.grant, token=GRANTED),
        None,
    )
    assert step(SAVING_FIRST, SaveFailed(reason="full")) == (
        Paired(grant=SAVING_FIRST.grant, token=GRANTED, unsaved="full"),
        None,
    )


def test_an_approval_without_a_refresh_token_is_refused_in_words() -> None:
    state, ask = step(AWAITING, replace(GRANTED, refresh_token=None))
    assert isinstance(state, Resting)
    assert isinstance(state.why, Refused)
    assert (state.why.error, state.why.fault) == ("no_refresh_token", Fault.SERVER)
    assert waited(ask) == (900.0, 1080.0)


@pytest.mark.parametrize("state", [REQUESTING, AWAITING])
@pytest.mark.parametrize(
    ("why", "pause"), [(DENIED, 600.0), (MISCONFIGURED, 900.0), (UNREGISTERED, 60.0)]
)
def test_a_refusal_rests_long_and_keeps_the_window(
    state: RequestingCode | AwaitingUser, why: AccessDenied | Refused, pause: float
) -> None:
    after, ask = step(state, why)
    assert after == Resting(why=why, codes_left=state.codes_left)
    assert waited(ask) == (pause, 1.2 * pause)


def test_codes_are_asked_for_until_there_is_one_ever_more_patiently() -> None:
    state: pairing.State = REQUESTING
    bounds = []
    for _ in range(9):
        state, ask = step(state, OFFLINE)
        bounds.append(waited(ask))
    assert bounds == [(1.0, most) for most in (5, 10, 20, 40, 80, 160, 300, 300, 300)]
    assert state == RequestingCode(codes_left=6, failures=9, trouble=OFFLINE)


def test_retry_after_is_a_floor_with_jitter_on_top() -> None:
    assert waited(step(REQUESTING, SlowDown(retry_after=4.0))[1]) == (4.0, 14.0)
    assert waited(step(REQUESTING, SlowDown(retry_after=100.0))[1]) == (100.0, 150.0)
    tired = replace(REQUESTING, failures=9)
    assert waited(step(tired, SlowDown(retry_after=0.1))[1]) == (1.0, 300.0)


def test_a_code_that_died_young_is_not_replaced_at_once() -> None:
    for death in (ExpiredToken(), CodeDead(error="invalid_grant")):
        assert waited(step(AWAITING, death, NOW + 29.9)[1]) == (30.0, 60.0)
        assert step(AWAITING, death, NOW + 30)[1] == RequestCode()


def test_the_window_ends_in_a_pause_only_a_person_ends() -> None:
    state, ask = step(replace(AWAITING, codes_left=0), Waited(), OVER)
    assert state == PAUSED
    assert waited(ask) == (inf, inf)
    assert step(PAUSED, PersonActed()) == pairing.start(RULES)
    assert step(replace(RESTING, codes_left=0), Waited())[0] == PAUSED
    assert step(RESTING, PersonActed()) == pairing.start(RULES)
    assert step(RESTING, Waited()) == (RequestingCode(codes_left=5), RequestCode())


def test_what_cannot_happen_names_both() -> None:
    with pytest.raises(InvalidTransition, match=r"^Waited cannot happen in Paired$"):
        step(Paired(grant=SAVING_FIRST.grant, token=GRANTED), Waited())


class AnySchedule(RuleBasedStateMachine):
    """Whatever server, network, medium and people do, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.state, self.ask = pairing.start(RULES)
        self.requests: list[float] = []
        self.polled: set[Secret] = set()
        self.finished: set[Secret] = set()  # codes that were denied or died: never polled again
        self.codes = 0
        self.codes_since_person = 0
        self.issued = False

    def feed(self, event: pairing.Event) -> None:
        self.state, self.ask = pairing.step(self.state, event, self.now, RULES)
        if isinstance(self.ask, RequestCode | PollToken):
            self.requests.append(self.now)
        if isinstance(self.ask, PollToken):
            assert self.ask.device_code not in self.finished
            self.polled.add(self.ask.device_code)

    @precondition(lambda self: isinstance(self.ask, Wait))
    @rule(share=st.floats(0, 1), late=st.sampled_from([0.0, 0.0, 0.0, 30.0, 5000.0]))
    def time_passes(self, share: float, late: float) -> None:
        low, high = waited(self.ask)
        self.now += (low + (high - low) * share if low < inf else 1e6) + late
        self.feed(Waited())

    @precondition(lambda self: isinstance(self.ask, Wait))
    @rule(share=st.floats(0, 1))
    def somebody_presses_the_button(self, share: float) -> None:
        low, _ = waited(self.ask)
        self.now += min(low, 1e6) * share + 0.5
        self.codes_since_person = 0
        self.requests.clear()  # a person may hasten requests; the rate is ours to answer for
        self.feed(PersonActed())

    @precondition(lambda self: isinstance(self.ask, RequestCode))
    @rule(
        took=st.floats(0, 20),
        expires_in=st.sampled_from([1, 7, 300, 1200]),
        interval=st.sampled_from([1, 5, 300]),
    )
    def a_code_is_issued(self, took: float, expires_in: int, interval: int) -> None:
        self.codes += 1
        self.codes_since_person += 1
        event = replace(
            authorization(device_code=f"dc{self.codes}", expires_in=expires_in, interval=interval),
            asked_at=self.now,
        )
        self.now += took
        self.feed(event)

    @precondition(lambda self: isinstance(self.ask, PollToken))
    @rule(
        event=st.sampled_from(
            [
                AuthorizationPending(),
                SlowDown(),
                SlowDown(interval=30.0, retry_after=0.01),
                Unreadable(status=400),
                OFFLINE,
                replace(OFFLINE, retry_after=0.01),
                ExpiredToken(),
                CodeDead(error="invalid_grant"),
                DENIED,
                MISCONFIGURED,
                UNREGISTERED,
                replace(GRANTED, refresh_token=None),
            ]
        ),
        took=st.floats(0, 20),
    )
    def a_poll_is_answered(self, event: pairing.Event, took: float) -> None:
        assert isinstance(self.ask, PollToken)
        if isinstance(event, ExpiredToken | CodeDead | AccessDenied | Refused | TokenResponse):
            self.finished.add(self.ask.device_code)
        self.now += took
        self.feed(event)

    @precondition(lambda self: isinstance(self.ask, RequestCode))
    @rule(
        event=st.sampled_from(
            [SlowDown(), Unreadable(status=404), OFFLINE, DENIED, MISCONFIGURED, UNREGISTERED]
        )
    )
    def no_code_is_issued(self, event: pairing.Event) -> None:
        self.feed(event)

    @precondition(lambda self: isinstance(self.ask, PollToken))
    @rule()
    def it_is_approved(self) -> None:
        self.issued = True
        self.feed(replace(GRANTED, asked_at=self.now))

    @precondition(lambda self: isinstance(self.ask, SaveToken))
    @rule(event=st.sampled_from([TokenSaved(), SaveFailed(reason="full")]))
    def the_medium_answers(self, event: pairing.Event) -> None:
        self.feed(event)

    @precondition(lambda self: self.ask is None)
    @rule()
    def the_grant_is_lost_and_pairing_starts_again(self) -> None:
        self.issued = False
        self.codes_since_person = 0
        self.requests.clear()
        self.state, self.ask = pairing.start(RULES)

    @invariant()
    def no_hot_loop(self) -> None:
        """Never more than three requests within any three seconds nobody asked for."""
        for first, last in zip(self.requests, self.requests[3:], strict=False):
            assert last - first >= 3.0

    @invariant()
    def waits_are_possible(self) -> None:
        if isinstance(self.ask, Wait):
            assert 0.0 <= self.ask.at_least <= self.ask.at_most

    @invariant()
    def the_window_is_bounded(self) -> None:
        assert self.codes_since_person <= RULES.codes

    @invariant()
    def a_grant_once_given_is_never_lost(self) -> None:
        assert self.issued == isinstance(self.state, Saving | Paired)

    @invariant()
    def only_the_end_asks_for_nothing(self) -> None:
        assert (self.ask is None) == isinstance(self.state, Paired)
        assert isinstance(self.state, Paused) == (self.ask == Wait(at_least=inf, at_most=inf))


AnySchedule.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_no_schedule_breaks_it = AnySchedule.TestCase


def test_transport_trouble_is_kept_for_the_display() -> None:
    trouble = TransportFailed(kind="clock", reason="the certificate is not yet valid")
    state, _ = step(REQUESTING, trouble)
    assert isinstance(state, RequestingCode)
    assert state.trouble is trouble
