"""python-escpos itself, into a pty, and a decoder at the other end. Debian 12 has none of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("escpos")

from agent.display import language
from agent.slip import LONGEST_QR, slip_for
from hw.contract import HardwareError, Slip
from hw.receipt import EscPosPrinter, dots_a_module
from tests.receipt.paper import Cut, Paper, Qr, Text
from tests.receipt.test_slip import COMPLETE, NOW, pairing

SLIP = slip_for(pairing(), language.load("en"), NOW)


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """Where it comes out, and the port."""
    master, slave = os.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def printed(line: tuple[int, str], slip: Slip, profile: str = "default") -> Paper:
    master, port = line
    EscPosPrinter(port=port, baudrate=115200, profile=profile).print_slip(slip)
    paper = Paper()
    paper.feed(os.read(master, 65536))
    return paper


def test_the_slip_comes_out_with_a_code_a_phone_reads(line: tuple[int, str]) -> None:
    assert printed(line, SLIP).printed == [
        Text("Pair this terminal", align="center"),
        Text("", align="center"),
        Qr(COMPLETE.encode(), dots=8, level="M", align="center"),
        Text("", align="center"),
        Text("Scan with a phone, or open:", align="center"),
        Text("pair.example.com/d", align="center"),
        Text("Code:", align="center"),
        Text("WDJB-MJHT", width=2, height=2, align="center"),
        Text("Terminal: T7F3", align="center"),
        Text("Valid for 14 minutes", align="center"),
        Text("Destroy after use: whoever holds", align="center"),
        Text("this can pair the terminal.", align="center"),
        Cut(6),
    ]


def test_without_a_complete_address_no_code_is_drawn(line: tuple[int, str]) -> None:
    slip = slip_for(pairing(None), language.load("de"), NOW)
    out = printed(line, slip).printed

    assert not any(isinstance(part, Qr) for part in out)
    assert Text("An Handy oder PC öffnen:", align="center") in out


def test_no_byte_of_a_server_is_a_command(line: tuple[int, str]) -> None:
    slip = Slip(title="\x1b@", qr=None, above=("\x1dV\x00",), code="A\x1bm\nB", below=("\x10\x04",))

    assert [part.line for part in printed(line, slip).printed if isinstance(part, Text)] == [
        "?@",
        "?V?",
        "A?m B",
        "??",
    ]


def test_a_profile_nobody_knows_is_named() -> None:
    with pytest.raises(HardwareError, match=r"knows no printer 'TM-T99'; set receipt_printer\.pro"):
        EscPosPrinter(port="/dev/null", profile="TM-T99").print_slip(SLIP)


def test_without_the_library_it_says_what_to_install() -> None:
    """A Python without site-packages, as on a terminal without the extra."""
    script = "from hw.receipt import EscPosPrinter; EscPosPrinter(port='/dev/null')"
    tried = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    last = tried.stderr.splitlines()[-1]
    assert "python-escpos, which is not installed; pip install 'secucard-pos-agent[rec" in last


def test_the_dots_fit_the_paper_and_the_largest_code_can_still_be_scanned() -> None:
    qrcode = pytest.importorskip("qrcode")
    for length in (1, 14, 15, 106, 107, 213, 214, LONGEST_QR):
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
        code.add_data(b"\xff" * length, optimize=0)
        code.make(fit=True)
        modules = len(code.get_matrix())  # the quiet zone included
        dots = dots_a_module(length)
        assert modules * dots <= 384
        assert dots == 8 or modules * (dots + 1) > 384
        assert dots >= 4  # half a millimetre at 203 dpi
    with pytest.raises(ValueError, match="at most 331"):
        dots_a_module(LONGEST_QR + 1)
