"""Decodes the ESC/POS commands of customer displays, one byte at a time.

Sources: Bixolon BCD-1000 and BCD-2000 command manuals, kunif/EscPosUtils (zlib licence). A
sequence this module does not know is recorded as an error: real units show junk for those.
"""

from collections.abc import Generator

from hw.display.emulator.characters import CODE_PAGES, INTERNATIONAL
from hw.display.emulator.glass import Glass, Mode

Decoder = Generator[None, int, None]
Arguments = Generator[None, int, bytes]

_MODES = {0x01: Mode.OVERWRITE, 0x02: Mode.VERTICAL, 0x03: Mode.HORIZONTAL}
_FORBIDDEN = {
    (0x1B, 0x73): "ESC s stores settings",
    (0x1B, 0x62): "ESC b changes the baud rate",
    (0x1B, 0x23): "ESC # stores a start-up text",
    (0x1B, 0x26): "ESC & defines glyphs, which some units store for good",
    (0x1F, 0x40): "US @ runs the self-test",
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
    match byte:
        case 0x08:
            glass.left()
        case 0x09:
            glass.right()
        case 0x0A:
            glass.down()
        case 0x0B:
            glass.home()
        case 0x0C:
            glass.clear()
        case 0x0D:
            glass.line_start()
        case 0x18:
            glass.clear_line()
        case _:
            glass.error(f"unknown byte {byte:02X}")


def _escape(glass: Glass, command: int) -> Decoder:
    if command == 0x3D:
        glass.selected = bool((yield) & 2)
    elif not glass.selected:
        return
    elif command == 0x40:
        glass.power_on()
    elif command == 0x52:
        _choose(glass, "international", (yield))
    elif command == 0x74:
        _choose(glass, "code page", (yield))
    elif command == 0x57:
        window, on = yield from take(2)
        if on:
            corners = yield from take(4)
            glass.error(f"window {window} {corners.hex()}: not emulated")
    elif command in (0x25, 0x3F):
        yield  # use or drop a glyph set, drop one glyph: there are none
    else:
        _unknown(glass, 0x1B, command)


def _unit_separator(glass: Glass, command: int) -> Decoder:
    if command in _MODES:
        glass.set_mode(_MODES[command])
    elif command == 0x0A:
        glass.up()
    elif command == 0x0D:
        glass.line_end()
    elif command == 0x42:
        glass.bottom()
    elif command == 0x24:
        x, y = yield from take(2)
        glass.go_to(x, y)
    elif command in (0x43, 0x45, 0x58, 0x72, 0x76):
        _set(glass, command, (yield))
    elif command in (0x2C, 0x2E, 0x3B):
        glass.put((yield))  # a character with its annunciator lit: same cell
    elif command in (0x23, 0x54, 0x5E):
        yield from take(2)
        glass.error(f"1F{command:02X}: not emulated")
    elif command == 0x28:
        yield from _length_prefixed(glass)
    else:
        _unknown(glass, 0x1F, command)


def _set(glass: Glass, command: int, value: int) -> None:
    if command == 0x58:
        if 1 <= value <= 4:
            glass.brightness = value
        else:
            glass.error(f"brightness {value}: 1 to 4")
    elif command == 0x45:
        glass.blink = value
    elif value not in (0x00, 0x01, 0x30, 0x31):
        glass.error(f"1F{command:02X} {value:02X}: off is 00, on is 01")
    elif command == 0x43:
        glass.cursor_visible = bool(value & 1)
    elif command == 0x72:
        glass.reverse = bool(value & 1)


def _choose(glass: Glass, what: str, number: int) -> None:
    if what == "code page" and number in CODE_PAGES:
        glass.code_page = CODE_PAGES[number]
    elif what == "international" and number in INTERNATIONAL:
        glass.international = number
    else:
        glass.error(f"{what} {number}: not known everywhere")


def _length_prefixed(glass: Glass) -> Decoder:
    function, low, high = yield from take(3)
    yield from take(low + 256 * high)
    glass.error(f"1F28{function:02X}: settings are never touched")


def _unknown(glass: Glass, lead: int, command: int) -> None:
    why = _FORBIDDEN.get((lead, command), "unknown")
    glass.error(f"{lead:02X}{command:02X}: {why}")


def take(count: int) -> Arguments:
    """The next `count` bytes, whatever they are."""
    taken = bytearray()
    while len(taken) < count:
        taken.append((yield))
    return bytes(taken)
