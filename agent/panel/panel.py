"""The terminal's panel at work: a button is watched, a lamp and a buzzer follow what happens.

What a press means is decided in `agent.panel.button`, what the lamp says in `agent.panel.lamp`.
Any part may be missing, late or broken; the agent does not notice.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from agent import log
from agent.clock import Clock
from agent.panel.button import (
    Gesture,
    Held,
    Holding,
    LetGo,
    Look,
    Pressed,
    Stuck,
    look_by,
    start,
    step,
)
from agent.panel.lamp import Pattern, beeps, pattern
from agent.panel.parts import D, kept, within
from agent.situation import About, HeldButton, Overlay, Serving, Situation, Starting
from hw.contract import Button, Switch

_LOG: Final = logging.getLogger(__name__)
ABOUT: Final = 30.0  # s to read it, or to read it out on the telephone
POLL: Final = 0.05  # s between looks at a button without edges
CALM: Final = 0.01  # s from an edge to the look: a line that flutters wakes us no more often

Health = Literal["opening", "edges", "polled", "ready", "failed"]
"""`edges`: the button wakes us; `polled`: it is looked at 20 times a second. `failed`: not there,
not ours or broken; the log says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """How to open what this terminal has of a panel. Each call blocks and raises HardwareError."""

    button: Callable[[], Button] | None = None
    lamp: Callable[[], Switch] | None = None
    buzzer: Callable[[], Switch] | None = None


class Panel:
    """`overlay` shows something over the situation, or takes it off. `pair_again` returns why not,
    in one sentence, or None. Neither may block."""

    def __init__(
        self,
        *,
        hardware: Hardware,
        clock: Clock,
        overlay: Callable[[Overlay | None], None],
        pair_again: Callable[[], str | None],
    ) -> None:
        self._hardware = hardware
        self._clock = clock
        self._overlay = overlay
        self._pair_again = pair_again
        self._uuid = "?"
        self._situation: Situation = Starting()
        self._about: About | None = None
        self._rhythm_changed = asyncio.Event()
        self._to_beep: Pattern = ()
        self._beep = asyncio.Event()
        self._health: dict[str, Health] = {}

    async def run(self) -> None:
        """Until cancelled."""
        hardware = self._hardware
        async with asyncio.TaskGroup() as tasks:
            if hardware.button is not None:
                tasks.create_task(self._keep("button", hardware.button, self._watch))
            if hardware.lamp is not None:
                tasks.create_task(self._keep("lamp", hardware.lamp, self._light))
            if hardware.buzzer is not None:
                tasks.create_task(self._keep("buzzer", hardware.buzzer, self._sound))

    def show(self, situation: Situation) -> None:
        """Never blocks; newest wins."""
        before, self._situation = self._situation, situation
        if pattern(before) != pattern(situation):
            self._rhythm_changed.set()
        if wanted := beeps(before, situation):
            self._to_beep = wanted
            self._beep.set()
        if self._about is not None and type(before) is not type(situation):
            self._cover(None)  # news is worth more than what somebody asked for before

    def named(self, uuid: str) -> None:
        """From now on it is known which terminal this is."""
        self._uuid = uuid

    @property
    def health(self) -> Mapping[str, Health]:
        return dict(self._health)

    async def _keep(
        self,
        part: str,
        opener: Callable[[], D],
        use: Callable[[D], Coroutine[None, None, NoReturn]],
    ) -> NoReturn:
        self._health[part] = "opening"

        def failed() -> None:
            self._health[part] = "failed"

        await kept(part, opener, use, clock=self._clock, failed=failed)

    # -- the button -------------------------------------------------------------------------------

    async def _watch(self, button: Button) -> NoReturn:
        self._health["button"] = "polled" if button.fd is None else "edges"
        state = start(await asyncio.to_thread(button.pressed), self._clock.now())
        while True:
            moved = await self._edge_by(button, look_by(state))
            pressed = await asyncio.to_thread(button.pressed)
            state, gesture = step(state, Look(pressed=pressed, moved=moved), self._clock.now())
            self._heed(gesture)

    async def _edge_by(self, button: Button, instant: float) -> bool:
        """Wait until it is worth looking, at the latest then; whether an edge said so."""
        if button.fd is None:
            await self._clock.sleep(POLL)
            return False
        edge, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(button.fd, edge.set)
        try:
            moved = await within(self._clock, edge, instant - self._clock.now())
        finally:
            loop.remove_reader(button.fd)
        if moved:
            await self._clock.sleep(CALM)
        return moved

    def _heed(self, gesture: Gesture | None) -> None:
        match gesture:
            case None:
                return
            case Pressed():
                self._tell_about(self._situation)
            case Holding(until=until):
                self._cover(HeldButton(pairs_at=until))
            case LetGo():
                self._cover(None)
            case Held():
                self._pair()
            case Stuck(seconds=seconds):
                log.event(_LOG, "panel.button_stuck", level=logging.WARNING, seconds=round(seconds))

    def _pair(self) -> None:
        why_not = self._pair_again()
        log.event(_LOG, "panel.pair_again", started=why_not is None, reason=why_not)
        if why_not is None:
            self._cover(None)
        else:
            self._tell_about(Serving(degraded=why_not))

    def _tell_about(self, situation: Situation) -> None:
        until = self._clock.now() + ABOUT
        self._cover(About(uuid=self._uuid, situation=situation, until=until))

    def _cover(self, overlay: Overlay | None) -> None:
        self._about = overlay if isinstance(overlay, About) else None
        self._overlay(overlay)

    # -- lamp and buzzer --------------------------------------------------------------------------

    async def _light(self, lamp: Switch) -> NoReturn:
        self._health["lamp"] = "ready"
        while True:
            self._rhythm_changed.clear()
            await self._blink(lamp, pattern(self._situation))

    async def _blink(self, lamp: Switch, rhythm: Pattern) -> None:
        """Until there is another one."""
        while True:
            for on, seconds in rhythm:
                await asyncio.to_thread(lamp.turn, on)
                if await within(self._clock, self._rhythm_changed, seconds):
                    return

    async def _sound(self, buzzer: Switch) -> NoReturn:
        self._health["buzzer"] = "ready"
        self._beep.clear()  # what was to be said before there was a buzzer is no news any more
        while True:
            await self._beep.wait()
            self._beep.clear()
            for on, seconds in self._to_beep:
                await asyncio.to_thread(buzzer.turn, on)
                await self._clock.sleep(seconds)
