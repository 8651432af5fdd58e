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
from agent.display.texts import Language
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
GEOMETRIES: Final = (
    *((2, 20), (2, 16), (2, 40)),
    *((4, 20), (4, 16), (4, 40)),
    (3, 20),
    *((1, 20), (1, 16), (1, 40)),
)
LANGUAGES: Final = {"en": "English", "de": "German"}
COMMAND_SET: Final = "escpos"


def _pairing(
    uri: str = "https://pair.payments.example/device",
    code: str = "WDJB-MJHT",
    *,
    expires_at: float = 835,
    renewed: bool = False,
    reidentified: bool = False,
) -> Pairing:
    return Pairing(
        user_code=code,
        verification_uri=uri,
        expires_at=expires_at,
        terminal="T7F3",
        renewed=renewed,
        reidentified=reidentified,
    )


CODE: Final = _pairing("https://pair.example.com/d", "WHJK-MPRT")
_LONG: Final = (
    "https://accounts.payments-production.example.com/terminals/authorization/device/start-here/now"
)
_WIDE: Final = "-".join(["WDJB", "MJHT"] * 5)
_DEGRADED: Final = Serving(degraded="the grant is held in memory only: the store is read-only")


def _refused(error: str, description: str, fault: Fault) -> Refused:
    return Refused(error=error, description=description, fault=fault)


def _about(situation: Serving) -> About:
    return About(uuid="/vendor/example/serial/4711-0815", situation=situation, until=30.0)


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
    ("Pairing, a code of digits alone", _pairing("https://pair.example.com/d", "1058-2216")),
    ("Pairing, a very long address", _pairing(_LONG)),
    ("Pairing, an address that is none", _pairing("urn:example:device")),
    ("Pairing, code too wide", _pairing(code=_WIDE)),
    ("The code has expired", _pairing(expires_at=0.0)),
    ("A person declined", Denied(description="")),
    (
        "Terminal not known",
        _refused("invalid_client", "Unknown terminal", Fault.UNKNOWN_DEVICE),
    ),
    (
        "Client not known",
        _refused("invalid_client", "Bad credentials", Fault.CONFIGURATION),
    ),
    (
        "Refused otherwise",
        _refused("access_denied", "Contract has ended", Fault.SERVER),
    ),
    ("All codes used up", Paused()),
    ("Paired", Paired(owner="Café Müller")),
    ("Paired, no name", Paired(owner=None)),
    ("A fault", Failed(support_code="S301", reason="")),
    ("The button is held", HeldButton(pairs_at=3.0)),
    ("Held, a second later", HeldButton(pairs_at=2.0)),
    ("The button was pressed", _about(Serving())),
    ("The button was pressed, and not all is well", _about(_DEGRADED)),
)


def pictures() -> Iterator[tuple[str, str]]:
    """The name and the content of every file in docs/screens."""
    for rows, columns in GEOMETRIES:
        for name, title in LANGUAGES.items():
            strips = [
                Strip(heading, tuple(_shots(animation)))
                for heading, animation in animations(rows, columns, language.load(name))
            ]
            yield (
                f"{rows}x{columns}-{name}.svg",
                sheet(strips, title=f"Every screen on {rows} x {columns} cells, {title}"),
            )
    frame = _animation(CODE, _paper(2, 20, language.load("en"))).frames[1]
    yield "code.svg", draw.svg(_glass(frame), title="A code on the customer display")


def animations(rows: int, columns: int, texts: Language) -> Iterator[tuple[str, Animation]]:
    """Every screen on such a display, with its heading."""
    paper = _paper(rows, columns, texts)
    return ((heading, _animation(shown, paper)) for heading, shown in SCREENS)


def _paper(rows: int, columns: int, texts: Language) -> Paper:
    return Paper(
        geometry=Geometry(rows=rows, columns=columns),
        language=texts,
        as_shown=lambda text: code_pages.as_shown(text, "ascii"),
    )


def _shots(animation: Animation) -> Iterator[Shot]:
    for frame in animation.intro:
        yield Shot(_glass(frame), f"{frame.seconds:g} s, once")
    stays = len(animation.frames) == 1
    for frame in animation.frames:
        yield Shot(_glass(frame), "" if stays else f"{frame.seconds:g} s")


def _animation(shown: Situation | Overlay, paper: Paper) -> Animation:
    if isinstance(shown, HeldButton | About):
        return overlay_screen(shown, paper=paper, now=0.0)
    animation = screen(shown, paper=paper, now=0.0)
    if animation is None:
        raise ValueError(f"{shown} has no screen")
    return animation


def _glass(frame: Frame) -> tuple[str, ...]:
    """Through the bytes a display gets, onto the glass of one that has just got its power."""
    rows, columns = len(frame.rows), len(frame.rows[0])
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
