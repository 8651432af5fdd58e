import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.situation import (
    About,
    HeldButton,
    Offline,
    Serving,
    Situation,
)
from tests.display.drawn import NOW, over, pairing, paper

UUID = "/vendor/secucard/model/px30/serial/4711-0815-0003"


@pytest.mark.parametrize(
    ("left", "seconds"), [(5, 5), (4.2, 5), (4.0, 4), (0.1, 1), (0, 0), (-1, 0)]
)
def test_a_held_button_counts_down_and_says_how_to_cancel(left: float, seconds: int) -> None:
    held = HeldButton(pairs_at=NOW + left)

    assert over(held, paper()) == [[f"PAIR AGAIN IN {seconds}", "LET GO TO CANCEL"]]
    assert over(held, paper(columns=16, name="de")) == [
        [f"KOPPELT NEU IN {seconds}", "SONST LOSLASSEN"]
    ]


def test_on_one_row_the_seconds_and_the_way_out_take_turns() -> None:
    held = HeldButton(pairs_at=NOW + 5)

    shown = [over(held, paper(rows=1), NOW + passed)[0][0] for passed in range(5)]
    assert shown == [
        "PAIR AGAIN IN 5",
        "LET GO TO CANCEL",
        "PAIR AGAIN IN 3",
        "LET GO TO CANCEL",
        "PAIR AGAIN IN 1",
    ]


def test_about_shows_the_whole_uuid_then_how_the_terminal_is() -> None:
    about = About(uuid=UUID, situation=Serving(), until=NOW + 30)

    assert over(about, paper()) == [
        ["THIS TERMINAL IS 1/3", "/vendor/secucard/"],
        ["THIS TERMINAL IS 2/3", "model/px30/serial/"],
        ["THIS TERMINAL IS 3/3", "4711-0815-0003"],
        ["PAIRED AND READY", ""],
    ]
    assert over(about, paper(rows=4, columns=16))[0] == [
        "TERMINAL     1/2",
        "/vendor/",
        "secucard/model/",
        "px30/serial/",
    ]
    assert over(about, paper(rows=1))[:2] == [["THIS TERMINAL IS"], ["1/4 /vendor/"]]


@given(uuid=st.text(alphabet="abcXYZ019/-.", min_size=1, max_size=120))
@pytest.mark.parametrize("shape", [(1, 20), (2, 16), (2, 40), (4, 20)])
def test_no_character_of_the_uuid_is_lost(uuid: str, shape: tuple[int, int]) -> None:
    about = About(uuid=uuid, situation=Serving(), until=NOW + 30)
    frames = over(about, paper(*shape))[:-1]
    parts = [row for frame in (frames[1:] if shape[0] == 1 else frames) for row in frame]
    if shape[0] == 1:
        parts = [re.sub(r"^\d+/\d+ ", "", part) if len(parts) > 1 else part for part in parts]
    else:
        parts = [row for frame in frames for row in frame[1:]]

    assert "".join(parts) == uuid


@pytest.mark.parametrize(
    ("situation", "last"),
    [
        (Serving(), ["PAIRED AND READY", ""]),
        (Serving(degraded="disk full"), ["READY, WITH TROUBLE", "disk full"]),
        (Offline(kind="network", reason=""), ["NO NETWORK", "CHECK CABLE     N102"]),
        (pairing(user_code="WHJK-MJHT"), ["TERMINAL        T7F3", "CODE  WHJK-MJHT  14m"]),
    ],
)
def test_about_ends_with_the_situation_in_words(situation: Situation, last: list[str]) -> None:
    about = About(uuid="/vendor/a/serial/1", situation=situation, until=NOW + 30)

    assert over(about, paper())[0] == ["THIS TERMINAL IS", "/vendor/a/serial/1"]
    assert over(about, paper())[-1] == last
