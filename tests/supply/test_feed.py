"""The feed: order, taking up again, and an end to memory."""

import pytest

from agent.supply.feed import Event, Feed


def feed(events: int, kept: int = 4) -> Feed:
    made = Feed(name="ab12", kept=kept)
    for number in range(1, events + 1):
        made.append("token", {"n": number})
    return made


def numbers(events: tuple[Event, ...] | None) -> list[object] | None:
    return None if events is None else [event.data["n"] for event in events]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("ab12-6", []),
        ("ab12-5", [6]),
        ("ab12-2", [3, 4, 5, 6]),
        ("ab12-1", None),  # 2 is forgotten
        ("ab12-0", None),
        ("ab12-7", None),  # never was
        ("zz99-5", None),  # before a restart
        ("ab12", None),
        ("", None),
        ("ab12-x", None),
        ("ab12-" + "9" * 400, None),
        (None, None),
    ],
)
def test_a_follower_takes_up_where_it_was_or_is_told_that_it_cannot(
    last: str | None, expected: list[object] | None
) -> None:
    assert numbers(feed(6).after(last)) == expected


def test_an_empty_feed_has_missed_nothing() -> None:
    assert feed(0).after("ab12-0") == ()


def test_the_feed_is_bounded() -> None:
    assert len(feed(10_000, kept=4)._events) == 4


def test_an_event_as_it_goes_over_the_wire() -> None:
    made = feed(1)
    event = made.append("state", {"state": "serving", "reason": 'Zoë "x"\n'})
    assert made.encode(event) == (
        b'id: ab12-2\nevent: state\ndata: {"state":"serving","reason":"Zo\\u00eb \\"x\\"\\n"}\n\n'
    )


def test_what_only_one_follower_is_told_has_the_id_to_take_up_from() -> None:
    made = feed(3)
    assert made.encode(Event(kind="missed", data={})).startswith(b"id: ab12-3\nevent: missed\n")
    assert made.after("ab12-3") == ()


def test_a_follower_is_told_until_it_has_enough() -> None:
    made = feed(0)
    told: list[Event] = []
    unfollow = made.follow(told.append)
    other = made.follow(lambda _: None)
    made.append("token", {"n": 1})
    unfollow()
    unfollow()  # a connection may be lost while it is being closed
    made.append("token", {"n": 2})
    other()
    assert numbers(tuple(told)) == [1]
