import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.display.layout import (
    Animation,
    Frame,
    Geometry,
    address,
    address_pages,
    apart,
    frame,
    marked_pages,
    wrapped,
)


@pytest.mark.parametrize(
    ("uri", "typed"),
    [
        ("https://pair.example.com/d", "pair.example.com/d"),
        ("HTTPS://Pair.Example.com/D/", "Pair.Example.com/D"),
        ("http://www.secuoffice.com/", "http://www.secuoffice.com"),
        ("https://pair.example.com:8443/d?x=1", "pair.example.com:8443/d?x=1"),
        ("https://bücher.example/kasse", "xn--bcher-kva.example/kasse"),
        (
            "https://bücher.example:81/ä b".replace(" ", "%20"),
            "xn--bcher-kva.example:81/%C3%A4%20b",
        ),
        ("https://shop.example/käse", "shop.example/k%C3%A4se"),
    ],
)
def test_an_address_leads_to_the_same_place_and_is_as_short_as_it_may_be(
    uri: str, typed: str
) -> None:
    assert address(uri) == typed


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "ftp://pair.example.com",
        "file:///etc/passwd",
        "pair.example.com/d",
        "https://",
        "https://pair.example.com/\x1b[2J",
        "https://pair.example.com/a b",
        "https://pair.example.com/\x7f",
        "https://pair.example.com/\n",
        "https://[::1/",
        "https://" + "ü" * 70 + ".example",
        "https://bücher.example:port/",
        "https://pair.example.com/" + "a" * 250,
        "",
    ],
)
def test_B8_only_web_addresses_without_control_characters_and_of_sane_length(uri: str) -> None:
    assert address(uri) == ""


@pytest.mark.parametrize(
    ("shown", "columns", "pages"),
    [
        ("pair.example.com/d", 20, ("pair.example.com/d",)),
        ("pair.payments.example/device", 20, ("1/2 pair.payments.", "2/2 example/device")),
        (
            "pair.payments.example/device",
            16,
            ("1/4 pair.", "2/4 payments.", "3/4 example/", "4/4 device"),
        ),
        ("a" * 30, 20, ("1/2 " + "a" * 16, "2/2 " + "a" * 14)),
        ("my-shop.example-pay.com/xy", 16, ("1/3 my-shop.", "2/3 example-pay.", "3/3 com/xy")),
    ],
)
def test_long_addresses_are_paged_after_their_separators(
    shown: str, columns: int, pages: tuple[str, ...]
) -> None:
    assert marked_pages(shown, columns) == pages


@given(
    shown=st.text(alphabet="abc/.-", min_size=1, max_size=256),
    columns=st.sampled_from([16, 20, 40]),
)
def test_pages_hold_the_whole_address_in_order_and_fit(shown: str, columns: int) -> None:
    plain, marked = address_pages(shown, columns), marked_pages(shown, columns)

    assert "".join(plain) == shown
    assert all(0 < len(page) <= columns for page in (*plain, *marked))
    if len(marked) > 1:
        assert "".join(page.split(" ", 1)[1] for page in marked) == shown
        assert marked[-1].startswith(f"{len(marked)}/{len(marked)} ")


def test_more_than_nine_pages_get_marks_with_room() -> None:
    pages = marked_pages("a" * 130, 16)

    assert pages[0] == "1/13 " + "a" * 10
    assert pages[12] == "13/13 " + "a" * 10


@pytest.mark.parametrize(
    ("left", "right", "columns", "row"),
    [
        ("CODE", "14m", 8, "CODE 14m"),
        ("CODE", "14m", 7, None),
        ("CODE", "", 4, "CODE"),
        ("CODES", "", 4, None),
        ("", "14m", 3, "14m"),
        ("", "114m", 3, None),
        ("CODE", "14m", 20, "CODE             14m"),
    ],
)
def test_left_and_right_need_a_blank_between(
    left: str, right: str, columns: int, row: str | None
) -> None:
    assert apart(left, right, columns) == row


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("The client is not allowed", ("The client", "is not", "allowed")),
        ("exactlyten yes", ("exactlyten", "yes")),
        ("unauthorized_client", ("unauthoriz", "ed_client")),
        ("a unauthorized_client b", ("a", "unauthoriz", "ed_client", "b")),
        ("a b c d e f", ("a b c d e", "f")),
        ("   ", ()),
    ],
)
def test_words_are_wrapped_and_only_too_long_ones_cut(text: str, lines: tuple[str, ...]) -> None:
    assert wrapped(text, 10) == lines


def test_a_frame_is_filled_and_cut_to_the_glass() -> None:
    shape = Geometry(rows=2, columns=4)

    assert frame(shape, ["AB"], 1.0).rows == ("AB  ", "    ")
    assert frame(shape, ["ABCDE", "F", "G"], 1.0).rows == ("ABCD", "F   ")


@pytest.mark.parametrize(
    ("elapsed", "row", "left"),
    [
        (0, "I", 2),
        (1.5, "I", 0.5),
        (2, "A", 3),
        (4.9, "A", 0.1),
        (5, "B", 4),
        (9, "A", 3),
        (14, "B", 2),
    ],
)
def test_the_intro_comes_once_the_frames_go_round(elapsed: float, row: str, left: float) -> None:
    animation = Animation(
        intro=(Frame(("I",), 2.0),), frames=(Frame(("A",), 3.0), Frame(("B",), 4.0))
    )

    found, seconds = animation.at(elapsed)
    assert found.rows == (row,)
    assert seconds == pytest.approx(left)
