"""Decodes the VT100 subset of Wincor BA63 and BA66 on a serial line, one byte at a time.

Source: Wincor Nixdorf BA63/BA66 manual. Its cursor is invisible, clearing does not move it, and a
line feed on the last row is no scrolling: the last row goes to the first, the others stay. The
manual is silent on what follows the last cell of a row: here one more cell begins the next row,
with such a line feed below the last.
"""

from typing import Final

from hw.display.emulator.glass import Glass, Mode
from hw.display.emulator.parts import ESC, Decoder, printable
from hw.display.emulator.unit import Unit

_LONGEST: Final = 8  # bytes of parameters; more are a mistake


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    glass = unit.glass
    glass.mode = Mode.OVERWRITE
    glass.cursor_visible = False
    glass.waits_at_row_end = True
    while True:
        byte = yield
        if byte == ESC:
            yield from _escape(unit, (yield))
        elif printable(byte):
            _put(glass, byte)
        elif byte == 0x08:
            glass.go_to(max(0, glass.column - 1), glass.row)
        elif byte == 0x0A:
            _line_feed(glass)
        elif byte == 0x0D:
            glass.line_start()
        else:
            unit.error(f"unknown byte {byte:02X}")


def identity(glass: Glass) -> bytes:
    """What `ESC [ 0 c` is answered with; its form is not established."""
    return b"BA66" if glass.rows == 4 else b"BA63"


def _put(glass: Glass, byte: int) -> None:
    if glass.row_is_full:
        glass.line_start()
        _line_feed(glass)
    glass.put(byte)


def _line_feed(glass: Glass) -> None:
    if not glass.go_to(glass.column, glass.row + 1):
        glass.copy_last_row_to_first()


def _escape(unit: Unit, command: int) -> Decoder:
    if command == 0x5B:
        yield from _control_sequence(unit)
    elif command == 0x52:
        number = yield
        if number:  # which numbers its other sets have is not established
            unit.error(f"1B52{number:02X}: only 00, USA, is certain")
    else:
        unit.error(f"1B{command:02X}: unknown")


def _control_sequence(unit: Unit) -> Decoder:
    """Up to a letter. A control byte breaks it off and is lost with it."""
    parameters = bytearray()
    while (byte := (yield)) < 0x40:
        if not printable(byte):
            unit.error(f"1B5B{parameters.hex()}{byte:02X}: broken off")
            return
        if len(parameters) <= _LONGEST:
            parameters.append(byte)
    if len(parameters) > _LONGEST or not _obeyed(unit, bytes(parameters), chr(byte)):
        unit.error(f"1B5B{parameters.hex()}{byte:02X}: unknown")


def _obeyed(unit: Unit, parameters: bytes, letter: str) -> bool:
    glass = unit.glass
    if (parameters, letter) == (b"2", "J"):
        glass.erase(range(glass.rows * glass.columns))
    elif (parameters, letter) == (b"0", "K"):
        glass.erase(range(glass.index, (glass.row + 1) * glass.columns))
    elif (parameters, letter) == (b"0", "c"):
        unit.answer(identity(glass))
    elif letter == "H":
        row, _, column = parameters.partition(b";")
        both = row.isdigit() and column.isdigit()
        return both and glass.go_to(int(column) - 1, int(row) - 1)
    else:
        return False
    return True
