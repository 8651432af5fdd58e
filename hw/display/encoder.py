"""Cells to bytes, by a profile. Pure: what to send and how long to be silent, never when.

Only whole rows are written: moving about for single cells garbles some units and saves little.
Overwrite mode goes before every repaint, because in any other mode a full last cell may scroll
the glass, and a display that lost its power alone has forgotten what it was told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hw.display.profile import BEGIN, KEEP, Profile

Cells = tuple[bytes, ...]
"""One row a bytes object, one byte a cell."""

_REPLACEMENT: Final = ord("?")


@dataclass(frozen=True, slots=True)
class Command:
    """Bytes to send, then `settle` seconds of silence."""

    data: bytes
    settle: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """One display: its profile, size, character set, and target when it hangs on a printer."""

    profile: Profile
    rows: int
    columns: int
    character_set: str = "ascii"
    target: str | None = None

    def begin(self) -> tuple[Command, ...]:
        """From any state of the display to a blank one that is ready to show text."""
        return tuple(self._commands(BEGIN))

    def clear(self) -> bytes:
        return b"".join(command.data for command in self._commands((*KEEP, "clear")))

    def encode(self, old: tuple[bytes | None, ...], new: Cells) -> bytes:
        """What turns `old` into `new`; a row that is None, or not there, is unknown. Empty when
        nothing changes."""
        known = (*old, *(None,) * self.rows)
        fitted = [self._fit(row) for row in (*new, *(b"",) * self.rows)][: self.rows]
        changed = [row for row in range(self.rows) if known[row] != fitted[row]]
        if not changed:
            return b""
        keep = b"".join(command.data for command in self._commands(KEEP))
        return keep + b"".join(self._line(row, fitted[row]) for row in changed)

    def _commands(self, names: tuple[str, ...]) -> Iterator[Command]:
        for name in names:
            template = self.profile.commands.get(name)
            value = self._value(name)
            if template is not None and value is not None:
                yield Command(
                    data=template.render({"value": value}),
                    settle=self.profile.settle.get(name, 0.0),
                )

    def _value(self, name: str) -> int | None:
        """The operand of a command; None when the command is not wanted."""
        if name == "target":
            return None if self.target is None else self.profile.targets[self.target]
        if name == "code_page":
            return self.profile.code_pages.get(self.character_set)
        return self.profile.brightness

    def _line(self, row: int, cells: bytes) -> bytes:
        place = {"row": row, "column": 0, "cell": row * self.columns}
        write_line = self.profile.commands.get("write_line")
        if write_line is not None:
            return write_line.render(place, cells)
        return self.profile.commands["move"].render(place) + cells

    def _fit(self, cells: bytes) -> bytes:
        """Exactly one row, and no byte a display could take for a command."""
        safe = bytes(_REPLACEMENT if cell < 0x20 or cell == 0x7F else cell for cell in cells)
        return safe.ljust(self.columns)[: self.columns]
