"""What an answer of a token endpoint means: one table, read from the top, first match wins.

`(request, dialect, status, said) -> Outcome`. What was *said* is the `error` member (RFC 6749
section 5.2), or how the body failed to have one. An error that is understood outranks the status:
servers answer 200, 400, 401, 403 and 428 to the same thing, and a 401 alone means nothing. Only
redirects come first, because their body is somebody else's. An error nobody knows gives way to a
status that says "later" (RFC 8628 section 3.5 stops on it otherwise).
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from agent.oauth.dialect import RFC8628, SECUCARD, Dialect


class Kind(Enum):
    """Which request was answered. REFRESH includes the other grants that need no person."""

    CODE = auto()
    POLL = auto()
    REFRESH = auto()


class Unsaid(Enum):
    """A body without a readable `error`."""

    OBJECT = auto()  # a JSON object
    NOTHING = auto()  # empty
    RUBBISH = auto()  # anything else: HTML from a proxy, broken JSON


class Outcome(Enum):
    SUCCESS = auto()  # to be read for what was asked
    PENDING = auto()
    SLOW_DOWN = auto()
    DENIED = auto()
    EXPIRED = auto()
    CODE_DEAD = auto()
    GRANT_DEAD = auto()
    CONFIGURATION = auto()
    UNKNOWN_DEVICE = auto()
    REFUSED = auto()  # an error nobody here can do anything about
    UNREADABLE = auto()
    REDIRECT = auto()
    LATER = auto()  # no usable answer; the request may be repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; a part left out matches everything.

    `lost`: an earlier try of the same request may have reached the server, so a spent code may be
    our own success (some servers answer its replay with `access_denied` or `invalid_request`).
    """

    outcome: Outcome
    kind: Kind | None = None
    dialect: Dialect | None = None
    lost: bool | None = None
    status: range | None = None
    said: frozenset[str | Unsaid] | None = None

    def matches(
        self, kind: Kind, dialect: Dialect, lost: bool, status: int, said: str | Unsaid
    ) -> bool:
        return (
            self.kind in (None, kind)
            and self.dialect in (None, dialect)
            and self.lost in (None, lost)
            and (self.status is None or status in self.status)
            and (self.said is None or said in self.said)
        )


def _only(status: int) -> range:
    return range(status, status + 1)


_3XX: Final = range(300, 400)
_4XX: Final = range(400, 500)
_5XX: Final = range(500, 1000)  # whoever invents a 6xx is out of order, too


def _said(*errors: str | Unsaid) -> frozenset[str | Unsaid]:
    return frozenset(errors)


_PENDING: Final = _said("authorization_pending")
_SLOW_DOWN: Final = _said("slow_down")
_DENIED: Final = _said("access_denied")
_INVALID_GRANT: Final = _said("invalid_grant")
_CLIENT: Final = _said(
    "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"
)
_INVALID_REQUEST: Final = _said("invalid_request")
_UNSAID: Final = frozenset(Unsaid)
_REPLAY: Final = _said("access_denied", "invalid_grant", "invalid_request")

# fmt: off
TABLE: Final = (
    Row(status=_3XX, outcome=Outcome.REDIRECT),

    # Errors with a meaning, whatever the status.
    Row(kind=Kind.POLL, status=_only(429), said=_PENDING, outcome=Outcome.SLOW_DOWN),
    Row(kind=Kind.POLL, said=_PENDING, outcome=Outcome.PENDING),
    Row(kind=Kind.REFRESH, said=_SLOW_DOWN, outcome=Outcome.LATER),
    Row(said=_SLOW_DOWN, outcome=Outcome.SLOW_DOWN),
    Row(kind=Kind.POLL, dialect=RFC8628, lost=True, said=_REPLAY, outcome=Outcome.CODE_DEAD),
    Row(kind=Kind.CODE, said=_DENIED, outcome=Outcome.DENIED),
    Row(kind=Kind.POLL, said=_DENIED, outcome=Outcome.DENIED),
    Row(kind=Kind.POLL, said=_said("expired_token"), outcome=Outcome.EXPIRED),
    Row(kind=Kind.POLL, dialect=SECUCARD, said=_INVALID_GRANT, outcome=Outcome.CODE_DEAD),
    Row(kind=Kind.REFRESH, said=_INVALID_GRANT, outcome=Outcome.GRANT_DEAD),
    Row(said=_CLIENT, outcome=Outcome.CONFIGURATION),
    Row(kind=Kind.CODE, said=_INVALID_REQUEST, outcome=Outcome.CONFIGURATION),
    Row(kind=Kind.POLL, said=_INVALID_REQUEST, outcome=Outcome.CONFIGURATION),
    Row(dialect=SECUCARD, said=_said("invalid_device"), outcome=Outcome.UNKNOWN_DEVICE),

    # A status that says "later", with or without an error of the server's own.
    Row(kind=Kind.REFRESH, status=_only(429), outcome=Outcome.LATER),
    Row(status=_only(429), outcome=Outcome.SLOW_DOWN),
    Row(status=_only(407), outcome=Outcome.LATER),
    Row(status=_only(408), outcome=Outcome.LATER),
    Row(status=_5XX, outcome=Outcome.LATER),

    # No error at all. Only a 400 is known to mean a dead grant; a 403 page may be a proxy's.
    Row(status=_only(200), said=_said(Unsaid.OBJECT), outcome=Outcome.SUCCESS),
    Row(kind=Kind.REFRESH, status=_only(400), said=_UNSAID, outcome=Outcome.UNREADABLE),
    Row(kind=Kind.REFRESH, said=_UNSAID, outcome=Outcome.LATER),
    Row(status=_4XX, said=_UNSAID, outcome=Outcome.UNREADABLE),
    Row(said=_UNSAID, outcome=Outcome.LATER),

    # An error nobody knows.
    Row(kind=Kind.POLL, dialect=SECUCARD, status=_only(400), outcome=Outcome.CODE_DEAD),
    Row(outcome=Outcome.REFUSED),
)
# fmt: on


def classify(
    kind: Kind, dialect: Dialect, status: int, said: str | Unsaid, *, lost: bool = False
) -> Outcome:
    """The outcome of the first row that matches; the last row matches everything."""
    return next(r.outcome for r in TABLE if r.matches(kind, dialect, lost, status, said))
