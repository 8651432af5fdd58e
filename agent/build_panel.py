"""Puts the panel together that the settings describe."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from agent.clock import Clock
from agent.panel.panel import Hardware, Panel
from agent.settings import LineSettings, PanelSettings
from agent.situation import Overlay
from hw.contract import Button, Switch

S = TypeVar("S")
D = TypeVar("D")


class Drivers(Protocol):
    """How to open hardware: `hw.panel`. Each call blocks and raises HardwareError."""

    def open_button(self, wiring: LineSettings) -> Button: ...

    def open_gpio_switch(self, wiring: LineSettings) -> Switch: ...

    def open_led(self, name: str) -> Switch: ...


def build_panel(
    settings: PanelSettings,
    drivers: Drivers,
    *,
    clock: Clock,
    overlay: Callable[[Overlay | None], None],
    pair_again: Callable[[], str | None],
) -> Panel:
    return Panel(
        hardware=Hardware(
            button=_opener(drivers.open_button, settings.button),
            lamp=_opener(drivers.open_led, settings.lamp_led)
            or _opener(drivers.open_gpio_switch, settings.lamp),
            buzzer=_opener(drivers.open_gpio_switch, settings.buzzer),
        ),
        clock=clock,
        overlay=overlay,
        pair_again=pair_again,
    )


def _opener(opens: Callable[[S], D], wiring: S | None) -> Callable[[], D] | None:
    return None if wiring is None else lambda: opens(wiring)
