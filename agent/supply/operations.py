"""What a client can ask for, as values. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

DEFAULT_WAIT: Final = 5.0  # s a client waits for a renewal before it gets what there is
LONGEST_WAIT: Final = 25.0  # s; below the time after which an answer is given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Header names are lower case. `keep_alive`: another may follow."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""
    keep_alive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldWish:
    """`seconds` not to renew the token; `extends` names an own hold; `ends_with` what else may end
    it."""

    seconds: int
    extends: str | None = None
    ends_with: Literal["connection", "process"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetToken:
    """`min_ttl` and `wait` in seconds. `known`: the fingerprints the client has (If-None-Match)."""

    min_ttl: int
    wait: float = DEFAULT_WAIT
    known: frozenset[str] = frozenset()
    hold: HoldWish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRejected:
    """The API refused the token with this fingerprint."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class ListHolds:
    """One's own holds; everybody's for the administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHold:
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold:
    id: str


@dataclass(frozen=True, slots=True)
class GetStatus:
    """What the agent is doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEvents:
    """Follow what changes, from that event on."""

    last_event_id: str | None = None


@dataclass(frozen=True, slots=True)
class GetLive:
    """Does the agent answer?"""


@dataclass(frozen=True, slots=True)
class GetReady:
    """Has it a token to give?"""


@dataclass(frozen=True, slots=True)
class GetPairing:
    """How pairing goes, with the code."""


@dataclass(frozen=True, slots=True)
class StartPairing:
    """A person wants a code now."""


@dataclass(frozen=True, slots=True)
class DeleteGrant:
    """Forget the grant and pair again."""


@dataclass(frozen=True, slots=True)
class RekeyStore:
    """Seal the stored grant with a new key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LendDisplay:
    """`lent`: leave the customer display to somebody else; otherwise it may be used again."""

    lent: bool


@dataclass(frozen=True, slots=True)
class GetMetrics:
    """Counters and gauges."""


Awaited = GetToken | ReportRejected | DeleteGrant | RekeyStore
Immediate = (
    ListHolds
    | GetHold
    | ReleaseHold
    | GetStatus
    | GetLive
    | GetReady
    | GetPairing
    | StartPairing
    | LendDisplay
    | GetMetrics
)
Operation = Awaited | Immediate | GetEvents
