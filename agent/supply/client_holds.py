"""Holds for payment software: a token that is promised not to be renewed while it is paid.

At Secucard a renewal ends the token before it, also under a payment that waits for the cardholder.
A hold is bound to a connection that is open as long as the block, so whatever ends the program
ends the hold. A token that the API refuses all the same is dead, and so is its hold: the agent is
told, the next token is held, and the request is sent once more.
"""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from agent.supply import local
from agent.supply.client_agent import Answer, Ask, Token, read_token, rejected
from agent.supply.client_api import RecoveringAuth
from agent.supply.client_line import Line, LineAsync
from agent.supply.errors import SupplyError

if TYPE_CHECKING:
    import anyio

EndsWith = Literal["connection", "process"] | None
"""What ends a hold besides its time and its release. None: nothing."""

_BYE: Final = 5.0  # s; an agent that does not answer must not keep a payment program for longer


@contextmanager
def hold(
    seconds: int,
    *,
    socket: str | None = None,
    min_ttl: int | None = None,
    wait: float = 5.0,
    ends_with: EndsWith = "connection",
) -> Iterator["Held"]:
    """A token that is not renewed for `seconds`, or until the block ends.

    The agent may promise less: look at `Held.expires_in` and `Held.less`. Where a renewal has to
    come first, it is waited for up to `wait` seconds (at most 25). `min_ttl`: a longer life is
    wanted of the token than the hold's. Raises HoldRefused, NoToken, AgentUnreachable, NotAllowed.
    """
    terms = _Terms(min_ttl=min_ttl, wait=wait, ends_with=ends_with)
    with Line(socket or local.socket_path()) as line:
        held = Held(line, _Hold(terms, seconds, line.ask(terms.ask(seconds))))
        try:
            yield held
        finally:
            held._release()


@asynccontextmanager
async def hold_async(
    seconds: int,
    *,
    socket: str | None = None,
    min_ttl: int | None = None,
    wait: float = 5.0,
    ends_with: EndsWith = "connection",
) -> AsyncIterator["HeldAsync"]:
    """`hold` for asyncio and trio."""
    import anyio  # noqa: PLC0415 - httpx brings it, and loads it late as well

    terms = _Terms(min_ttl=min_ttl, wait=wait, ends_with=ends_with)
    async with LineAsync(socket or local.socket_path()) as line:
        first = await line.ask(terms.ask(seconds))
        held = HeldAsync(line, _Hold(terms, seconds, first), anyio.Lock())
        try:
            yield held
        finally:
            with anyio.CancelScope(shield=True):  # also when the block was cancelled
                await held._release()


class Held:
    """What `hold` gives. `auth` is for `httpx.Client`: it sends exactly the held token, and stands
    in for it as the module says. Its requests raise SupplyError where that fails: nothing was
    paid, for the API had refused the request."""

    def __init__(self, line: Line, state: "_Hold") -> None:
        self._line = line
        self._state = state
        self._recovering = threading.Lock()
        self.auth = RecoveringAuth(tokens=self)

    @property
    def token(self) -> Token:
        return self._state.promise.token

    @property
    def expires_in(self) -> int:
        """Seconds for which the promise still stands; 0 when it was broken."""
        return self._state.left

    @property
    def less(self) -> str | None:
        """Why less was promised than was wanted, in one sentence, or None."""
        return self._state.promise.less

    def extend(self, seconds: int) -> None:
        """Hold the same token for so many seconds from now; `expires_in` tells how many it became.

        It never gets fewer. Raises HoldEnded when there is nothing left to extend.
        """
        self._state.extended(self._line.ask(self._state.ask_extension(seconds)), seconds)

    def first(self) -> Token:
        """For `auth`."""
        return self.token

    def after(self, refused: Token) -> Token | None:
        """For `auth`: report the refusal, and hold the next token. None: there is no other."""
        with self._recovering:
            if refused.fingerprint == self.token.fingerprint:
                if read_token(self._line.ask(rejected(refused))).fingerprint == refused.fingerprint:
                    return None
                self._state.over()
                self._state.taken(self._line.ask(self._state.ask()))
            return self.token

    def _release(self) -> None:
        with suppress(SupplyError):  # over, or no agent any more: nothing is held, either way
            self._line.ask(self._state.ask_release(), _BYE)


class HeldAsync:
    """`Held` for asyncio and trio; `auth` is for `httpx.AsyncClient`."""

    def __init__(self, line: LineAsync, state: "_Hold", recovering: "anyio.Lock") -> None:
        self._line = line
        self._state = state
        self._recovering = recovering
        self.auth = RecoveringAuth(tokens_async=self)

    @property
    def token(self) -> Token:
        return self._state.promise.token

    @property
    def expires_in(self) -> int:
        """As `Held.expires_in`."""
        return self._state.left

    @property
    def less(self) -> str | None:
        """As `Held.less`."""
        return self._state.promise.less

    async def extend(self, seconds: int) -> None:
        """As `Held.extend`."""
        self._state.extended(await self._line.ask(self._state.ask_extension(seconds)), seconds)

    async def first(self) -> Token:
        """For `auth`."""
        return self.token

    async def after(self, refused: Token) -> Token | None:
        """For `auth`, as `Held.after`."""
        async with self._recovering:
            if refused.fingerprint == self.token.fingerprint:
                successor = read_token(await self._line.ask(rejected(refused)))
                if successor.fingerprint == refused.fingerprint:
                    return None
                self._state.over()
                self._state.taken(await self._line.ask(self._state.ask()))
            return self.token

    async def _release(self) -> None:
        with suppress(SupplyError):
            await self._line.ask(self._state.ask_release(), _BYE)


# -- what both have in common ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    min_ttl: int | None
    wait: float
    ends_with: EndsWith

    def ask(self, seconds: int, extend: str | None = None) -> Ask:
        wishes = {
            "hold": seconds,
            "min_ttl": self.min_ttl,
            "extend": extend,
            "ends_with": self.ends_with,
        }
        query = "&".join(f"{name}={wish}" for name, wish in wishes.items() if wish is not None)
        return Ask(target=f"/v1/token?{query}", wait=self.wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """`until` is CLOCK_BOOTTIME."""

    token: Token
    id: str
    until: float
    less: str | None


def _boottime() -> float:
    """Seconds since boot as the agent counts them: suspend included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Hold:
    """What is promised now. `seconds` is the last wish: the next hold is to be as long."""

    def __init__(
        self, terms: _Terms, seconds: int, first: Answer, *, now: Callable[[], float] = _boottime
    ) -> None:
        self._terms = terms
        self._seconds = seconds
        self._now = now
        self.promise = _read(first, now())

    @property
    def left(self) -> int:
        return max(0, int(self.promise.until - self._now()))

    def ask(self) -> Ask:
        return self._terms.ask(self._seconds)

    def ask_extension(self, seconds: int) -> Ask:
        return self._terms.ask(seconds, self.promise.id)

    def ask_release(self) -> Ask:
        return Ask(method="DELETE", target=f"/v1/holds/{self.promise.id}")

    def taken(self, answer: Answer) -> None:
        self.promise = _read(answer, self._now())

    def extended(self, answer: Answer, seconds: int) -> None:
        """Where former tokens live on, the answer may come with a newer one: what is held stays."""
        self.promise = replace(_read(answer, self._now()), token=self.promise.token)
        self._seconds = seconds

    def over(self) -> None:
        self.promise = replace(self.promise, until=self._now())


def _read(answer: Answer, now: float) -> _Promise:
    token, hold = read_token(answer), answer.members.get("hold")
    members = hold if isinstance(hold, dict) else {}
    hold_id, expires_in, less = (members.get(name) for name in ("id", "expires_in", "less"))
    if not isinstance(hold_id, str) or not isinstance(expires_in, int):
        raise local.not_an_agent(answer.socket)
    return _Promise(
        token=token,
        id=hold_id,
        until=now + expires_in,
        less=less if isinstance(less, str) else None,
    )
