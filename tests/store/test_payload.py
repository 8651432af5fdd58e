"""The JSON inside a record."""

import json
from dataclasses import replace

import pytest

from agent.secret import Secret
from agent.store.payload import SIZE_LIMIT, RecordTooLarge, decode, encode, stored_form
from tests.store.rig import grant


def members(**changed: object) -> bytes:
    return json.dumps(json.loads(encode(grant())) | changed).encode()


def test_members_of_a_later_version_are_ignored() -> None:
    assert decode(members(time_floor=5)) == grant()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b'{"refresh_token":"r"}',
        members(refresh_token=None),
        members(issuer=5),
        members(scope=5),
        members(previous_refresh_token=5),
        members(obtained_at="5"),
    ],
)
def test_anything_else_is_no_grant(text: bytes) -> None:
    assert decode(text) is None


def test_a_grant_that_just_fits_is_kept_whole() -> None:
    room = SIZE_LIMIT - len(encode(replace(grant(), previous_refresh_token=Secret(""))))
    full = replace(grant(), previous_refresh_token=Secret("p" * room))
    assert stored_form(full) == full


def test_one_byte_more_costs_the_predecessor_and_not_the_token() -> None:
    room = SIZE_LIMIT - len(encode(replace(grant(), previous_refresh_token=Secret(""))))
    assert stored_form(replace(grant(), previous_refresh_token=Secret("p" * (room + 1)))) == grant()


def test_a_token_too_large_for_a_slot_is_refused_with_both_sizes() -> None:
    with pytest.raises(RecordTooLarge, match=r"takes \d{4} bytes, a record holds 3948"):
        stored_form(replace(grant(), refresh_token=Secret("r" * 4000)))
