"""What other programs send to a display: commands as their manuals list them, one per dialect.

Taken from the manuals' command tables and not from our profiles. Left out is what a profile's
remarks name as beyond repair, and what must never be sent.
"""

from hypothesis import strategies as st

_CURSOR = ("08", "09", "0A", "0D")
_LOGIC_CONTROLS = (
    *("1F", "1000", "1014", "1027", "11", "12", "13", "14", "0420", "04FF"),
    *("05 53414C45 0D", "1B06 53414C45 0D", "1B07 53414C45 0D", "1B0B 53414C45 0D"),
    *_CURSOR,
)
_FRAMES = ("310D", "31 544F5020 0D", "32 424F54 0D", "34 53414C45 0D", "36 53 0D", "39 4142 0D")
_DSP800 = ("040150 31 17", "040150 58 17", "040143 31 58 17", "040149 31 17", "040143 35 36 17")

COMMANDS: dict[str, tuple[str, ...]] = {
    "escpos": (
        *("0C", "18", "0B", *_CURSOR, "1F0A", "1F0D", "1F240502", "1F01", "1F02", "1F03"),
        *("1F4300", "1F4301", "1F5801", "1F5804", "1F4505", "1F7200", "1F7201", "1B5202", "1B7413"),
        *("1B5701010101 0A02", "1B570100", "1F2E41", "1F2C41", "1F3B41", "1B40", "1F230102"),
        *(
            "1F540C1E",
            "1F55",
            "1F7600",
            "1F7601",
            "1F3A 414243 1F3A",
            "1F5E0101",
            "1B2501",
            "1B3F41",
        ),
    ),
    "cd5220": (
        *("0C", "18", "0B", *_CURSOR, "1B5B41", "1B5B42", "1B5B43", "1B5B44", "1B5B48", "1B5B4C"),
        *("1B5B52", "1B6C0502", "1B11", "1B12", "1B13", "1B5F00", "1B5F01", "1B2A01", "1F4505"),
        *("1B6647", "1B6341", "1B40", "1B5141 4142 0D", "1B5142 4142434445 0D", "1B5700010402"),
        *("1B5701010A01", "1B5144 53414C45 0D", "1B2501", "1B3F41"),
    ),
    "logic-controls": _LOGIC_CONTROLS,
    "utc": (*_LOGIC_CONTROLS[:9], *_CURSOR, "1E", "18", "19", "1C 53414C45 1D", "1C"),
    "utc-enhanced": tuple(
        f"1B75 {code}" for code in ("41 54 0D", "42 42 0D", "44 53 0D", "46 53 0D", "49 4142 0D")
    ),
    "aedex": tuple(f"2123 {code}" for code in (*_FRAMES, "35 31323A3330 0D")),
    "dsp800": _DSP800,
    "star": (
        *(*_DSP800, "04015417", "0C", "0B", *_CURSOR, "1B40", "1F01", "1F02", "1F03"),
        *("1F4300", "1F4301", "1F4505", "1F7201"),
    ),
    "ncr": (
        *("1B02", "1B1305", "1B1327", "1B07", "1B08", "1B0D", "1B0E", "1B10", "1B19", "1B1B"),
        *("1B20", "1B21"),
    ),
    "surepos": (*_LOGIC_CONTROLS, "0000", "0001", "0001 0203"),
    "ba6x": (
        *("1B5B324A", "1B5B313B3548", "1B5B323B323048", "1B5B304B", "1B5201", "1B5B3063"),
        *("08", "0A", "0D"),
    ),
    "ascii": ("0C", "0D0A", "0A", "08", "0D"),
}


MODES: dict[str, str] = {
    "escpos": "1F03 1F4301 1F5801 1F4505 1F7201 1B5202 1B7413 1B5701010101 0A02",
    "cd5220": "1B13 1B5F01 1B2A01 1F4505 1B6647 1B57010304 01 1B5141 4142 0D",
    "logic-controls": "12 13 0420 1014",
    "utc": "12 13 0420 1014 1C",
    "star": "1F03 1F4301 1F4505 1F7201",
    "ncr": "1B07 1B0D 1B21",
    "surepos": "0001 0203 12 13 0420",
    "ba6x": "1B5201 1B5B323B323048",
}
"""Everything that can be set otherwise than we need it."""

OTHER_START: dict[str, str] = {
    "escpos": "1F03 1F4301 1B5202 1B7413",
    "cd5220": "1B13 1B5F01",
    "logic-controls": "12 13",
    "utc": "12 13",
    "star": "1F03 1F4301",
    "ncr": "1B07 1B21",
    "surepos": "12 13",
    "ba6x": "1B5201",
}
"""How a display may start that has other switches than ours."""


def printable(least: int, most: int) -> st.SearchStrategy[bytes]:
    """Cells of any display: no control byte among them."""
    cell = st.integers(0x20, 0x7E) | st.integers(0xA0, 0xFF)
    return st.lists(cell, min_size=least, max_size=most).map(bytes)


def earlier(command_set: str) -> st.SearchStrategy[bytes]:
    """Another program's commands and text, the last of which may be cut off anywhere."""
    whole = st.sampled_from(COMMANDS[command_set]).map(bytes.fromhex)
    some = st.lists(whole | printable(0, 30), max_size=8).map(b"".join)
    half = whole.flatmap(lambda command: st.integers(0, len(command)).map(lambda n: command[:n]))
    return st.tuples(some, half).map(b"".join)
