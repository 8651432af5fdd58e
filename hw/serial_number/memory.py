"""A serial number as bytes in a memory, and how an EEPROM is read piece by piece: pure."""

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final, Literal

from hw.contract import Checksum, EepromPlace, HardwareError, MemoryField

CHUNK: Final = 32  # bytes in one transfer; divides every page and block, and adapters take it


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """`refused` is why the bytes are no serial number; `value` then shows them in hex."""

    value: str
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One transfer: write the place to the device at `address`, read `count` bytes."""

    address: int
    place: bytes
    count: int


def _crc8(data: bytes) -> int:
    """CRC-8/SMBUS: polynomial 0x07, begins with 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def _crc16(data: bytes) -> int:
    """CRC-16/IBM-3740, known as CCITT-FALSE: polynomial 0x1021, begins with 0xFFFF."""
    return binascii.crc_hqx(data, 0xFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    size: int
    of: Callable[[bytes], int]
    order: Literal["big", "little"] = "big"


_CHECKS: Final[dict[Checksum, _Check]] = {
    "none": _Check(size=0, of=lambda _: 0),
    "sum8": _Check(size=1, of=lambda data: sum(data) & 0xFF),
    "sum8-zero": _Check(size=1, of=lambda data: -sum(data) & 0xFF),
    "xor8": _Check(size=1, of=lambda data: reduce(xor, data, 0)),
    "crc8": _Check(size=1, of=_crc8),
    "crc16-ccitt": _Check(size=2, of=_crc16),
    "crc16-ccitt-le": _Check(size=2, of=_crc16, order="little"),
}


def size(field: MemoryField) -> int:
    """Bytes to read: the number and its checksum."""
    return field.length + _CHECKS[field.checksum].size


def with_checksum(data: bytes, checksum: Checksum) -> bytes:
    """The bytes as a factory writes them."""
    check = _CHECKS[checksum]
    return data + check.of(data).to_bytes(check.size, check.order)


def decode(raw: bytes, field: MemoryField) -> Decoded:
    """The serial number in the bytes from the field's offset on.

    Erased bytes are refused: nobody ever wrote a number. A wrong checksum raises HardwareError:
    there is one, and nobody may guess which, least of all a weaker source.
    """
    data = raw[: field.length]
    if len(raw) < size(field):
        raise HardwareError(
            f"the memory ends {size(field) - len(raw)} bytes before the field does: correct offset"
            " and length"
        )
    if not data.strip(b"\xff") or not data.strip(b"\0"):
        return Decoded(
            value=data.hex(), refused=f"was never written: every byte is {data[:1].hex()}"
        )
    expected = with_checksum(data, field.checksum)[field.length :]
    if (found := raw[field.length : size(field)]) != expected:
        raise HardwareError(
            f"the checksum is {found.hex()}, but the bytes {data.hex()} give {expected.hex()}:"
            f" check offset, length and checksum = {field.checksum!r}; else the memory is damaged"
        )
    return _decode(data, field)


def _decode(data: bytes, field: MemoryField) -> Decoded:
    match field.encoding:
        case "ascii":
            text = data.partition(b"\0")[0].rstrip(b"\xff ")
            return Decoded(value=text.decode("utf-8", "surrogateescape"))
        case "hex":
            return Decoded(value=data.hex())
        case "hex-upper":
            return Decoded(value=data.hex().upper())
        case "number-be":
            return Decoded(value=str(int.from_bytes(data, "big")))
        case "number-le":
            return Decoded(value=str(int.from_bytes(data, "little")))
        case "bcd":
            digits = data.hex().rstrip("f")
            if digits.isdigit():
                return Decoded(value=digits)
            return Decoded(value=data.hex(), refused="is no BCD: a digit is above 9")


def pieces(place: EepromPlace) -> Iterator[Piece]:
    """The transfers that read the field, none across a boundary of `CHUNK` bytes.

    A memory larger than its address bytes can say has further blocks at the next device addresses,
    as 24C04 to 24C16 and 24CM01 have.
    """
    block = 1 << 8 * place.address_bytes
    at, end = place.field.offset, place.field.offset + size(place.field)
    while at < end:
        number, inside = divmod(at, block)
        count = min(end - at, CHUNK - inside % CHUNK)
        yield Piece(
            address=place.address + number,
            place=inside.to_bytes(place.address_bytes, "big"),
            count=count,
        )
        at += count
