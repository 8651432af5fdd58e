"""The panel at work: what a press does, what the lamp does, and what trouble does not do."""

import logging
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from agent.build_panel import build_panel
from agent.panel.button import HOLD
from agent.panel.panel import CALM
from agent.panel.parts import RETRY
from agent.settings import LineSettings, PanelSettings
from agent.situation import (
    About,
    HeldButton,
    Offline,
    Overlay,
    Paired,
    Pairing,
    Paused,
    Serving,
    Starting,
)
from hw.contract import Button, HardwareError, NoHardware, Switch
from tests.panel.rig import UUID, CountingClock, FingerButton, Lamp, Rig, attended, running

CODE = Pairing(
    user_code="abcd1234", verification_uri="https://as.example", expires_at=2000.0, terminal="4711"
)
GONE = NoHardware("line 5 of GPIO chip panel is not there")


def kinds(rig: Rig) -> list[type[Overlay] | None]:
    return [None if overlay is None else type(overlay) for overlay in rig.overlays]


@pytest.fixture(params=[True, False], ids=["edges", "polled"])
def button(request: pytest.FixtureRequest) -> FingerButton:
    return FingerButton(edges=request.param)


async def press(rig: Rig, button: FingerButton, seconds: float) -> None:
    for level in (True, False):
        for _ in range(40):
            button.move(level)
        await rig.clock.advance(seconds if level else 0.2)


async def test_a_short_press_shows_who_this_is_and_how_it_is(button: FingerButton) -> None:
    async with attended(button=lambda: button) as rig:
        rig.panel.show(Serving())
        await press(rig, button, 0.4)
        (about,) = rig.overlays
        assert isinstance(about, About)
        assert (about.uuid, about.situation) == (UUID, Serving())
        assert about.until == pytest.approx(rig.clock.now() + 30.0, abs=0.3)
        assert rig.asked_to_pair == 0


async def test_a_hold_counts_down_and_pairs_once(button: FingerButton) -> None:
    async with attended(button=lambda: button) as rig:
        begun = rig.clock.now()
        await press(rig, button, 30.0)
        assert kinds(rig) == [HeldButton, None]
        assert isinstance(rig.overlays[0], HeldButton)
        assert rig.overlays[0].pairs_at == pytest.approx(begun + HOLD, abs=0.2)
        assert rig.asked_to_pair == 1
        await press(rig, button, 0.3)
        assert kinds(rig)[2:] == [About]


async def test_letting_go_cancels(button: FingerButton) -> None:
    async with attended(button=lambda: button) as rig:
        await press(rig, button, 4.5)
        assert kinds(rig) == [HeldButton, None]
        assert rig.asked_to_pair == 0


async def test_why_it_does_not_pair_is_shown(button: FingerButton) -> None:
    async with attended(button=lambda: button) as rig:
        rig.why_not = "a payment is under way"
        await press(rig, button, 6.0)
        assert isinstance(rig.overlays[-1], About)
        assert rig.overlays[-1].situation == Serving(degraded="a payment is under way")


async def test_news_replaces_what_somebody_asked_for_before() -> None:
    button = FingerButton()
    async with attended(button=lambda: button) as rig:
        rig.panel.show(Serving())
        rig.panel.show(Starting())
        assert rig.overlays == []
        await press(rig, button, 0.3)
        rig.panel.show(Starting())
        assert kinds(rig) == [About]
        rig.panel.show(CODE)
        rig.panel.show(Serving())
        assert kinds(rig) == [About, None]


async def test_a_stuck_button_is_remarked_once(
    button: FingerButton, caplog: pytest.LogCaptureFixture
) -> None:
    button.move(True)
    async with attended(button=lambda: button) as rig:
        await rig.clock.advance(130.0)
        assert rig.asked_to_pair == 0
        (record,) = caplog.records
        assert record.getMessage().startswith("panel.button_stuck seconds=60")


async def test_a_button_at_rest_wakes_nobody() -> None:
    button = FingerButton()
    async with attended(button=lambda: button) as rig:
        await press(rig, button, 0.3)
        looks, sleeps = button.looks, rig.clock.sleeps
        await rig.clock.advance(86_400.0)
        assert (button.looks, rig.clock.sleeps) == (looks, sleeps + 1)  # the one is this test's
        assert rig.clock.endless == 0


async def test_a_line_that_flutters_does_not_keep_the_terminal_busy() -> None:
    button = FingerButton()
    async with attended(button=lambda: button) as rig:
        button.flutters = True
        button.move(True)
        await rig.clock.advance(10.0)
        assert button.looks <= 10.0 / CALM + 2
        assert rig.overlays == []


class Opened:
    """Opens a lamp, and remembers it."""

    def __init__(self, trouble: HardwareError | None = None) -> None:
        self.all: list[Lamp] = []
        self._trouble = trouble

    def __call__(self, clock: CountingClock) -> Lamp:
        lamp = Lamp(clock)
        lamp.trouble = self._trouble
        self.all.append(lamp)
        return lamp


# -- trouble --------------------------------------------------------------------------------------


def opening(*outcomes: FingerButton | HardwareError) -> Callable[[], FingerButton]:
    """One outcome an attempt, the last one again and again."""
    following: Iterator[FingerButton | HardwareError] = chain(outcomes, repeat(outcomes[-1]))

    def attempt() -> FingerButton:
        outcome = next(following)
        if isinstance(outcome, HardwareError):
            raise outcome
        return outcome

    return attempt


async def test_missing_hardware_is_told_once_and_looked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    button = FingerButton()
    async with attended(button=opening(GONE, GONE, GONE, button)) as rig:
        await rig.clock.advance(2.5 * RETRY)
        assert rig.panel.health == {"button": "failed"}
        await rig.clock.advance(RETRY)
        assert rig.panel.health == {"button": "edges"}
        await press(rig, button, 0.3)
        assert kinds(rig) == [About]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f'panel.failed part=button reason="{GONE}"'


async def test_another_reason_is_told_as_well(caplog: pytest.LogCaptureFixture) -> None:
    denied = HardwareError("a udev rule has to give the chip to the agent's group")
    async with attended(button=opening(GONE, GONE, denied)) as rig:
        await rig.clock.advance(10 * RETRY)
    assert [
        str(text) in record.getMessage()
        for text, record in zip((GONE, denied), caplog.records, strict=True)
    ] == [True, True]


async def test_a_button_that_breaks_is_closed_and_opened_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, mended = FingerButton(), FingerButton(edges=False)
    async with attended(button=opening(broken, mended)) as rig:
        broken.trouble = GONE
        broken.edge()
        await rig.clock.advance(1.0)
        assert broken.closed
        assert rig.panel.health == {"button": "failed"}
        await rig.clock.advance(RETRY)
        assert rig.panel.health == {"button": "polled"}
        await press(rig, mended, 0.3)
        assert kinds(rig) == [About]
        await rig.clock.advance(2 * RETRY)
        mended.trouble = GONE
        await rig.clock.advance(1.0)
    assert len(caplog.records) == 2, "it worked for a while, so the same trouble is news"
    assert mended.closed


async def test_one_broken_part_leaves_the_others_alone() -> None:
    button, lamps = FingerButton(), Opened(trouble=GONE)
    async with attended(button=lambda: button, lamp=lamps) as rig:
        await press(rig, button, 0.3)
        assert kinds(rig) == [About]
        assert rig.panel.health == {"button": "edges", "lamp": "failed"}
    assert all(lamp.closed for lamp in lamps.all)


# -- lamp and buzzer ------------------------------------------------------------------------------


async def test_the_lamp_stands_still_while_all_is_well_and_wakes_nobody() -> None:
    lamps = Opened()
    async with attended(lamp=lamps) as rig:
        rig.panel.show(Serving())
        await rig.settle()
        sleeps = rig.clock.sleeps
        await rig.clock.advance(86_400.0)
        assert lamps.all[0].turned[-1] == (0.0, True)
        assert (rig.clock.sleeps, rig.clock.endless) == (sleeps + 1, 0)
        assert rig.panel.health == {"lamp": "ready"}
    assert lamps.all[0].closed


async def test_the_lamp_follows_what_happens_and_keeps_its_rhythm() -> None:
    lamps = Opened()
    async with attended(lamp=lamps) as rig:
        lamp = lamps.all[0]
        await rig.clock.advance(0.6)
        assert lamp.turned == [(0.0, True), (0.25, False), (0.5, True)]
        rig.panel.show(CODE)
        for _ in range(8):
            await rig.clock.advance(0.3)
            rig.panel.show(CODE)  # the same again is no reason to stumble
        assert lamp.turned[3:] == [(0.6, True), (1.6, False), (2.6, True)]
        rig.panel.show(Paused())
        await rig.clock.advance(1.7)
        rig.panel.show(Offline(kind="name", reason="no such name"))
        rig.panel.show(Serving())
        await rig.settle()
        assert lamp.turned[6:12] == [
            (3.0, True),
            (3.2, False),
            (3.4, True),
            (3.6, False),
            (3.8, True),
            (4.0, False),
        ]
        assert lamp.turned[12:] == [(4.7, True)]


async def test_the_buzzer_beeps_for_a_code_and_twice_when_it_worked() -> None:
    buzzers = Opened()
    async with attended(buzzer=buzzers) as rig:
        rig.panel.show(CODE)
        await rig.clock.advance(10.0)
        assert buzzers.all[0].turned == [(0.0, True), (0.1, False)]
        rig.panel.show(Paired(owner=None))
        rig.panel.show(Serving())
        await rig.clock.advance(10.0)
        heard = buzzers.all[0].turned[2:]
        assert heard == [(10.0, True), (10.1, False), (10.2, True), (10.3, False)]


# -- what the settings mean -----------------------------------------------------------------------


class Bench:
    """Drivers that write down what they were asked for."""

    def __init__(self, clock: CountingClock) -> None:
        self._clock = clock
        self.opened: list[str] = []

    def open_button(self, wiring: LineSettings) -> Button:
        self.opened.append(f"button {wiring.chip} {wiring.line} {wiring.active}")
        return FingerButton()

    def open_gpio_switch(self, wiring: LineSettings) -> Switch:
        self.opened.append(f"switch {wiring.chip} {wiring.line} {wiring.active}")
        return Lamp(self._clock)

    def open_led(self, name: str) -> Switch:
        self.opened.append(f"led {name}")
        return Lamp(self._clock)


def line(number: int) -> LineSettings:
    return LineSettings(chip="panel", line=str(number), active="high")


@pytest.mark.parametrize(
    ("settings", "opened"),
    [
        (PanelSettings(), []),
        (PanelSettings(button=line(1)), ["button panel 1 high"]),
        (
            PanelSettings(lamp=line(2), buzzer=line(3)),
            ["switch panel 2 high", "switch panel 3 high"],
        ),
        (PanelSettings(lamp_led="status:green"), ["led status:green"]),
    ],
)
async def test_only_what_the_terminal_has_is_opened(
    settings: PanelSettings, opened: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    clock = CountingClock()
    bench = Bench(clock)
    panel = build_panel(
        settings, bench, clock=clock, overlay=lambda _: None, pair_again=lambda: None
    )
    async with running(panel, clock):
        assert sorted(bench.opened) == sorted(opened)
    assert caplog.records == []
