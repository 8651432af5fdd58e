"""The frames of UTC enhanced and AEDEX: an attention code, a letter, text, CR.

Both have the same eight under different letters. A short line leaves the rest of its row as it
was: on Posiflex an empty one clears the row, the other makers are silent.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from hw.display.emulator.parts import CR, printable
from hw.display.emulator.unit import Unit

_MARQUEE_CELLS: Final = 40  # 40, 45 or 60 by maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Which letter is which frame."""

    top: int
    bottom: int
    both: int
    marquees: tuple[int, ...]
    clock: int
    attention: int

    def decode(self, unit: Unit, attention: bytes) -> Generator[None, int, bytes | None]:
        """The rest of a frame whose attention code has just arrived. The new attention code, if
        the frame sets one.

        The attention code inside a text starts over: the makers are silent, and a unit that
        looks for it everywhere hurts most.
        """
        body: bytes | None = None
        while body is None:
            body = yield from _body(unit, attention, limit=2 * unit.glass.columns)
        if not body:
            unit.error("a frame without a letter")
            return None
        return self._obey(unit, body[0], body[1:])

    def _obey(self, unit: Unit, letter: int, text: bytes) -> bytes | None:
        columns = unit.glass.columns
        if letter == self.top:
            _write(unit, 0, text, columns)
        elif letter == self.bottom and unit.glass.rows > 1:
            _write(unit, columns, text, columns)
        elif letter == self.both:
            _write(unit, 0, text, 2 * columns)
        elif letter in self.marquees:
            unit.glass.start_marquee(0, text[:_MARQUEE_CELLS])
        elif letter == self.clock:
            unit.error("clock: not emulated")
        elif letter == self.attention and len(text) == 2:
            unit.error("another attention code: known commands act no longer")
            return text
        else:
            unit.error(f"frame {letter:02X}: unknown")
        return None


def _write(unit: Unit, start: int, text: bytes, limit: int) -> None:
    if len(text) > limit:
        unit.error(f"a text of more than {limit} cells")
    unit.glass.write(start, text[:limit])


def _body(unit: Unit, attention: bytes, limit: int) -> Generator[None, int, bytes | None]:
    """Letter and text up to CR; None when the attention code comes first."""
    body = bytearray()
    previous = -1
    while (byte := (yield)) != CR:
        if bytes((max(previous, 0), byte)) == attention and previous >= 0:
            unit.error("the attention code inside a text")
            return None
        previous = byte
        if not printable(byte):
            unit.error(f"{byte:02X} inside a frame")
        elif len(body) < 1 + limit + 1:  # the letter, and one cell too many to tell
            body.append(byte)
    return bytes(body)
