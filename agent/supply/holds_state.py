"""What holds are made of: values, their plain form for a restart, and what everybody may see. Pure.

`agent.supply.holds` has the rules. Instants are CLOCK_BOOTTIME: they outlive the agent, not a
reboot. A token appears as its fingerprint only, so nothing here is a secret.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Final, Literal

from agent.oauth.events import AccessToken

Key = int | str
"""Names a client (its uid or systemd unit), or what a hold is bound to. Opaque here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is beyond is refused, in words. `grace` is how soon a client that waited has to be back.

    It is also the age up to which a token counts as fresh: a wish that no token can meet in full
    is met with what a fresh one has left, because another renewal would hardly give more.
    """

    longest: float = 300.0  # s; others may have to wait that long, and a payment can extend it
    per_client: int = 4  # holds and wishes; a till pays once at a time, the rest is for overlaps
    in_all: int = 64  # holds and wishes; bounds the state, and no terminal runs that many programs
    grace: float = 30.0  # s; longer than a request to the server may take (20 s by default)


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A promise. `token` is a fingerprint, `latest` the end of what that token can promise.
    `bound_to`: the connection or process it ends with; its key must not come again, also not
    after a restart of the agent."""

    id: str
    client: Key
    token: str
    since: float
    until: float
    latest: float
    bound_to: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A client that needs a newer token than `token` (a fingerprint; None: whichever comes out of
    the renewal), to hold it for `seconds`. It is forgotten at `until`, unless it asks again."""

    client: Key
    token: str | None
    since: float
    until: float
    seconds: float
    bound_to: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """The state. `waiting` is in order of arrival, one per client. Fingerprints of the present
    token, or None: `dead` was reported as refused, `doubted` is left over by a renewal whose answer
    was lost, or that a restart of the agent cut short."""

    active: tuple[Hold, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    dead: str | None = None
    doubted: str | None = None


# -- what the rules are told, and what they answer ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What the renewal is at. `former_dies`: a renewal ends the token before it (the dialect).

    `running`: a request has left, so the token may die any moment; `lost`: no renewal any more,
    the terminal is being paired again. Clients cannot have a renewal before `renewable_from`.
    `trouble` is why the last one failed, in one sentence; `answer_lost`: it may have succeeded.
    """

    token: AccessToken | None
    former_dies: bool
    renewal: Literal["resting", "running", "lost"] = "resting"
    renewable_from: float = -inf
    trouble: str | None = None
    answer_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`id` names the hold if it is given; `extends` an own one that should last longer instead."""

    id: str
    client: Key
    seconds: float
    extends: str | None = None
    bound_to: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Promised, until `hold.until`. `less` says why that is sooner than was wanted, or is None."""

    hold: Hold
    less: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A renewal comes first. It can begin at `retry_at`: have it begun then, and ask again when it
    has ended. When it fails there is no hold, but a reason (`trouble`). `in_the_way`: the hold
    that ends last."""

    retry_at: float
    in_the_way: Hold | None
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHold:
    """Refused. `detail` is one sentence saying what to do; asking again earlier than `retry_at`
    (None: ever) will not help.

    `length`: not a length for a hold; `client`, `full`: a limit; `never`: a limit of none;
    `unknown`: no such hold to extend; `brief`: the server's tokens do not live long enough;
    `lost`: pairing again.
    """

    kind: Literal["length", "client", "full", "never", "unknown", "brief", "lost"]
    detail: str
    retry_at: float | None = None


Answer = Held | Queued | NoHold


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A promise that could not be kept: the API refused the token, another took its place, or
    there is none any more."""

    hold: Hold
    why: Literal["refused", "replaced", "none"]


# -- for people -----------------------------------------------------------------------------------


def status(holds: Holds, now: float) -> dict[str, object]:
    """JSON-ready. An id is no secret: only its own client and the administrator can use it."""
    return {
        "holds": [
            {
                "id": hold.id,
                "client": hold.client,
                "fingerprint": hold.token,
                "ends_in": int(hold.until - now),
                "since_seconds": round(now - hold.since),
            }
            for hold in holds.active
            if now < hold.until
        ],
        "waiting": [
            {"client": one.client, "since_seconds": round(now - one.since)}
            for one in holds.waiting
            if now < one.until
        ],
    }


# -- for a restart --------------------------------------------------------------------------------


def to_plain(holds: Holds) -> dict[str, object]:
    """JSON-ready."""
    return asdict(holds)


def from_plain(value: object, token: AccessToken | None, now: float) -> Holds:
    """The state as `to_plain` gave it, perhaps through JSON; rubbish is an empty one. What is of
    another token than the present one, is over or comes from another boot is left out. Members
    unknown here are ignored: a later version may have written them."""
    try:
        members = _members(value)
        active = tuple(_hold(_members(one)) for one in _list(members["active"]))
        waiting = tuple(_waiting(_members(one)) for one in _list(members["waiting"]))
        marks = tuple(_text_or_none(members[name]) for name in ("dead", "doubted"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return Holds()
    if token is None:
        return Holds()
    name = token.value.fingerprint()
    dead, doubted = (mark if mark == name else None for mark in marks)
    return Holds(
        active=tuple(hold for hold in active if _credible(hold, token, now)),
        waiting=tuple(one for one in waiting if one.token == name and one.since <= now < one.until),
        dead=dead,
        doubted=doubted,
    )


def _credible(hold: Hold, token: AccessToken, now: float) -> bool:
    if hold.token != token.value.fingerprint():
        return False
    return hold.since <= now < hold.until <= hold.latest <= token.expires_at


def _hold(members: Mapping[object, object]) -> Hold:
    return Hold(
        id=_text(members["id"]),
        client=_key(members["client"]),
        token=_text(members["token"]),
        since=_instant(members["since"]),
        until=_instant(members["until"]),
        latest=_instant(members["latest"]),
        bound_to=_key_or_none(members["bound_to"]),
    )


def _waiting(members: Mapping[object, object]) -> Waiting:
    return Waiting(
        client=_key(members["client"]),
        token=_text_or_none(members["token"]),
        since=_instant(members["since"]),
        until=_instant(members["until"]),
        seconds=_instant(members["seconds"]),
        bound_to=_key_or_none(members["bound_to"]),
    )


def _members(value: object) -> Mapping[object, object]:
    if not isinstance(value, dict):
        raise TypeError(type(value))
    return value


def _list(value: object) -> list[object] | tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(type(value))
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value))
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _key(value: object) -> Key:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(type(value))
    return value


def _key_or_none(value: object) -> Key | None:
    return None if value is None else _key(value)


def _instant(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(type(value))
    if not isfinite(value):
        raise ValueError(value)
    return float(value)
