"""The state of holds: what everybody may see, and what survives a restart."""

import json
from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.holds_state import Held, Holds, from_plain, status, to_plain
from tests.supply.holds_table import NAME, NOW, at, hold, place, token

NEXT = AccessToken(value=Secret("at-2"), issued_at=NOW, expires_at=NOW + 1200)
FULL = Holds(
    active=(replace(hold(100, 59.9, "me"), bound_to=7), hold(100, 90)),
    waiting=(replace(place(), bound_to="unit"),),
    dead=NAME,
    doubted=NAME,
)


def test_status_shows_who_holds_and_who_waits() -> None:
    over = Holds(
        active=(*FULL.active, hold(100, 0)), waiting=(*FULL.waiting, place("late", left=0))
    )
    assert status(over, NOW) == {
        "holds": [
            {"id": "me-1", "client": "me", "fingerprint": NAME, "ends_in": 59, "since_seconds": 60},
            {
                "id": "other-1",
                "client": "other",
                "fingerprint": NAME,
                "ends_in": 90,
                "since_seconds": 60,
            },
        ],
        "waiting": [{"client": "third", "since_seconds": 10}],
    }


def through_json(holds: Holds) -> dict[str, object]:
    plain: dict[str, object] = json.loads(json.dumps(to_plain(holds)))
    return plain


def test_a_restart_changes_nothing() -> None:
    assert from_plain(through_json(FULL), token(100), NOW) == FULL
    assert from_plain(to_plain(FULL), token(100), NOW) == FULL
    assert from_plain(through_json(Holds()), token(100), NOW) == Holds()


def test_members_of_a_later_version_are_ignored() -> None:
    plain = through_json(FULL) | {"colour": "blue"}
    assert from_plain(plain, token(100), NOW) == FULL


def test_what_belongs_to_another_token_stays_behind() -> None:
    assert from_plain(through_json(FULL), NEXT, NOW) == Holds()
    assert from_plain(through_json(FULL), None, NOW) == Holds()


@pytest.mark.parametrize(
    "incredible",
    [
        Holds(active=(hold(100, 0),)),
        Holds(active=(replace(hold(100, 60), since=NOW + 1),)),
        Holds(active=(replace(hold(100, 60), latest=NOW + 59),)),
        Holds(active=(replace(hold(100, 60), latest=NOW + 1101),)),
        Holds(waiting=(place(left=0),)),
        Holds(waiting=(replace(place(), since=NOW + 1),)),
    ],
)
def test_what_is_over_or_of_another_boot_stays_behind(incredible: Holds) -> None:
    assert from_plain(through_json(incredible), token(100), NOW) == Holds()


@pytest.mark.parametrize(
    "credible",
    [
        Holds(active=(replace(hold(100, 60), since=NOW),), waiting=(replace(place(), since=NOW),)),
        Holds(active=(replace(hold(100, 60), until=NOW + 1100, latest=NOW + 1100),)),
    ],
)
def test_what_can_just_be_is_kept(credible: Holds) -> None:
    assert from_plain(through_json(credible), token(100), NOW) == credible


RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(RUBBISH)
@settings(deadline=None)
def test_rubbish_is_an_empty_state(rubbish: object) -> None:
    assert from_plain(rubbish, token(100), NOW) == Holds()


def first_of(plain: dict[str, object], name: str) -> dict[str, object]:
    """The first entry of that list."""
    listed = plain[name]
    assert isinstance(listed, list)
    entry = listed[0]
    assert isinstance(entry, dict)
    return entry


MEMBERS = [
    (name, member)
    for name in ("active", "waiting")
    for member in first_of(through_json(FULL), name)
]


@pytest.mark.parametrize(("name", "member"), MEMBERS)
@pytest.mark.parametrize("wrong", [True, [], {}, nan, inf, pytest.param(10**400, id="huge")])
def test_one_wrong_member_is_enough(name: str, member: str, wrong: object) -> None:
    plain = through_json(FULL)
    entry = first_of(plain, name)
    entry[member] = wrong
    integers_do = member in ("client", "bound_to") and wrong == 10**400
    assert (from_plain(plain, token(100), NOW) == Holds()) != integers_do
    del entry[member]
    assert from_plain(plain, token(100), NOW) == Holds()


@pytest.mark.parametrize("name", ["active", "waiting", "dead", "doubted"])
def test_every_part_has_to_be_there(name: str) -> None:
    plain = through_json(FULL)
    for wrong in (json.loads("5"), json.loads("{}")):
        plain[name] = wrong
        assert from_plain(plain, token(100), NOW) == Holds()
    del plain[name]
    assert from_plain(plain, token(100), NOW) == Holds()


def test_nothing_here_shows_a_token() -> None:
    shown = repr((FULL, Held(hold=FULL.active[0]), at(100)))
    shown += json.dumps(to_plain(FULL)) + json.dumps(status(FULL, NOW))
    assert "at-1" not in shown
