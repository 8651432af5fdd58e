"""`display check`: what is wrong with a command set's file, or the bytes it makes."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.cli_talk import printable
from hw.display import profile as profiles
from hw.display.encoder import Command, Encoder
from hw.display.profile import Profile, ProfileError

_BAD_FILE: Final = 78  # as agent.cli has it: something has to be changed first
_WIDTH: Final = 16  # bytes a line
_TEXTS: Final = ("A1 READ OK?", "A1 LAST ROW")


def run(file: str, *, rows: int | None, columns: int | None) -> int:
    """Print every problem to stderr and return 78, or a hex table and 0."""
    if wrong := profiles.check(file):
        for problem in wrong:
            print(f"pos-agent: {printable(problem)}", file=sys.stderr)
        return _BAD_FILE
    try:
        profile = profiles.read(Path(file).stem, Path(file).read_text("utf-8"), where=file)
        encoder = _encoder(profile, rows, columns)
    except ProfileError as error:
        print(f"pos-agent: {printable(error)}", file=sys.stderr)
        return _BAD_FILE
    print("\n".join(map(printable, table(file, encoder))))
    return 0


def _encoder(profile: Profile, rows: int | None, columns: int | None) -> Encoder:
    return Encoder(
        profile=profile,
        rows=rows or min(2, profile.rows),
        columns=columns or min(20, profile.columns),
        character_set=profile.character_set,
    )


def table(file: str, encoder: Encoder) -> Iterator[str]:
    """What is sent at the start, for a screen, and to clear it."""
    size = f"{encoder.rows} x {encoder.columns}"
    yield f"{file}: {encoder.profile.title} can be used, here for {size}"
    texts = tuple(text.encode()[: encoder.width] for text in _TEXTS[: encoder.rows])
    for name, commands in (
        ("start", encoder.begin()),
        (f"show {' / '.join(_TEXTS[: encoder.rows])}", (Command(encoder.encode((), texts)),)),
        ("clear", (Command(encoder.clear()),)),
    ):
        yield ""
        yield name
        for command in commands:
            yield from _hex(command)


def _hex(command: Command) -> Iterator[str]:
    for start in range(0, len(command.data), _WIDTH):
        part = command.data[start : start + _WIDTH]
        signs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        yield f"  {part.hex(' ').upper():<{3 * _WIDTH}} {signs}".rstrip()
    if command.settle:
        yield f"  then {command.settle:g} s of silence"
