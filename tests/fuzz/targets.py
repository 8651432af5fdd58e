"""What is thrown bytes at, and what must hold of whatever bytes: one function each.

A target returns, or raises AssertionError or whatever else is a find. Errors that are documented
answers to bad input are not finds.
"""

from collections.abc import Callable
from typing import Final, TypeVar, get_args

from hw.contract import Checksum, Encoding, HardwareError, MemoryField
from hw.display.emulator import COMMAND_SETS, Emulator
from hw.display.encoder import Encoder
from hw.display.profile import ProfileError, read
from hw.display.template import TemplateError, parse
from hw.serial_number.memory import decode
from hw.serial_number.parsing import address_problem, cpuinfo_serial

T = TypeVar("T")
Target = Callable[[bytes], None]

_GEOMETRIES: Final = ((1, 20), (2, 16), (2, 20), (2, 40), (4, 20), (4, 40))
_OPERANDS: Final = frozenset({"row", "column", "cell", "value", "text"})
_LAST_CELL: Final = {"row": 3, "column": 39, "cell": 159, "value": 255}
_TEXT: Final = b"A" * 20
_PROFILE: Final = """schema = 1
title = "fuzz"
sources = ["fuzz"]
[commands]
initialise = "1B40"
clear = "0C"
move = "1F24 {column+1} {row+1}"
"""


def emulator(data: bytes) -> None:
    """Any bytes leave a glass of its size, and the same one however they are cut into pieces."""
    choice, data = int.from_bytes(data[:2], "little"), data[2:]
    command_set = COMMAND_SETS[choice % len(COMMAND_SETS)]
    rows, columns = _GEOMETRIES[choice // len(COMMAND_SETS) % len(_GEOMETRIES)]
    whole, pieces = (Emulator(rows, columns, command_set) for _ in range(2))
    answer = whole.feed(data)
    answers = b"".join(pieces.feed(data[n : n + 1]) for n in range(len(data)))
    assert (whole.cells(), answer) == (pieces.cells(), answers)
    assert [len(row) for row in whole.cells()] == [columns] * rows
    whole.power_cycle()


def template(data: bytes) -> None:
    """Any text is a template whose bytes can be told, or is refused in words."""
    found = _answer(lambda: parse(data.decode("latin-1"), _OPERANDS), TemplateError)
    if found is not None:
        _answer(lambda: found.render(_LAST_CELL, _TEXT), TemplateError)


def profile(data: bytes) -> None:
    """Any file is a command set that harms no display of its kind, or is refused in words."""
    found = _answer(lambda: read("fuzz", data.decode("latin-1")), ProfileError)
    if found is None or found.refusal(2, 20) is not None:
        return
    encoder = Encoder(profile=found, rows=2, columns=20)
    display = Emulator(2, 20, "escpos")
    for command in encoder.begin():
        display.feed(command.data)
    display.feed(encoder.encode((), (_TEXT, _TEXT)))
    assert display.harmed == ()


def profile_lines(data: bytes) -> None:
    """The same, from lines that replace those of a profile that is right."""
    profile(_PROFILE.encode() + data)


def eeprom(data: bytes) -> None:
    """Any memory gives a value, a reason why it is none, or trouble that is waited for."""
    if len(data) < 4:
        return
    encodings, checksums = get_args(Encoding), get_args(Checksum)
    field = MemoryField(
        offset=0,
        length=1 + data[0] % 64,
        encoding=encodings[data[1] % len(encodings)],
        checksum=checksums[data[2] % len(checksums)],
    )
    found = _answer(lambda: decode(data[3:], field), HardwareError)
    assert found is None or len(found.value) <= 3 * field.length


def cpuinfo(data: bytes) -> None:
    found = cpuinfo_serial(data)
    assert found is None or b"\n" not in found


def network_address(data: bytes) -> None:
    if data:
        address_problem(data[1:].decode("utf-8", "surrogateescape"), data[0] % 5)


def _answer(attempt: Callable[[], T], refusal: type[Exception]) -> T | None:
    """What it gives; None when it refuses in words."""
    try:
        return attempt()
    except refusal as error:
        if not str(error):
            raise AssertionError("refused without a word") from error
    return None


TARGETS: Final[dict[str, Target]] = {
    "emulator": emulator,
    "eeprom": eeprom,
    "profile": profile,
    "profile_lines": profile_lines,
    "template": template,
    "cpuinfo": cpuinfo,
    "network_address": network_address,
}
