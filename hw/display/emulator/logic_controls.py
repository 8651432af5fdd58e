"""Decodes the Logic Controls command set (LCI, "Ultimate") and IBM's SurePOS, its close relative.

Sources: Logic Controls LD9000 and LDX9 manuals, Bematech LDX1000 manual, IBM SurePOS 4810/4840
manual. In vertical mode IBM scrolls as soon as the last cell is written, LD9000 at a CR on the
last row; one driver found that an LCI unit does it at the last cell too. Ours does both. The
power-on mode is documented for IBM alone: vertical, with the cursor on.
"""

from typing import Final

from hw.display.emulator.characters import IBM_CODE_PAGES
from hw.display.emulator.glass import Glass, Mode
from hw.display.emulator.parts import (
    ESC,
    GLYPHS,
    Acts,
    Decoder,
    act,
    go_to_cell,
    line,
    printable,
    settings_frame,
    skip,
)
from hw.display.emulator.unit import Unit

LEVELS: Final = {0x20: 1, 0x40: 2, 0x60: 3, 0xFF: 4}
MARQUEE_CELLS: Final = 45
_ESCAPED_MARQUEES: Final = {0x06: -1, 0x07: 0, 0x0B: -1}
"""`1B` and: bottom row leftwards, top row rightwards, bottom row rightwards."""


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    acts = {**_acts(unit), 0x0D: lambda: _line_start_of_ld9000(unit.glass)}
    while True:
        byte = yield
        unit.glass.end_marquee()
        if byte == 0x02:
            yield from settings_frame(unit)
        else:
            yield from _shared(unit, byte, acts)


def surepos(unit: Unit) -> Decoder:
    """LCI with a second mode, `00 01`, whose only difference is the choice of code page."""
    acts = _acts(unit)
    ibm_mode = False
    while True:
        byte = yield
        unit.glass.end_marquee()
        if byte == 0x00:
            mode = yield
            if mode in (0, 1):
                ibm_mode = bool(mode)
            else:
                unit.error(f"00{mode:02X}: 00 is LCI mode, 01 is IBM mode")
        elif byte == 0x02 and ibm_mode:
            _code_page(unit, (yield))
        elif byte == 0x0F:
            unit.harm("0F: runs the self-test")
        else:
            ibm_mode = ibm_mode and byte != 0x1F
            yield from _shared(unit, byte, acts)


def position_or_brightness(unit: Unit, byte: int) -> Decoder:
    """`10 p` and `04 n`, as LCI and UTC have them."""
    if byte == 0x10:
        yield from go_to_cell(unit)
        return
    level = yield
    if level in LEVELS:
        unit.glass.brightness = LEVELS[level]
    else:
        unit.error(f"04{level:02X}: brightness is 20, 40, 60 or FF")


def _shared(unit: Unit, byte: int, acts: Acts) -> Decoder:
    glass = unit.glass
    if printable(byte):
        glass.put(byte)
    elif byte in (0x04, 0x10):
        yield from position_or_brightness(unit, byte)
    elif byte == 0x05:
        glass.start_marquee(0, (yield from line(unit, MARQUEE_CELLS)))
    elif byte == 0x03:
        unit.harm(f"03: {GLYPHS}")
        yield from skip(6)  # the code and 35 dots
    elif byte == ESC:
        command = yield
        if command in _ESCAPED_MARQUEES:
            row = _ESCAPED_MARQUEES[command] % glass.rows
            glass.start_marquee(row, (yield from line(unit, MARQUEE_CELLS)))
        else:
            unit.error(f"1B{command:02X}: unknown")
    else:
        act(unit, byte, acts)


def _acts(unit: Unit) -> Acts:
    glass = unit.glass
    return {
        0x08: lambda: _backspace(glass),
        0x09: glass.right,
        0x0A: lambda: _other_row(glass),
        0x0D: glass.line_start,
        0x11: lambda: glass.set_mode(Mode.OVERWRITE),
        0x12: lambda: glass.set_mode(Mode.VERTICAL),
        0x13: lambda: show_cursor(glass, True),
        0x14: lambda: show_cursor(glass, False),
        0x1F: unit.initialise,
    }


def show_cursor(glass: Glass, visible: bool) -> None:
    glass.cursor_visible = visible


def _backspace(glass: Glass) -> None:
    """Left, and the cell there is erased."""
    glass.left()
    glass.erase((glass.index,))


def _other_row(glass: Glass) -> None:
    """The same column of the other row, in every mode; of four rows, of the next one."""
    glass.go_to(glass.column, (glass.row + 1) % glass.rows)


def _line_start_of_ld9000(glass: Glass) -> None:
    glass.line_start()
    if glass.mode is Mode.VERTICAL and glass.row == glass.rows - 1:
        glass.scroll()


def _code_page(unit: Unit, number: int) -> None:
    if number < len(IBM_CODE_PAGES):
        unit.glass.code_page = IBM_CODE_PAGES[number]
    else:
        unit.error(f"02{number:02X}: no such code page")
