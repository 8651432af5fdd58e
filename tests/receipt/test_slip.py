import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.display import language
from agent.situation import Pairing
from agent.slip import LONGEST_QR, qr_content, slip_for

NOW = 1000.0
COMPLETE = "https://pair.example.com/d?user_code=WDJB-MJHT"
TEXTS = {name: language.load(name) for name in language.available()}


def pairing(complete: str | None = COMPLETE, code: str = "WDJB-MJHT") -> Pairing:
    return Pairing(
        user_code=code,
        verification_uri="https://pair.example.com/d",
        verification_uri_complete=complete,
        expires_at=NOW + 835,
        terminal="T7F3",
    )


def test_a_slip_says_what_it_is_for_how_long_and_what_to_do_with_it() -> None:
    slip = slip_for(pairing(), TEXTS["en"], NOW)

    assert slip.title == "Pair this terminal"
    assert slip.qr == COMPLETE
    assert slip.above == ("Scan with a phone, or open:", "pair.example.com/d", "Code:")
    assert slip.code == "WDJB-MJHT"
    assert slip.below == (
        "Terminal: T7F3",
        "Valid for 14 minutes",
        "Destroy after use: whoever holds",
        "this can pair the terminal.",
    )


def test_without_a_complete_address_it_has_text_alone() -> None:
    slip = slip_for(pairing(None), TEXTS["de"], NOW)

    assert slip.qr is None
    assert slip.above == ("An Handy oder PC öffnen:", "pair.example.com/d", "Code:")


@pytest.mark.parametrize("name", TEXTS)
@given(complete=st.none() | st.text(), code=st.text(min_size=1, max_size=32))
def test_every_line_fits_the_narrowest_paper(name: str, complete: str | None, code: str) -> None:
    slip = slip_for(pairing(complete, code), TEXTS[name], NOW)

    assert all(len(line) <= 32 for line in (slip.title, *slip.above))
    assert all(len(line) <= 32 for line in slip.below[1:])
    assert slip.code == code


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "http://pair.example.com/d?user_code=X",
        "javascript:alert(1)",
        "https://",
        "https://pair.example.com/\x1b@",
        "https://pair.example.com/ä",
        "https://" + "x" * LONGEST_QR,
    ],
)
def test_only_an_https_address_that_fits_becomes_a_qr_code(uri: str | None) -> None:
    assert qr_content(uri) is None


def test_the_longest_address_that_fits_does() -> None:
    uri = "https://a.example/".ljust(LONGEST_QR, "x")

    assert qr_content(uri) == uri
