"""Decodes the NCR 5972 family, one byte at a time.

Source: NCR 5972 user's guide BD20-1372. Every byte but ESC is a character, CR and LF included; ESC
takes the next byte with it, known or not. The display always overwrites and wraps.
"""

from typing import Final

from hw.display.emulator.characters import NCR_CODE_PAGES
from hw.display.emulator.glass import Glass, Mode
from hw.display.emulator.parts import ESC, Decoder, go_to_cell
from hw.display.emulator.unit import Unit

IDENTITY: Final = b"NCR 5972, 000-0000000"
_CHARACTER_SETS: Final = 0x20


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    unit.glass.mode = Mode.OVERWRITE
    unit.glass.code_page = NCR_CODE_PAGES[0]
    while True:
        byte = yield
        if byte == ESC:
            yield from _escape(unit, (yield))
            continue
        if byte < 0x20:
            unit.error(f"{byte:02X} shows as a character")
        unit.glass.put(byte)


def _escape(unit: Unit, command: int) -> Decoder:
    glass = unit.glass
    if command == 0x02:
        glass.clear()
    elif command == 0x04:
        unit.harm("1B04: walks through all characters without end")
    elif command in (0x07, 0x08):
        glass.cursor_visible = command == 0x07
    elif command in (0x0D, 0x0E):
        glass.blink = int(command == 0x0D)
    elif command in (0x0F, 0x10):
        _step(glass, -1 if command == 0x0F else 1)
    elif command == 0x13:
        yield from go_to_cell(unit)
    elif command == 0x19:
        unit.answer(bytes((len(IDENTITY),)) + IDENTITY)
    elif command == ESC:
        glass.put(ESC)
    elif 0 <= command - _CHARACTER_SETS < len(NCR_CODE_PAGES):
        glass.code_page = NCR_CODE_PAGES[command - _CHARACTER_SETS]
    else:
        unit.error(f"1B{command:02X}: unknown")


def _step(glass: Glass, by: int) -> None:
    glass.go_to_cell((glass.index + by) % (glass.rows * glass.columns))
