"""What people at the terminal see and touch: display, receipts, button, lamp and buzzer.

The daemon's composition root for these: each is made from its settings, or is not there. A terminal
without any of them works the same.
"""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.errors import ConfigError
from agent.front_desk import Health
from agent.settings import DisplaySettings, Settings
from agent.situation import Overlay, Situation
from hw.contract import LineDisplay

if TYPE_CHECKING:
    from agent.display.presenter import Presenter
    from agent.panel.panel import Panel
    from agent.receipt import Receipts


class Shopfront:
    """`pair_again` is what the button asks for: None when it is done, else why it is not."""

    def __init__(
        self, settings: Settings, *, clock: Clock, pair_again: Callable[[], str | None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._pair_again = pair_again
        self._presenter: Presenter | None = None
        self._receipts: Receipts | None = None
        self._panel: Panel | None = None

    def open(self, stack: AsyncExitStack) -> None:
        """Display and receipts, closed with the stack. Raises ConfigError."""
        self._open_display(stack)
        self._open_receipts(stack)

    def open_panel(self) -> None:
        settings = self._settings.panel
        if settings is None:
            return
        from agent.build_panel import build_panel  # noqa: PLC0415  # only if there is one
        from hw import panel as drivers  # noqa: PLC0415

        self._panel = build_panel(
            settings,
            drivers,
            clock=self._clock,
            overlay=self._overlay,
            pair_again=self._pair_again,
        )

    async def attend(self) -> None:
        """Watch the button and drive the lamp until cancelled; return where there is neither."""
        if self._panel is not None:
            await self._panel.run()

    @property
    def has_display(self) -> bool:
        return self._presenter is not None

    def named(self, uuid: str) -> None:
        """Which terminal this is, for whoever presses the button."""
        if self._panel is not None:
            self._panel.named(uuid)

    def show(self, situation: Situation) -> None:
        """Never blocks, never raises."""
        if self._presenter is not None:
            self._presenter.show(situation)
        if self._receipts is not None:
            self._receipts.show(situation)
        if self._panel is not None:
            self._panel.show(situation)

    def lend(self, lent: bool) -> None:
        """Leave the display to the payment software, or take it back when there is need."""
        if self._presenter is not None:
            self._presenter.lend(lent)

    def health(self) -> Mapping[str, Health]:
        """Members of the status."""
        told: dict[str, Health] = {"display": self._display_health}
        if self._settings.panel is not None:
            told["panel"] = self._panel_health
        return told

    # -- the parts --------------------------------------------------------------------------------

    def _open_display(self, stack: AsyncExitStack) -> None:
        settings = self._settings.display
        if settings is None or settings.claim == "never":
            return
        from agent.display.presenter import Presenter  # noqa: PLC0415  # only if there is one

        self._presenter = Presenter(
            display=_line_display(settings),
            language=self._settings.language,
            clock=self._clock,
            always=settings.claim == "always",
            texts=self._settings.languages,
        )
        stack.callback(self._presenter.close)

    def _open_receipts(self, stack: AsyncExitStack) -> None:
        if self._settings.receipt_printer is None:
            return
        from agent.receipt import open_receipts  # noqa: PLC0415  # only if there is one
        from hw.receipt import EscPosPrinter  # noqa: PLC0415

        self._receipts = open_receipts(self._settings, EscPosPrinter, clock=self._clock)
        if self._receipts is not None:
            stack.callback(self._receipts.close)

    def _overlay(self, overlay: Overlay | None) -> None:
        if self._presenter is not None:
            self._presenter.overlay(overlay)

    def _display_health(self) -> object:
        if self._presenter is not None:
            return self._presenter.status()
        settings = self._settings.display
        return {"health": "never"} if settings is not None and settings.claim == "never" else None

    def _panel_health(self) -> object:
        return None if self._panel is None else self._panel.health


def _line_display(settings: DisplaySettings) -> LineDisplay:
    from agent.build_display import build_line_display  # noqa: PLC0415
    from hw.display.profile import ProfileError  # noqa: PLC0415

    try:
        return build_line_display(settings)
    except ProfileError as exc:
        raise ConfigError(f"[display]: {exc}") from exc
