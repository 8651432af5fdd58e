"""The status in lines for a technician."""

import pytest

from agent.cli_talk import duration, printable, summary
from agent.situation import (
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Starting,
)


def lines(**status: object) -> dict[str, str]:
    told = (line.partition(":") for line in summary(status))
    return {name: text.strip() for name, _, text in told}


@pytest.mark.parametrize(
    "situation",
    [Starting, Offline, Pairing, Denied, Refused, Paused, Paired, Serving, Failed],
)
def test_every_state_has_a_sentence(situation: type) -> None:
    state = situation.__name__.lower()
    assert lines(state=state)["State"] not in ("", state)


def test_an_unknown_state_is_shown_as_it_is() -> None:
    assert lines(state="dreaming")["State"] == "dreaming"
    assert lines()["State"] == "unknown"


def test_a_reason_carries_its_support_code() -> None:
    told = lines(state="offline", reason="no route", support_code="N102")
    assert told["Reason"] == "no route (support code N102)"
    assert lines(reason="no route")["Reason"] == "no route"
    assert "Reason" not in lines(reason=None)


def test_a_pairing_says_where_and_how_long() -> None:
    told = lines(state="pairing", verification_uri="https://a.example/c", code_expires_in=119)
    assert told["Approve at"] == "https://a.example/c"
    assert told["Code"] == "valid for 119 s more"


def test_a_grant_that_was_not_saved_is_said_loudly() -> None:
    told = lines(renewal={"due_within": 60, "failures": 3, "grant_saved": False})
    assert told["Renewal"] == (
        "due within 60 s, 3 tries failed in a row; the grant could NOT be saved and would be lost"
        " with the power"
    )
    assert lines(renewal={})["Renewal"] == "not due"
    assert "Renewal" not in lines(renewal=None)


def test_a_token_is_told_by_life_and_fingerprint() -> None:
    assert lines(token=None)["Token"] == "none"
    assert lines(token={})["Token"] == "there is one"
    assert lines(token={"expires_in": 60})["Token"] == "lives 60 s more"


def test_further_facts_are_flattened() -> None:
    told = lines(store={"path": "/g", "direct_io": True, "bad": None}, display="claimed", version=1)
    assert told["Store"] == "path /g, direct_io yes, bad none"
    assert told["Display"] == "claimed"
    assert told["Version"] == "1"
    assert lines(store={"direct_io": False})["Store"] == "direct_io no"
    assert lines(store={"slots": ["valid", "blank"]})["Store"] == "slots valid/blank"


def test_no_server_can_move_the_cursor() -> None:
    assert lines(state="refused", reason="a\x1b[2Jb\nc")["Reason"] == "a�[2Jb�c"
    assert printable("Zoë") == "Zoë"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"), (0, "0 s"), (119, "119 s"), (119.6, "2 min"), (120, "2 min"), (3599, "59 min"),
        (3600, "1 h"), (3660, "1 h 1 min"), (86_399, "23 h 59 min"), (86_400, "1 d"),
        (90_000, "1 d 1 h"), (90_000 * 10, "10 d 10 h"),
    ],
)  # fmt: skip
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration(seconds) == text
