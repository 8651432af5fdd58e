"""Every byte of every shipped profile, with where it comes from. Written from the manuals.

A change of a profile has to be made here too, and reviewed against the source beside it.
"""

import pytest

from hw.display.encoder import Encoder
from hw.display.profile import AnswerProbe, DsrProbe, load, shipped

TOP, BOTTOM = b"pair.example.com/dev", b"CODE  WDJB-MJHT  14m"
TEXT = {
    "top": TOP.hex(),
    "bottom": BOTTOM.hex(),
    "blank": (b" " * 20).hex(),
    "top19": TOP[:19].hex(),
    "bottom19": BOTTOM[:19].hex(),
    "blank19": (b" " * 19).hex(),
}

AEDEX_BLANK = (
    "2123 31 {blank} 0D"  # !#1 ... CR: top row; POS-X XP8200, 4.1.5
    "2123 32 {blank} 0D"  # !#2 ... CR: bottom row
)
UTC_ENHANCED_BLANK = (
    "1B75 41 {blank} 0D"  # ESC u A ... CR: top row; POS-X XP8200, 4.1.4
    "1B75 42 {blank} 0D"  # ESC u B ... CR: bottom row
)
DSP800_BLANK = (
    "0401 50 31 17"  # EOT SOH P p ETB: go to cell 1; Tysso VFD-550, command P
    "{blank19}"
    "0401 43 44 44 17"  # EOT SOH C a b ETB: clear cell 20; command C
    "0401 50 45 17"  # go to cell 21
    "{blank19}"
    "0401 43 58 58 17"  # clear cell 40
)
CELL_INDEX_BLANK = (
    "1000 {blank}"  # DLE p: go to cell 0; LDX1000, UTC 3190, SurePOS A-6
    "1014 {blank}"  # go to cell 20
)

START: dict[str, list[tuple[str, float]]] = {
    "aedex": [
        ("0D0D0D0D", 0.0),  # CR ends an open frame; Tysso VFD-450, mode 4
        (AEDEX_BLANK, 0.0),
    ],
    "ascii": [("0C", 0.0)],  # FF; ECMA-48
    "ba6x": [
        ("1B5B324A 1B5B324A", 0.0),  # CSI 2 J, twice: the first may be eaten; BA63 manual
        ("1B5200", 0.0),  # ESC R 0: USA; BA63 manual
        ("1B5B324A", 0.0),  # CSI 2 J: clear
    ],
    "cd5220": [
        ("0B0B0B0B0B0B0B0B0B0B0B0B0B0B 0D 0C", 0.0),  # HOM, CR, CLR: out of string mode; Partner
        ("1B40", 0.1),  # ESC @ initialise
        ("1B11", 0.0),  # ESC DC1 overwrite mode; also LDX9, 8.3
        ("1B5F00", 0.0),  # ESC _ cursor off
        ("1B2A04", 0.0),  # ESC * brightness 4 of 4
        ("0C", 0.0),  # CLR
    ],
    "dsp800": [
        ("0401503117 0401503117", 0.0),  # P: go to cell 1, twice; Tysso VFD-550, command P
        (DSP800_BLANK, 0.0),
    ],
    "escpos": [
        ("0B0B0B0B0B0B0B0B 0B0B0B0B0B0B0B0B", 0.0),  # HOM; EscPosUtils
        ("1B40", 0.1),  # ESC @ initialise; EscPosUtils, TokenizeESC.cs
        ("1F01", 0.0),  # US SOH overwrite mode; TokenizeUS.cs, node-escpos US_MD1
        ("1B5200", 0.0),  # ESC R international set USA; Bixolon BCD-1000
        ("1B7400", 0.0),  # ESC t code page 437; Bixolon BCD-1000
        ("1F4300", 0.0),  # US C cursor off; node-escpos US_C
        ("1F5804", 0.0),  # US X brightness 4 of 4; node-escpos US_X
        ("0C", 0.0),  # CLR
    ],
    "logic-controls": [
        ("0D0D0D0D0D0D0D0D", 0.0),  # CR ends a marquee; LDX1000, 13
        ("1F", 0.1),  # US reset; LDX1000, 11
        ("11", 0.0),  # DC1 overwrite; LD9000
        ("14", 0.0),  # DC4 cursor off; LDX1000, 10
        ("04FF", 0.0),  # EOT brightness full; LD9000
        (CELL_INDEX_BLANK, 0.0),
    ],
    "ncr": [
        ("1B0E 1B0E", 0.0),  # ESC SO blinking off, twice: a lone ESC eats a byte; BD20-1372
        ("1B20", 0.0),  # ESC SP: character set CP858
        ("1B08", 0.0),  # ESC BS cursor off
        ("1B02", 0.0),  # ESC STX erase and home
    ],
    "star": [
        ("0B0B0B0B 0401503117 0401503117", 0.0),  # HOM, then P twice; SCD122U
        ("1B40", 0.1),  # ESC @ initialise
        ("1F01", 0.0),  # US SOH overwrite mode
        ("1F4300", 0.0),  # US C cursor off
        ("0C", 0.0),  # CLR
    ],
    "surepos": [
        ("0D0D0D0D0D0D0D0D", 0.0),  # CR ends a marquee; SurePOS, appendix A
        ("1F", 0.1),  # US reset
        ("11", 0.0),  # DC1 normal display control; A-6
        ("14", 0.0),  # DC4 cursor off
        ("04FF", 0.0),  # EOT brightness full
        (CELL_INDEX_BLANK, 0.0),
    ],
    "utc": [
        ("0D0D0D0D 1B1E0D 1D", 0.0),  # CR; ESC RS CR, Posiflex; GS ends flashing, UTC 3190
        ("1F", 0.1),  # US reset; UTC 3190
        ("11", 0.0),  # DC1 normal display mode; UTC 3190
        ("14", 0.0),  # DC4 cursor off; Tysso VFD-450
        ("04FF", 0.0),  # EOT brightness full; UTC PD1200
        (CELL_INDEX_BLANK, 0.0),
    ],
    "utc-enhanced": [
        ("0D0D0D0D", 0.0),  # CR ends an open frame; POS-X XP8200, 4.1.4
        (UTC_ENHANCED_BLANK, 0.0),
    ],
}

KEPT = {  # the modes said again before every repaint; sources as above
    "cd5220": "1B11 1B5F00",
    "ba6x": "1B5200",
    "escpos": "1F01 1B5200 1B7400 1F4300",
    "logic-controls": "11 14",
    "ncr": "1B20 1B08",
    "star": "1F01 1F4300",
    "surepos": "11 14",
    "utc": "11 14",
}

REPAINT = {
    "aedex": "2123 31 {top} 0D 2123 32 {bottom} 0D",  # as AEDEX_BLANK
    "ascii": "0C {top19} 0D0A {bottom19}",  # FF, CR LF; ECMA-48
    "ba6x": (
        "1B5B 31 3B 31 48 {top19} 1B5B304B"  # CSI row ; column H, CSI 0 K; BA63 manual
        "1B5B 32 3B 31 48 {bottom19} 1B5B304B"
    ),
    "cd5220": "1B6C 01 01 {top} 1B6C 01 02 {bottom}",  # ESC l x y; Partner CD5220
    "dsp800": (
        "0401 50 31 17 {top19} 0401 43 44 44 17"  # as DSP800_BLANK
        "0401 50 45 17 {bottom19} 0401 43 58 58 17"
    ),
    "escpos": "1F24 01 01 {top} 1F24 01 02 {bottom}",  # US $ x y; EscPosUtils, TokenizeUS.cs
    "logic-controls": "10 00 {top} 10 14 {bottom}",  # DLE p; LDX1000, 8
    "ncr": "1B13 00 {top} 1B13 14 {bottom}",  # ESC DC3 p; BD20-1372
    "star": "0B {top} 0B 0A {bottom}",  # HOM, LF; SCD122U, C0 controls
    "surepos": "10 00 {top} 10 14 {bottom}",  # DLE p; SurePOS A-6
    "utc": "10 00 {top} 10 14 {bottom}",  # DLE p; UTC 3190
    "utc-enhanced": "1B75 41 {top} 0D 1B75 42 {bottom} 0D",  # as UTC_ENHANCED_BLANK
}

CLEAR = {
    "aedex": AEDEX_BLANK,
    "ascii": "0C",  # FF
    "ba6x": "1B5B324A",  # CSI 2 J
    "cd5220": "0C",  # CLR
    "dsp800": DSP800_BLANK,
    "escpos": "0C",  # CLR
    "logic-controls": CELL_INDEX_BLANK,  # US would forget the modes
    "ncr": "1B02",  # ESC STX
    "star": "0C",  # CLR
    "surepos": CELL_INDEX_BLANK,  # US would forget the modes
    "utc": CELL_INDEX_BLANK,  # makers do not agree on RS and US
    "utc-enhanced": UTC_ENHANCED_BLANK,
}

PRESENCE = {
    "ba6x": AnswerProbe(ask=b"\x1b[0c", answer=b""),  # CSI 0 c; BA63 manual
    "dsp800": AnswerProbe(ask=b"\x04\x01P1\x17", answer=b"\x06"),  # P, ACK; Tysso VFD-550
    "escpos": DsrProbe(low=b"\x1fv\x01", high=b"\x1fv\x00"),  # US v; node-escpos US_v
    "ncr": AnswerProbe(ask=b"\x1b\x19", answer=b"NCR"),  # ESC EM; BD20-1372
    "star": AnswerProbe(ask=b"\x04\x01T\x17", answer=b""),  # T; SCD122U
}

every_set = pytest.mark.parametrize("command_set", shipped())


def sent(golden: str) -> bytes:
    return bytes.fromhex(golden.format(**TEXT))


def encoder(command_set: str) -> Encoder:
    return Encoder(profile=load(command_set), rows=2, columns=20)


@every_set
def test_start_is_byte_for_byte_as_documented(command_set: str) -> None:
    golden = [(sent(data), settle) for data, settle in START[command_set]]

    assert golden == [(command.data, command.settle) for command in encoder(command_set).begin()]


@every_set
def test_repaint_is_byte_for_byte_as_documented(command_set: str) -> None:
    golden = sent(KEPT.get(command_set, "") + REPAINT[command_set])

    assert golden == encoder(command_set).encode((), (TOP, BOTTOM))


@every_set
def test_clearing_is_byte_for_byte_as_documented(command_set: str) -> None:
    golden = sent(KEPT.get(command_set, "") + CLEAR[command_set])

    assert golden == encoder(command_set).clear() == encoder(command_set).end()


@every_set
def test_asking_for_presence_is_byte_for_byte_as_documented(command_set: str) -> None:
    assert PRESENCE.get(command_set) == load(command_set).presence


@pytest.mark.parametrize(
    ("command_set", "levels"),
    [
        ("escpos", ["1F5801", "1F5802", "1F5804"]),  # US X n; node-escpos US_X
        ("cd5220", ["1B2A01", "1B2A02", "1B2A04"]),  # ESC * n; Partner CD5220
        ("logic-controls", ["0420", "0440", "0460", "04FF"]),  # EOT n; LD9000
        ("utc", ["0420", "0440", "0460", "04FF"]),  # EOT n; UTC PD1200
        ("surepos", ["0420", "0440", "0460", "04FF"]),  # EOT n; SurePOS
    ],
)
def test_brightness_is_byte_for_byte_as_documented(command_set: str, levels: list[str]) -> None:
    golden = [bytes.fromhex(level) for level in levels]

    assert golden == [encoder(command_set).brightness(n + 1) for n in range(len(levels))]


@pytest.mark.parametrize("command_set", ["escpos", "cd5220"])
@pytest.mark.parametrize(
    ("target", "selected", "afterwards"),
    [
        ("display", "1B3D02", "1B3D01"),  # ESC = n; EscPosUtils, Partner CD5220
        ("display-digipos", "1B3D01", "1B3D02"),  # the other numbering; nordpos, Digipos WD
    ],
)
def test_a_display_behind_a_printer_is_selected_as_documented(
    command_set: str, target: str, selected: str, afterwards: str
) -> None:
    ours = Encoder(profile=load(command_set), rows=2, columns=20, target=target)
    start = [command.data for command in ours.begin()]

    assert start[1] == start[3] == bytes.fromhex(selected)
    assert ours.encode((), (TOP, BOTTOM)).startswith(bytes.fromhex(selected))
    assert ours.end() == ours.clear() + bytes.fromhex(afterwards)


@pytest.mark.parametrize(
    ("command_set", "numbers"),
    [
        # ESC t n; EscPosUtils, Bixolon and Aures agree
        (
            "escpos",
            {"cp437": "1B7400", "cp850": "1B7402", "cp863": "1B7404", "cp865": "1B7405"}
            | {"cp1252": "1B7410", "cp858": "1B7413"},
        ),
        ("ncr", {"cp858": "1B20"}),  # the first set; BD20-1372
        # NUL SOH, then STX n; SurePOS, appendix A
        (
            "surepos",
            {"cp437": "00010200", "cp858": "00010202", "cp852": "00010203", "cp855": "00010204"}
            | {"cp862": "00010206", "cp863": "00010207", "cp865": "00010209", "cp869": "0001020B"},
        ),
    ],
)
def test_character_sets_have_the_documented_numbers(
    command_set: str, numbers: dict[str, str]
) -> None:
    profile = load(command_set)

    assert set(numbers) == set(profile.code_pages) - {"ascii"}
    for name, golden in numbers.items():
        ours = Encoder(profile=profile, rows=2, columns=20, character_set=name)
        assert bytes.fromhex(golden) in [command.data for command in ours.begin()]
        assert bytes.fromhex(golden) in ours.encode((), (TOP, BOTTOM))
