"""A serial number as bytes in a memory: pure."""

import binascii
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.contract import Checksum, EepromPlace, Encoding, HardwareError, MemoryField
from hw.serial_number.memory import CHUNK, Decoded, Piece, decode, pieces, size, with_checksum

modest = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

CHECKSUMS: tuple[Checksum, ...] = get_args(Checksum)
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
FIELDS = st.builds(
    MemoryField,
    offset=st.integers(0, 70_000),
    length=st.integers(1, 128),
    encoding=st.sampled_from(ENCODINGS),
    checksum=st.sampled_from(CHECKSUMS),
)


def field(length: int, encoding: Encoding = "ascii", checksum: Checksum = "none") -> MemoryField:
    return MemoryField(offset=0, length=length, encoding=encoding, checksum=checksum)


def place(offset: int, length: int, *, address_bytes: int = 1) -> EepromPlace:
    return EepromPlace(
        bus="/dev/i2c-1",
        address=0x50,
        address_bytes=address_bytes,
        field=MemoryField(offset=offset, length=length),
    )


# -- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "raw", "value"),
    [
        ("ascii", b"4215BBBK0789", "4215BBBK0789"),
        ("ascii", b"A-4711\0\0\0\0\0\0", "A-4711"),
        ("ascii", b"A-4711\0rubbish", "A-4711"),
        ("ascii", b"A-4711\xff\xff\xff", "A-4711"),
        ("ascii", b"A-4711      ", "A-4711"),
        ("ascii", b"A-4711 \xff\xff", "A-4711"),
        ("ascii", b" A-4711", " A-4711"),
        ("ascii", b"A 4711", "A 4711"),
        ("ascii", b"\0A-4711", ""),
        ("ascii", b"A\xff4711", "A\udcff4711"),
        ("hex", b"\x00\xab\xcd", "00abcd"),
        ("hex-upper", b"\x00\xab\xcd", "00ABCD"),
        ("bcd", b"\x00\x12\x34", "001234"),
        ("bcd", b"\x12\x3f\xff", "123"),
        ("number-be", b"\x00\x00\x12\x67", "4711"),
        ("number-le", b"\x67\x12\x00\x00", "4711"),
    ],
)
def test_each_encoding(encoding: Encoding, raw: bytes, value: str) -> None:
    assert decode(raw, field(len(raw), encoding)) == Decoded(value=value)


@pytest.mark.parametrize("raw", [b"\x1a\x23", b"\x12\xf3", b"\xf1\x23"])
def test_a_digit_above_nine_is_no_bcd(raw: bytes) -> None:
    assert decode(raw, field(2, "bcd")).refused == "is no BCD: a digit is above 9"


@pytest.mark.parametrize("checksum", CHECKSUMS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("byte", [b"\xff", b"\0"])
def test_erased_bytes_are_refused_whatever_checksum_they_have(
    encoding: Encoding, checksum: Checksum, byte: bytes
) -> None:
    raw = byte * 12
    for written in (with_checksum(raw, checksum), byte * 14):
        found = decode(written, field(12, encoding, checksum))
        assert found.refused == f"was never written: every byte is {byte.hex()}"
        assert found.value == raw.hex()


def test_more_than_the_field_is_left_alone() -> None:
    assert decode(b"A-4711BBBB", field(6)) == Decoded(value="A-4711")


@pytest.mark.parametrize(("checksum", "missing"), [("none", 1), ("crc8", 2), ("crc16-ccitt", 3)])
def test_a_memory_that_ends_too_soon_is_a_mistake_in_the_settings(
    checksum: Checksum, missing: int
) -> None:
    with pytest.raises(HardwareError, match=f"ends {missing} bytes before the field does: correct"):
        decode(b"A-471", field(6, checksum=checksum))


# -- checksums ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checksum", "check"),
    [
        ("none", ""),
        ("sum8", "dd"),  # 0x31 + … + 0x39 = 0x1dd
        ("sum8-zero", "23"),
        ("xor8", "31"),
        ("crc8", "f4"),  # check values of the CRC catalogue: CRC-8/SMBUS, CRC-16/IBM-3740
        ("crc16-ccitt", "29b1"),
        ("crc16-ccitt-le", "b129"),
    ],
)
def test_checksums_of_the_usual_nine_digits(checksum: Checksum, check: str) -> None:
    assert with_checksum(b"123456789", checksum) == b"123456789" + bytes.fromhex(check)


@pytest.mark.parametrize("checksum", [name for name in CHECKSUMS if name != "none"])
def test_a_wrong_checksum_is_trouble_and_names_both(checksum: Checksum) -> None:
    raw = with_checksum(b"A-4711", checksum)
    right = decode(raw, field(6, checksum=checksum))
    assert right == Decoded(value="A-4711")

    with pytest.raises(HardwareError) as caught:
        decode(raw[:-1] + bytes((raw[-1] ^ 1,)), field(6, checksum=checksum))

    assert f"give {raw[6:].hex()}: check offset" in str(caught.value)


@modest
@given(data=st.binary(min_size=1, max_size=128), checksum=st.sampled_from(CHECKSUMS))
def test_sum8_zero_adds_up_to_zero_and_crc16_is_binascii_s(data: bytes, checksum: Checksum) -> None:
    assert sum(with_checksum(data, "sum8-zero")) % 256 == 0
    assert binascii.crc_hqx(with_checksum(data, "crc16-ccitt"), 0xFFFF) == 0
    assert len(with_checksum(data, checksum)) == size(field(len(data), checksum=checksum))


@modest
@given(
    data=st.binary(min_size=2, max_size=32).filter(lambda d: d.strip(b"\0") and d.strip(b"\xff")),
    checksum=st.sampled_from([name for name in CHECKSUMS if name != "none"]),
    bit=st.integers(0, 10_000),
)
def test_no_checksum_lets_a_flipped_bit_through(data: bytes, checksum: Checksum, bit: int) -> None:
    raw = bytearray(with_checksum(data, checksum))
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    flipped = raw[: len(data)]
    if not flipped.strip(b"\0") or not flipped.strip(b"\xff"):
        return  # erased all of a sudden: refused, see above
    with pytest.raises(HardwareError, match="the checksum is"):
        decode(bytes(raw), field(len(data), checksum=checksum))


# -- any bytes ------------------------------------------------------------------------------------


@modest
@given(raw=st.binary(max_size=140), where=FIELDS)
def test_any_bytes_are_a_value_a_refusal_or_trouble(raw: bytes, where: MemoryField) -> None:
    with suppress(HardwareError):
        found = decode(raw, where)
        assert found.value or not found.refused


@modest
@given(text=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40))
def test_what_a_factory_wrote_is_read_back(text: str) -> None:
    raw = with_checksum(text.encode().ljust(40, b"\xff"), "crc8")
    assert decode(raw, field(40, checksum="crc8")) == Decoded(value=text)


# -- pieces ---------------------------------------------------------------------------------------


def test_a_field_in_one_chunk_is_one_transfer() -> None:
    assert list(pieces(place(0, 32))) == [Piece(address=0x50, place=b"\x00", count=32)]


def test_a_field_across_chunks_and_blocks_is_cut_there() -> None:
    assert list(pieces(place(250, 40))) == [
        Piece(address=0x50, place=b"\xfa", count=6),
        Piece(address=0x51, place=b"\x00", count=32),
        Piece(address=0x51, place=b"\x20", count=2),
    ]


def test_two_address_bytes_are_written_high_byte_first() -> None:
    assert list(pieces(place(0x1234, 4, address_bytes=2))) == [
        Piece(address=0x50, place=b"\x12\x34", count=4)
    ]
    assert [piece.address for piece in pieces(place(0xFFFE, 4, address_bytes=2))] == [0x50, 0x51]


@modest
@given(where=FIELDS, address_bytes=st.sampled_from((1, 2)))
def test_the_pieces_are_the_field_without_gap_overlap_or_crossing(
    where: MemoryField, address_bytes: int
) -> None:
    whole = EepromPlace(bus="/b", address=0x50, address_bytes=address_bytes, field=where)
    read: list[int] = []
    for piece in pieces(whole):
        block = (piece.address - 0x50) << 8 * address_bytes
        inside = int.from_bytes(piece.place, "big")
        assert len(piece.place) == address_bytes
        assert inside // CHUNK == (inside + piece.count - 1) // CHUNK
        read += range(block + inside, block + inside + piece.count)
    assert read == list(range(where.offset, where.offset + size(where)))
