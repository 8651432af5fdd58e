"""Decodes the CD5220 command set ("PTC"), one byte at a time.

Source: Partner Tech CD5220 manual, Logic Controls LDX9 manual section 8.3. Its trap is string
mode: after a whole-line write only clear, cancel and another line write act. A short line leaves
the rest of its row as it was; the manuals are silent on that.
"""

from typing import Final

from hw.display.emulator.escpos import glyphs, unknown_escape
from hw.display.emulator.parts import (
    ESC,
    FORBIDDEN_ESCAPES,
    MODES_FROM_11,
    SELF_TEST,
    Acts,
    Decoder,
    act,
    brightness,
    escpos_controls,
    go_to_xy,
    line,
    printable,
    settings_frame,
    skip,
)
from hw.display.emulator.unit import Unit

# USA, France, Germany, United Kingdom, Denmark I, Sweden, Italy, Spain, Japan, Denmark II
_INTERNATIONAL: Final = dict(zip("AFGUDWISJE", (0, 1, 2, 3, 4, 5, 6, 7, 8, 10), strict=True))
_MARQUEE: Final = 0x44
_MARQUEE_CELLS: Final = 39  # "less than 40"


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    unit.glass.only_top_row_shifts = True
    controls = escpos_controls(unit)
    while True:
        byte = yield
        unit.glass.end_marquee()
        if byte == ESC:
            yield from _escape(unit, controls, (yield))
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


def _escape(unit: Unit, controls: Acts, command: int) -> Decoder:
    if command == 0x3D:
        unit.select((yield))
    elif not unit.selected:
        return
    elif command == 0x40:
        unit.initialise()
    elif command in MODES_FROM_11:
        unit.glass.set_mode(MODES_FROM_11[command])
    elif command == 0x6C:  # the letter l; the digit 1 of some manuals is a misprint
        yield from go_to_xy(unit)
    elif command == 0x5B:
        _arrow(unit, (yield))
    elif command == 0x51:
        yield from _string(unit, controls, (yield))
    elif command in (0x5F, 0x2A, 0x66, 0x63):
        _set(unit, command, (yield))
    elif command == 0x57:
        yield from skip(4)
        unit.error("window: not emulated")
    elif command == 0x26:
        unit.harm(FORBIDDEN_ESCAPES[0x26])
        yield from glyphs(unit)
    elif command == 0x64:
        unit.harm("1B64: ESC d changes the command set")
    elif command in (0x25, 0x3F):
        yield  # use or drop a glyph set, drop one glyph: there are none
    else:
        unknown_escape(unit, command)


def _unit_separator(unit: Unit, command: int) -> Decoder:
    if command == 0x45:
        unit.glass.blink = yield
    elif command == 0x40:
        unit.harm(SELF_TEST)
    else:
        unit.error(f"1F{command:02X}: unknown")


def _arrow(unit: Unit, letter: int) -> None:
    glass = unit.glass
    acts = {
        "A": glass.up,
        "B": glass.down,
        "C": glass.right,
        "D": glass.left,
        "H": glass.home,
        "K": glass.bottom,
        "L": glass.line_start,
        "R": glass.line_end,
    }
    chosen = acts.get(chr(letter))
    if chosen is None:
        unit.error(f"1B5B{letter:02X}: unknown")
    else:
        chosen()


def _set(unit: Unit, command: int, value: int) -> None:
    if command == 0x2A:
        brightness(unit, value)
    elif command == 0x5F and value in (0, 1):
        unit.glass.cursor_visible = bool(value)
    elif command == 0x66 and chr(value) in _INTERNATIONAL:
        unit.glass.international = _INTERNATIONAL[chr(value)]
    else:  # no two makers agree on the values of 1B63
        unit.error(f"1B{command:02X} {value:02X}: unknown value")


def _string(unit: Unit, controls: Acts, letter: int) -> Decoder:
    """String mode: entered by a line write, left by clear, cancel or a marquee.

    Whatever else arrives is ignored, `ESC @` included.
    """
    while letter != _MARQUEE:
        yield from _line(unit, letter)
        letter = 0
        while not letter:
            byte = yield
            if byte in (0x0C, 0x18):
                act(unit, byte, controls)
                return
            if byte == ESC and (yield) == 0x51:
                letter = yield
    unit.glass.start_marquee(0, (yield from line(unit, _MARQUEE_CELLS)))


def _line(unit: Unit, letter: int) -> Decoder:
    text = yield from line(unit, unit.glass.columns)
    row = {ord("A"): 0, ord("B"): 1}.get(letter)
    if row is None or row >= unit.glass.rows:
        unit.error(f"1B51{letter:02X}: no such line")
    else:
        unit.glass.write(row * unit.glass.columns, text)
