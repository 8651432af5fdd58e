"""Draws every screen as the emulator shows it, into docs/screens/.

    make screens

Each screen goes the whole way: screens, encoder, bytes, emulator, glass. A test compares the
pictures.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.display import language
from agent.display.layout import Animation, Frame, Geometry
from agent.display.paper import Paper
from agent.display.screens import overlay_screen, screen
from agent.oauth.events import Fault
from agent.situation import (
    About,
    Denied,
    Failed,
    HeldButton,
    Offline,
    Overlay,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)
from hw.display import code_pages
from hw.display.emulator import Emulator, draw
from hw.display.encoder import Encoder
from hw.display.profile import load
from tests.display.contact_sheet import Shot, Strip, sheet

PICTURES: Final = Path(__file__).parents[2] / "docs" / "screens"
GEOMETRIES: Final = ((2, 20), (2, 16), (2, 40), (4, 20), (4, 40), (1, 20))
LANGUAGES: Final = {"en": "English", "de": "German"}
COMMAND_SET: Final = "escpos"


def _pairing(
    uri: str = "https://pair.payments.example/device",
    code: str = "WDJB-MJHT",
    *,
    renewed: bool = False,
    reidentified: bool = False,
) -> Pairing:
    return Pairing(
        user_code=code,
        verification_uri=uri,
        expires_at=835,
        terminal="T7F3",
        renewed=renewed,
        reidentified=reidentified,
    )


CODE: Final = _pairing("https://pair.example.com/d", "WHJK-MPRT")
_LONG: Final = (
    "https://accounts.payments-production.example.com/terminals/authorization/device/start-here/now"
)
_REFUSED: Final = Refused(
    error="invalid_client", description="Unknown terminal", fault=Fault.UNKNOWN_DEVICE
)
SCREENS: Final[tuple[tuple[str, Situation | Overlay], ...]] = (
    ("Starting", Starting()),
    ("No network, no cable", Offline(kind="network", reason="")),
    ("Name resolution fails", Offline(kind="name", reason="")),
    ("TLS fails", Offline(kind="tls", reason="")),
    ("The clock is wrong", Offline(kind="clock", reason="")),
    ("The server has a fault", Offline(kind="server", reason="")),
    ("No client credentials", Offline(kind="credentials", reason="")),
    ("Pairing", CODE),
    ("Pairing, after a first code expired", _pairing(renewed=True)),
    ("Pairing, the serial number has changed", _pairing(reidentified=True)),
    ("Pairing, a code with look-alikes", _pairing("https://pair.example.com/d", "0O1l-8BIS")),
    ("Pairing, a very long address", _pairing(_LONG)),
    ("A person declined", Denied(description="")),
    ("The server refuses", _REFUSED),
    ("All codes used up", Paused()),
    ("Paired", Paired(owner="Café Müller")),
    ("Paired, no name", Paired(owner=None)),
    ("A fault", Failed(support_code="S301", reason="")),
    ("The button is held", HeldButton(pairs_at=3.0)),
    (
        "The button was pressed",
        About(uuid="/vendor/example/serial/4711-0815", situation=Serving(), until=30.0),
    ),
)


def pictures() -> Iterator[tuple[str, str]]:
    """The name and the content of every file in docs/screens."""
    for rows, columns in GEOMETRIES:
        for name, title in LANGUAGES.items():
            strips = [
                Strip(heading, tuple(_shots(shown, rows, columns, name)))
                for heading, shown in SCREENS
            ]
            yield (
                f"{rows}x{columns}-{name}.svg",
                sheet(strips, title=f"Every screen on {rows} x {columns} cells, {title}"),
            )
    frame = _animation(CODE, 2, 20, "en").frames[1]
    yield "code.svg", draw.svg(_glass(frame, 2, 20), title="A code on the customer display")


def _shots(shown: Situation | Overlay, rows: int, columns: int, name: str) -> Iterator[Shot]:
    animation = _animation(shown, rows, columns, name)
    for frame in animation.intro:
        yield Shot(_glass(frame, rows, columns), f"{frame.seconds:g} s, once")
    stays = len(animation.frames) == 1
    for frame in animation.frames:
        yield Shot(_glass(frame, rows, columns), "" if stays else f"{frame.seconds:g} s")


def _animation(shown: Situation | Overlay, rows: int, columns: int, name: str) -> Animation:
    paper = Paper(
        geometry=Geometry(rows=rows, columns=columns),
        language=language.load(name),
        as_shown=lambda text: code_pages.as_shown(text, "ascii"),
    )
    if isinstance(shown, HeldButton | About):
        return overlay_screen(shown, paper=paper, now=0.0)
    animation = screen(shown, paper=paper, now=0.0)
    if animation is None:
        raise ValueError(f"{shown} has no screen")
    return animation


def _glass(frame: Frame, rows: int, columns: int) -> tuple[str, ...]:
    """Through the bytes a display gets, onto the glass of one that has just got its power."""
    encoder = Encoder(profile=load(COMMAND_SET), rows=rows, columns=columns)
    emulator = Emulator(rows, columns, COMMAND_SET)
    emulator.feed(b"".join(command.data for command in encoder.begin()))
    emulator.feed(encoder.encode((), tuple(row.encode("ascii") for row in frame.rows)))
    if emulator.errors or emulator.cells() != frame.rows:
        raise ValueError(f"{frame.rows} became {emulator.cells()}: {emulator.errors}")
    return emulator.cells()


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    made = dict(pictures())
    for old in PICTURES.glob("*.svg"):
        if old.name not in made:
            old.unlink()
    for name, content in made.items():
        (PICTURES / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
