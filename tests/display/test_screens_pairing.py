import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.display.screens import minutes_left
from agent.display.screens_pairing import address_page_count
from agent.situation import (
    Denied,
    Failed,
    Paired,
    Paused,
    Situation,
    Starting,
)
from tests.display.drawn import GEOMETRIES, LANGUAGES, NOW, pairing, paper, rows, shown


def test_C1_code_and_address_are_shown_and_where_to_open_it() -> None:
    assert rows(pairing(), paper()) == [
        ("OPEN ON PHONE OR PC:", "CODE  WDJB-MJHT  14m"),
        ("1/2 pair.payments.  ", "CODE  WDJB-MJHT  14m"),
        ("2/2 example/device  ", "CODE  WDJB-MJHT  14m"),
        ("LETTERS, NO DIGITS  ", "CODE  WDJB-MJHT  14m"),
        ("TERMINAL        T7F3", "CODE  WDJB-MJHT  14m"),
    ]


def test_C1_the_same_on_two_rows_of_sixteen_with_the_page_marks_beside_the_code() -> None:
    assert rows(pairing(), paper(columns=16, name="de")) == [
        ("HANDY ODER PC:  ", "WDJB-MJHT    14m"),
        ("pair.payments.  ", "WDJB-MJHT    1/2"),
        ("example/device  ", "WDJB-MJHT    2/2"),
        ("NUR BUCHSTABEN  ", "WDJB-MJHT    14m"),
        ("TERMINAL    T7F3", "WDJB-MJHT    14m"),
        ("NOCH 14 MIN     ", "WDJB-MJHT    14m"),
    ]


def test_C1_on_two_rows_of_forty_nearly_everything_stands_still() -> None:
    short = pairing(verification_uri="https://pair.example/d", user_code="WHJK-MJHT")

    assert rows(short, paper(columns=40)) == [
        ("OPEN ON PHONE OR PC:      pair.example/d", "CODE  WHJK-MJHT       T7F3  VALID 14 MIN")
    ]
    assert [row for row, _ in rows(pairing(), paper(columns=40))] == [
        "OPEN ON PHONE OR PC:".ljust(40),
        "pair.payments.example/device".ljust(40),
        "LETTERS, NO DIGITS".ljust(40),
    ]


def test_C1_the_same_on_four_rows_with_the_code_spelled_out() -> None:
    found = rows(pairing(user_code="WHJK-MJHT"), paper(rows=4))

    assert found[0] == (
        "PAIR THIS TERMINAL  ",
        "1/2 pair.payments.  ",
        "CODE       WHJK-MJHT",
        "T7F3    VALID 14 MIN",
    )
    assert [frame[:2] for frame in found] == [
        ("PAIR THIS TERMINAL  ", "1/2 pair.payments.  "),
        ("OPEN ON PHONE OR PC:", "2/2 example/device  "),
        ("W H J K - M J H T   ", "1/2 pair.payments.  "),
        ("PAIR THIS TERMINAL  ", "2/2 example/device  "),
    ]
    assert {frame[2:] for frame in found} == {found[0][2:]}


def test_C1_on_four_rows_of_forty_labels_stand_beside_what_they_name() -> None:
    assert rows(pairing(), paper(rows=4, columns=40))[0] == (
        "PAIR THIS TERMINAL".ljust(40),
        "pair.payments.example/device".ljust(40),
        "CODE  WDJB-MJHT".ljust(40),
        "TERMINAL T7F3               VALID 14 MIN",
    )


def test_C1_on_one_row_code_and_pages_take_turns() -> None:
    found = [row for (row,) in rows(pairing(user_code="WHJK-MJHT"), paper(rows=1))]

    assert set(found[::2]) == {"CODE  WHJK-MJHT  14m"}
    assert found[1::2] == [
        "OPEN ON PHONE OR PC:",
        "1/2 pair.payments.  ",
        "2/2 example/device  ",
        "TERMINAL        T7F3",
    ]


@pytest.mark.parametrize(("height", "width"), GEOMETRIES)
def test_C1_every_page_of_the_address_is_shown_in_order_and_equally_long(
    height: int, width: int
) -> None:
    uri = "https://" + ".".join(f"part{n:02}" for n in range(20)) + "/device"
    where = paper(height, width)
    marks = re.compile(rf"(\d+)/{address_page_count(pairing(verification_uri=uri), where)}\b")
    found = [marks.search(" ".join(frame)) for frame in rows(pairing(verification_uri=uri), where)]
    order = [int(mark[1]) for mark in found if mark]

    pages = address_page_count(pairing(verification_uri=uri), where)
    assert pages > 3
    assert order == list(range(1, pages + 1)) * (len(order) // pages)


@given(
    code=st.text(alphabet="ABCXYZabcxyz0123456789-", min_size=1, max_size=20),
    shape=st.sampled_from([shape for shape in GEOMETRIES if shape[0] > 1]),
    name=st.sampled_from(LANGUAGES),
    uri=st.sampled_from(["https://x.example", "https://" + "a.b-c/" * 30, "javascript:"]),
    renewed=st.booleans(),
    reidentified=st.booleans(),
)
def test_C3_the_code_stands_still_exactly_as_sent(
    code: str,
    shape: tuple[int, int],
    name: str,
    uri: str,
    renewed: bool,
    reidentified: bool,
) -> None:
    situation = pairing(code, uri, renewed=renewed, reidentified=reidentified)
    animation = shown(situation, paper(*shape, name))
    frames = (*animation.intro, *animation.frames)
    if len(code) > shape[1]:
        assert not any(code in row for frame in frames for row in frame.rows)
        return
    places = {
        (number, row.find(code))
        for frame in frames
        for number, row in enumerate(frame.rows)
        if number == (1 if shape[0] < 4 else 2)
    }
    assert len(places) == 1
    assert places.pop()[1] >= 0


@pytest.mark.parametrize("code", ["W" * 21, "ÄÖ-123", "AB\tCD", "日本"])
def test_C3_a_code_that_cannot_be_shown_as_sent_is_not_shown_otherwise(code: str) -> None:
    assert rows(pairing(user_code=code), paper()) == [
        ("CODE DOES NOT FIT   ", "CALL SUPPORT        ")
    ]


@pytest.mark.parametrize(
    ("code", "hints"),
    [
        ("WHJK-MJHT", []),
        ("WDJB-MJHT", ["LETTERS, NO DIGITS"]),
        ("7493", []),
        ("0815", ["DIGITS, NO LETTERS"]),
        ("ACX4", []),
        ("O0-1l", ["1 ONE I l LETTER", "0 DIGIT O LETTER"]),
        ("S7", ["5 DIGIT S LETTER"]),
        ("8BSZG5260O1l", ["1 ONE I l LETTER", "0 DIGIT O LETTER"]),
        ("----", []),
    ],
)
def test_C3_codes_with_look_alikes_get_a_legend_and_stay_as_they_are(
    code: str, hints: list[str]
) -> None:
    found = rows(pairing(user_code=code), paper())

    words = re.compile("LETTER|DIGIT")
    assert [row.strip() for row, _ in found if words.search(row)] == hints
    assert all(code in row for _, row in found)


def test_C7_an_expired_code_is_no_longer_shown() -> None:
    for height, width in GEOMETRIES:
        for frame in shown(pairing(seconds=0), paper(height, width)).frames:
            assert "WDJB-MJHT" not in "".join(frame.rows)


@pytest.mark.parametrize(
    "situation",
    [
        Denied(description=""),
        Paused(),
        Paired(owner="Cafe"),
        Starting(),
        Failed(support_code="S1", reason=""),
    ],
)
def test_C7_no_screen_but_pairing_holds_a_code(situation: Situation) -> None:
    text = "".join(itertools.chain.from_iterable(rows(situation, paper())))

    assert "CODE  " not in text


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(0, 0), (-1, 0), (0.1, 1), (60, 1), (60.1, 2), (835, 14), (1e9, 999)]
)
def test_C8_minutes_left_are_rounded_up(seconds: float, minutes: int) -> None:
    assert minutes_left(NOW + seconds, NOW) == minutes


def test_C8_a_code_too_wide_for_a_countdown_gets_a_page_with_it() -> None:
    long_code = pairing(user_code="ABCDEFGH-JKLMNOPQR")

    found = rows(long_code, paper())
    assert ("VALID 14 MIN        ", "ABCDEFGH-JKLMNOPQR  ") in found


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("ABC-DEFGH", "CODE  ABC-DEFGH  14m"),
        ("ABCD-EFGHI", "ABCD-EFGHI       14m"),
        ("ABCDEFGH-IJKLMNO", "ABCDEFGH-IJKLMNO 14m"),
        ("ABCDEFGH-IJKLMNOP", "ABCDEFGH-IJKLMNOP   "),
    ],
)
def test_label_yields_first_then_the_countdown(code: str, row: str) -> None:
    assert rows(pairing(user_code=code), paper())[0][1] == row


def test_a_renewed_code_is_announced_and_says_so_until_its_end() -> None:
    for height in (1, 2, 4):
        animation = shown(pairing(renewed=True), paper(height))
        assert [frame.seconds for frame in animation.intro] == [2.0]
        assert animation.intro[0].rows[0] == "NEW CODE            "
        labels = {row.split("WDJB")[0] for f in animation.frames for row in f.rows if "WDJB" in row}
        assert labels == ({"NEW CODE   "} if height == 4 else {"NEW   "})
    assert shown(pairing(), paper()).intro == ()


def test_where_the_label_has_no_room_a_page_says_that_the_code_is_new() -> None:
    tops = [row.rstrip() for row, _ in rows(pairing(renewed=True), paper(columns=16))]

    assert tops[-3:] == ["NEW CODE", "TERMINAL    T7F3", "VALID 14 MIN"]
    assert "NEW CODE" not in [row.rstrip() for row, _ in rows(pairing(), paper(columns=16))]


@pytest.mark.parametrize(
    ("columns", "name", "found"),
    [
        (16, "en", ["NEW SERIAL NO.", "PAIR IT AGAIN"]),
        (20, "en", ["SERIAL NO. CHANGED", "PAIR TERMINAL AGAIN"]),
        (40, "en", ["SERIAL NUMBER CHANGED", "PAIR THIS TERMINAL AGAIN"]),
        (16, "de", ["SERIENNR. NEU", "ERNEUT KOPPELN"]),
        (20, "de", ["NEUE SERIENNUMMER", "ERNEUT KOPPELN"]),
    ],
)
def test_a_changed_serial_number_is_the_first_thing_that_is_said(
    columns: int, name: str, found: list[str]
) -> None:
    again = pairing(reidentified=True)

    for height in (2, 4):
        titles = [frame[0].rstrip() for frame in rows(again, paper(height, columns, name))]
        if height == 2:
            assert titles[:2] == found
        else:
            assert titles[0] == found[0]
            assert found[1] in titles
    one_row = [row.rstrip() for (row,) in rows(again, paper(1, columns, name))]
    assert one_row[1:4:2] == found


def test_of_a_long_terminal_id_the_end_is_shown() -> None:
    long_id = pairing(terminal="/vendor/x/serial/0123456789")

    assert rows(long_id, paper())[-1][0] == "TERMINAL /0123456789"
    assert rows(long_id, paper(rows=4))[0][3] == "3456789 VALID 14 MIN"


def test_a_single_page_address_stays_longer_than_advice() -> None:
    short = pairing(verification_uri="https://pair.example.com/d/", user_code="WHJK-MJHT")
    frames = shown(short, paper()).frames

    assert [(frame.rows[0].strip(), frame.seconds) for frame in frames] == [
        ("OPEN ON PHONE OR PC:", 3.0),
        ("pair.example.com/d", 8.0),
        ("TERMINAL        T7F3", 3.0),
    ]


def test_an_address_of_many_pages_is_typed_page_by_page() -> None:
    """Six pages: each says its number, and stays long enough to be typed."""
    uri = "https://accounts.payments-production.example.com/terminals/"
    uri += "authorization/device/start-here/now"
    long = pairing(verification_uri=uri)
    frames = shown(long, paper()).frames

    assert address_page_count(long, paper()) == 6
    assert [(*frame.rows, frame.seconds) for frame in frames[1:7]] == [
        ("accounts.payments-  ", "CODE  WDJB-MJHT  1/6", 6.0),
        ("production.example. ", "CODE  WDJB-MJHT  2/6", 6.0),
        ("com/terminals/      ", "CODE  WDJB-MJHT  3/6", 6.0),
        ("authorization/      ", "CODE  WDJB-MJHT  4/6", 6.0),
        ("device/start-here/  ", "CODE  WDJB-MJHT  5/6", 6.0),
        ("now                 ", "CODE  WDJB-MJHT  6/6", 6.0),
    ]


def test_B8_an_address_that_is_none_is_not_shown() -> None:
    found = rows(pairing(verification_uri="javascript:alert(1)"), paper())

    assert found[1][0] == "NO VALID WEB ADDRESS"
