"""Decodes UTC standard, one byte at a time, and UTC enhanced, which is entered from it.

Sources: UTC Retail PD1100/1200 and 3190 manuals, Posiflex PD-2609UE, Tysso VFD-450, Partner CD5220.
Clones add `13`/`14`, cursor on and off; their `1F` only clears. The USB PD1200 lacks `18` and `19`,
so both are ignored here. Some tables print go-to as `0F`: a misprint, unknown here.
"""

from functools import partial
from typing import Final

from hw.display.emulator.frames import Frames
from hw.display.emulator.glass import Glass, Mode
from hw.display.emulator.logic_controls import position_or_brightness, show_cursor
from hw.display.emulator.parts import CR, ESC, Acts, Decoder, act, printable, settings_frame
from hw.display.emulator.unit import Unit

ATTENTION: Final = b"\x1bu"
_FRAMES: Final = Frames(
    top=0x41, bottom=0x42, both=0x49, marquees=(0x44, 0x46), clock=0x45, attention=0x48
)


def decoder(unit: Unit) -> Decoder:
    """UTC standard. Send it every byte that arrives; it never ends."""
    acts = {**_acts(unit), 0x1F: unit.initialise}
    while True:
        byte = yield
        if byte == ESC:
            command = yield
            unit.error(f"1B{command:02X}: unknown")
        else:
            yield from _standard(unit, byte, acts)


def enhanced(unit: Unit) -> Decoder:
    """Starts as UTC standard; `ESC d` enters the mode of frames, `ESC RS CR` leaves it."""
    acts = {**_acts(unit), 0x1F: unit.glass.clear}
    while True:
        byte = yield
        unit.glass.end_marquee()
        if byte != ESC:
            yield from _standard(unit, byte, acts)
        elif (command := (yield)) == 0x64:
            yield from _enhanced_mode(unit)
        else:
            unit.error(f"1B{command:02X}: unknown")


def _enhanced_mode(unit: Unit) -> Decoder:
    """Nothing but frames acts; Posiflex passes the rest through to a device behind."""
    attention = ATTENTION
    while True:
        byte = yield
        unit.glass.end_marquee()
        if byte == attention[0]:
            command = yield
            if command == attention[1]:
                attention = (yield from _FRAMES.decode(unit, attention)) or attention
                continue
        elif byte == ESC:
            command = yield
        else:
            if byte != CR:
                unit.error(f"{byte:02X} outside a frame")
            continue
        if byte == ESC and command == 0x1E:
            if (yield) == CR:
                return
            unit.error("1B1E: CR has to follow")
        elif byte != ESC or command != 0x64:
            unit.error(f"{byte:02X}{command:02X}: unknown in UTC enhanced mode")


def _standard(unit: Unit, byte: int, acts: Acts) -> Decoder:
    if printable(byte):
        unit.glass.put(byte)
    elif byte in (0x04, 0x10):
        yield from position_or_brightness(unit, byte)
    elif byte == 0x02:
        yield from settings_frame(unit)
    else:
        act(unit, byte, acts)


def _acts(unit: Unit) -> Acts:
    glass = unit.glass
    return {
        0x08: glass.left,
        0x09: glass.right,
        0x0A: glass.down,
        0x0D: glass.line_start,
        0x11: partial(glass.set_mode, Mode.OVERWRITE),
        0x12: partial(glass.set_mode, Mode.VERTICAL),
        0x13: partial(show_cursor, glass, True),
        0x14: partial(show_cursor, glass, False),
        0x18: partial(unit.error, "18: the USB PD1200 lacks it"),
        0x19: partial(unit.error, "19: the USB PD1200 lacks it"),
        0x1C: partial(_blink, glass, 1),
        0x1D: partial(_blink, glass, 0),
        0x1E: glass.clear,
    }


def _blink(glass: Glass, blink: int) -> None:
    glass.blink = blink
