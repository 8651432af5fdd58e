"""Time and a server that tests drive: real implementations of the two ports, not mocks."""

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from agent.oauth.events import (
    AccessToken,
    AuthorizationPending,
    CodeEvent,
    DeviceAuthorization,
    InvalidGrant,
    PollEvent,
    RefreshEvent,
    TokenResponse,
)
from agent.secret import Secret

T = TypeVar("T")


class VirtualClock:
    """A clock that stands still until a test moves it; whoever sleeps wakes at the right moment.

    With `tick` every look is that much later, as with a real clock: whoever looks twice must not
    find that no time has passed.
    """

    def __init__(self, now: float = 1000.0, *, tick: float = 0.0) -> None:
        self._now = now
        self._tick = tick
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._loop: asyncio.AbstractEventLoop | None = None

    def now(self) -> float:
        self._now += self._tick
        return self._now

    def wall(self) -> float:
        return 1_800_000_000.0 + self._now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def pass_until(self, reached: Callable[[], bool], limit: float = 86_400.0) -> None:
        """Let time pass, sleeper by sleeper, until something has become true."""
        end = self._now + limit
        while not await self._settled(reached):
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if not self._sleepers or self._sleepers[0][0] > end:
                raise TimeoutError(f"not within {limit:.0f} virtual seconds")
            at, _, woken = heapq.heappop(self._sleepers)
            self._now = max(self._now, at)
            woken.set_result(None)

    async def _settled(self, reached: Callable[[], bool]) -> bool:
        """Everybody who can run has run."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            loop.set_default_executor(_Inline(max_workers=1))
        for _ in range(30):
            await asyncio.sleep(0)
        return reached()

    async def advance(self, seconds: float) -> None:
        """Exactly that much time passes, whatever happens."""
        alarm = asyncio.ensure_future(self.sleep(seconds))
        await asyncio.sleep(0)
        await self.pass_until(alarm.done, seconds + 1)


class _Inline(ThreadPoolExecutor):
    """The event loop's threads, run in the loop: no virtual time passes while something is saved,
    however slow the machine, and every run is the same."""

    def submit(self, call: Callable[..., T], /, *args: Any, **more: Any) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(call(*args, **more))
        except BaseException as error:
            done.set_exception(error)
        return done


@dataclass
class TestServer:
    """An authorization server with one knob per behaviour; counts what it was asked.

    It pairs once `approved` is set, renews `life` seconds at a time, and knows one refresh token;
    with `rotates` every renewal replaces it. `trouble` is answered before anything else.
    """

    clock: VirtualClock
    issuer: str = "https://as.example/token"
    renewal_ends_old_token: bool = True
    life: float = 1200.0
    rotates: bool = False
    approved: bool = False
    owner: str | None = "Café Müller"
    trouble: list[RefreshEvent] = field(default_factory=list)
    always: RefreshEvent | None = None
    code_trouble: list[CodeEvent] = field(default_factory=list)
    poll_trouble: list[PollEvent] = field(default_factory=list)
    slow: float = 0.0
    codes: int = 0
    polls: int = 0
    refreshes: int = 0
    known: str = "refresh-0"
    _tokens: int = 0

    __test__ = False

    async def request_code(self) -> CodeEvent:
        self.codes += 1
        if self.code_trouble:
            return self.code_trouble.pop(0)
        return DeviceAuthorization(
            device_code=Secret(f"device-{self.codes}"),
            user_code=f"code{self.codes}",
            verification_uri="https://as.example/pair",
            verification_uri_complete=None,
            expires_in=300.0,
            interval=5.0,
            asked_at=self.clock.now(),
        )

    async def poll_token(self, device_code: Secret) -> PollEvent:
        self.polls += 1
        if self.poll_trouble:
            return self.poll_trouble.pop(0)
        if not self.approved:
            return AuthorizationPending()
        return self._token(Secret(self.known))

    async def refresh_token(self, refresh_token: Secret) -> RefreshEvent:
        self.refreshes += 1
        if self.slow:
            await self.clock.sleep(self.slow)
        if self.trouble:
            return self.trouble.pop(0)
        if self.always is not None:
            return self.always
        if refresh_token.reveal() != self.known:
            return InvalidGrant(description="Invalid refresh token")
        if not self.rotates:
            return self._token(None)
        self.known = f"refresh-{self.refreshes}"
        return self._token(Secret(self.known))

    async def request_token(self) -> RefreshEvent:
        self.refreshes += 1
        return self.trouble.pop(0) if self.trouble else self._token(None)

    async def owner_of(self, token: AccessToken) -> str | None:
        return self.owner

    def _token(self, refresh_token: Secret | None) -> TokenResponse:
        self._tokens += 1
        return TokenResponse(
            access_token=Secret(f"access-{self._tokens}"),
            expires_in=self.life,
            refresh_token=refresh_token,
            scope=None,
            asked_at=self.clock.now(),
        )
