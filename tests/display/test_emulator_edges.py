"""What happens at the edges of the glass: the table of the reference, row by row.

Sources: POS-X EVO-RD1, Aures OLC-15, Bixolon BCD-1000, Logic Controls LDX9. Where they disagree the
emulator does what hurts a careless writer most, and the comment says so.
"""

import pytest

from hw.display.emulator.glass import Mode
from tests.display.emulated import fed

# Home, then both rows full, by go-to: the mode plays no part before the event.
FULL = {
    "escpos": ("1F01 1F240101", b"ABCDEFGH"),
    "cd5220": ("1B11 1B6C0101", b"ABCDEFGH"),
    "star": ("1F01 0B", b"ABCDEFGH"),
    "utc": ("11 1000", b"ABCDEFGH"),
}
MODES = {
    "escpos": {"overwrite": "1F01", "vertical": "1F02", "horizontal": "1F03"},
    "cd5220": {"overwrite": "1B11", "vertical": "1B12", "horizontal": "1B13"},
    "star": {"overwrite": "1F01", "vertical": "1F02", "horizontal": "1F03"},
    "utc": {"overwrite": "11", "vertical": "12"},
}
GO_TO = {
    "escpos": "1F24{x:02X}{y:02X}",
    "cd5220": "1B6C{x:02X}{y:02X}",
    "star": "040150{star:02X}17",
    "utc": "10{index:02X}",
}
KEYS = {"cell": "58", "right": "09", "left": "08", "down": "0A"}
UP = {"escpos": "1F0A", "cd5220": "1B5B41"}  # the others have none

EVENTS = [
    # mode, from (x, y), event, cells after, cursor after as (x, y)
    ("overwrite", (4, 1), "cell", ("ABCX", "EFGH"), (1, 2)),
    ("overwrite", (4, 1), "right", ("ABCD", "EFGH"), (1, 2)),
    ("overwrite", (4, 2), "cell", ("ABCD", "EFGX"), (1, 1)),
    ("overwrite", (4, 2), "right", ("ABCD", "EFGH"), (1, 1)),
    ("overwrite", (1, 2), "left", ("ABCD", "EFGH"), (4, 1)),
    ("overwrite", (1, 1), "left", ("ABCD", "EFGH"), (4, 2)),
    ("overwrite", (2, 1), "up", ("ABCD", "EFGH"), (2, 2)),
    ("overwrite", (2, 2), "up", ("ABCD", "EFGH"), (2, 1)),
    ("overwrite", (2, 2), "down", ("ABCD", "EFGH"), (2, 1)),
    ("overwrite", (2, 1), "down", ("ABCD", "EFGH"), (2, 2)),
    ("vertical", (4, 1), "cell", ("ABCX", "EFGH"), (1, 2)),
    ("vertical", (4, 1), "right", ("ABCD", "EFGH"), (1, 2)),
    # UTC and IBM scroll as soon as the last cell is written; the others do not say
    ("vertical", (4, 2), "cell", ("EFGX", "    "), (1, 2)),
    ("vertical", (4, 2), "right", ("EFGH", "    "), (1, 2)),
    ("vertical", (1, 2), "left", ("ABCD", "EFGH"), (4, 1)),  # sources disagree
    ("vertical", (2, 1), "up", ("    ", "ABCD"), (2, 1)),
    ("vertical", (2, 2), "down", ("EFGH", "    "), (2, 2)),
    ("horizontal", (4, 1), "cell", ("ABCX", "EFGH"), (4, 1)),
    ("horizontal", (4, 1), "cell cell", ("BCXX", "EFGH"), (4, 1)),
    ("horizontal", (4, 1), "cell left cell", ("ABXX", "EFGH"), (4, 1)),
    ("horizontal", (4, 1), "right", ("ABCD", "EFGH"), (4, 1)),
    ("horizontal", (1, 1), "left", ("ABCD", "EFGH"), (1, 1)),
    ("horizontal", (2, 1), "up", ("ABCD", "EFGH"), (2, 1)),
    ("horizontal", (2, 2), "down", ("ABCD", "EFGH"), (2, 2)),
]


def applicable() -> list[tuple[str, str, tuple[int, int], str, tuple[str, str], tuple[int, int]]]:
    """Every event for every command set that has the mode and the key."""
    return [
        (command_set, *event)
        for command_set, modes in MODES.items()
        for event in EVENTS
        if event[0] in modes and (event[2] != "up" or command_set in UP)
    ]


@pytest.mark.parametrize(
    ("command_set", "mode", "start", "events", "cells", "cursor"), applicable()
)
def test_the_edges(
    command_set: str,
    mode: str,
    start: tuple[int, int],
    events: str,
    cells: tuple[str, str],
    cursor: tuple[int, int],
) -> None:
    keys = KEYS | {"up": UP.get(command_set, "")}
    keyed = "".join(keys[event] for event in events.split())
    chosen = MODES[command_set][mode]
    (x, y), index = start, (start[1] - 1) * 4 + start[0] - 1
    move = GO_TO[command_set].format(x=x, y=y, index=index, star=index + 0x31)
    before, full = FULL[command_set]
    emulator = fed(command_set, before, full, chosen, move, keyed)

    assert (emulator.cells(), emulator.errors) == (cells, ())
    assert emulator.cursor == (cursor[0] - 1, cursor[1] - 1)


def test_in_horizontal_mode_of_cd5220_only_the_top_row_shifts() -> None:
    emulator = fed("cd5220", "1B40 1B13 1B6C0102", b"ABCDE")

    assert (emulator.cells(), emulator.cursor) == (("E   ", "ABCD"), (1, 0))
    assert fed("escpos", "1B40 1F03 1F240102", b"ABCDE").cells() == ("    ", "BCDE")


def test_four_rows_scroll_as_two_do() -> None:
    emulator = fed("escpos", "1B40 1F02", b"AAAABBBBCCCCDDDD", rows=4)

    assert emulator.cells() == ("BBBB", "CCCC", "DDDD", "    ")
    assert (emulator.cursor, emulator.mode) == ((0, 3), Mode.VERTICAL)


def test_one_row_wraps_onto_itself() -> None:
    assert fed("escpos", "1B40 1F01", b"ABCDE", rows=1).cells() == ("EBCD",)
    assert fed("escpos", "1B40 1F02", b"ABCDE", rows=1).cells() == ("E   ",)


@pytest.mark.parametrize(("rows", "columns"), [(1, 20), (2, 16), (2, 40), (4, 20), (4, 40)])
def test_the_last_cell_is_where_it_should_be_in_every_geometry(rows: int, columns: int) -> None:
    last = rows * columns - 1
    sent = {
        "escpos": f"1B40 1F01 1F24{columns:02X}{rows:02X} 58",
        "cd5220": f"1B40 1B11 1B6C{columns:02X}{rows:02X} 58",
        "logic-controls": f"1F 11 10{last:02X} 58",
        "utc": f"1F 11 10{last:02X} 58",
        "surepos": f"1F 11 10{last:02X} 58",
        "ncr": f"1B02 1B13{last:02X} 58",
        "star": f"1B40 1F01 040150{last + 0x31:02X}17 58",
    }
    for command_set, data in sent.items():
        emulator = fed(command_set, data, rows=rows, columns=columns)
        assert emulator.cells() == (*[" " * columns] * (rows - 1), "X".rjust(columns)), command_set
        assert (emulator.cursor, emulator.errors) == ((0, 0), ()), command_set
