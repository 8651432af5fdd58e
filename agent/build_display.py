"""From the settings to a line display: the one place that knows which is which."""

from agent.settings import DisplaySettings
from hw.contract import LineDisplay
from hw.display.line_display import open_line_display


def build_line_display(settings: DisplaySettings) -> LineDisplay:
    """Not yet claimed: touches no port. Raises `hw.display.profile.ProfileError`."""
    return open_line_display(
        port=settings.port,
        command_set=settings.command_set,
        baudrate=settings.baudrate,
        parity=settings.parity,
        handshake=settings.handshake,
        rows=settings.rows,
        columns=settings.columns,
        character_set=settings.character_set,
        target=settings.target,
        displays=settings.displays,
    )
