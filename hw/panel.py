"""Button, status lamp and buzzer of a terminal's panel, by python-periphery.

A line is asked for once, with all its properties: changing one later gives the line back and asks
again, and outputs glitch. Levels are turned round here and not by the kernel, so that the level an
output starts with means the same in every version of the library. Every object may be used from
any thread; the library's own may not.
"""

import errno
import fcntl
import glob
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal, Protocol

from periphery import GPIO, LED

from hw.contract import Button, DeviceBusy, HardwareError, NoHardware, Switch

CONSUMER: Final = "pos-agent"  # what gpioinfo says of our lines
_CHIPINFO: Final = 0x8044B401  # GPIO_GET_CHIPINFO_IOCTL, linux/gpio.h
_CHIPINFO_LAYOUT: Final = "32s32sI"  # name, label, number of lines
_MOST_EDGES: Final = 64  # taken off at once; the kernel keeps 16, and drops the rest
_CLOSING: Final = 1.0  # s for a call under way to end; then the process's end closes the line
# EINVAL is what the kernel answers to a number beyond the last line of the chip.
_GONE: Final = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EINVAL)
_REFUSED: Final = (errno.EACCES, errno.EPERM, errno.EROFS)  # the unit shows /sys read-only


class Wiring(Protocol):
    """Where a line is: `chip` a label, or a path from / on; `line` a name, or a number as text;
    `active` its level when it is pressed, or on."""

    @property
    def chip(self) -> str: ...

    @property
    def line(self) -> str: ...

    @property
    def active(self) -> Literal["high", "low"]: ...


def open_button(wiring: Wiring, *, dev: str = "/dev") -> Button:
    """The line as an input with both edges, drawn to its resting level where the chip can.

    Chips without interrupts know no edges: then the button's fd is None, and it has to be looked
    at. Raises HardwareError.
    """
    path, active_low = _chip_path(wiring.chip, dev), wiring.active == "low"
    resting = "pull_up" if active_low else "pull_down"
    with _trouble(_named(wiring), _LINE_ADVICE):
        for edge, bias in (("both", resting), ("both", "default"), ("none", resting)):
            with suppress(OSError):  # with less asked for it may work; the last one tells
                gpio = _request(path, wiring.line, "in", edge=edge, bias=bias)
                return _GpioButton(gpio, _named(wiring), active_low)
        return _GpioButton(_request(path, wiring.line, "in"), _named(wiring), active_low)


def open_gpio_switch(wiring: Wiring, *, dev: str = "/dev") -> Switch:
    """The line as an output, off from its first moment. Raises HardwareError."""
    path, active_low = _chip_path(wiring.chip, dev), wiring.active == "low"
    with _trouble(_named(wiring), _LINE_ADVICE):
        gpio = _request(path, wiring.line, "high" if active_low else "low")
        return _GpioSwitch(gpio, _named(wiring), active_low)


def open_led(name: str) -> Switch:
    """A LED of the kernel's LED class, off from its first moment. The trigger it had blinks it no
    more until `close`. Raises HardwareError."""
    with _trouble(f"LED {name}", _LED_ADVICE):
        return _Led(LED(name))


_LINE_ADVICE: Final = {
    NoHardware: "gpiodetect and gpioinfo list what this terminal has",
    DeviceBusy: "another program or a kernel driver has it, gpioinfo says which",
    HardwareError: "a udev rule has to give the chip to the agent's group",
}
_LED_ADVICE: Final = {
    NoHardware: "/sys/class/leds lists what this terminal has",
    DeviceBusy: "another program has it",
    HardwareError: "its brightness and trigger have to be the agent's group's to write, and the"
    " unit needs ReadWritePaths for it",
}


class _Guarded:
    """One call at a time; none after `close`, which waits a moment for the one under way."""

    def __init__(self, what: str, advice: dict[type[HardwareError], str]) -> None:
        self._what = what
        self._advice = advice
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._lock, _trouble(self._what, self._advice):
            if self._closed:
                raise HardwareError(f"{self._what} is closed")
            yield

    def close(self) -> None:
        if not self._lock.acquire(timeout=_CLOSING):
            return
        try:
            if not self._closed:
                self._closed = True
                self._give_back()
        finally:
            self._lock.release()

    def _give_back(self) -> None:
        raise NotImplementedError


class _GpioButton(_Guarded):
    def __init__(self, gpio: GPIO, what: str, active_low: bool) -> None:
        super().__init__(what, _LINE_ADVICE)
        self._gpio = gpio
        self._active_low = active_low
        self._edges = gpio.edge != "none"

    @property
    def fd(self) -> int | None:
        return self._gpio.fd if self._edges else None

    def pressed(self) -> bool:
        with self._call():
            self._take_edges()  # first: an edge after the level was read has to wake again
            return self._gpio.read() != self._active_low

    def _take_edges(self) -> None:
        for _ in range(_MOST_EDGES if self._edges else 0):
            if not self._gpio.poll(0):
                return
            self._gpio.read_event()

    def _give_back(self) -> None:
        with suppress(OSError):
            self._gpio.close()


class _GpioSwitch(_Guarded):
    def __init__(self, gpio: GPIO, what: str, active_low: bool) -> None:
        super().__init__(what, _LINE_ADVICE)
        self._gpio = gpio
        self._active_low = active_low

    def turn(self, on: bool) -> None:
        with self._call():
            self._gpio.write(on != self._active_low)

    def _give_back(self) -> None:
        with suppress(OSError):
            self._gpio.write(self._active_low)
        with suppress(OSError):
            self._gpio.close()


class _Led(_Guarded):
    """The library knows brightness; the trigger beside it is ours to mind."""

    def __init__(self, led: LED) -> None:
        super().__init__(f"LED {led.name}", _LED_ADVICE)
        self._led = led
        self._trigger = f"{led.devpath}/trigger"
        self._before = self._taken()
        self._led.write(False)

    def turn(self, on: bool) -> None:
        with self._call():
            self._led.write(on)

    def _taken(self) -> str | None:
        """Set the trigger to `none`; returns what it was, or None where there was nothing to do.
        The file reads `none [heartbeat] timer …`."""
        try:
            with open(self._trigger, encoding="ascii", errors="replace") as file:
                words = file.read().split()
        except FileNotFoundError:  # a kernel without LED triggers
            return None
        before = next((word[1:-1] for word in words if word.startswith("[")), "none")
        if before == "none":
            return None
        self._set_trigger("none")
        return before

    def _set_trigger(self, trigger: str) -> None:
        with open(self._trigger, "w", encoding="ascii", errors="replace") as file:
            file.write(trigger)

    def _give_back(self) -> None:
        with suppress(OSError):
            self._led.write(False)
        if self._before is not None:
            with suppress(OSError):
                self._set_trigger(self._before)
        with suppress(OSError):
            self._led.close()


def _named(wiring: Wiring) -> str:
    return f"line {wiring.line} of GPIO chip {wiring.chip}"


def _request(
    path: str, line: str, direction: str, *, edge: str = "none", bias: str = "default"
) -> GPIO:
    """Path, line and direction by position: by their number the library tells the character
    device from the old sysfs interface."""
    wanted: int | str = int(line) if line.isdecimal() else line
    return GPIO(path, wanted, direction, edge=edge, bias=bias, label=CONSUMER)


def _chip_path(chip: str, dev: str) -> str:
    """The device of a chip given by label. Its number moves from boot to boot, its label does
    not; sysfs has no label, only the chip itself tells."""
    if chip.startswith("/"):
        return chip
    found, closed = [], []
    for path in sorted(glob.glob(f"{dev}/gpiochip*")):
        try:
            if _label(path) == chip:
                found.append(path)
        except OSError as exc:
            if exc.errno in _REFUSED:
                closed.append(path)
    if len(found) == 1:
        return found[0]
    if found:
        raise HardwareError(
            f"{' and '.join(found)} are both labelled {chip}: name one of them by a path that a"
            " udev rule makes stable"
        )
    if closed:
        raise HardwareError(
            f"no GPIO chip that may be opened is labelled {chip}, and {', '.join(closed)} may not:"
            f" {_LINE_ADVICE[HardwareError]}"
        )
    raise NoHardware(f"no GPIO chip is labelled {chip}: {_LINE_ADVICE[NoHardware]}")


def _label(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        told = fcntl.ioctl(fd, _CHIPINFO, bytes(struct.calcsize(_CHIPINFO_LAYOUT)))
    finally:
        os.close(fd)
    label: bytes = struct.unpack(_CHIPINFO_LAYOUT, told)[1]
    return label.rstrip(b"\0").decode("utf-8", "replace")


@contextmanager
def _trouble(what: str, advice: dict[type[HardwareError], str]) -> Iterator[None]:
    """The library's exceptions in the words of the contract. Its errno may be None."""
    try:
        yield
    except HardwareError:
        raise
    except LookupError as exc:
        raise NoHardware(f"{what} is not there: {advice[NoHardware]}") from exc
    except (OSError, ValueError) as exc:
        code = getattr(exc, "errno", None)
        if code in _GONE:
            raise NoHardware(f"{what} is not there ({exc}): {advice[NoHardware]}") from exc
        if code == errno.EBUSY:
            raise DeviceBusy(f"{what} is busy: {advice[DeviceBusy]}") from exc
        if code in _REFUSED:
            raise HardwareError(f"{what} may not be used: {advice[HardwareError]}") from exc
        raise HardwareError(f"{what} does not work: {exc}") from exc
