"""The bytes of a record: fixed for ever, and refused when a single bit is not as it was."""

import hashlib
import hmac
import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.oauth.events import Grant
from agent.secret import Secret
from agent.store.keys import Keys
from agent.store.record import (
    SLOT_SIZE,
    Finding,
    Header,
    Opened,
    Slot,
    Spoiled,
    device_of,
    newest,
    next_generation,
    open_slot,
    open_with_any,
    seal,
    victim,
    worst,
)
from tests.store.rig import KEYS, NONCE, SALT, STORE_ID, UUID, grant

GOLDEN = bytes.fromhex((Path(__file__).parent / "golden_record.hex").read_text())


def sealed(
    what: Grant,
    *,
    slot: int = 1,
    generation: int = 58,
    epoch: int = 1,
    uuid: str = UUID,
    keys: Keys = KEYS,
) -> bytes:
    return seal(
        what,
        slot=slot,
        generation=generation,
        epoch=epoch,
        store_id=STORE_ID,
        uuid=uuid,
        keys=keys,
        salt=SALT,
        nonce=NONCE,
    )


def opened(raw: bytes, *, slot: int = 1, uuid: str = UUID, keys: Keys = KEYS) -> Slot:
    return open_slot(raw, slot=slot, uuid=uuid, keys=keys)


def found(raw: bytes, *, slot: int = 1, uuid: str = UUID, keys: Keys = KEYS) -> Finding:
    result = opened(raw, slot=slot, uuid=uuid, keys=keys)
    assert isinstance(result, Spoiled)
    return result.finding


def patched(raw: bytes, offset: int, value: bytes) -> bytes:
    """A record whose header was changed by somebody who knows how to mend its checksum."""
    header = bytearray(raw[:124])
    header[offset : offset + len(value)] = value
    return bytes(header) + zlib.crc32(header).to_bytes(4, "little") + raw[128:]


def test_the_golden_record_is_what_is_written_today() -> None:
    assert sealed(grant(3)) == GOLDEN


def test_the_golden_record_opens() -> None:
    expected = Opened(slot=1, generation=58, epoch=1, store_id=STORE_ID, grant=grant(3))
    assert expected == opened(GOLDEN)


def test_the_golden_record_opens_by_the_documented_layout_alone() -> None:
    """Offsets and key derivation written a second time, from the table and RFC 5869."""

    def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
        key = hmac.digest(salt, secret, hashlib.sha256)
        return hmac.digest(key, info + b"\1", hashlib.sha256)

    header, body = GOLDEN[:128], GOLDEN[128:]
    (generation,) = struct.unpack_from("<Q", header, 24)
    (epoch,) = struct.unpack_from("<I", header, 20)
    kek = hkdf(
        KEYS.root,
        header[32:48],
        b"tokstore/1/kek" + struct.pack("<I", epoch) + b"%s" % UUID.encode(),
    )
    key = hkdf(kek, header[64:96], b"tokstore/1/rec" + header[:64])
    plaintext = AESGCM(key).decrypt(header[96:108], body, header)
    (size,) = struct.unpack_from("<I", plaintext)
    assert generation == 58
    assert header[48:64] == hashlib.sha256(UUID.encode()).digest()[:16]
    assert json.loads(plaintext[4 : 4 + size])["refresh_token"] == "refresh-3"
    assert plaintext[4 + size :] == bytes(3952 - 4 - size)


def test_S10_18_every_single_flipped_bit_is_refused() -> None:
    raw = bytearray(GOLDEN)
    for bit in range(SLOT_SIZE * 8):
        raw[bit // 8] ^= 1 << bit % 8
        expected = Finding.TORN if bit < 128 * 8 else Finding.TAMPERED
        assert found(bytes(raw)) is expected, f"bit {bit}"
        raw[bit // 8] ^= 1 << bit % 8


def test_S10_18_nothing_secret_is_readable_in_a_record() -> None:
    assert b"refresh" not in GOLDEN
    assert b"as.example" not in GOLDEN
    assert UUID.encode() not in GOLDEN


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        pytest.param(20, b"\1\0\0\0\x3b", id="generation"),
        pytest.param(32, b"x", id="store id"),
        pytest.param(64, b"x", id="salt"),
        pytest.param(96, b"x", id="nonce"),
    ],
)
def test_a_header_forged_with_a_good_checksum_is_refused(offset: int, value: bytes) -> None:
    assert isinstance(opened(patched(GOLDEN, offset, value)), Spoiled)


@pytest.mark.parametrize("swap", ["slot", "device", "epoch", "generation"])
def test_a_header_swapped_in_from_another_record_of_ours_is_refused(swap: str) -> None:
    """All of it is ours and honest; only the tag can tell that head and body were never one."""
    other = {
        "slot": lambda: sealed(grant(3), slot=0),
        "device": lambda: sealed(grant(3), uuid="/vendor/acme/serial/4712"),
        "epoch": lambda: sealed(grant(3), epoch=2),
        "generation": lambda: sealed(grant(3), generation=59),
    }[swap]()
    mixed = other[:128] + GOLDEN[128:]
    result = open_slot(
        mixed,
        slot=0 if swap == "slot" else 1,
        uuid="/vendor/acme/serial/4712" if swap == "device" else UUID,
        keys=KEYS,
    )
    assert isinstance(result, Spoiled)
    assert result.finding is Finding.TAMPERED


def test_a_record_copied_to_the_other_slot_is_refused() -> None:
    assert found(GOLDEN, slot=0) is Finding.TAMPERED


def test_another_terminals_record_is_told_apart() -> None:
    assert found(GOLDEN, uuid="/vendor/acme/serial/4712") is Finding.FOREIGN_DEVICE


def test_a_swapped_board_is_told_apart() -> None:
    before, after = (
        Keys(root=KEYS.root, sources=5, hardware_ids=board) for board in (b"board-1", b"board-2")
    )
    assert found(sealed(grant(), keys=before), keys=after) is Finding.FOREIGN_HARDWARE


@pytest.mark.parametrize(
    "other",
    [replace(KEYS, root=bytes(32)), replace(KEYS, sources=2)],
    ids=["key", "sources"],
)
def test_another_key_is_told_apart(other: Keys) -> None:
    assert found(GOLDEN, keys=other) is Finding.KEY_UNAVAILABLE


@pytest.mark.parametrize("offset", [8, 10, 12, 14, 15, 17, 108])
def test_a_newer_format_is_told_apart(offset: int) -> None:
    assert found(patched(GOLDEN, offset, b"\x09")) is Finding.NEWER_FORMAT


def test_authentic_content_this_version_cannot_read_counts_as_newer() -> None:
    header = Header(
        slot=1, sources=1, epoch=1, generation=58, store_id=STORE_ID, device=device_of(UUID),
        salt=SALT, nonce=NONCE, fingerprint=KEYS.fingerprint(STORE_ID),
        check_value=KEYS.check_value(store_id=STORE_ID, uuid=UUID, epoch=1),
    )  # fmt: skip
    body = KEYS.encrypt(struct.pack("<I3948s", 2, b"[]"), header=header, uuid=UUID)
    assert found(header.pack() + body) is Finding.NEWER_FORMAT


def test_with_two_keys_the_finding_is_that_of_the_one_that_fits() -> None:
    other = replace(KEYS, root=bytes(32))
    for keys in ((KEYS, other), (other, KEYS)):
        torn = open_with_any(GOLDEN[:-1] + b"\0", slot=1, uuid=UUID, keys=keys)
        assert isinstance(torn, Spoiled)
        assert torn.finding is Finding.TAMPERED
        assert isinstance(open_with_any(GOLDEN, slot=1, uuid=UUID, keys=keys), Opened)


def test_without_any_key_a_record_stays_shut_and_an_empty_slot_is_empty() -> None:
    for raw, finding in ((GOLDEN, Finding.KEY_UNAVAILABLE), (b"", Finding.BLANK)):
        shut = open_with_any(raw, slot=1, uuid=UUID, keys=())
        assert isinstance(shut, Spoiled)
        assert shut.finding is finding


def test_a_changed_body_is_told_apart() -> None:
    assert found(GOLDEN[:-1] + b"\0") is Finding.TAMPERED


@pytest.mark.parametrize("size", [1, 127, 128, 512, 2048, 4095])
def test_a_truncated_record_is_refused(size: int) -> None:
    assert found(GOLDEN[:size]) in (Finding.TORN, Finding.TAMPERED)


def test_an_empty_slot_is_no_damage() -> None:
    assert found(b"") is Finding.BLANK
    assert found(bytes(SLOT_SIZE)) is Finding.BLANK


@pytest.mark.parametrize("sector", range(1, 8))
def test_a_record_torn_between_sectors_is_refused(sector: int) -> None:
    older, cut = sealed(grant(1), generation=56), sector * 512
    assert isinstance(opened(GOLDEN[:cut] + older[cut:]), Spoiled)
    assert isinstance(opened(older[:cut] + GOLDEN[cut:]), Spoiled)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@settings(max_examples=60, deadline=None)
@given(
    token=TEXT,
    previous=st.none() | TEXT,
    scope=st.none() | TEXT,
    obtained_at=st.integers(0, 2**40),
    generation=st.integers(1, 2**63),
    slot=st.integers(0, 1),
    randomness=st.binary(min_size=44, max_size=44),
)
def test_what_is_sealed_opens_again(
    token: str,
    previous: str | None,
    scope: str | None,
    obtained_at: int,
    generation: int,
    slot: int,
    randomness: bytes,
) -> None:
    what = replace(
        grant(),
        refresh_token=Secret(token[:150]),
        previous_refresh_token=None if previous is None else Secret(previous[:150]),
        scope=None if scope is None else scope[:20],
        obtained_at=obtained_at,
    )
    raw = seal(
        what, slot=slot, generation=generation, epoch=7, store_id=STORE_ID, uuid=UUID, keys=KEYS,
        salt=randomness[:32], nonce=randomness[32:],
    )  # fmt: skip
    assert len(raw) == SLOT_SIZE
    expected = Opened(slot=slot, generation=generation, epoch=7, store_id=STORE_ID, grant=what)
    assert expected == opened(raw, slot=slot)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=5000))
def test_rubbish_is_refused_without_a_stray_exception(raw: bytes) -> None:
    assert isinstance(opened(raw[:SLOT_SIZE]), Spoiled)


# -- which slot -----------------------------------------------------------------------------------


def good(slot: int, generation: int) -> Opened:
    return Opened(
        slot=slot, generation=generation, epoch=1, store_id=STORE_ID, grant=grant(generation)
    )


def bad(slot: int, generation: int = 0, finding: Finding = Finding.TAMPERED) -> Spoiled:
    return Spoiled(slot=slot, finding=finding, generation=generation)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ((good(0, 4), good(1, 5)), 1),
        ((good(0, 6), good(1, 5)), 0),
        ((bad(0, 9), good(1, 5)), 1),
        ((good(0, 1), bad(1)), 0),
    ],
)
def test_the_newest_valid_slot_counts_and_is_never_the_victim(
    slots: tuple[Slot, ...], expected: int
) -> None:
    chosen = newest(slots)
    assert chosen is not None
    assert chosen.slot == expected
    assert victim(slots) == 1 - expected


def test_without_a_valid_slot_there_is_no_grant_and_the_first_is_overwritten() -> None:
    assert newest((bad(0), bad(1))) is None
    assert victim((bad(0), bad(1))) == 0


@pytest.mark.parametrize(
    ("slots", "attempted", "expected"),
    [
        ((good(0, 4), good(1, 5)), 0, 6),
        ((good(0, 4), bad(1, 9)), 0, 10),  # may be a save that failed: its number is used up
        ((good(0, 4), bad(1)), 12, 13),
        ((bad(0), bad(1)), 0, 1),
        ((good(0, 4), bad(1, 2**64 - 1)), 0, 5),  # forged to use up every number
        ((good(0, 2**63 + 4), bad(1)), 0, 2**63 + 5),
    ],
)
def test_a_generation_is_never_used_twice(
    slots: tuple[Slot, ...], attempted: int, expected: int
) -> None:
    assert expected == next_generation(slots, attempted=attempted)


def test_of_several_findings_the_telling_one_is_reported() -> None:
    assert worst((bad(0, finding=Finding.BLANK), bad(1, finding=Finding.TORN))) is Finding.TORN
    assert (
        worst((bad(0, finding=Finding.TORN), bad(1, finding=Finding.FOREIGN_DEVICE)))
        is Finding.FOREIGN_DEVICE
    )
