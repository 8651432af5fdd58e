import math
from dataclasses import replace

import pytest

from agent.display import language
from agent.display.layout import Geometry
from agent.display.presentation import (
    Ask,
    Claim,
    GiveBack,
    Glass,
    Paint,
    Rest,
    Slot,
    asked,
    found,
    lost,
    newest,
    overlaid,
    painted,
    turn,
    without,
)
from agent.display.screens import Paper, overlay_screen
from agent.oauth.events import Fault
from agent.situation import (
    About,
    Denied,
    Failed,
    HeldButton,
    Offline,
    Overlay,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)
from hw.contract import Presence

PAPER = Paper(
    geometry=Geometry(rows=2, columns=20), language=language.load("en"), as_shown=lambda text: text
)
PAIRING = Pairing(
    user_code="WDJB-MJHT",
    verification_uri="https://pair.example.com/d",
    expires_at=835.0,
    terminal="T7F3",
)

CLAIMED = Glass(claimed=True)
ASKED = Glass(claimed=True, asked_at=0.0)


def slot(situation: Situation, since: float = 0.0) -> Slot:
    return Slot(situation=situation, since=since)


def glass(*rows: str, painted_at: float = 0.0) -> Glass:
    shown = tuple(row.ljust(20) for row in rows)
    return Glass(claimed=True, rows=shown, painted_at=painted_at, asked_at=painted_at)


def test_an_unknown_glass_is_painted_whole_and_looked_at_when_the_page_ends() -> None:
    found = turn(slot(PAIRING), ASKED, PAPER, 0.0)

    rows = ("OPEN ON PHONE OR PC:", "CODE  WDJB-MJHT  14m")
    assert found == Paint(rows=rows, changed=(0, 1), until=3.0)


def test_only_the_row_that_differs_is_written() -> None:
    found = turn(slot(PAIRING), glass("OPEN ON PHONE OR PC:", "CODE  WDJB-MJHT  14m"), PAPER, 3.0)

    assert isinstance(found, Paint)
    assert found.changed == (0,)
    assert found.rows[0].strip() == "pair.example.com/d"


def test_C8_the_countdown_is_looked_at_when_the_minute_changes() -> None:
    before = glass("pair.example.com/d", "CODE  WDJB-MJHT  14m", painted_at=50.0)

    assert turn(slot(PAIRING, since=50.0), before, PAPER, 54.0) == Rest(until=55.0)
    after = turn(slot(PAIRING, since=50.0), before, PAPER, 55.0)
    assert isinstance(after, Paint)
    assert after.rows[1].endswith("13m")


def test_C7_an_expired_code_leaves_the_glass_at_once() -> None:
    before = glass("pair.example.com/d", "CODE  WDJB-MJHT   1m", painted_at=830.0)

    assert turn(slot(PAIRING, since=830.0), before, PAPER, 834.0) == Rest(until=835.0)
    after = turn(slot(PAIRING, since=830.0), before, PAPER, 835.0)
    assert isinstance(after, Paint)
    assert after.rows[0].strip() == "CODE EXPIRED"
    assert after.until == 838.0


def test_an_unchanged_screen_is_repainted_now_and_then() -> None:
    before = replace(glass("STARTING", "PLEASE WAIT", painted_at=10.0), asked_at=30.0)

    assert turn(slot(Starting()), before, PAPER, 54.5) == Rest(until=55.0)
    again = turn(slot(Starting()), before, PAPER, 55.0)
    assert isinstance(again, Paint)
    assert again.changed == (0, 1)


def test_page_turns_do_not_put_off_the_repaint() -> None:
    paint = Paint(rows=("A", "B"), changed=(0,), until=9.0)

    assert painted(glass("X", "B", painted_at=10.0), paint, 20.0).painted_at == 10.0
    whole = Paint(rows=("A", "B"), changed=(0, 1), until=9.0)
    assert painted(glass("X", "B", painted_at=10.0), whole, 20.0) == Glass(
        claimed=True, rows=("A", "B"), painted_at=20.0, asked_at=10.0
    )


def test_serving_gives_the_display_back() -> None:
    assert turn(slot(Serving()), glass("A", "B"), PAPER, 1.0) == GiveBack(until=math.inf)


def test_paired_stays_ten_seconds_then_the_display_is_given_back() -> None:
    paired = slot(Paired(owner="Cafe"), since=100.0)

    shown = turn(paired, CLAIMED, PAPER, 100.0)
    assert isinstance(shown, Paint)
    late = turn(paired, glass(*shown.rows, painted_at=100.0), PAPER, 109.0)
    assert late == Rest(until=110.0)
    assert turn(paired, glass(*shown.rows), PAPER, 110.0) == GiveBack(until=math.inf)


def test_nobody_is_hurried_off_the_paired_screen() -> None:
    paired = slot(Paired(owner="Cafe"), since=100.0)

    assert newest(paired, Serving(), 109.9) == paired
    assert newest(paired, Serving(), 110.0) == slot(Serving(), since=110.0)
    assert newest(paired, Denied(description=""), 101.0).situation == Denied(description="")


def test_saying_the_same_again_does_not_start_the_screen_over() -> None:
    network = slot(Offline(kind="network", reason="refused"), since=5.0)

    again = newest(network, Offline(kind="network", reason="timeout"), 9.0)
    assert (again.since, again.situation) == (5.0, Offline(kind="network", reason="timeout"))
    assert newest(network, Offline(kind="tls", reason="timeout"), 9.0).since == 9.0
    assert newest(slot(PAIRING, since=5.0), PAIRING, 9.0).since == 5.0
    assert newest(Slot(), PAIRING, 9.0) == slot(PAIRING, since=9.0)
    assert newest(slot(PAIRING), Starting(), 9.0) == slot(Starting(), since=9.0)


def test_after_trouble_nothing_is_believed_and_nothing_tried_before_its_time() -> None:
    after = lost(glass("A", "B"), 100.0)

    assert (after.claimed, after.rows) == (False, ())
    assert turn(slot(Starting()), after, PAPER, 100.2) == Rest(until=100.25)
    assert turn(slot(Starting()), after, PAPER, 100.25) == Claim(may_skip=False)


def test_tries_get_rarer_up_to_a_cap_and_start_anew_after_success() -> None:
    state, pauses = Glass(), []
    for _ in range(1100):
        state = lost(state, 0.0)
        pauses.append(state.retry_at)

    assert pauses[:7] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert pauses[-1] == 5.0
    paint = Paint(rows=("A", "B"), changed=(0, 1), until=9.0)
    assert lost(painted(state, paint, 50.0), 60.0).retry_at == pytest.approx(60.25)


def test_a_port_that_is_not_there_is_looked_for_all_the_time() -> None:
    state = Glass()
    for _ in range(1100):
        state = lost(state, 60.0, there=False)

    assert (state.missing, state.retry_at) == (True, 61.0)
    assert lost(state, 70.0).retry_at == 70.25
    assert turn(slot(Starting()), found(state), PAPER, 60.1) == Claim(may_skip=False)


def test_a_port_that_just_vanished_is_tried_once_more_soon() -> None:
    """It may be another one by now; and only a failed try is worth a word in the log."""
    after = lost(glass("A", "B"), 60.0, there=False)

    assert after.missing
    assert after.retry_at == pytest.approx(60.06)
    assert painted(after, Paint(rows=("A",), changed=(0,), until=9.0), 61.0).missing is False


def test_without_a_situation_there_is_nothing_to_say() -> None:
    assert turn(Slot(), Glass(), PAPER, 1.0) == GiveBack(until=math.inf)


# -- presence -------------------------------------------------------------------------------------


def answering(presence: Presence, asked_at: float = 10.0) -> Glass:
    shown = glass("STARTING", "PLEASE WAIT", painted_at=asked_at)
    return asked(shown, presence, asked_at)


@pytest.mark.parametrize("presence", ["confirmed", "absent"])
def test_a_display_that_has_answered_is_asked_every_three_seconds(presence: Presence) -> None:
    display = answering(presence)

    assert turn(slot(Starting()), display, PAPER, 12.5) == Rest(until=13.0)
    assert turn(slot(Starting()), display, PAPER, 13.0) == Ask()
    assert turn(slot(Starting()), asked(display, presence, 13.0), PAPER, 13.0) == Rest(until=16.0)


def test_the_first_screen_is_up_before_the_display_is_asked() -> None:
    """Silence costs half a second, and many a cable has no return wire."""
    first = turn(slot(PAIRING), CLAIMED, PAPER, 10.0)
    assert isinstance(first, Paint)
    assert first.until == 10.0
    up = painted(CLAIMED, first, 10.0)

    assert turn(slot(PAIRING), up, PAPER, 10.0) == Ask()
    assert isinstance(turn(slot(PAIRING), asked(up, "unknown", 10.4), PAPER, 10.4), Rest)


def test_one_that_never_answered_is_left_alone_between_repaints() -> None:
    display = answering("unknown")

    assert turn(slot(Starting()), display, PAPER, 54.0) == Rest(until=55.0)
    assert turn(slot(Starting()), display, PAPER, 55.0) == Ask()
    again = turn(slot(Starting()), asked(display, "unknown", 55.0), PAPER, 55.0)
    assert isinstance(again, Paint)
    assert again.whole


def test_a_new_screen_does_not_wait_for_one_that_never_answered() -> None:
    display = answering("unknown")

    found = turn(slot(PAIRING), display, PAPER, 20.0)
    assert isinstance(found, Paint)
    assert found.whole
    assert isinstance(turn(slot(PAIRING), painted(display, found, 20.0), PAPER, 20.0), Rest)


def test_one_that_is_back_is_claimed_and_drawn_anew() -> None:
    assert asked(answering("absent"), "confirmed", 13.0) == Glass()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("confirmed", "absent"),
        ("absent", "absent"),
        ("unknown", "confirmed"),
        ("confirmed", "confirmed"),
        ("absent", "unknown"),
    ],
)
def test_otherwise_an_answer_changes_nothing_on_the_glass(
    before: Presence, after: Presence
) -> None:
    found = asked(answering(before), after, 13.0)

    assert (found.presence, found.asked_at, found.claimed) == (after, 13.0, True)
    assert found.rows == answering(before).rows


def test_an_absent_display_is_written_to_all_the_same() -> None:
    """Its silence may be a fault of the return wire."""
    display = answering("absent", asked_at=10.0)

    found = turn(slot(PAIRING), display, PAPER, 11.0)
    assert isinstance(found, Paint)
    assert painted(display, found, 11.0).presence == "absent"


# -- always ---------------------------------------------------------------------------------------


def test_always_keeps_the_display_blank_when_there_is_nothing_to_say() -> None:
    for nothing in (Slot(), slot(Serving()), slot(Paired(owner="Cafe"), since=-10.0)):
        found = turn(nothing, glass("PAIRED WITH:", "Cafe"), PAPER, 0.0, always=True)
        assert isinstance(found, Paint)
        assert (found.rows, found.changed) == ((" " * 20,) * 2, (0, 1))
        assert turn(nothing, glass("", ""), PAPER, 44.0, always=True) == Rest(until=45.0)


def test_always_shows_what_there_is_to_say() -> None:
    found = turn(slot(Starting()), CLAIMED, PAPER, 0.0, always=True)

    assert isinstance(found, Paint)
    assert found.rows[0].strip() == "STARTING"


# -- overlays -------------------------------------------------------------------------------------

AT_100 = Glass(claimed=True, asked_at=100.0)
HELD = HeldButton(pairs_at=105.0)
ABOUT = About(uuid="/vendor/acme/serial/k7-0117", situation=PAIRING, until=130.0)


def first_rows(overlay: Overlay, now: float) -> tuple[str, ...]:
    return overlay_screen(overlay, paper=PAPER, now=now).at(0.0)[0].rows


@pytest.mark.parametrize("below", [Slot(), slot(Serving()), slot(PAIRING), slot(Starting())])
@pytest.mark.parametrize(("overlay", "ends"), [(HELD, 105.0), (ABOUT, 130.0)])
def test_an_overlay_is_shown_until_its_time_is_over(
    below: Slot, overlay: Overlay, ends: float
) -> None:
    over = overlaid(below, overlay, 100.0)

    shown = turn(over, AT_100, PAPER, 100.0)
    assert isinstance(shown, Paint)
    assert shown.rows == first_rows(overlay, 100.0)
    assert shown.until <= ends
    last = turn(over, AT_100, PAPER, ends - 0.01)
    assert isinstance(last, Paint)
    assert last.until == ends
    assert turn(over, AT_100, PAPER, ends) == turn(below, AT_100, PAPER, ends)


def test_an_overlay_that_is_taken_off_leaves_what_was_there() -> None:
    below = slot(PAIRING, since=90.0)
    over = overlaid(below, HELD, 100.0)

    after = overlaid(over, None, 101.0)
    assert turn(after, CLAIMED, PAPER, 101.0) == turn(below, CLAIMED, PAPER, 101.0)


def test_a_situation_below_an_overlay_waits_for_its_end() -> None:
    over = overlaid(slot(PAIRING), HELD, 100.0)
    changed = newest(over, Denied(description=""), 101.0)

    shown = turn(changed, CLAIMED, PAPER, 101.0)
    assert isinstance(shown, Paint)
    assert shown.rows == first_rows(HELD, 101.0)
    after = turn(changed, CLAIMED, PAPER, 105.0)
    assert isinstance(after, Paint)
    assert after.rows[0].strip() == "PAIRING DECLINED"


def test_putting_the_same_overlay_up_again_does_not_start_it_over() -> None:
    over = overlaid(slot(Serving()), ABOUT, 100.0)

    assert overlaid(over, ABOUT, 104.0) == over
    assert overlaid(over, HELD, 104.0).overlay_since == 104.0


def test_a_held_button_counts_the_seconds() -> None:
    over = overlaid(slot(Serving()), HELD, 100.0)
    looks = []
    now = 100.3
    while now < 105.0:
        found = turn(over, AT_100, PAPER, now)
        assert isinstance(found, Paint)
        looks.append(now)
        now = found.until
    assert looks == pytest.approx([100.3, 101.0, 102.0, 103.0, 104.0])
    assert now == 105.0


def test_the_minutes_of_a_code_pass_in_an_overlay_too() -> None:
    """The code of PAIRING has 12 minutes left until 115.0."""
    over = overlaid(slot(Serving()), ABOUT, 100.0)

    found = turn(over, AT_100, PAPER, 114.9)
    assert isinstance(found, Paint)
    assert found.until <= 115.0


def test_only_for_an_overlay_a_busy_port_may_be_let_alone() -> None:
    over_nothing = overlaid(slot(Serving()), ABOUT, 100.0)

    assert turn(over_nothing, Glass(), PAPER, 100.0) == Claim(may_skip=True)
    assert turn(over_nothing, Glass(), PAPER, 100.0, always=True) == Claim(may_skip=False)
    over_code = overlaid(slot(PAIRING), ABOUT, 100.0)
    assert turn(over_code, Glass(), PAPER, 100.0) == Claim(may_skip=False)


def test_an_overlay_is_let_alone_without_touching_the_next() -> None:
    over = overlaid(slot(Serving()), ABOUT, 100.0)

    assert without(over, ABOUT, 101.0).overlay is None
    assert without(over, HELD, 101.0) == over


# -- every situation ------------------------------------------------------------------------------

EVERY: tuple[Situation, ...] = (
    Starting(),
    Offline(kind="network", reason=""),
    PAIRING,
    Denied(description=""),
    Refused(error="invalid_client", description="", fault=Fault.SERVER),
    Paused(),
    Paired(owner=None),
    Failed(support_code="S201", reason=""),
)


@pytest.mark.parametrize("situation", EVERY, ids=lambda situation: type(situation).__name__)
def test_what_has_a_screen_claims_the_display_and_shows_it(situation: Situation) -> None:
    assert turn(slot(situation), Glass(), PAPER, 0.0) == Claim(may_skip=False)
    shown = turn(slot(situation), CLAIMED, PAPER, 0.0)
    assert isinstance(shown, Paint)
    assert "".join(shown.rows).strip()
