"""Events to one client: what it missed, then what happens, and a sign of life in between."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from agent.supply.feed import HEARTBEAT, Event
from agent.supply.interface import EventSource

BACKLOG: Final = 64 * 1024  # bytes a client may leave unread; an event has a few hundred
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Pragma: no-cache\r\nConnection: close\r\n\r\n"
)


class Stream:
    """Writes to the transport until it is closed. A client that does not read is cut off."""

    def __init__(self, source: EventSource, transport: asyncio.Transport) -> None:
        self._source = source
        self._transport = transport
        self._unfollow: Callable[[], None] = lambda: None

    def start(self, last_event_id: str | None, present: Mapping[str, object]) -> None:
        """Head, what was missed (or that this cannot be told), and from now on what happens.
        `present`: the state as it is, for whoever cannot take up where it was."""
        self._transport.write(HEAD)
        missed = self._source.after(last_event_id)
        if missed is None:
            if last_event_id is not None:
                self._tell(Event(kind="missed", data={}))
            self._tell(Event(kind="state", data=present))
        for event in missed or ():
            self._tell(event)
        self._unfollow = self._source.follow(self._tell)

    def beat(self) -> None:
        self._write(HEARTBEAT)

    def close(self) -> None:
        self._unfollow()

    def _tell(self, event: Event) -> None:
        self._write(self._source.encode(event))

    def _write(self, data: bytes) -> None:
        if self._transport.get_write_buffer_size() > BACKLOG:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(data)
