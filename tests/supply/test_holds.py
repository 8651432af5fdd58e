"""Holds, rule by rule; tests/supply/test_holds_model.py has any schedule of them."""

from dataclasses import replace
from math import inf, nan

import pytest

from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.holds import decide, ended, known_dead, not_before, released, seen, token_refused
from agent.supply.holds_state import (
    LIMITS,
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
    Waiting,
    Wish,
)
from tests.supply.holds_table import DOCUMENT, NAME, NOW, at, document, hold, place, token

YOUNG = at(100)
OLD = at(850)  # a token of 1200 s is due after 1020 s
RUNNING = replace(YOUNG, renewal="running")
LIVES_ON = replace(YOUNG, former_dies=False)
OLDER = "sha256:0123456789abcdef"
NEXT = AccessToken(value=Secret("at-2"), issued_at=NOW, expires_at=NOW + 1200)
AFTER = Present(token=NEXT, former_dies=True)


def wish(seconds: float = 60.0, client: Key = "me", extends: str | None = None) -> Wish:
    return Wish(id="new", client=client, seconds=seconds, extends=extends)


def ask(
    holds: Holds, wanted: Wish, present: Present = YOUNG, now: float = NOW, limits: Limits = LIMITS
) -> tuple[Holds, Answer]:
    return decide(holds, wanted, present, now, limits=limits)


def given_hold(answer: Answer) -> Hold:
    assert isinstance(answer, Held), answer
    return answer.hold


def queued(answer: Answer) -> Queued:
    assert isinstance(answer, Queued), answer
    return answer


def test_the_table_is_up_to_date() -> None:
    computed = document()
    assert DOCUMENT.read_text(encoding="utf-8") == computed, "python -m tests.supply.holds_table"


# -- giving ---------------------------------------------------------------------------------------


def test_a_hold_names_its_token_and_its_end() -> None:
    wanted = Wish(id="new", client=1001, seconds=180, bound_to="connection-7")
    holds, answer = ask(Holds(), wanted)
    promised = Hold(
        id="new",
        client=1001,
        token=NAME,
        since=NOW,
        until=NOW + 180,
        latest=NOW + 920,
        bound_to="connection-7",
    )
    assert answer == Held(hold=promised)
    assert holds == Holds(active=(promised,))


@pytest.mark.parametrize(("left", "held"), [(60.0, True), (59.9, False)])
def test_a_hold_ends_before_its_token_is_due(left: float, held: bool) -> None:
    _, answer = ask(Holds(), wish(60), at(1020 - left))
    assert isinstance(answer, Held) == held


def test_holds_of_several_clients_share_the_token() -> None:
    holds, _ = ask(Holds(), wish(300, "till"))
    holds, answer = ask(holds, wish(60, "kiosk"))
    assert given_hold(answer).token == NAME
    assert not_before(holds, NOW, former_dies=True) == NOW + 300


@pytest.mark.parametrize("seconds", [nan, -1.0, 0.0, 0.9, 300.1, inf])
def test_what_is_no_length_for_a_hold_is_refused(seconds: float) -> None:
    holds, answer = ask(Holds(), wish(seconds))
    assert isinstance(answer, NoHold)
    assert (answer.kind, answer.retry_at, holds) == ("length", None, Holds())
    assert "1 to 300 s" in answer.detail


@pytest.mark.parametrize("seconds", [1.0, 300.0])
def test_the_bounds_are_lengths(seconds: float) -> None:
    assert given_hold(ask(Holds(), wish(seconds))[1]).until == NOW + seconds


# -- tokens that live briefly ---------------------------------------------------------------------


def brief(life: float, age: float) -> Present:
    return Present(token=token(age, life), former_dies=True)


def test_a_wish_no_token_can_meet_gets_what_a_fresh_one_has() -> None:
    """A token of 300 s is due after 255 s, so 300 s are impossible; 225 s are worth a renewal."""
    answer = ask(Holds(), wish(300), brief(300, age=30))[1]
    assert given_hold(answer).until == NOW + 225
    assert answer == Held(hold=given_hold(answer), less="the token has to be renewed then")
    assert isinstance(ask(Holds(), wish(300), brief(300, age=30.1))[1], Queued)


@pytest.mark.parametrize(("life", "possible"), [(52.0, True), (51.0, False)])
def test_tokens_can_be_too_brief_for_any_hold(life: float, possible: bool) -> None:
    """Due after 60 % of such a life; 30 s of that go for renewing and coming back."""
    answer = ask(Holds(), wish(300), brief(life, age=0))[1]
    assert isinstance(answer, Held) == possible
    assert possible or (isinstance(answer, NoHold) and answer.kind == "brief")


# -- waiting --------------------------------------------------------------------------------------


def test_nothing_in_the_way_means_renewing_at_once() -> None:
    holds, answer = ask(Holds(), wish(300), OLD)
    assert answer == Queued(retry_at=NOW, in_the_way=None, trouble=None)
    assert [(one.client, one.token, one.until) for one in holds.waiting] == [
        ("me", NAME, NOW + LIMITS.grace)
    ]


def test_a_wish_waits_for_the_hold_that_ends_last() -> None:
    others = hold(850, 90, "a"), hold(850, 120, "b"), hold(850, 60, "c")
    holds, answer = ask(Holds(active=others), wish(300), OLD)
    assert answer == Queued(retry_at=NOW + 120, in_the_way=others[1], trouble=None)
    assert holds.waiting[0].until == NOW + 120 + LIMITS.grace


def test_a_client_waits_for_its_own_hold_too() -> None:
    mine = hold(850, 90, "me")
    assert queued(ask(Holds(active=(mine,)), wish(300), OLD)[1]).in_the_way == mine


def test_from_then_on_no_hold_ends_later() -> None:
    """The drain rule, up to the second."""
    waited = Holds(active=(hold(850, 90),), waiting=(place(),))
    assert isinstance(ask(waited, wish(90), OLD)[1], Held)
    assert queued(ask(waited, wish(91), OLD)[1]).retry_at == NOW + 90


def test_and_none_is_extended_beyond_it() -> None:
    mine = hold(850, 20, "me")
    waited = Holds(active=(hold(850, 90), mine), waiting=(place(),))
    holds, answer = ask(waited, wish(150, extends=mine.id), OLD)
    assert given_hold(answer).until == NOW + 90
    assert answer == Held(
        hold=given_hold(answer), less="somebody waits for the token to be renewed"
    )
    assert holds.active == (hold(850, 90), given_hold(answer))


def test_whoever_is_pushed_back_by_one_that_waits_waits_as_well() -> None:
    """And keeps newcomers away even if the one before it gives up."""
    waited = Holds(active=(hold(850, 90),), waiting=(place("third"),))
    holds, _ = ask(waited, wish(100), OLD)
    holds = replace(holds, waiting=holds.waiting[1:])
    assert isinstance(ask(holds, wish(100, "fourth"), OLD)[1], Queued)


def test_a_client_has_one_place_since_its_first_wish() -> None:
    holds, _ = ask(Holds(), wish(300, "a"), OLD)
    holds, _ = ask(holds, wish(300, "b"), OLD)
    later = at(860)
    holds, answer = ask(holds, wish(200, "a"), later, NOW + 10)
    assert queued(answer).retry_at == NOW + 10
    assert [(one.client, one.since, one.until) for one in holds.waiting] == [
        ("a", NOW, NOW + 10 + LIMITS.grace),
        ("b", NOW, NOW + LIMITS.grace),
    ]


def test_a_client_that_does_not_come_back_is_forgotten() -> None:
    holds, _ = ask(Holds(), wish(300, "a"), OLD)
    assert isinstance(ask(holds, wish(60, "b"), OLD, NOW + 29.9)[1], Queued)
    assert isinstance(ask(holds, wish(60, "b"), OLD, NOW + 30)[1], Held)


def test_after_the_renewal_the_wish_is_met_and_the_place_given_up() -> None:
    holds, _ = ask(Holds(), wish(300, "a"), OLD)
    holds, _ = ask(holds, wish(300, "b"), OLD)
    holds, _ = seen(holds, AFTER, NOW + 1)
    holds, answer = ask(holds, wish(300, "b"), AFTER, NOW + 1)
    assert given_hold(answer).until == NOW + 301
    assert [one.client for one in holds.waiting] == ["a"]


def test_a_hold_beside_the_wish_that_waits_leaves_its_place() -> None:
    waited = Holds(active=(hold(850, 90),), waiting=(place("me"),))
    holds, answer = ask(waited, wish(60), OLD)
    assert isinstance(answer, Held)
    assert holds.waiting == waited.waiting
    for places, kind in ((1, Queued), (2, Held)):
        limits = replace(LIMITS, per_client=places)
        assert isinstance(ask(waited, wish(60), OLD, limits=limits)[1], kind)
        assert isinstance(ask(waited, wish(60, "you"), OLD, limits=limits)[1], Held)


def test_without_a_token_there_is_something_to_wait_for() -> None:
    none = replace(OLD, token=None, renewable_from=NOW + 4, trouble="no route")
    holds, answer = ask(Holds(), wish(60), none)
    assert answer == Queued(retry_at=NOW + 4, in_the_way=None, trouble="no route")
    assert holds.waiting[0].token is None


# -- the token was replaced before they came back -------------------------------------------------

BRIEF = brief(300, age=5)  # due when it is 255 s old, so 225 s are worth a renewal
SOON = Waiting(client="a", token=OLDER, since=NOW - 99, until=NOW + 90, seconds=300)  # in 60 s


def test_the_new_token_is_not_held_beyond_the_time_somebody_was_told() -> None:
    expected = Holds(waiting=(SOON,))
    assert isinstance(ask(expected, wish(60, "b"), BRIEF)[1], Held)
    holds, answer = ask(expected, wish(61, "b"), BRIEF)
    assert answer == Queued(retry_at=NOW + 60, in_the_way=None, trouble=None)
    assert [(one.client, one.token) for one in holds.waiting] == [("a", OLDER), ("b", None)]
    mine = replace(hold(5, 30, "b"), latest=NOW + 250)
    assert given_hold(
        ask(replace(expected, active=(mine,)), wish(180, "b", extends="b-1"), BRIEF)[1]
    ) == replace(mine, until=NOW + 60)


def test_from_then_on_a_renewal_does_for_both() -> None:
    """Also if it is late: a token made at the time it was told is fresh when it comes at last."""
    holds, _ = ask(Holds(waiting=(SOON,)), wish(225, "b"), BRIEF)
    then = NOW + 60
    assert queued(ask(holds, wish(225, "b"), BRIEF, then)[1]).retry_at == then
    fresh = Present(token=replace(NEXT, issued_at=then, expires_at=then + 300), former_dies=True)
    holds, _ = seen(holds, fresh, then)
    holds, answer = ask(holds, wish(225, "b"), fresh, then)
    assert given_hold(answer).until == then + 225
    assert isinstance(ask(holds, wish(300, "a"), fresh, then + LIMITS.grace - 1)[1], Held)


@pytest.mark.parametrize(
    ("one", "present"),
    [
        (SOON, YOUNG),  # a token of 1200 s does for it
        (replace(SOON, seconds=100.0), BRIEF),
        (replace(SOON, token=None), BRIEF),
        (replace(SOON, client="b"), BRIEF),
        (SOON, replace(BRIEF, former_dies=False)),
    ],
)
def test_whom_the_new_token_does_for_is_in_nobodys_way(one: Waiting, present: Present) -> None:
    assert isinstance(ask(Holds(waiting=(one,)), wish(225, "b"), present)[1], Held)


def test_nobody_is_in_the_way_of_those_that_wait_longer() -> None:
    before = replace(SOON, client="b", until=NOW + 30)
    assert isinstance(ask(Holds(waiting=(before, SOON)), wish(225, "b"), BRIEF)[1], Held)
    assert isinstance(ask(Holds(waiting=(SOON, before)), wish(225, "b"), BRIEF)[1], Queued)


# -- renewals under way, failed, doubtful ---------------------------------------------------------


def test_nothing_is_promised_while_the_token_is_being_renewed() -> None:
    _, answer = ask(Holds(), wish(60), RUNNING)
    assert queued(answer).retry_at == NOW


def test_when_that_renewal_fails_the_token_does_after_all() -> None:
    """Whoever waited only for the outcome holds nobody up."""
    holds, _ = ask(Holds(), wish(60, "a"), RUNNING)
    failed = replace(YOUNG, trouble="offline", renewable_from=NOW + 10)
    assert isinstance(ask(holds, wish(60, "b"), failed)[1], Held)
    assert isinstance(ask(holds, wish(60, "a"), failed)[1], Held)
    needs_newer, _ = ask(Holds(), wish(300, "a"), replace(OLD, renewal="running"))
    assert isinstance(ask(needs_newer, wish(60, "b"), OLD)[1], Queued)


def test_when_the_renewal_has_failed_there_is_a_reason_instead_of_a_hold() -> None:
    failed = replace(OLD, trouble="offline", renewable_from=NOW + 10)
    _, answer = ask(Holds(), wish(300), failed)
    assert answer == Queued(retry_at=NOW + 10, in_the_way=None, trouble="offline")


def test_what_ends_before_a_renewal_is_possible_pushes_nobody_back() -> None:
    """While the server refuses us for a quarter of an hour, payments can still be protected."""
    refused = replace(OLD, trouble="invalid_client", renewable_from=NOW + 100)
    waited = Holds(waiting=(place(),))
    assert isinstance(ask(waited, wish(100), refused)[1], Held)
    assert isinstance(ask(waited, wish(101), refused)[1], Queued)


def test_a_token_whose_successor_may_be_lost_is_not_promised() -> None:
    lost = replace(YOUNG, trouble="timed out", answer_lost=True)
    holds, _ = seen(Holds(), lost, NOW)
    assert isinstance(ask(holds, wish(60), lost)[1], Queued)
    refused = replace(lost, trouble="connection refused", answer_lost=False)
    holds, _ = seen(holds, refused, NOW)
    assert isinstance(ask(holds, wish(60), refused)[1], Queued), "the doubt stays"
    holds, _ = seen(holds, AFTER, NOW)
    assert holds.doubted is None
    assert isinstance(ask(holds, wish(60), AFTER)[1], Held)


def test_while_the_terminal_is_paired_again_nothing_is_promised_and_nobody_queued() -> None:
    lost = replace(YOUNG, renewal="lost")
    mine = Holds(active=(hold(100, 60, "me"),))
    for wanted in (wish(60), wish(60, extends="me-1")):
        holds, answer = ask(mine, wanted, lost)
        assert isinstance(answer, NoHold)
        assert (answer.kind, holds) == ("lost", mine)
    assert seen(mine, lost, NOW) == (mine, ())


# -- dead tokens and broken holds -----------------------------------------------------------------


def test_a_refused_token_breaks_its_holds_and_is_not_promised_again() -> None:
    broken = hold(100, 60)
    holds, told = token_refused(Holds(active=(broken,)), NAME, YOUNG, NOW)
    assert told == (Broken(hold=broken, why="refused"),)
    assert holds == Holds(dead=NAME)
    assert known_dead(holds, token(100))
    assert not_before(holds, NOW, former_dies=True) == NOW
    for present in (YOUNG, LIVES_ON):
        assert isinstance(ask(holds, wish(60), present)[1], Queued)
    assert seen(holds, AFTER, NOW) == (Holds(), ())
    assert not known_dead(Holds(), NEXT)


def test_a_report_about_an_older_token_changes_nothing() -> None:
    holds = Holds(active=(hold(100, 60),))
    assert token_refused(holds, OLDER, YOUNG, NOW) == (holds, ())
    dead = Holds(dead=NAME)
    assert token_refused(dead, OLDER, YOUNG, NOW) == (dead, ())


def test_a_token_in_the_place_of_another_breaks_the_holds_on_it() -> None:
    standing = hold(100, 60)
    holds, broken = seen(Holds(active=(standing,)), AFTER, NOW)
    assert (holds, broken) == (Holds(), (Broken(hold=standing, why="replaced"),))


@pytest.mark.parametrize("former_dies", [True, False])
def test_a_grant_given_up_breaks_all(former_dies: bool) -> None:
    standing = hold(100, 60)
    none = Present(token=None, former_dies=former_dies)
    holds, broken = seen(Holds(active=(standing,)), none, NOW)
    assert (holds, broken) == (Holds(), (Broken(hold=standing, why="none"),))


def test_a_hold_that_has_ended_is_neither_broken_nor_in_the_way() -> None:
    over = Holds(active=(hold(100, 0),), waiting=(place(left=0),))
    assert seen(over, AFTER, NOW) == (Holds(), ())
    assert token_refused(over, NAME, YOUNG, NOW) == (Holds(dead=NAME), ())
    assert not_before(over, NOW + 1, former_dies=True) == NOW + 1


# -- where the former token lives on --------------------------------------------------------------


def test_where_the_former_lives_on_a_hold_needs_life_and_delays_nothing() -> None:
    old = replace(at(1140), former_dies=False)
    holds, answer = ask(Holds(waiting=(place(),)), wish(60), old)
    assert given_hold(answer).until == NOW + 60 == given_hold(answer).latest
    assert not_before(holds, NOW, former_dies=False) == NOW
    assert queued(ask(holds, wish(61, "b"), old)[1]).in_the_way is None
    assert seen(holds, replace(AFTER, former_dies=False), NOW) == (holds, ())


def test_there_a_renewal_under_way_or_lost_harms_nothing() -> None:
    lost = replace(LIVES_ON, renewal="running", answer_lost=True)
    holds, _ = seen(Holds(), lost, NOW)
    assert isinstance(ask(holds, wish(60), lost)[1], Held)


def test_there_a_hold_on_a_former_token_is_extended_while_that_lives() -> None:
    mine = hold(1100, 30, "me", former_dies=False)
    after = replace(AFTER, former_dies=False)
    _, answer = ask(
        Holds(active=(mine,), dead=NEXT.value.fingerprint()), wish(300, extends="me-1"), after
    )
    assert given_hold(answer) == replace(mine, until=NOW + 100)


# -- extending, releasing, ending -----------------------------------------------------------------


def test_a_hold_is_extended_from_now_and_never_shortened() -> None:
    mine = hold(100, 60, "me")
    for seconds, until in ((180, 180), (60, 60), (10, 60)):
        holds, answer = ask(Holds(active=(mine,)), wish(seconds, extends="me-1"))
        assert answer == Held(hold=replace(mine, until=NOW + until))
        assert holds == Holds(active=(given_hold(answer),))


def test_a_hold_is_extended_as_far_as_its_token_goes() -> None:
    mine = hold(850, 60, "me")
    holds, answer = ask(Holds(active=(mine,)), wish(300, extends="me-1"), OLD)
    assert given_hold(answer).until == NOW + 170 == mine.latest
    assert answer == Held(hold=given_hold(answer), less="the token has to be renewed then")
    assert holds.waiting == ()


@pytest.mark.parametrize(
    ("client", "hold_id", "now"),
    [("you", "me-1", NOW), ("me", "me-2", NOW), ("me", "me-1", NOW + 60)],
)
def test_only_an_own_hold_that_stands_is_extended(client: str, hold_id: str, now: float) -> None:
    mine = Holds(active=(hold(100, 60, "me"),))
    _, answer = ask(mine, wish(60, client, extends=hold_id), now=now)
    assert isinstance(answer, NoHold)
    assert answer.kind == "unknown"


def test_a_hold_is_released_by_its_client_or_the_administrator() -> None:
    mine, other = hold(100, 60, "me"), hold(100, 90)
    holds = Holds(active=(mine, other))
    assert released(holds, mine.id, client="me") == (Holds(active=(other,)), mine)
    assert released(holds, mine.id, client="root", admin=True) == (Holds(active=(other,)), mine)
    assert released(holds, mine.id, client="other") == (holds, None)
    assert released(holds, "none", client="root", admin=True) == (holds, None)


def test_what_is_bound_to_a_connection_ends_with_it() -> None:
    bound = replace(hold(100, 60), bound_to=7)
    free, elsewhere = hold(100, 60), replace(hold(100, 60), bound_to=8)
    holds = Holds(
        active=(bound, free, elsewhere), waiting=(replace(place("a"), bound_to=7), place("b"))
    )
    assert ended(holds, 7) == (Holds(active=(free, elsewhere), waiting=(place("b"),)), (bound,))


def test_a_place_shared_by_two_connections_ends_with_none() -> None:
    first = Wish(id="1", client="me", seconds=300, bound_to=7)
    holds, _ = ask(Holds(), first, OLD)
    assert holds.waiting[0].bound_to == 7
    again, _ = ask(holds, first, OLD)
    assert again.waiting[0].bound_to == 7
    shared, _ = ask(holds, replace(first, bound_to=8), OLD)
    assert shared.waiting[0].bound_to is None


# -- limits ---------------------------------------------------------------------------------------


def test_a_client_can_have_so_many() -> None:
    mine = tuple(hold(100, left, "me") for left in (90, 40, 60, 80))
    holds, answer = ask(Holds(active=mine), wish(60))
    assert isinstance(answer, NoHold)
    assert (answer.kind, answer.retry_at, holds) == ("client", NOW + 40, Holds(active=mine))
    assert isinstance(ask(Holds(active=mine), wish(60, "you"))[1], Held)
    assert isinstance(ask(Holds(active=mine[1:]), wish(60))[1], Held)
    assert isinstance(ask(Holds(active=mine), wish(60, extends="me-1"))[1], Held)


def test_all_clients_together_can_have_so_many() -> None:
    others = tuple(hold(850, 50 + n, f"client-{n}") for n in range(63))
    assert isinstance(ask(Holds(active=others), wish(60), OLD)[1], Held)
    full = Holds(active=others, waiting=(place(left=20),))
    _, answer = ask(full, wish(60), OLD)
    assert isinstance(answer, NoHold)
    assert (answer.kind, answer.retry_at) == ("full", NOW + 20)
    assert "64" in answer.detail


def test_whoever_waits_has_its_place_kept() -> None:
    others = tuple(hold(100, 50 + n, f"client-{n}") for n in range(63))
    holds = Holds(active=others, waiting=(replace(place("me"), token=OLDER),))
    assert isinstance(ask(holds, wish(60, "newcomer"))[1], NoHold)
    assert isinstance(ask(holds, wish(60, "me"))[1], Held)


def test_a_client_that_may_have_none_is_told_so_and_to_come_back_never() -> None:
    for holds in (Holds(), Holds(active=(hold(100, 90, "me"),))):
        _, answer = ask(holds, wish(60), limits=Limits(per_client=0))
        assert isinstance(answer, NoHold)
        assert (answer.kind, answer.retry_at) == ("never", None)
        assert "allows no hold" in answer.detail
