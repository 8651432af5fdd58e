"""`display show`: a text on the display for a while, then the display as it was."""

import contextlib
import textwrap
import threading
from collections.abc import Sequence

from agent.display_tools.lending import lent, patiently
from agent.errors import AgentError
from hw.contract import LineDisplay


def run(
    texts: Sequence[str], display: LineDisplay, *, seconds: float | None, admin_socket: str
) -> int:
    """Show the texts, a row each, until the time is over or somebody interrupts."""
    page = rows(texts, display)
    with lent(admin_socket):
        try:
            with contextlib.suppress(KeyboardInterrupt):  # the usual end of it
                patiently(display.claim)
                display.display_rows(dict(enumerate(page)))
                threading.Event().wait(seconds)
        finally:
            display.release()
    return 0


def rows(texts: Sequence[str], display: LineDisplay) -> tuple[str, ...]:
    """What goes into each row: one text is wrapped, several are a row each. Raises AgentError if
    the display has no room."""
    shown = [display.as_shown(text) for text in texts]
    width, count = display.device_columns, display.device_rows
    lines = textwrap.wrap(shown[0], width) if len(shown) == 1 else shown
    if len(lines) > count or any(len(line) > width for line in lines):
        raise AgentError(f"the text does not fit: the display has {count} rows of {width} columns")
    return tuple(lines)
