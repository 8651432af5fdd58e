"""What changes, for whoever follows: server-sent events (WHATWG HTML, section 9.2). Pure.

The feed keeps the last events, so that a client that lost its connection takes up where it was. An
id is the feed's own name and a number; the name changes when the agent restarts, so an id of
before is known for what it is. No event carries a secret: the user code is not in here either.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

KEPT: Final = 256  # events; at one renewal in 20 minutes that is a day and more
HEARTBEAT: Final = b": \n\n"  # a comment: shows both ends that the other lives

Kind = Literal["state", "token", "hold", "missed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`data` is JSON-ready. `number` is 0 for what only one follower is told."""

    kind: Kind
    data: Mapping[str, object]
    number: int = 0


class Feed:
    """The newest events in order. `name`: short random text, another one each start."""

    def __init__(self, *, name: str, kept: int = KEPT) -> None:
        self._name = name
        self._events: deque[Event] = deque(maxlen=kept)
        self._followers: list[Callable[[Event], None]] = []
        self._last = 0

    def append(self, kind: Kind, data: Mapping[str, object]) -> Event:
        """Number it, keep it, and tell whoever follows."""
        self._last += 1
        event = Event(kind=kind, data=data, number=self._last)
        self._events.append(event)
        for told in tuple(self._followers):
            told(event)
        return event

    def follow(self, told: Callable[[Event], None]) -> Callable[[], None]:
        """`told` is called with each event from now on; what is returned ends that."""
        self._followers.append(told)

        def unfollow() -> None:
            if told in self._followers:
                self._followers.remove(told)

        return unfollow

    def after(self, last_event_id: str | None) -> tuple[Event, ...] | None:
        """What came after that id; None if that cannot be told any more."""
        if last_event_id is None:
            return None
        name, _, number = last_event_id.rpartition("-")
        if name != self._name or not number.isdecimal() or len(number) > 18:
            return None
        first_kept = self._last - len(self._events) + 1
        if not first_kept - 1 <= int(number) <= self._last:
            return None
        return tuple(event for event in self._events if event.number > int(number))

    def encode(self, event: Event) -> bytes:
        """The event as it goes over the wire. What only one follower is told has the id of the
        newest event: whoever takes up from there has missed nothing."""
        data = json.dumps(event.data, separators=(",", ":"))
        number = event.number or self._last
        return f"id: {self._name}-{number}\nevent: {event.kind}\ndata: {data}\n\n".encode("ascii")
