"""Decodes AEDEX, also sold as EMAX, one byte at a time.

Sources: POS-X EVO-RD4 and XP8200, Tysso VFD-450, Logic Controls LDX9 section 8.1.2. Everything is a
frame; there is no clear, no cursor and no brightness. LDX9 passes bytes outside frames on to a
device behind, so they never show.
"""

from typing import Final

from hw.display.emulator.frames import Frames
from hw.display.emulator.glass import Mode
from hw.display.emulator.parts import CR, Decoder, settings_frame
from hw.display.emulator.unit import Unit

ATTENTION: Final = b"!#"
_FRAMES: Final = Frames(
    top=0x31, bottom=0x32, both=0x39, marquees=(0x34, 0x36), clock=0x35, attention=0x38
)


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    unit.glass.mode = Mode.OVERWRITE
    unit.glass.cursor_visible = False
    attention = ATTENTION
    while True:
        byte = yield
        unit.glass.end_marquee()
        if byte == attention[0]:
            second = yield
            if second == attention[1]:
                attention = (yield from _FRAMES.decode(unit, attention)) or attention
            else:
                unit.error(f"{byte:02X}{second:02X} outside a frame")
        elif byte == 0x02:
            yield from settings_frame(unit)
        elif byte != CR:
            unit.error(f"{byte:02X} outside a frame")
