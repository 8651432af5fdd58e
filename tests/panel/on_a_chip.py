"""What `hw.panel` does to GPIO chips and LEDs, through the real python-periphery.

`python -m tests.panel.on_a_chip DIRECTORY`, with gpiochip.c preloaded, which stands in for the
kernel. Levels are those of the wire.
"""

import asyncio
import ctypes
import json
import os
import platform
import select
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from agent.settings import LineSettings
from hw.contract import DeviceBusy, HardwareError, NoHardware
from hw.panel import open_button, open_gpio_switch, open_led

BUSY, NO_IRQ, ONE_EDGE, BROKEN, FLIPS = 1, 2, 4, 8, 16
HIGH, LOW = 1, 0
_C: Final = ctypes.CDLL(None)


class Chip:
    """One chip of the stand-in: `dev/gpiochipN`."""

    def __init__(self, dev: Path, number: int, label: str = "soc-gpio", lines: int = 8) -> None:
        self.path = dev / f"gpiochip{number}"
        self.path.touch()
        self._id = _C.chip_new(str(self.path).encode(), label.encode(), lines)
        assert self._id >= 0

    def name(self, line: int, name: str, quirks: int = 0) -> None:
        _C.chip_line(self._id, line, name.encode(), quirks)

    def move(self, line: int, level: int) -> None:
        _C.chip_move(self._id, line, level)

    def level(self, line: int) -> int:
        level: int = _C.chip_level(self._id, line)
        return level

    def pull(self, line: int) -> int:
        pull: int = _C.chip_pull(self._id, line)
        return pull

    def requests(self, line: int) -> int:
        """How often the line was given out, each time with all its properties."""
        requests: int = _C.chip_requests(self._id, line)
        return requests

    def driven(self, line: int, level: int) -> int:
        """How often it became an output of this level, if only for a moment."""
        driven: int = _C.chip_driven(self._id, line, level)
        return driven

    def held(self, line: int) -> bool:
        return bool(_C.chip_held(self._id, line))

    def consumer(self, line: int) -> str:
        _C.chip_consumer.restype = ctypes.c_char_p
        consumer: bytes = _C.chip_consumer(self._id, line)
        return consumer.decode()


def wired(line: str, active: str, chip: str = "soc-gpio") -> LineSettings:
    return LineSettings(chip=chip, line=line, active="low" if active == "low" else "high")


def readable(fd: int | None) -> bool:
    assert fd is not None
    return bool(select.select([fd], [], [], 0)[0])


def a_button_is_read_in_its_own_sense(dev: Path) -> None:
    chip = Chip(dev, 0)
    for line, active in ((0, "low"), (1, "high")):
        resting, down = (HIGH, LOW) if active == "low" else (LOW, HIGH)
        chip.move(line, resting)
        button = open_button(wired(str(line), active), dev=str(dev))
        assert not button.pressed()
        chip.move(line, down)
        assert button.pressed()
        chip.move(line, resting)
        assert not button.pressed()
        assert chip.consumer(line) == "pos-agent"
        button.close()


def a_button_rests_on_the_pull_the_chip_has(dev: Path) -> None:
    chip = Chip(dev, 0)
    for line, active in ((0, "low"), (1, "high")):
        button = open_button(wired(str(line), active), dev=str(dev))
        assert chip.pull(line) == (1 if active == "low" else -1) or old_kernel()
        button.pressed()
        button.close()
        assert chip.requests(line) == 1


def forty_edges_at_once_leave_the_right_level_and_a_quiet_line(dev: Path) -> None:
    chip = Chip(dev, 0)
    chip.move(3, HIGH)
    button = open_button(wired("3", "low"), dev=str(dev))
    for last, pressed in ((LOW, True), (HIGH, False)):
        for edge in range(39):
            chip.move(3, edge % 2)
        chip.move(3, last)
        assert readable(button.fd)
        assert button.pressed() is pressed
        assert not readable(button.fd)
    button.close()


def an_edge_after_the_look_wakes_again(dev: Path) -> None:
    """Or a release right behind the look would leave the button pressed until the next edge."""
    chip = Chip(dev, 0)
    chip.name(0, "flips", FLIPS)
    button = open_button(wired("0", "high"), dev=str(dev))
    for pressed in (False, True):
        assert button.pressed() is pressed
        assert readable(button.fd)
    button.close()


def an_edge_wakes_the_event_loop(dev: Path) -> None:
    chip = Chip(dev, 0)
    button = open_button(wired("0", "high"), dev=str(dev))

    async def woken() -> None:
        woke = asyncio.Event()
        assert button.fd is not None
        asyncio.get_running_loop().add_reader(button.fd, woke.set)
        chip.move(0, HIGH)
        async with asyncio.timeout(10):
            await woke.wait()

    asyncio.run(woken())
    assert button.pressed()
    button.close()


def a_chip_without_interrupts_is_looked_at_instead(dev: Path) -> None:
    chip = Chip(dev, 0)
    chip.name(1, "expander", NO_IRQ)
    chip.name(2, "one edge at a time", ONE_EDGE)
    for line in (1, 2):
        button = open_button(wired(str(line), "high"), dev=str(dev))
        assert button.fd is None
        assert not button.pressed()
        chip.move(line, HIGH)
        assert button.pressed()
        button.close()


def a_line_is_found_by_its_name(dev: Path) -> None:
    chip = Chip(dev, 0)
    chip.name(5, "SERVICE_BUTTON")
    open_button(wired("SERVICE_BUTTON", "low"), dev=str(dev))
    assert chip.consumer(5) == "pos-agent"
    with pytest.raises(NoHardware, match=r"line NONE of GPIO chip soc-gpio is not there: gpiodet"):
        open_button(wired("NONE", "low"), dev=str(dev))
    with pytest.raises(NoHardware, match="line 8 of GPIO chip soc-gpio is not there"):
        open_button(wired("8", "low"), dev=str(dev))


def a_chip_is_found_by_its_label_whatever_its_number(dev: Path) -> None:
    (dev / "gpiochip1").touch()  # no chip at all: it answers ENOTTY
    other, panel = Chip(dev, 0, "soc-gpio"), Chip(dev, 7, "panel")
    lamp = open_gpio_switch(wired("0", "high", chip="panel"), dev=str(dev))
    assert panel.held(0)
    assert not other.held(0)
    by_path = open_gpio_switch(wired("0", "high", chip=str(other.path)))
    assert other.held(0)
    lamp.close()
    by_path.close()
    with pytest.raises(NoHardware, match="no GPIO chip is labelled pane"):
        open_gpio_switch(wired("0", "high", chip="pane"), dev=str(dev))
    Chip(dev, 8, "panel")
    with pytest.raises(HardwareError, match=r"gpiochip7 and .*gpiochip8 are both labelled panel"):
        open_gpio_switch(wired("0", "high", chip="panel"), dev=str(dev))
    with pytest.raises(NoHardware, match="is not there"):
        open_gpio_switch(wired("0", "high", chip=f"{dev}/gpiochip99"))


def a_busy_line_is_told_from_a_missing_one(dev: Path) -> None:
    chip = Chip(dev, 0)
    chip.name(2, "taken by gpio-keys", BUSY)
    with pytest.raises(DeviceBusy, match=r"line 2 of .* is busy: another program or a kernel dri"):
        open_button(wired("2", "low"), dev=str(dev))
    with pytest.raises(DeviceBusy, match="line 2"):
        open_gpio_switch(wired("2", "low"), dev=str(dev))
    ours = open_gpio_switch(wired("0", "low"), dev=str(dev))
    with pytest.raises(DeviceBusy):
        open_gpio_switch(wired("0", "low"), dev=str(dev))
    ours.close()
    open_gpio_switch(wired("0", "low"), dev=str(dev))


def a_switch_is_off_from_its_first_moment_to_its_last(dev: Path) -> None:
    chip = Chip(dev, 0)
    for line, active in ((0, "low"), (1, "high")):
        off, on = (HIGH, LOW) if active == "low" else (LOW, HIGH)
        chip.move(line, on)
        switch = open_gpio_switch(wired(str(line), active), dev=str(dev))
        assert chip.level(line) == off
        assert (chip.requests(line), chip.driven(line, on)) == (1, 0)
        switch.turn(True)
        assert chip.level(line) == on
        switch.turn(False)
        assert chip.level(line) == off
        switch.turn(True)
        switch.close()
        switch.close()
        assert chip.level(line) == off
        assert (chip.requests(line), chip.driven(line, on)) == (1, 2)
        assert not chip.held(line)
        with pytest.raises(HardwareError, match="closed"):
            switch.turn(True)


def a_line_that_fails_is_hardware_trouble(dev: Path) -> None:
    chip = Chip(dev, 0)
    button = open_button(wired("0", "low"), dev=str(dev))
    lamp = open_gpio_switch(wired("1", "high"), dev=str(dev))
    for line in (0, 1):
        chip.name(line, "", BROKEN)
    with pytest.raises(HardwareError, match=r"line 0 of .*soc-gpio does not work: .*Getting lin"):
        button.pressed()
    with pytest.raises(HardwareError, match=r"line 1 of .*soc-gpio does not work: .*Setting lin"):
        lamp.turn(True)
    button.close()
    lamp.close()
    assert not chip.held(0)
    assert not chip.held(1)


def a_led_is_taken_from_its_trigger_and_given_back(dev: Path) -> None:
    led = dev / "status:green"
    led.mkdir()
    for name, text in {
        "max_brightness": "15\n",
        "brightness": "0 \n",
        "trigger": "none [heartbeat] timer\n",
    }.items():
        (led / name).write_text(text)

    def brightness() -> str:
        return (led / "brightness").read_text().splitlines()[0].strip()

    (led / "brightness.written").unlink()  # by the lines above
    lamp = open_led("status:green")
    assert (led / "trigger").read_text() == "none"
    assert set((led / "brightness.written").read_text().split()) == {"0"}  # never on
    lamp.turn(True)
    assert brightness() == "15"
    (led / "brightness").write_text("")
    lamp.turn(False)
    assert brightness() == "0"
    lamp.turn(True)
    (led / "brightness").write_text("")
    lamp.close()
    assert brightness() == "0"
    assert (led / "trigger").read_text() == "heartbeat"


def a_led_without_a_trigger_is_left_without_one(dev: Path) -> None:
    for name in ("idle", "bare"):
        (dev / name).mkdir()
        (dev / name / "max_brightness").write_text("1\n")
        (dev / name / "brightness").write_text("0\n")
    (dev / "idle" / "trigger").write_text("[none] timer\n")
    (dev / "idle" / "trigger").chmod(0o444)
    for name in ("idle", "bare"):
        open_led(name).close()
    assert (dev / "idle" / "trigger").read_text() == "[none] timer\n"
    assert not (dev / "bare" / "trigger").exists()


def a_led_that_is_not_there_or_not_ours_is_said(dev: Path) -> None:
    with pytest.raises(NoHardware, match=r"LED status:red is not there: /sys/class/leds lists"):
        open_led("status:red")
    (dev / "odd").mkdir()
    (dev / "odd" / "max_brightness").write_text("bright\n")
    with pytest.raises(HardwareError, match="LED odd does not work"):
        open_led("odd")


def old_kernel() -> bool:
    """Before 5.5 there was no pull to ask for."""
    return tuple(int(part) for part in platform.release().split(".")[:2]) < (5, 5)


SCENARIOS: Final[dict[str, Callable[[Path], None]]] = {
    one.__name__: one
    for one in (
        a_button_is_read_in_its_own_sense,
        a_button_rests_on_the_pull_the_chip_has,
        forty_edges_at_once_leave_the_right_level_and_a_quiet_line,
        an_edge_after_the_look_wakes_again,
        an_edge_wakes_the_event_loop,
        a_chip_without_interrupts_is_looked_at_instead,
        a_line_is_found_by_its_name,
        a_chip_is_found_by_its_label_whatever_its_number,
        a_busy_line_is_told_from_a_missing_one,
        a_switch_is_off_from_its_first_moment_to_its_last,
        a_line_that_fails_is_hardware_trouble,
        a_led_is_taken_from_its_trigger_and_given_back,
        a_led_without_a_trigger_is_left_without_one,
        a_led_that_is_not_there_or_not_ours_is_said,
    )
}


def main(directory: Path) -> None:
    """Print what went wrong, by scenario."""
    failures = {}
    for name, scenario in SCENARIOS.items():
        dev = directory / name
        dev.mkdir()
        os.environ["LEDS"] = str(dev)
        try:
            scenario(dev)
        except (Exception, pytest.fail.Exception):
            failures[name] = traceback.format_exc()
    print(json.dumps(failures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
