"""What connections have in common: limits, and what they need of the server they belong to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from agent.supply.access import Access, Peer, Policy
from agent.supply.http1 import Heads
from agent.supply.interface import EventSource, TokenDesk
from agent.supply.operations import Operation
from agent.supply.problems import Response

if TYPE_CHECKING:
    from agent.supply.connection import Connection

Audit = Callable[[Peer, str, str, float], None]
"""Told of every token handed out: to whom and under which name, its fingerprint, its life left in
seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds. Connections: `connections` in all, and the last `spare` of them for clients
    with fewer than `few`; the administrator's and the agent's own count apart. `refused`: those in
    all that are kept only to be told no, `refused_each` of one client. What one client may have is
    said by its `Caps`."""

    request: float = 5.0  # from a request's first byte to its last, and for reading an answer
    idle: float = 60.0  # between requests
    answer: float = 30.0  # for the desk; it should take far less
    drain: float = 3.0  # at shutdown, for answers already being prepared
    heartbeat: float = 15.0  # between signs of life to whoever follows events
    connections: int = 160
    spare: int = 32
    few: int = 4  # a payment program needs one for its calls, one for events, and some for overlaps
    refused: int = 32
    refused_each: int = 8  # or one that hoards would have the others hung up on instead


class House(Protocol):
    """What a connection needs of the server it belongs to."""

    desk: TokenDesk
    events: EventSource
    policy: Policy
    audit: Audit
    limits: Limits
    heads: Heads
    scratch: memoryview  # shared: it is only full between two calls of the event loop
    closing: bool

    def enter(
        self, connection: "Connection", peer: Peer, access: Access
    ) -> Response | Literal["welcome", "drop"]:
        """Count it in. A Response is a refusal to be sent; `drop`: not even that."""
        ...

    def leave(self, connection: "Connection") -> None: ...

    def doubted(self, reason: str) -> None:
        """Something about a client could not be found out, which a rule asks for."""
        ...

    def new_name(self) -> str:
        """A name that no connection ever had, also not before a restart."""
        ...

    def wait_for(self, access: Access) -> float:
        """Take a request out of the client's bucket; seconds to wait if it is empty."""
        ...

    def answered(self, operation: Operation | None, status: int) -> None:
        """Count it. None: a request that was refused before anybody knew or cared what it asks."""
        ...

    def metrics(self) -> str: ...

    def watch(self, pid: int, pidfd: int) -> str | None:
        """Tell the desk when that process has ended, under the name that is returned. None: it
        cannot be watched. The descriptor stays the caller's."""
        ...
