"""What must not be called where a display's line is held.

A pty cannot show it: it always says that its bytes have left. On a stalled USB display these wait
for ever.
"""

import ast
from pathlib import Path

import hw.display

WAITS = {"flush", "tcdrain", "TCSADRAIN", "TCSAFLUSH", "TCSBRK", "TCSBRKP", "send_break"}
"""tcdrain itself, what pyserial makes of it, and the calls of termios that drain first."""


def named(source: str) -> set[str]:
    nodes = ast.walk(ast.parse(source))
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in nodes
        if isinstance(node, ast.Attribute | ast.Name)
    }


def test_nothing_waits_for_a_line_without_a_deadline() -> None:
    (folder,) = hw.display.__path__
    sources = sorted(Path(folder).glob("*.py"))
    assert Path(folder, "port.py") in sources

    for source in sources:
        assert not named(source.read_text(encoding="utf-8")) & WAITS, source.name
