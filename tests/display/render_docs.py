"""Draws every screen into docs/display.md, as the emulator shows it.

    python -m tests.display.render_docs

Each screen goes the whole way: screens, encoder, bytes, emulator, glass. A test compares the page.
"""

from pathlib import Path
from typing import Final

from agent.display import language
from agent.display.layout import Frame, Geometry
from agent.display.screens import Paper, screen
from agent.oauth.events import Fault
from agent.situation import (
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Situation,
    Starting,
)
from hw.display import code_pages
from hw.display.emulator import Emulator
from hw.display.encoder import Encoder
from hw.display.profile import load

PAGE: Final = Path(__file__).parents[2] / "docs" / "display.md"
BEGIN: Final = "<!-- screens: drawn by python -m tests.display.render_docs -->\n"
END: Final = "<!-- end of screens -->\n"
GEOMETRIES: Final = ((2, 20), (2, 16), (4, 20), (1, 20))
LANGUAGES: Final = {"en": "English", "de": "German"}
SIDE_BY_SIDE: Final = 4

PAIRING: Final = Pairing(
    user_code="WDJB-MJHT",
    verification_uri="https://pair.payments.example/device",
    expires_at=835,
    terminal="T7F3",
    renewed=True,
)
REFUSED: Final = Refused(
    error="invalid_client", description="Unknown terminal", fault=Fault.UNKNOWN_DEVICE
)
SITUATIONS: Final[tuple[tuple[str, Situation], ...]] = (
    ("Starting", Starting()),
    ("No network", Offline(kind="network", reason="")),
    ("Name resolution fails", Offline(kind="name", reason="")),
    ("TLS fails", Offline(kind="tls", reason="")),
    ("The clock is wrong", Offline(kind="clock", reason="")),
    ("The server is out of order", Offline(kind="server", reason="")),
    ("No client credentials", Offline(kind="credentials", reason="")),
    ("Pairing, after a first code expired", PAIRING),
    ("A person declined", Denied(description="")),
    ("The server refuses", REFUSED),
    ("All codes used up", Paused()),
    ("Paired", Paired(owner="Café Müller")),
    ("A fault", Failed(support_code="S301", reason="")),
)


def page() -> str:
    """The page with its drawn part renewed."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + _drawn() + END + rest.split(END)[1]


def _drawn() -> str:
    parts = []
    for rows, columns in GEOMETRIES:
        for name, title in LANGUAGES.items():
            parts.append(f"\n### {rows} x {columns}, {title}\n\n```\n")
            parts += [
                f"{label}\n{_strip(situation, rows, columns, name)}\n"
                for label, situation in SITUATIONS
            ]
            parts[-1] = parts[-1].removesuffix("\n") + "```\n"
    return "".join(parts) + "\n"


def _strip(situation: Situation, rows: int, columns: int, name: str) -> str:
    """The frames of one screen side by side."""
    paper = Paper(
        geometry=Geometry(rows=rows, columns=columns),
        language=language.load(name),
        as_shown=lambda text: code_pages.as_shown(text, "ascii"),
    )
    animation = screen(situation, paper=paper, now=0.0)
    if animation is None:
        return ""
    glasses = [_glass(frame, rows, columns) for frame in (*animation.intro, *animation.frames)]
    lines = []
    for start in range(0, len(glasses), SIDE_BY_SIDE):
        beside = glasses[start : start + SIDE_BY_SIDE]
        lines += ["  " + "  ".join(f"|{glass[row]}|" for glass in beside) for row in range(rows)]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _glass(frame: Frame, rows: int, columns: int) -> tuple[str, ...]:
    encoder = Encoder(profile=load("escpos"), rows=rows, columns=columns)
    emulator = Emulator(rows, columns, "escpos")
    emulator.feed(b"".join(command.data for command in encoder.begin()))
    emulator.feed(encoder.encode((), tuple(row.encode("ascii") for row in frame.rows)))
    return emulator.cells()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
