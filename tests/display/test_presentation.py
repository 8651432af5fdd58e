import math

import pytest

from agent.display import language
from agent.display.layout import Geometry
from agent.display.presentation import (
    GiveBack,
    Glass,
    Paint,
    Rest,
    Slot,
    lost,
    newest,
    painted,
    turn,
)
from agent.display.screens import Paper
from agent.situation import Denied, Offline, Paired, Pairing, Serving, Situation, Starting

PAPER = Paper(
    geometry=Geometry(rows=2, columns=20), language=language.load("en"), as_shown=lambda text: text
)
PAIRING = Pairing(
    user_code="WDJB-MJHT",
    verification_uri="https://pair.example.com/d",
    expires_at=835.0,
    terminal="T7F3",
)


def slot(situation: Situation, since: float = 0.0) -> Slot:
    return Slot(situation=situation, since=since)


def glass(*rows: str, painted_at: float = 0.0) -> Glass:
    return Glass(claimed=True, rows=tuple(row.ljust(20) for row in rows), painted_at=painted_at)


def test_an_unknown_glass_is_painted_whole_and_looked_at_when_the_page_ends() -> None:
    found = turn(slot(PAIRING), Glass(), PAPER, 0.0)

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
    before = glass("STARTING", "PLEASE WAIT", painted_at=10.0)

    assert turn(slot(Starting()), before, PAPER, 54.5) == Rest(until=55.0)
    again = turn(slot(Starting()), before, PAPER, 55.0)
    assert isinstance(again, Paint)
    assert again.changed == (0, 1)


def test_page_turns_do_not_put_off_the_repaint() -> None:
    paint = Paint(rows=("A", "B"), changed=(0,), until=9.0)

    assert painted(glass("X", "B", painted_at=10.0), paint, 20.0).painted_at == 10.0
    whole = Paint(rows=("A", "B"), changed=(0, 1), until=9.0)
    assert painted(glass("X", "B", painted_at=10.0), whole, 20.0) == Glass(
        claimed=True, rows=("A", "B"), painted_at=20.0
    )


def test_serving_gives_the_display_back() -> None:
    assert turn(slot(Serving()), glass("A", "B"), PAPER, 1.0) == GiveBack(until=math.inf)


def test_paired_stays_ten_seconds_then_the_display_is_given_back() -> None:
    paired = slot(Paired(owner="Cafe"), since=100.0)

    shown = turn(paired, Glass(), PAPER, 100.0)
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
    assert newest(None, PAIRING, 9.0) == slot(PAIRING, since=9.0)
    assert newest(slot(PAIRING), Starting(), 9.0) == slot(Starting(), since=9.0)


def test_after_trouble_nothing_is_believed_and_nothing_tried_before_its_time() -> None:
    after = lost(glass("A", "B"), 100.0)

    assert (after.claimed, after.rows) == (False, ())
    assert turn(slot(Starting()), after, PAPER, 100.2) == Rest(until=100.25)
    assert isinstance(turn(slot(Starting()), after, PAPER, 100.25), Paint)


def test_tries_get_rarer_up_to_a_cap_and_start_anew_after_success() -> None:
    state, pauses = Glass(), []
    for _ in range(1100):
        state = lost(state, 0.0)
        pauses.append(state.retry_at)

    assert pauses[:7] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert pauses[-1] == 5.0
    paint = Paint(rows=("A", "B"), changed=(0, 1), until=9.0)
    assert lost(painted(state, paint, 50.0), 60.0).retry_at == pytest.approx(60.25)
