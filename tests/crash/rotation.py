"""Power cuts around token requests, at servers that rotate refresh tokens and at one that does not.

Wherever the mains go, the terminal ends up unattended: serving a token the server honours, or with
a code for its person, within two token requests. It pairs again only if the server takes no token
that was ever durable, and hands out no access token before the refresh token beside it is.
Played on leaping time (`rotation_time`), so a seed says all.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.crash.rotation_judge import Judge
from tests.crash.rotation_power import MOMENTS, Moment
from tests.crash.rotation_server import POLICIES, Policy, RotatingServer
from tests.crash.rotation_terminal import Terminal
from tests.crash.rotation_time import leap_through
from tests.crash.rotation_wire import AnswerLost, Busy, DeliveredTwice, Disturbance

LIFE: Final = 120.0  # s of an access token, where nothing else is said
LIVES: Final = (20.0, 120.0, 600.0)  # s, in histories
BOOT: Final = 30.0  # s
SLOW_BOOT: Final = 90.0  # s
HISTORIES: Final = 20
HISTORIES_LONG: Final = 600
CUTS_A_HISTORY: Final = 20
_OUTAGE: Final = 4  # requests: longer than one ask's patience
_RAM: Final = "/dev/shm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """When the mains go: at the nth such moment after the terminal serves its first token, or
    `from_start`, after it was first switched on."""

    name: str
    moment: Moment
    nth: int = 1
    from_start: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the network does to the token requests before the cut and after the reboot."""

    name: str
    before: tuple[Disturbance, ...] = ()
    after: tuple[Disturbance, ...] = ()
    boot: float = BOOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    policy: Policy
    cut: Cut
    situation: Situation

    def __str__(self) -> str:
        return f"{self.policy.name} / {self.cut.name} / {self.situation.name}"


_REQUEST: Final = (
    Cut(name="before the request leaves", moment="leaves"),
    Cut(name="request on its way", moment="sent"),
    Cut(name="server committed", moment="committed"),
    Cut(name="answer on its way", moment="answered"),
)
CUTS: Final = (
    *_REQUEST,
    Cut(name="before the save", moment="work begins"),
    Cut(name="save torn", moment="torn"),
    Cut(name="saved, not read back", moment="written"),
    Cut(name="saved, not published", moment="work is done"),
    Cut(name="published, not used", moment="handed out"),
    Cut(name="new one used, before the next save", moment="work begins", nth=2),
    Cut(name="new one used, next save torn", moment="torn", nth=2),
    Cut(name="idle", moment="used", nth=20),
)
# Without rotation only pairing saves, right from the start: the first work there is loading.
CUTS_WITHOUT_ROTATION: Final = (
    *_REQUEST,
    Cut(name="before pairing's save", moment="work begins", nth=2, from_start=True),
    Cut(name="pairing's save torn", moment="torn", from_start=True),
    Cut(name="pairing's save written, not yet named", moment="written", nth=2, from_start=True),
    Cut(name="pairing saved, not published", moment="work is done", nth=2, from_start=True),
    Cut(name="published, not used", moment="handed out"),
    Cut(name="refreshed twice, second answer on its way", moment="answered", nth=2),
    Cut(name="pairing's save torn in its second half", moment="torn", nth=2, from_start=True),
    Cut(name="idle", moment="used", nth=20),
)
SITUATIONS: Final = (
    Situation(name="all well"),
    Situation(name="answer lost before the cut", before=(AnswerLost(),)),
    Situation(name="answer lost after the reboot", after=(AnswerLost(),)),
    Situation(name="503 before the cut", before=(Busy(),) * _OUTAGE),
    Situation(name="503 after the reboot", after=(Busy(),) * _OUTAGE),
    Situation(name="delivered twice before the cut", before=(DeliveredTwice(),)),
    Situation(name="delivered twice after the reboot", after=(DeliveredTwice(),)),
    Situation(name="slow boot", boot=SLOW_BOOT),
)


def run(*, long: bool, seed: int) -> dict[str, int]:
    cuts = losses = 0
    for script in scripts():
        judge = play(script, seed)
        cuts += 1
        losses += _reported(judge, f"play(named('{script}'), {seed})")
    for number in range(HISTORIES_LONG if long else HISTORIES):
        judge = history(number, seed)
        cuts += CUTS_A_HISTORY
        losses += _reported(judge, f"history({number}, {seed})")
    return {"rotation_cuts": cuts, "losses": losses}


def scripts() -> Iterator[Script]:
    for policy in POLICIES:
        for cut in CUTS if policy.rotates else CUTS_WITHOUT_ROTATION:
            for situation in SITUATIONS:
                yield Script(policy=policy, cut=cut, situation=situation)


def named(name: str) -> Script:
    """The script that prints like this."""
    return next(script for script in scripts() if str(script) == name)


def play(script: Script, seed: int) -> Judge:
    """One cut, and the life after it."""
    dice = random.Random(f"{seed} {script}")
    with _directory() as directory:
        return leap_through(_play(script, f"{directory}/grant", dice))


def history(number: int, seed: int, cuts: int = CUTS_A_HISTORY) -> Judge:
    """Many cuts at any moment, in any weather, until the first loss."""
    dice = random.Random(f"{seed} {number}")
    with _directory() as directory:
        policy = POLICIES[number % len(POLICIES)]
        return leap_through(_history(policy, cuts, f"{directory}/grant", dice))


async def _play(script: Script, path: str, dice: random.Random) -> Judge:
    sky = Sky(dice, disturbed=0.0)
    async with _terminal(script.policy, LIFE, sky, path, dice) as (terminal, judge):
        terminal.switch_on()
        if not script.cut.from_start:
            await _serves(terminal, judge)
        sky.coming = list(script.situation.before)
        terminal.mains.cut_at(script.cut.moment, script.cut.nth)
        await terminal.until("the cut never came", lambda: not terminal.mains.on)
        await terminal.die()
        await asyncio.sleep(script.situation.boot)
        judge.pairings = 0
        sky.coming = list(script.situation.after)
        terminal.switch_on()
        await _serves(terminal, judge)
        await _serves(terminal, judge)
    return judge


async def _history(policy: Policy, cuts: int, path: str, dice: random.Random) -> Judge:
    life, sky = dice.choice(LIVES), Sky(dice, disturbed=0.2)
    async with _terminal(policy, life, sky, path, dice) as (terminal, judge):
        for _ in range(cuts):
            if judge.losses:
                break
            terminal.switch_on()
            if dice.random() < 0.5:
                await _serves(terminal, judge)
            await _dies_somewhere(terminal, dice)
            await asyncio.sleep(dice.uniform(2.0, SLOW_BOOT))
        terminal.switch_on()
        await _serves(terminal, judge)
    return judge


@asynccontextmanager
async def _terminal(
    policy: Policy, life: float, sky: "Sky", path: str, dice: random.Random
) -> AsyncIterator[tuple[Terminal, Judge]]:
    server = RotatingServer(policy=policy, life=life, now=asyncio.get_running_loop().time)
    judge = Judge(server)
    terminal = Terminal(path=path, server=server, judge=judge, weather=sky, dice=dice)
    try:
        yield terminal, judge
    finally:
        await terminal.die()


async def _serves(terminal: Terminal, judge: Judge) -> None:
    """Until the terminal is settled and has handed out one more token that is honoured."""
    before = judge.honoured
    await terminal.until("neither token nor code", lambda: judge.settled)
    await terminal.until("no token", lambda: judge.honoured not in (None, before))


async def _dies_somewhere(terminal: Terminal, dice: random.Random) -> None:
    """At some moment, or after some time if that does not come."""
    mains = terminal.mains
    mains.cut_at(dice.choice(MOMENTS), dice.choice((1, 1, 2, 3, dice.randint(1, 40))))
    latest = asyncio.get_running_loop().call_later(dice.uniform(0.0, 3 * LIFE), mains.cut)
    await terminal.until("the cut never came", lambda: not mains.on)
    latest.cancel()
    await terminal.die()


class Sky:
    """`Weather`: first what is coming, then any disturbance for that share of the requests."""

    def __init__(self, dice: random.Random, disturbed: float) -> None:
        self.coming: list[Disturbance] = []
        self._dice = dice
        self._disturbed = disturbed

    def __call__(self) -> Disturbance | None:
        if self.coming:
            return self.coming.pop(0)
        if self._dice.random() >= self._disturbed:
            return None
        match self._dice.randrange(4):
            case 0:
                self.coming = [Busy()] * self._dice.randrange(8)
                return Busy()
            case 1:
                return AnswerLost(noticed_after=self._dice.uniform(0.1, 20.0))
            case 2:
                return DeliveredTwice(second_heard=self._dice.random() < 0.5)
            case _:
                return DeliveredTwice(later=self._dice.uniform(0.01, 2 * LIFE))


def _directory() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(dir=_RAM if Path(_RAM).is_dir() else None)


def _reported(judge: Judge, how: str) -> int:
    for loss in judge.losses:
        print(f"rotation: {loss}; tests.crash.rotation.{how}", file=sys.stderr)
    return len(judge.losses)
