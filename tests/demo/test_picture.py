"""What the demo's window looks like, cell by cell."""

from agent.demo.picture import frame, picture, side_by_side

CELLS = ("1/2 http://127.0.0.1", "CODE  abcfgh23   19m")


def test_the_glass_is_framed_as_it_is() -> None:
    assert frame(CELLS) == (
        "┌──────────────────────┐",
        "│ 1/2 http://127.0.0.1 │",
        "│ CODE  abcfgh23   19m │",
        "└──────────────────────┘",
    )


def test_rows_of_different_length_share_one_frame() -> None:
    assert frame(("a", "bcd")) == ("┌─────┐", "│ a   │", "│ bcd │", "└─────┘")


def test_columns_of_different_height_stand_beside_each_other() -> None:
    assert side_by_side(("ab",), ("x", "y"), width=20) == ("ab   x", "     y")
    assert side_by_side(("ab", "c"), (), width=20) == ("ab", "c")
    assert side_by_side((), ("x",), width=20) == ("   x",)


def test_nothing_is_wider_than_the_terminal() -> None:
    assert side_by_side(("abcd",), ("efghij",), width=9) == ("abcd   ef",)


def test_the_picture_has_the_display_the_newest_log_and_the_advice() -> None:
    log = ["  0.1  one", "  0.2  two", "  0.3  three has more words than fit into the column"]
    drawn = picture(cells=CELLS, log=log, advice="Open the portal.", width=60, height=8)
    assert drawn == (
        "customer display             0.1  one",
        "┌──────────────────────┐     0.2  two",
        "│ 1/2 http://127.0.0.1 │     0.3  three has more words than",
        "│ CODE  abcfgh23   19m │     fit into the column",
        "└──────────────────────┘",
        "",
        "",
        "Open the portal.",
    )


def test_an_older_log_scrolls_out() -> None:
    log = [f"line {number}" for number in range(30)]
    drawn = picture(cells=CELLS, log=log, advice="", width=60, height=8)
    assert len(drawn) == 8
    shown = "\n".join(drawn)
    assert "line 29" in shown
    assert "line 24" in shown
    assert "line 23" not in shown


def test_the_picture_keeps_its_height_and_width_whatever_is_logged() -> None:
    for log in ([], [""], ["x" * 500], ["y"] * 100):
        drawn = picture(cells=CELLS, log=log, advice="z" * 99, width=60, height=10)
        assert len(drawn) == 10
        assert max(map(len, drawn)) <= 60
