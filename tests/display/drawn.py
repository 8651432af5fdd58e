"""Paper, situations and what is drawn of them, for the tests of the screens."""

from agent.display import language
from agent.display.layout import Animation, Geometry
from agent.display.screens import Paper, overlay_screen, screen
from agent.situation import Overlay, Pairing, Situation
from hw.display.code_pages import as_shown

GEOMETRIES = [(1, 16), (1, 20), (2, 16), (2, 20), (2, 40), (3, 20), (4, 16), (4, 20), (4, 40)]
LANGUAGES = language.available()
TEXTS = {name: language.load(name) for name in LANGUAGES}
NOW = 1000.0


def paper(rows: int = 2, columns: int = 20, name: str = "en", cells: str = "ascii") -> Paper:
    return Paper(
        geometry=Geometry(rows=rows, columns=columns),
        language=TEXTS[name],
        as_shown=lambda text: as_shown(text, cells),
    )


def pairing(
    user_code: str = "WDJB-MJHT",
    verification_uri: str = "https://pair.payments.example/device",
    seconds: float = 835,
    terminal: str = "T7F3",
    renewed: bool = False,
    reidentified: bool = False,
) -> Pairing:
    return Pairing(
        user_code=user_code,
        verification_uri=verification_uri,
        expires_at=NOW + seconds,
        terminal=terminal,
        renewed=renewed,
        reidentified=reidentified,
    )


def shown(situation: Situation, where: Paper) -> Animation:
    animation = screen(situation, paper=where, now=NOW)
    assert animation is not None
    return animation


def rows(situation: Situation, where: Paper) -> list[tuple[str, ...]]:
    return [frame.rows for frame in shown(situation, where).frames]


def over(overlay: Overlay, where: Paper, now: float = NOW) -> list[list[str]]:
    frames = overlay_screen(overlay, paper=where, now=now).frames
    return [[row.rstrip() for row in frame.rows] for frame in frames]
