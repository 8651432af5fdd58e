"""Decodes the CD5220 command set ("PTC"), one byte at a time.

Source: Partner Tech CD5220 manual, Logic Controls LDX9 manual section 8.3. Its trap is string
mode: after a whole-line write only clear, cancel and another line write act.
"""

from hw.display.emulator.escpos import Decoder, take
from hw.display.emulator.glass import Glass, Mode

_MODES = {0x11: Mode.OVERWRITE, 0x12: Mode.VERTICAL, 0x13: Mode.HORIZONTAL}
_INTERNATIONAL = {"A": 0, "F": 1, "G": 2, "U": 3, "D": 4, "I": 6, "S": 7, "J": 8}
_FORBIDDEN = {
    0x73: "ESC s stores settings",
    0x64: "ESC d changes the command set",
    0x62: "ESC b changes the baud rate",
    0x23: "ESC # stores a start-up text",
    0x26: "ESC & defines glyphs, which some units store for good",
}


def decoder(glass: Glass) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    while True:
        byte = yield
        if byte == 0x1B:
            yield from _escape(glass, (yield))
        elif not glass.selected:
            continue  # the bytes are for the printer
        elif byte == 0x1F:
            yield from _unit_separator(glass, (yield))
        elif byte >= 0x20 and byte != 0x7F:
            glass.put(byte)
        else:
            _control(glass, byte)


def _control(glass: Glass, byte: int) -> None:
    acts = {
        0x08: glass.left,
        0x09: glass.right,
        0x0A: glass.down,
        0x0B: glass.home,
        0x0C: glass.clear,
        0x0D: glass.line_start,
        0x18: glass.clear_line,
    }
    if byte in acts:
        acts[byte]()
    else:
        glass.error(f"unknown byte {byte:02X}")


def _escape(glass: Glass, command: int) -> Decoder:
    if command == 0x3D:
        glass.selected = bool((yield) & 2)
    elif not glass.selected:
        return
    elif command == 0x40:
        glass.power_on()
    elif command in _MODES:
        glass.set_mode(_MODES[command])
    elif command == 0x6C:
        x, y = yield from take(2)
        glass.go_to(x, y)
    elif command == 0x5B:
        _arrow(glass, (yield))
    elif command == 0x51:
        yield from _string(glass, (yield))
    elif command in (0x5F, 0x2A, 0x66, 0x63):
        _set(glass, command, (yield))
    elif command == 0x57:
        window = yield from take(4)
        glass.error(f"window {window.hex()}: not emulated")
    elif command in (0x25, 0x3F):
        yield  # use or drop a glyph set, drop one glyph: there are none
    else:
        glass.error(f"1B{command:02X}: {_FORBIDDEN.get(command, 'unknown')}")


def _unit_separator(glass: Glass, command: int) -> Decoder:
    if command == 0x45:
        glass.blink = yield
    else:
        glass.error(f"1F{command:02X}: {'runs the self-test' if command == 0x40 else 'unknown'}")


def _arrow(glass: Glass, letter: int) -> None:
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
    act = acts.get(chr(letter))
    if act is None:
        glass.error(f"1B5B{letter:02X}: unknown")
    else:
        act()


def _set(glass: Glass, command: int, value: int) -> None:
    if command == 0x5F and value in (0, 1):
        glass.cursor_visible = bool(value)
    elif command == 0x2A and 1 <= value <= 4:
        glass.brightness = value
    elif command == 0x66 and chr(value) in _INTERNATIONAL:
        glass.international = _INTERNATIONAL[chr(value)]
    else:
        glass.error(f"1B{command:02X} {value:02X}: unknown value")


def _string(glass: Glass, row: int) -> Decoder:
    """String mode: entered by a line write, left by clear or cancel; the rest is ignored."""
    yield from _line(glass, row)
    while True:
        byte = yield
        if byte in (0x0C, 0x18):
            _control(glass, byte)
            return
        if byte != 0x1B:
            continue
        if (yield) == 0x51:
            yield from _line(glass, (yield))


def _line(glass: Glass, letter: int) -> Decoder:
    text = bytearray()
    while (byte := (yield)) != 0x0D:
        text.append(byte)
    row = {0x41: 0, 0x42: 1}.get(letter)
    if row is None or row >= glass.rows:
        glass.error(f"1B51{letter:02X}: no such line")
    else:
        glass.write_line(row, bytes(text))
