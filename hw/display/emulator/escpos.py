"""Decodes the ESC/POS commands of customer displays, one byte at a time.

Sources: Bixolon BCD-1000 and BCD-2000 command manuals, kunif/EscPosUtils (zlib licence). A
sequence this module does not know is recorded as an error: real units show junk for those.
What Bixolon alone understands (`1B5B44`, `1B11`) is unknown here.
"""

from hw.display.emulator.characters import CODE_PAGES, INTERNATIONAL
from hw.display.emulator.parts import (
    ESC,
    FORBIDDEN_ESCAPES,
    MODES_FROM_01,
    SELF_TEST,
    Decoder,
    act,
    brightness,
    escpos_controls,
    go_to_xy,
    on_or_off,
    printable,
    settings_frame,
    skip,
    take,
)
from hw.display.emulator.unit import Unit

_WIDEST_GLYPH = 8  # bytes; a wider one is a mistake


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    controls = escpos_controls(unit)
    while True:
        byte = yield
        if byte == ESC:
            yield from _escape(unit, (yield))
        elif not unit.selected:
            continue  # the bytes are for the printer
        elif byte == 0x1F:
            yield from _unit_separator(unit, (yield))
        elif byte == 0x02:
            yield from settings_frame(unit)
        elif printable(byte):
            unit.glass.put(byte)
        else:
            act(unit, byte, controls)


def _escape(unit: Unit, command: int) -> Decoder:
    if command == 0x3D:
        unit.select((yield))
    elif not unit.selected:
        return
    elif command == 0x40:
        unit.initialise()
    elif command == 0x52:
        _international(unit, (yield))
    elif command == 0x74:
        code_page(unit, (yield))
    elif command == 0x57:
        yield from _window(unit)
    elif command == 0x26:
        unit.harm(FORBIDDEN_ESCAPES[0x26])
        yield from glyphs(unit)
    elif command in (0x25, 0x3F):
        yield  # use or drop a glyph set, drop one glyph: there are none
    else:
        unknown_escape(unit, command)


def unknown_escape(unit: Unit, command: int) -> None:
    if command in FORBIDDEN_ESCAPES:
        unit.harm(FORBIDDEN_ESCAPES[command])
    else:
        unit.error(f"1B{command:02X}: unknown")


def _unit_separator(unit: Unit, command: int) -> Decoder:
    moves = {0x0A: unit.glass.up, 0x0D: unit.glass.line_end, 0x42: unit.glass.bottom}
    if command in MODES_FROM_01:
        unit.glass.set_mode(MODES_FROM_01[command])
    elif command in moves:
        moves[command]()
    elif command == 0x24:
        yield from go_to_xy(unit)
    elif command in (0x43, 0x45, 0x58, 0x72, 0x76):
        switch(unit, command, (yield))
    elif command in (0x2C, 0x2E, 0x3B):
        unit.glass.put((yield))  # a character with its annunciator lit: same cell
    elif command in (0x23, 0x54, 0x5E):
        yield from skip(2)
        unit.error(f"1F{command:02X}: not emulated")
    elif command == 0x28:
        yield from _length_prefixed(unit)
    elif command == 0x40:
        unit.harm(SELF_TEST)
    else:
        unit.error(f"1F{command:02X}: unknown")


def switch(unit: Unit, command: int, value: int) -> None:
    """The `US` commands with one operand: 43, 45, 58, 72, 76. Star has some of them."""
    if command == 0x58:
        brightness(unit, value)
    elif command == 0x45:
        unit.glass.blink = value
    elif (on := on_or_off(unit, f"1F{command:02X}", value)) is None:
        return
    elif command == 0x43:
        unit.glass.cursor_visible = on
    elif command == 0x72:
        unit.glass.reverse = on
    else:  # 76
        unit.dsr = not on  # the display's DTR is the host's DSR


def _international(unit: Unit, number: int) -> None:
    if number in INTERNATIONAL:
        unit.glass.international = number
    else:
        unit.error(f"international set {number}: unknown")


def code_page(unit: Unit, number: int) -> None:
    """Only the numbers on which all makers agree."""
    if number in CODE_PAGES:
        unit.glass.code_page = CODE_PAGES[number]
    else:
        unit.error(f"code page {number}: another one at every maker")


def _window(unit: Unit) -> Decoder:
    window, on = yield from take(2)
    if on:
        yield from skip(4)
        unit.error(f"window {window}: not emulated")


def glyphs(unit: Unit) -> Decoder:
    """`ESC & 1 c d`, then each glyph's width and columns."""
    _, first, last = yield from take(3)
    for _ in range(first, last + 1):
        width = yield
        if width > _WIDEST_GLYPH:
            unit.error(f"a glyph of {width} columns")
            return
        yield from skip(width)


def _length_prefixed(unit: Unit) -> Decoder:
    """Five bytes and as many as they say, known or not."""
    function = yield
    if function == 0x45:
        unit.harm("1F2845: US ( E changes settings")
    else:
        unit.error(f"1F28{function:02X}: not emulated")
    low, high = yield from take(2)
    yield from skip(low + 256 * high)
