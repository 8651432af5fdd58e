"""What changes at the agent, as an iterator that outlives the agent's restarts.

Server-sent events (WHATWG HTML, section 9.2). The agent gives a sign of life every 15 seconds; a
connection without one is dead, and another is made that takes up where it was.
"""

import http.client
import random
import re
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Final

import httpx

from agent.supply import local
from agent.supply.client_agent import Answer, accepted, json_object
from agent.supply.client_line import UnixConnection, UnixTransport
from agent.supply.errors import AgentUnreachable, SupplyError, TokenUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`kind`: `state`, `token`, `hold`, `missed`; unknown ones come as they are. `data` is the JSON
    object of the event, `{}` where there was none, and no secret. `id` says where to take up from:
    `events(last_event_id=...)`."""

    kind: str
    data: Mapping[str, object]
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Times in seconds. `silence`: without a byte for so long, a connection is dead. The pause
    before another doubles from `shortest` to `longest`; `chance` (0 to 1) takes away up to half of
    it, so that programs do not come back all at once."""

    silence: float = 45.0
    shortest: float = 1.0
    longest: float = 30.0
    chance: Callable[[], float] = random.random

    def pause(self, failures: int) -> float:
        """Before the next try, after so many in a row that brought nothing."""
        full = min(self.longest, self.shortest * 2.0 ** min(failures, 20))
        return full * (1.0 - self.chance() / 2.0)


_PATIENCE: Final = Patience()


def events(
    socket: str | None = None, last_event_id: str | None = None, *, patience: Patience = _PATIENCE
) -> Generator[Event, None, None]:
    """What happens from now on, or from that event on, until the iterator is closed.

    An agent that is not there is waited for. Raises NotAllowed, and another SupplyError when the
    agent does not know of events. `contextlib.closing` ends the connection in time.
    """
    following = _Following(socket or local.socket_path(), last_event_id, patience)
    while True:
        try:
            with closing(UnixConnection(following.socket, patience.silence)) as connection:
                connection.request("GET", _TARGET, headers=following.headers())
                with connection.getresponse() as response:
                    if response.status != 200:
                        following.declined(response.status, response.read())
                    following.check(response.headers.get("Content-Type"))
                    while piece := response.read1(65536):
                        yield from following.fed(piece)
        except (OSError, http.client.HTTPException, *_TROUBLE) as exc:
            following.failed(exc)
        time.sleep(following.pause())


async def events_async(
    socket: str | None = None, last_event_id: str | None = None, *, patience: Patience = _PATIENCE
) -> AsyncGenerator[Event, None]:
    """`events` for asyncio and trio; `contextlib.aclosing` ends the connection in time."""
    import anyio  # noqa: PLC0415 - httpx brings it, and loads it late as well

    following = _Following(socket or local.socket_path(), last_event_id, patience)
    while True:
        try:
            async with aclosing(UnixTransport(following.socket)) as transport:
                answer = await transport.send(
                    "GET", _TARGET, headers=following.headers(), timeout=patience.silence
                )
                async with aclosing(answer) as response:
                    if response.status_code != 200:
                        following.declined(response.status_code, await response.aread())
                    following.check(response.headers.get("Content-Type"))
                    async for piece in response.aiter_raw():
                        for event in following.fed(piece):
                            yield event
        except (httpx.TransportError, *_TROUBLE) as exc:
            following.failed(exc)
        await anyio.sleep(following.pause())


_TARGET: Final = "/v1/events"
_TROUBLE: Final = (AgentUnreachable, TokenUnavailable)


class _Following:
    """Where it is in the stream of events, and how it went."""

    def __init__(self, socket: str, last_event_id: str | None, patience: Patience) -> None:
        if not _usable(last_event_id or ""):
            raise ValueError("last_event_id has to be an event's id")
        self.socket = socket
        self._patience = patience
        self._decoder = Decoder(last_event_id or "")
        self._failures = 0
        self._not_before = 0.0

    def headers(self) -> dict[str, str]:
        """Of a request that takes up where it was."""
        last_id = self._decoder.last_id
        self._decoder = Decoder(last_id)
        return {"Last-Event-ID": last_id} if last_id else {}

    def declined(self, status: int, body: bytes) -> None:
        """Raises what an answer other than 200 means."""
        accepted(Answer(status=status, members=json_object(body), socket=self.socket))
        raise local.not_an_agent(self.socket)

    def check(self, content_type: str | None) -> None:
        if content_type is None or not content_type.startswith("text/event-stream"):
            raise local.not_an_agent(self.socket)

    def fed(self, piece: bytes) -> Iterator[Event]:
        self._failures, self._not_before = 0, 0.0
        try:
            yield from self._decoder.feed(piece)
        except ValueError as exc:
            raise local.not_an_agent(self.socket) from exc

    def failed(self, exc: Exception) -> None:
        """Count it, or raise what another try would not mend."""
        if not isinstance(exc, SupplyError):
            trouble = local.trouble(self.socket, exc)
            if not isinstance(trouble, AgentUnreachable):
                raise trouble from exc
        self._failures += 1
        self._not_before = exc.retry_after if isinstance(exc, TokenUnavailable) else 0.0

    def pause(self) -> float:
        return max(self._not_before, self._patience.pause(self._failures))


class Decoder:
    """From bytes to events, however they are cut. Pure. `last_id` is that of the last complete one:
    of an event that was cut off, nobody has heard."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._id = last_id
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that are complete now. Raises ValueError where one never ends."""
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        for line in lines:
            if (event := self._read(line.decode("utf-8", "replace"))) is not None:
                yield event
        if len(self._rest) + sum(map(len, self._data)) > _LONGEST_EVENT:
            raise ValueError(f"an event beyond {_LONGEST_EVENT} bytes")

    def _read(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:  # "" is a comment: a sign of life; others are of a later version
            case "event":
                self._kind = value
            case "data":
                self._data.append(value)
            case "id" if _usable(value):
                self._id = value
        return None

    def _complete(self) -> Event | None:
        kind, data = self._kind or "message", "\n".join(self._data)
        self._kind, self._data = "", []
        self.last_id = self._id
        if not data:
            return None
        return Event(kind=kind, data=json_object(data.encode()), id=self.last_id)


def _usable(event_id: str) -> bool:
    """As a header's value."""
    return event_id.isascii() and event_id.isprintable()


_LINE_END: Final = re.compile(rb"\r\n|\n|\r(?=[^\n])")  # a CR in the end may become a CRLF
_LONGEST_EVENT: Final = 1 << 18  # bytes; one has a few hundred, `state` some more
