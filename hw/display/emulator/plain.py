"""A plain line device, as a unit of unknown make is best taken: no escapes, no settings, no cursor.

No source but common sense. What it does:
 - 20 to 7E show at the cursor and move it right. A cell past the end of a row is lost; nothing
   wraps. Bytes from 80 show as a block: there is no code page.
 - CR goes to the start of the row, LF to the same column of the next; on the last row all rows
   move up and the last is blank. FF clears and goes to the first cell. BS goes left within the
   row and erases nothing.
 - Everything else is ignored, one byte at a time.
"""

from hw.display.emulator.glass import Glass, Mode
from hw.display.emulator.parts import Decoder, act, printable
from hw.display.emulator.unit import Unit


def decoder(unit: Unit) -> Decoder:
    """Send it every byte that arrives; it never ends."""
    glass = unit.glass
    glass.mode = Mode.OVERWRITE
    glass.cursor_visible = False
    glass.waits_at_row_end = True
    glass.code_page = "ascii"
    acts = {
        0x08: lambda: _back(glass),
        0x0A: lambda: _line_feed(glass),
        0x0C: glass.clear,
        0x0D: glass.line_start,
    }
    while True:
        byte = yield
        if not printable(byte):
            act(unit, byte, acts)
        elif glass.row_is_full:
            unit.error("a cell past the end of its row")
        else:
            if byte >= 0x80:
                unit.error(f"{byte:02X}: not ASCII")
            glass.put(byte)


def _back(glass: Glass) -> None:
    glass.go_to(max(0, glass.column - 1), glass.row)


def _line_feed(glass: Glass) -> None:
    if not glass.go_to(glass.column, glass.row + 1):
        glass.scroll()
