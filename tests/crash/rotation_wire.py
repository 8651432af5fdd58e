"""The way from one boot of the terminal to the server and back, and what goes wrong on it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from agent.oauth.events import (
    AccessToken,
    CodeEvent,
    InvalidGrant,
    PollEvent,
    RefreshEvent,
    TransportFailed,
)
from agent.oauth.patience import patiently
from agent.secret import Secret
from tests.crash.rotation_judge import Judge
from tests.crash.rotation_power import Mains
from tests.crash.rotation_server import RotatingServer
from tests.crash.rotation_time import BootClock

ISSUER: Final = "https://as.example/token"
_LATENCY: Final = 0.05  # s, each way

_E = TypeVar("_E", PollEvent, RefreshEvent)


@dataclass(frozen=True, slots=True)
class Busy:
    """503 before anything was decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLost:
    """The server decides; the terminal hears nothing, and gives up after so many seconds."""

    noticed_after: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredTwice:
    """The server decides, and once more so many seconds later. The terminal hears the first
    answer; with `second_heard` the second one, if that is made at the same moment."""

    later: float = 0.0
    second_heard: bool = False


Disturbance = Busy | AnswerLost | DeliveredTwice
Weather = Callable[[], Disturbance | None]
"""Asked before each token request."""


class Wire:
    """`AuthorizationServer` for one boot. Nothing leaves without mains; a moment that is passed
    (`rotation_power.Moment`) belongs to a token request the network leaves alone or repeats.
    """

    issuer: str = ISSUER
    renewal_ends_old_token: bool = False

    def __init__(
        self,
        *,
        server: RotatingServer,
        judge: Judge,
        mains: Mains,
        clock: BootClock,
        dice: random.Random,
        weather: Weather,
    ) -> None:
        self._server = server
        self._judge = judge
        self._mains = mains
        self._clock = clock
        self._dice = dice
        self._weather = weather

    async def request_code(self) -> CodeEvent:
        asked_at = self._clock.now()
        await asyncio.sleep(_LATENCY)
        self._mains.passes("code")
        self._judge.pairs()
        answer = self._server.new_code(asked_at)
        await asyncio.sleep(_LATENCY)
        return answer

    async def poll_token(self, device_code: Secret) -> PollEvent:
        code, asked_at = device_code.reveal(), self._clock.now()
        if not self._server.is_approved(code):
            await asyncio.sleep(2 * _LATENCY)
            return self._server.poll(code, asked_at)
        return await self._token_request(lambda: self._server.poll(code, asked_at))

    async def refresh_token(self, refresh_token: Secret) -> RefreshEvent:
        once = partial(self._refresh_once, refresh_token.reveal())
        return await patiently(once, clock=self._clock, rng=self._dice)

    async def request_token(self) -> RefreshEvent:
        return InvalidGrant(description="this server has the device grant only")

    async def owner_of(self, token: AccessToken) -> str | None:
        return None

    async def _refresh_once(self, token: str) -> RefreshEvent:
        asked_at = self._clock.now()
        return await self._token_request(
            lambda: self._server.refresh(token, asked_at),
            left_alone=lambda: self._judge.refreshes(token),
        )

    async def _token_request(
        self, decide: Callable[[], _E], *, left_alone: Callable[[], None] = lambda: None
    ) -> _E | TransportFailed:
        disturbance = self._weather()
        match disturbance:
            case None:
                return await self._exchange(decide, left_alone)
            case Busy():
                self._judge.interferes()
                await asyncio.sleep(2 * _LATENCY)
                return TransportFailed(kind="server", reason="503 Service Unavailable")
            case AnswerLost(noticed_after=seconds):
                self._judge.interferes()
                await asyncio.sleep(_LATENCY)
                decide()
                await asyncio.sleep(seconds)
                return TransportFailed(kind="network", reason="reset", answer_lost=True)
            case DeliveredTwice():
                return await self._exchange(partial(self._twice, decide, disturbance))

    async def _exchange(
        self, decide: Callable[[], _E], left_alone: Callable[[], None] = lambda: None
    ) -> _E:
        self._mains.passes("leaves")
        await asyncio.sleep(_LATENCY)
        self._mains.passes("sent")
        left_alone()
        answer = decide()
        self._mains.passes("committed")
        await asyncio.sleep(_LATENCY)
        self._mains.passes("answered")
        return answer

    def _twice(self, decide: Callable[[], _E], how: DeliveredTwice) -> _E:
        first = decide()
        if how.later > 0:
            asyncio.get_running_loop().call_later(how.later, self._again, decide)
            return first
        self._judge.interferes()
        second = decide()
        return second if how.second_heard else first

    def _again(self, decide: Callable[[], _E]) -> None:
        self._judge.interferes()
        decide()
