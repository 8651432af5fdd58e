"""Button, status lamp and buzzer: their settings. All of it is optional."""

from typing import TYPE_CHECKING, Final

from agent import config_checks as checks
from agent.config_setting import Setting
from agent.settings import Active, LineSettings, PanelSettings

if TYPE_CHECKING:
    from agent.config_reading import Reading

_PARTS: Final = ("button", "lamp", "buzzer")


def _chip(part: str) -> Setting[str | None]:
    return Setting(
        key=f"panel.{part}_chip",
        check=checks.gpio_chip,
        default=None,
        meaning="GPIO chip by its label (`gpiodetect` prints it), because the numbers of gpiochips"
        " move; or a path below /dev.",
    )


def _line(part: str) -> Setting[str | None]:
    return Setting(
        key=f"panel.{part}_line",
        check=checks.gpio_line,
        default=None,
        meaning="Line of that chip by its name, or its number as text.",
    )


def _active(part: str, default: Active) -> Setting[Active]:
    return Setting(
        key=f"panel.{part}_active",
        check=checks.one_of("high", "low"),
        default=default,
        meaning="Level of the line when it is pressed."
        if part == "button"
        else "Level of the line when it is on.",
    )


LED: Setting[str | None] = Setting(
    key="panel.lamp_led",
    check=checks.name(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}", "status:green"),
    default=None,
    meaning="Status lamp as a name below /sys/class/leds; instead of a GPIO line.",
)
CHIPS = {part: _chip(part) for part in _PARTS}
LINES = {part: _line(part) for part in _PARTS}
ACTIVE = {part: _active(part, "low" if part == "button" else "high") for part in _PARTS}

TABLE: tuple[Setting[object], ...] = (
    *(CHIPS["button"], LINES["button"], ACTIVE["button"]),
    *(LED, CHIPS["lamp"], LINES["lamp"], ACTIVE["lamp"]),
    *(CHIPS["buzzer"], LINES["buzzer"], ACTIVE["buzzer"]),
)


def read(given: "Reading") -> PanelSettings | None:
    if "panel" not in given.merged.tables:
        return None
    button, lamp, buzzer = (_read_line(given, part) for part in _PARTS)
    led = given.get(LED)
    if led is not None and lamp is not None:
        given.wrong(LED, "is given beside lamp_chip; keep one of them")
    return PanelSettings(button=button, lamp_led=led, lamp=lamp, buzzer=buzzer)


def _read_line(given: "Reading", part: str) -> LineSettings | None:
    chip, line = given.get(CHIPS[part]), given.get(LINES[part])
    active = given.get(ACTIVE[part])
    if (chip is None) != (line is None):
        missing = CHIPS[part] if chip is None else LINES[part]
        given.wrong(missing, "is missing; a chip and a line belong together")
    if chip is None or line is None:
        return None
    return LineSettings(chip=chip, line=line, active=active)
