import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.display import language
from agent.display.layout import Animation, Geometry
from agent.display.screens import Paper, minutes_left, screen
from agent.oauth.events import Fault
from agent.situation import (
    SUPPORT_CODES,
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)
from hw.display.code_pages import as_shown

GEOMETRIES = [(1, 16), (1, 20), (2, 16), (2, 20), (2, 40), (3, 20), (4, 16), (4, 20), (4, 40)]
LANGUAGES = language.available()
NOW = 1000.0


def paper(rows: int = 2, columns: int = 20, name: str = "en", cells: str = "ascii") -> Paper:
    return Paper(
        geometry=Geometry(rows=rows, columns=columns),
        language=language.load(name),
        as_shown=lambda text: as_shown(text, cells),
    )


def pairing(
    user_code: str = "WDJB-MJHT",
    verification_uri: str = "https://pair.payments.example/device",
    seconds: float = 835,
    terminal: str = "T7F3",
    renewed: bool = False,
) -> Pairing:
    return Pairing(
        user_code=user_code,
        verification_uri=verification_uri,
        expires_at=NOW + seconds,
        terminal=terminal,
        renewed=renewed,
    )


def shown(situation: Situation, where: Paper) -> Animation:
    animation = screen(situation, paper=where, now=NOW)
    assert animation is not None
    return animation


def rows(situation: Situation, where: Paper) -> list[tuple[str, ...]]:
    return [frame.rows for frame in shown(situation, where).frames]


SITUATIONS: list[Situation] = [
    Starting(),
    *(Offline(kind=kind, reason="a reason for the log") for kind in SUPPORT_CODES),
    pairing(),
    pairing(renewed=True),
    pairing(user_code="0O1lI-ab", verification_uri="https://x.example", terminal="A" * 40),
    pairing(user_code="W" * 16),
    pairing(verification_uri="https://" + "a.b-c/" * 40),
    pairing(verification_uri="javascript:"),
    pairing(seconds=-5),
    pairing(seconds=59_940),
    pairing(user_code="W" * 41),
    Denied(description=""),
    Denied(description="Not here, said Müller. " * 20),
    *(
        Refused(
            error="unauthorized_client_" * 5, description="Ä long story € \x1b[2J" * 30, fault=f
        )
        for f in Fault
    ),
    Refused(error="", description="", fault=Fault.SERVER),
    Paused(),
    Paired(owner=None),
    Paired(owner="Café Müller & Söhne Grundstücksverwaltungsgesellschaft mbH"),
    Failed(support_code="S301", reason="a reason for the log"),
    Failed(support_code="S" * 30, reason=""),
]


@pytest.mark.parametrize(("height", "width"), GEOMETRIES)
@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("cells", ["ascii", "cp437"])
def test_every_screen_fills_every_glass_exactly(
    height: int, width: int, name: str, cells: str
) -> None:
    where = paper(height, width, name, cells)
    for situation in SITUATIONS:
        animation = shown(situation, where)
        for frame in (*animation.intro, *animation.frames):
            assert len(frame.rows) == height
            assert {len(row) for row in frame.rows} == {width}
            assert where.as_shown("".join(frame.rows)) == "".join(frame.rows)
            assert frame.seconds >= 2.0
            assert any(row.strip() for row in frame.rows)


@given(
    code=st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
    words=st.text(),
    shape=st.sampled_from(GEOMETRIES),
)
def test_no_code_and_no_words_of_a_server_break_a_screen(
    code: str, words: str, shape: tuple[int, int]
) -> None:
    where = paper(*shape)
    refused = Refused(error=words, description=words, fault=Fault.SERVER)
    for situation in (
        pairing(user_code=code, verification_uri=words),
        refused,
        Paired(owner=words),
    ):
        for frame in shown(situation, where).frames:
            assert {len(row) for row in frame.rows} == {shape[1]}
            assert all(char.isascii() and char.isprintable() for char in "".join(frame.rows))


# -- pairing --------------------------------------------------------------------------------------


def test_C1_code_and_address_are_shown_and_where_to_open_it() -> None:
    assert rows(pairing(), paper()) == [
        ("OPEN ON PHONE OR PC:", "CODE  WDJB-MJHT  14m"),
        ("1/2 pair.payments.  ", "CODE  WDJB-MJHT  14m"),
        ("2/2 example/device  ", "CODE  WDJB-MJHT  14m"),
        ("TERMINAL        T7F3", "CODE  WDJB-MJHT  14m"),
    ]


def test_C1_the_same_on_two_rows_of_sixteen_with_the_page_marks_beside_the_code() -> None:
    assert rows(pairing(), paper(columns=16, name="de")) == [
        ("HANDY ODER PC:  ", "WDJB-MJHT    14m"),
        ("pair.payments.  ", "WDJB-MJHT    1/2"),
        ("example/device  ", "WDJB-MJHT    2/2"),
        ("TERMINAL    T7F3", "WDJB-MJHT    14m"),
        ("NOCH 14 MIN     ", "WDJB-MJHT    14m"),
    ]


def test_C1_the_same_on_four_rows() -> None:
    assert rows(pairing(), paper(rows=4)) == [
        (
            "PAIR THIS TERMINAL  ",
            "1/2 pair.payments.  ",
            "CODE       WDJB-MJHT",
            "T7F3    VALID 14 MIN",
        ),
        (
            "OPEN ON PHONE OR PC:",
            "2/2 example/device  ",
            "CODE       WDJB-MJHT",
            "T7F3    VALID 14 MIN",
        ),
    ]


def test_C1_on_one_row_code_and_pages_take_turns() -> None:
    assert [row for (row,) in rows(pairing(), paper(rows=1))] == [
        "CODE  WDJB-MJHT  14m",
        "OPEN ON PHONE OR PC:",
        "CODE  WDJB-MJHT  14m",
        "1/2 pair.payments.  ",
        "CODE  WDJB-MJHT  14m",
        "2/2 example/device  ",
        "CODE  WDJB-MJHT  14m",
        "TERMINAL        T7F3",
    ]


@given(
    code=st.text(alphabet="ABCXYZabcxyz0123456789-", min_size=1, max_size=20),
    shape=st.sampled_from([shape for shape in GEOMETRIES if shape[0] > 1]),
    renewed=st.booleans(),
)
def test_C3_the_code_stands_still_exactly_as_sent(
    code: str, shape: tuple[int, int], renewed: bool
) -> None:
    animation = shown(pairing(user_code=code, renewed=renewed), paper(*shape))
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


def test_C3_codes_with_look_alikes_get_a_legend_and_stay_as_they_are() -> None:
    top = {row for row, _ in rows(pairing(user_code="O0-1l"), paper())}
    plain = {row for row, _ in rows(pairing(), paper())}

    assert {"0 ZERO  O LETTER    ", "1 ONE I l LETTER    "} <= top
    assert not any("LETTER" in row for row in plain)


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


def test_a_renewed_code_is_announced_for_two_seconds() -> None:
    for height, headline in ((1, 0), (2, 0), (4, 0)):
        intro = shown(pairing(renewed=True), paper(height)).intro
        assert [frame.seconds for frame in intro] == [2.0]
        assert intro[0].rows[headline] == "NEW CODE            "
    assert shown(pairing(), paper()).intro == ()


def test_of_a_long_terminal_id_the_end_is_shown() -> None:
    long_id = pairing(terminal="/vendor/x/serial/0123456789")

    assert rows(long_id, paper())[-1][0] == "TERMINAL /0123456789"
    assert rows(long_id, paper(rows=4))[0][3] == "3456789 VALID 14 MIN"


def test_a_single_page_address_stays_longer_than_advice() -> None:
    short = pairing(verification_uri="https://pair.example.com/d/")
    frames = shown(short, paper()).frames

    assert [(frame.rows[0].strip(), frame.seconds) for frame in frames] == [
        ("OPEN ON PHONE OR PC:", 3.0),
        ("pair.example.com/d", 8.0),
        ("TERMINAL        T7F3", 3.0),
    ]


def test_B8_an_address_that_is_none_is_not_shown() -> None:
    found = rows(pairing(verification_uri="javascript:alert(1)"), paper())

    assert found[1][0] == "NO VALID WEB ADDRESS"


# -- everything else ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("situation", "english", "german"),
    [
        (Starting(), ("STARTING", "PLEASE WAIT"), ("STARTET", "BITTE WARTEN")),
        (
            Offline(kind="network", reason=""),
            ("NO NETWORK", "CHECK CABLE     N102"),
            ("KEIN NETZWERK", "KABEL PRUEFEN   N102"),
        ),
        (
            Offline(kind="tls", reason=""),
            ("NO SAFE CONNECTION", "CALL SUPPORT    N104"),
            ("LEITUNG NICHT SICHER", "SERVICE RUFEN   N104"),
        ),
        (
            Denied(description=""),
            ("PAIRING DECLINED", "NEW CODE FOLLOWS"),
            ("KOPPLUNG ABGELEHNT", "NEUER CODE KOMMT"),
        ),
        (
            Paused(),
            ("PAIRING OFF", "ASK STAFF TO RESTART"),
            ("KOPPLUNG AUS", "PERSONAL STARTET NEU"),
        ),
        (Paired(owner=None), ("PAIRED", "READY"), ("GEKOPPELT", "BEREIT")),
        (
            Paired(owner="Café Müller"),
            ("PAIRED WITH:", "Cafe Mueller"),
            ("GEKOPPELT MIT:", "Cafe Mueller"),
        ),
        (
            Failed(support_code="S301", reason=""),
            ("TERMINAL FAULT", "CALL SUPPORT    S301"),
            ("TERMINAL GESTOERT", "SERVICE RUFEN   S301"),
        ),
    ],
)
def test_notices_in_both_languages(
    situation: Situation, english: tuple[str, str], german: tuple[str, str]
) -> None:
    for name, wanted in (("en", english), ("de", german)):
        found = rows(situation, paper(name=name))
        assert [tuple(row.rstrip() for row in frame) for frame in found] == [wanted]


def test_a_refusal_pages_the_servers_words_then_its_error_then_whom_to_call() -> None:
    refused = Refused(
        error="invalid_client",
        description="Unknown\x1b[2J terminal,\nask your mer­chant",
        fault=Fault.UNKNOWN_DEVICE,
    )

    assert [frame[1].rstrip() for frame in rows(refused, paper())] == [
        "Unknown?[2J",
        "terminal, ask your",
        "merchant",
        "invalid_client",
        "CALL SUPPORT",
    ]
    assert {frame[0].rstrip() for frame in rows(refused, paper())} == {"TERMINAL NOT KNOWN"}


def test_a_display_with_umlauts_shows_them() -> None:
    assert rows(Paired(owner="Café Müller"), paper(cells="cp437"))[0][1].strip() == "Café Müller"


def test_endless_words_of_a_server_come_to_an_end() -> None:
    refused = Refused(error="x", description="word " * 5000, fault=Fault.SERVER)

    assert len(rows(refused, paper())) <= 15


def test_while_serving_the_display_is_not_ours() -> None:
    assert screen(Serving(), paper=paper(), now=NOW) is None
    assert screen(Serving(degraded="disk full"), paper=paper(), now=NOW) is None
