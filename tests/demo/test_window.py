"""The window on a pipe, and on a real terminal."""

import io
import os
import re

from agent.demo.window import Window

FIRST = ("CODE  abcfgh23", "PLEASE TYPE IT")
SECOND = ("PAIRED WITH:  ", "Cafe Morgenrot")


def test_a_pipe_gets_each_settled_glass_once_and_no_escape_sequence() -> None:
    out = io.StringIO()
    window = Window(out)
    window.show(FIRST, settled=False)
    assert out.getvalue() == ""
    for cells in (FIRST, FIRST, SECOND, FIRST):
        window.show(cells, settled=True)
    assert out.getvalue().count("abcfgh23") == 1
    assert out.getvalue().count("Morgenrot") == 1
    assert "\x1b" not in out.getvalue()


def test_a_pipe_gets_every_line_of_the_story_with_its_time() -> None:
    out = io.StringIO()
    window = Window(out)
    window.say("one")
    window.say("one")
    assert re.fullmatch(r"(  0\.\d  one\n){2}", out.getvalue())
    assert [line.split("  ")[-1] for line in window.last_words()] == ["one", "one"]


def test_a_terminal_is_redrawn_in_place() -> None:
    keyboard, screen = os.openpty()
    with os.fdopen(screen, "w") as out:
        window = Window(out)
        window.advice = "Open the portal."
        window.show(FIRST, settled=False)
        window.show(FIRST, settled=True)  # nothing new, nothing drawn
        window.say("A code is shown.")
        drawn = b""
        while drawn.count(b"Open the portal.") < 2:
            drawn += os.read(keyboard, 65536)
        shown = drawn.decode()
    os.close(keyboard)
    assert shown.count("\x1b[14F") == 1  # the second picture goes over the first
    assert shown.count("│ CODE  abcfgh23 │") == 2
    assert "A code is shown." in shown
