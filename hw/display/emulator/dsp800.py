"""Decodes DSP-800 and Star mode, one byte at a time. Both answer every frame.

Sources: Tysso VFD-450/550 manuals, Star SCD122U manual. A frame is `04 01 ... 17`; positions are
30h and the number of the cell, from 1. Star's own coding of positions is not established, it is
taken to be the same. DSP-800 has no command for mode and cursor: it overwrites, with no cursor.
"""

from typing import Final

from hw.display.emulator.escpos import code_page, switch, unknown_escape
from hw.display.emulator.glass import Mode
from hw.display.emulator.parts import (
    ESC,
    MODES_FROM_01,
    SELF_TEST,
    Arguments,
    Decoder,
    act,
    escpos_controls,
    printable,
    settings_frame,
)
from hw.display.emulator.unit import Unit

ACK: Final = b"\x06"
NAK: Final = b"\x15"
_ETB: Final = 0x17
_LONGEST: Final = 8  # bytes kept of a frame; longer ones are mistakes
_FIRST: Final = 0x31
_FORBIDDEN: Final = {0x53: "0401 53: saves the text for good", 0x42: "0401 42: stores a setting"}


def decoder(unit: Unit) -> Decoder:
    """DSP-800. Send it every byte that arrives; it never ends."""
    unit.glass.mode = Mode.OVERWRITE
    unit.glass.cursor_visible = False
    while True:
        byte = yield
        if byte == 0x04:
            yield from _frame(unit, star=False)
        elif byte == 0x02:
            yield from settings_frame(unit)
        elif printable(byte):
            unit.glass.put(byte)
        elif byte != _ETB:  # the end of a frame that never began
            unit.error(f"unknown byte {byte:02X}")


def star(unit: Unit) -> Decoder:
    """The same frames and more, and a part of ESC/POS between them."""
    controls = escpos_controls(unit)
    while True:
        byte = yield
        if byte == 0x04:
            yield from _frame(unit, star=True)
        elif byte == ESC:
            command = yield
            if command == 0x40:
                unit.initialise()
            else:
                unknown_escape(unit, command)
        elif byte == 0x1F:
            yield from _unit_separator(unit, (yield))
        elif byte == 0x02:
            yield from settings_frame(unit)
        elif printable(byte):
            unit.glass.put(byte)
        elif byte != _ETB:
            act(unit, byte, controls)


def _unit_separator(unit: Unit, command: int) -> Decoder:
    if command in MODES_FROM_01:
        unit.glass.set_mode(MODES_FROM_01[command])
    elif command in (0x43, 0x45, 0x72):
        switch(unit, command, (yield))
    elif command == 0x40:
        unit.harm(SELF_TEST)
    else:
        unit.error(f"1F{command:02X}: unknown")


def _frame(unit: Unit, *, star: bool) -> Decoder:
    second = yield
    if second != 0x01:
        unit.error(f"04{second:02X}: unknown")
        return
    frame = yield from _until_etb()
    if star and frame == b"T":
        unit.answer(unit.glass.text())
    elif _obeyed(unit, frame) or (star and _obeyed_by_star(unit, frame)):
        unit.answer(ACK)
    else:
        unit.error(f"0401 {frame.hex().upper()} 17: refused")
        unit.answer(NAK)


def _until_etb() -> Arguments:
    frame = bytearray()
    while (byte := (yield)) != _ETB:
        if len(frame) < _LONGEST:
            frame.append(byte)
    return bytes(frame)


def _obeyed(unit: Unit, frame: bytes) -> bool:
    cells = unit.glass.rows * unit.glass.columns
    match tuple(frame):
        case (0x50, position):
            return unit.glass.go_to_cell(position - _FIRST)
        case (0x43, first, last) if _FIRST <= first <= last < _FIRST + cells:
            unit.glass.erase(range(first - _FIRST, last - _FIRST + 1))
            return True
        case (0x49, 0x00 | 0x30):  # of its values only USA is certain
            return True
        case (0x53 | 0x42 as command, *_):
            unit.harm(_FORBIDDEN[command])
            return True
        case (0x44, _, _):
            unit.error("0401 44: the demo takes the glass")
            return True
        case _:
            return False


def _obeyed_by_star(unit: Unit, frame: bytes) -> bool:
    match tuple(frame):
        case (0x74, page):
            code_page(unit, page)
            return True
        case _:
            return False
