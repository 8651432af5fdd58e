import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.display.screens import overlay_screen, screen
from agent.oauth.events import Fault
from agent.situation import (
    SUPPORT_CODES,
    About,
    Denied,
    Failed,
    HeldButton,
    Offline,
    Overlay,
    Paired,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)
from tests.display.drawn import GEOMETRIES, LANGUAGES, NOW, pairing, paper, rows, shown

SITUATIONS: list[Situation] = [
    Starting(),
    *(Offline(kind=kind, reason="a reason for the log") for kind in SUPPORT_CODES),
    pairing(),
    pairing(renewed=True),
    pairing(reidentified=True),
    pairing(reidentified=True, renewed=True, user_code="8B5S-2Z6G", terminal=""),
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
UUID = "/vendor/secucard/model/px30/serial/4711-0815-0003"
OVERLAYS: list[Overlay] = [
    *(HeldButton(pairs_at=NOW + seconds) for seconds in (-1, 0, 0.1, 2, 3, 99)),
    *(
        About(uuid=UUID, situation=situation, until=NOW + 30)
        for situation in (*SITUATIONS, Serving(), Serving(degraded="flash: 100 % full\x1b[2J"))
    ),
    About(uuid="", situation=Serving(), until=NOW),
    About(uuid="/vendor/Müller & Söhne/" + "x" * 500, situation=Serving(), until=NOW),
]


@pytest.mark.parametrize(("height", "width"), GEOMETRIES)
@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("cells", ["ascii", "cp437"])
def test_every_screen_fills_every_glass_exactly(
    height: int, width: int, name: str, cells: str
) -> None:
    where = paper(height, width, name, cells)
    animations = [shown(situation, where) for situation in SITUATIONS]
    animations += [overlay_screen(overlay, paper=where, now=NOW) for overlay in OVERLAYS]
    for animation in animations:
        for frame in (*animation.intro, *animation.frames):
            assert len(frame.rows) == height
            assert {len(row) for row in frame.rows} == {width}
            assert where.as_shown("".join(frame.rows)) == "".join(frame.rows)
            assert frame.seconds >= 1.0
            assert any(row.strip() for row in frame.rows)


@given(
    code=st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1),
    words=st.text(),
    shape=st.sampled_from(GEOMETRIES),
    name=st.sampled_from(LANGUAGES),
)
def test_no_code_and_no_words_of_a_server_break_a_screen(
    code: str, words: str, shape: tuple[int, int], name: str
) -> None:
    where = paper(*shape, name)
    situations: tuple[Situation, ...] = (
        pairing(user_code=code, verification_uri=words, terminal=words, reidentified=True),
        Refused(error=words, description=words, fault=Fault.SERVER),
        Paired(owner=words),
    )
    animations = [shown(situation, where) for situation in situations]
    for situation in (*situations, Serving(degraded=words)):
        about = About(uuid=words, situation=situation, until=NOW)
        animations.append(overlay_screen(about, paper=where, now=NOW))
    for animation in animations:
        for frame in animation.frames:
            assert len(frame.rows) == shape[0]
            assert {len(row) for row in frame.rows} == {shape[1]}
            assert all(char.isascii() and char.isprintable() for char in "".join(frame.rows))


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
            Offline(kind="name", reason=""),
            ("NO INTERNET", "CHECK ROUTER    N103"),
            ("KEIN INTERNET", "ROUTER PRUEFEN  N103"),
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


def test_a_technician_with_four_rows_reads_that_waiting_helps_too() -> None:
    assert rows(Offline(kind="network", reason=""), paper(rows=4)) == [
        (
            "NO NETWORK          ",
            "CHECK CABLE     N102",
            "KEEPS TRYING        ",
            "                    ",
        )
    ]
