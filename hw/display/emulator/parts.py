"""What several command sets have in common. A decoder is a generator: send it every byte."""

from collections.abc import Callable, Generator, Mapping
from typing import Final

from hw.display.emulator.glass import Mode
from hw.display.emulator.unit import Unit

Decoder = Generator[None, int, None]
Arguments = Generator[None, int, bytes]
Acts = Mapping[int, Callable[[], None]]

CR: Final = 0x0D
ESC: Final = 0x1B
MODES_FROM_11: Final = {0x11: Mode.OVERWRITE, 0x12: Mode.VERTICAL, 0x13: Mode.HORIZONTAL}
MODES_FROM_01: Final = {0x01: Mode.OVERWRITE, 0x02: Mode.VERTICAL, 0x03: Mode.HORIZONTAL}
GLYPHS: Final = "defines glyphs, which some units store for good"
FORBIDDEN_ESCAPES: Final = {
    0x73: "1B73: ESC s stores settings",
    0x62: "1B62: ESC b changes the baud rate",
    0x23: "1B23: ESC # stores a start-up text",
    0x26: f"1B26: ESC & {GLYPHS}",
}
SELF_TEST: Final = "1F40: US @ runs the self-test"
_SETTINGS: Final = {
    0x42: "the baud rate",
    0x50: "the parity",
    0x4C: "the data bits",
    0x43: "the command set",
    0x54: "the country",
    0x55: "the code page",
}


def printable(byte: int) -> bool:
    return byte >= 0x20 and byte != 0x7F


def take(count: int) -> Arguments:
    """The next `count` bytes, whatever they are."""
    taken = bytearray()
    while len(taken) < count:
        taken.append((yield))
    return bytes(taken)


def skip(count: int) -> Decoder:
    for _ in range(count):
        yield


def line(unit: Unit, limit: int) -> Arguments:
    """Text up to CR, however long that takes; the first `limit` cells of it."""
    text = bytearray()
    while (byte := (yield)) != CR:
        if not printable(byte):
            unit.error(f"{byte:02X} inside a text")
        elif len(text) == limit:
            unit.error(f"a text of more than {limit} cells")
        else:
            text.append(byte)
    return bytes(text)


def settings_frame(unit: Unit) -> Decoder:
    """`02 05 k n 03`, its 02 just received: P07303, AF-240 and their clones store it for good.

    Another byte after 02 is lost with it.
    """
    second = yield
    if second != 0x05:
        unit.error(f"02{second:02X}: unknown")
        return
    what = _SETTINGS.get((yield), "a setting")
    unit.harm(f"0205: stores {what}")
    yield from skip(2)


def act(unit: Unit, byte: int, acts: Acts) -> None:
    """Do what a control byte stands for; one that stands for nothing is an error."""
    chosen = acts.get(byte)
    if chosen is None:
        unit.error(f"unknown byte {byte:02X}")
    else:
        chosen()


def escpos_controls(unit: Unit) -> Acts:
    """The control bytes that ESC/POS, CD5220 and Star share."""
    glass = unit.glass
    return {
        0x08: glass.left,
        0x09: glass.right,
        0x0A: glass.down,
        0x0B: glass.home,
        0x0C: glass.clear,
        0x0D: glass.line_start,
        0x18: glass.clear_line,
    }


def go_to_xy(unit: Unit) -> Decoder:
    """Column, then row, both from 1."""
    x, y = yield from take(2)
    if not unit.glass.go_to(x - 1, y - 1):
        unit.error(f"go to column {x}, row {y}: outside the glass")


def go_to_cell(unit: Unit) -> Decoder:
    """One byte, the cell index from 0. IBM ignores one outside the glass; the others are silent."""
    index = yield
    if not unit.glass.go_to_cell(index):
        unit.error(f"go to cell {index}: outside the glass")


def on_or_off(unit: Unit, what: str, value: int) -> bool | None:
    """A switch as ESC/POS takes it: binary or an ASCII digit."""
    if value not in (0x00, 0x01, 0x30, 0x31):
        unit.error(f"{what} {value:02X}: off is 00, on is 01")
        return None
    return bool(value & 1)


def brightness(unit: Unit, value: int) -> None:
    """1 to 4, as ESC/POS and CD5220 count."""
    if 1 <= value <= 4:
        unit.glass.brightness = value
    else:
        unit.error(f"brightness {value:02X}: 1 to 4")
