"""Hex templates: how a command set writes its commands down as data.

`"1F24 {column+1} {row+1}"` is two fixed bytes and two operands. An operand is a name, optionally
plus a number (decimal or `0x..`), sent as one binary byte, or with `:decimal` as ASCII digits.
`{row*0A}` sends the byte 0A as often as the operand says. `{text}` stands for the cells of a row.
Blanks between hex pairs do not count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PIECE = re.compile(
    r"(?P<hex>[0-9A-Fa-f]{2})"
    r"|\{(?P<name>[a-z]+)"
    r"(?:\*(?P<repeat>[0-9A-Fa-f]{2})"
    r"|(?:\+(?P<add>0x[0-9A-Fa-f]{1,2}|[0-9]{1,3}))?(?P<decimal>:decimal)?)\}"
    r"|(?P<blank>[ ]+)"
)


class TemplateError(ValueError):
    """The text is no template, or an operand does not fit into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A place filled in when the command is sent. `repeat`: this byte, so many times."""

    name: str
    add: int = 0
    decimal: bool = False
    repeat: bytes = b""


@dataclass(frozen=True, slots=True)
class Template:
    """Fixed bytes and operands in the order they are sent."""

    pieces: tuple[bytes | Operand, ...]

    def operands(self) -> tuple[str, ...]:
        return tuple(piece.name for piece in self.pieces if isinstance(piece, Operand))

    def parts(self, numbers: Mapping[str, int]) -> tuple[bytes | None, ...]:
        """The command as sent; None where the text goes. Raises TemplateError for a number that
        is no byte."""
        parts: list[bytes | None] = [b""]
        for piece in self.pieces:
            filled = piece if isinstance(piece, bytes) else _fill(piece, numbers)
            before = parts[-1]
            if filled is None or before is None:
                parts.append(filled)
            else:
                parts[-1] = before + filled
        return tuple(parts)

    def render(self, numbers: Mapping[str, int], text: bytes = b"") -> bytes:
        """The command as sent. Raises TemplateError for a number that is no byte."""
        return b"".join(text if part is None else part for part in self.parts(numbers))


def parse(source: str, operands: frozenset[str]) -> Template:
    """Read a template that may use these operands. Raises TemplateError saying where it ends."""
    pieces: list[bytes | Operand] = []
    position = 0
    while position < len(source):
        found = _PIECE.match(source, position)
        if found is None:
            raise TemplateError(
                f"{source!r} at {source[position:]!r}: expected hex pairs or an operand like "
                "{row+1}"
            )
        position = found.end()
        if found["hex"]:
            pieces.append(bytes.fromhex(found["hex"]))
        elif found["name"]:
            pieces.append(_operand(source, found, operands))
    if not pieces:
        raise TemplateError("is empty; leave the command out if the display has none")
    return Template(tuple(pieces))


def _operand(source: str, found: re.Match[str], operands: frozenset[str]) -> Operand:
    if found["name"] not in operands:
        allowed = ", ".join(sorted(operands)) or "none"
        raise TemplateError(f"{source!r}: no operand {found['name']!r} here; allowed: {allowed}")
    if found["name"] == "text" and found[0] != "{text}":
        raise TemplateError(f"{source!r}: {found[0]} is no number; write {{text}}")
    add = found["add"] or "0"
    return Operand(
        name=found["name"],
        add=int(add, 16 if add.startswith("0x") else 10),
        decimal=bool(found["decimal"]),
        repeat=bytes.fromhex(found["repeat"] or ""),
    )


def _fill(operand: Operand, numbers: Mapping[str, int]) -> bytes | None:
    if operand.name == "text":
        return None
    number = numbers[operand.name] + operand.add
    if operand.repeat:
        return operand.repeat * number
    if operand.decimal:
        return str(number).encode("ascii")
    if number > 0xFF:
        raise TemplateError(f"{operand.name} becomes {number}; one byte holds up to 255")
    return bytes((number,))
