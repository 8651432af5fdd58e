"""The JSON inside a record."""

import json
from dataclasses import replace

import pytest

from agent.identity import Provenance
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


# -- where the serial number came from ------------------------------------------------------------

CAME = (
    Provenance(key="branch", value="1", source="configuration", seen_at=1_790_000_000),
    Provenance(key="serial", value="Ä-4711", source="device-tree", seen_at=0),
)


def test_provenance_survives() -> None:
    assert decode(encode(replace(grant(), provenance=CAME))) == replace(grant(), provenance=CAME)


def test_a_record_of_the_version_before_has_none_and_one_without_is_written_as_before() -> None:
    assert "provenance" not in json.loads(encode(grant()))
    assert decode(encode(grant())) == grant()


def test_the_version_before_reads_a_record_with_provenance() -> None:
    """What it asked for is what it finds; anything else it never looked at."""
    asked = {
        *("refresh_token", "issuer", "client_id", "uuid"),
        *("previous_refresh_token", "scope", "obtained_at"),
    }
    plain = json.loads(encode(grant()))
    found = json.loads(encode(replace(grant(), provenance=CAME)))

    assert set(plain) == asked
    assert {name: found[name] for name in asked} == plain
    assert set(found) - asked == {"provenance"}


@pytest.mark.parametrize(
    "provenance",
    [
        None,
        5,
        "serial",
        {"key": "serial"},
        [5],
        [{}],
        [{"key": "serial", "value": 5, "source": "soc", "seen_at": 0}],
        [{"key": "serial", "value": "A", "source": "soc", "seen_at": "0"}],
    ],
)
def test_provenance_in_a_form_of_a_later_version_is_no_reason_to_lose_a_grant(
    provenance: object,
) -> None:
    assert decode(members(provenance=provenance)) == grant()


def test_what_a_later_version_adds_to_provenance_is_ignored() -> None:
    later = [{"key": "k", "value": "v", "source": "soc", "seen_at": 7, "more": 1}]
    found = decode(members(provenance=later))
    assert found is not None
    assert found.provenance == (Provenance(key="k", value="v", source="soc", seen_at=7),)


def test_provenance_goes_first_when_a_record_is_full() -> None:
    both = replace(grant(), provenance=CAME, previous_refresh_token=Secret(""))
    room = SIZE_LIMIT - len(encode(both))
    full = replace(both, previous_refresh_token=Secret("p" * room))
    assert stored_form(full) == full
    over = replace(both, previous_refresh_token=Secret("p" * (room + 1)))
    assert stored_form(over) == replace(over, provenance=())


def test_the_longest_identity_fits_beside_long_tokens() -> None:
    """Three keys of the longest UUID, with two refresh tokens of 1000 characters."""
    came = tuple(
        Provenance(key="k" * 40, value="v" * 40, source="dmi-chassis-serial", seen_at=1 << 40)
        for _ in range(3)
    )
    token = Secret("t" * 1000)
    long = replace(grant(), refresh_token=token, previous_refresh_token=token, provenance=came)
    assert stored_form(long) == long
