"""Emulated displays for tests, by hex pairs as a manual prints them."""

from hw.display.emulator import Emulator


def fed(command_set: str, *data: bytes | str, rows: int = 2, columns: int = 4) -> Emulator:
    """An emulator after these bytes, text as bytes and commands as hex."""
    emulator = Emulator(rows, columns, command_set)
    for piece in data:
        answered(emulator, piece)
    return emulator


def answered(emulator: Emulator, piece: bytes | str) -> bytes:
    return emulator.feed(bytes.fromhex(piece) if isinstance(piece, str) else piece)
