"""Cells to bytes, by a profile. Pure: what to send and how long to be silent, never when.

Only whole rows are written: moving about for single cells garbles some units and saves little.
Overwrite mode goes before every repaint, because in any other mode a full last cell may scroll
the glass, and a display that lost its power alone has forgotten what it was told. Where a set has
no such mode, the last column stays blank.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hw.display.profile import BEGIN, KEEP, Profile, ProfileError, place

Cells = tuple[bytes, ...]
"""One row a bytes object, one byte a cell."""

_REPLACEMENT: Final = ord("?")
_STAND_INS: Final = b"?.-"  # one of them is not among the two bytes that are guarded


@dataclass(frozen=True, slots=True)
class Command:
    """Bytes to send, then `settle` seconds of silence."""

    data: bytes
    settle: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """One display: its profile, size, character set, and target when it hangs on a printer.

    Raises ProfileError for a size the profile cannot drive, and for a character set or target it
    does not have.
    """

    profile: Profile
    rows: int
    columns: int
    character_set: str = "ascii"
    target: str | None = None

    def __post_init__(self) -> None:
        where, profile = f"display profile {self.profile.name}", self.profile
        if self.target is not None and self.target not in profile.targets:
            known = ", ".join(profile.targets) or "none"
            raise ProfileError(f"{where}: no target {self.target!r}; known: {known}")
        if self.character_set not in ("ascii", *profile.code_pages):
            known = ", ".join(dict.fromkeys(("ascii", *profile.code_pages)))
            raise ProfileError(f"{where}: no character set {self.character_set!r}; known: {known}")
        if (refusal := profile.refusal(self.rows, self.columns)) is not None:
            raise ProfileError(f"{where}: {refusal}")

    @property
    def width(self) -> int:
        """How many columns show text; the others stay blank."""
        return self.columns - self.profile.spare_column

    def begin(self) -> tuple[Command, ...]:
        """From any state of the display to a blank one that is ready to show text."""
        commands = tuple(self._commands(BEGIN))
        if "clear" in self.profile.commands:
            return commands
        return (*commands, Command(self._lines(range(self.rows), ())))

    def clear(self) -> bytes:
        if "clear" in self.profile.commands:
            return self._joined((*KEEP, "clear"))
        return self._joined(KEEP) + self._lines(range(self.rows), ())

    def end(self) -> bytes:
        """Blank, and what other programs expect to be selected is so again."""
        value = self.profile.afterwards.get(self.target or "")
        back = b"" if value is None else self.profile.commands["target"].render({"value": value})
        return self.clear() + back

    def encode(self, old: tuple[bytes | None, ...], new: Cells) -> bytes:
        """What turns `old` into `new`; a row that is None, or not there, is unknown. Empty when
        nothing changes."""
        known = [None if row is None else self._fit(row) for row in (*old, *(None,) * self.rows)]
        fitted = [self._fit(row) for row in (*new, *(b"",) * self.rows)]
        changed = [row for row in range(self.rows) if known[row] != fitted[row]]
        if not changed:
            return b""
        return self._joined(KEEP) + self._lines(changed, new)

    def brightness(self, level: int) -> bytes:
        """From 1, dim, to as many as there are, bright; nothing if that cannot be set."""
        command, levels = self.profile.commands.get("brightness"), self.profile.brightness
        if command is None:
            return b""
        return command.render({"value": levels[min(max(level, 1), len(levels)) - 1]})

    def _joined(self, names: tuple[str, ...]) -> bytes:
        return b"".join(command.data for command in self._commands(names))

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
        return self.profile.brightness[-1]

    def _lines(self, changed: Iterable[int], new: Cells) -> bytes:
        """These rows; all of them where a set can only go on from the top."""
        cells = [self._fit(row) for row in (*new, *(b"",) * self.rows)]
        line, move = self.profile.commands.get("write_line"), self.profile.commands.get("move")
        if line is not None:
            return b"".join(line.render(place(r, self.columns), cells[r]) for r in changed)
        if move is not None:
            return b"".join(move.render(place(r, self.columns)) + cells[r] for r in changed)
        home, next_row = (self.profile.commands[name].render({}) for name in ("home", "next_row"))
        return home + next_row.join(cells[: self.rows])

    def _fit(self, cells: bytes) -> bytes:
        """Exactly one row, and nothing in it that a display could take for a command."""
        last = 0x7E if self.character_set == "ascii" else 0xFF
        safe = bytes(
            cell if 0x20 <= cell <= last and cell != 0x7F else _REPLACEMENT for cell in cells
        )
        safe = safe.ljust(self.width)[: self.width]
        guarded = self._opening()
        while guarded and guarded in safe:
            stand_in = next(sign for sign in _STAND_INS if sign not in guarded)
            safe = safe.replace(guarded, bytes((stand_in,)) + guarded[1:])
        return safe

    def _opening(self) -> bytes:
        """What begins a command although it is printable (AEDEX: `!#`): not allowed in text."""
        line = self.profile.commands.get("write_line") or self.profile.commands.get("move")
        opening = b""
        for piece in () if line is None else line.pieces[:2]:
            if not isinstance(piece, bytes) or piece < b" ":
                break
            opening += piece
        return opening
