"""Holds: promises to a client that its token lives, and is not renewed, for so many seconds. Pure.

At Secucard a renewal ends the token before it, in whoever's hand it is, and a card payment blocks
until the cardholder is done. A hold keeps such a payment's token from being renewed meanwhile. Any
number of holds share the present token; what they keep waiting is only its renewal. Five rules:

- A hold ends before its token is due (`lifetime.due`). So it never delays the renewal the token's
  age asks for, nor eats the time kept for trying again; it delays what clients and retries ask for.
- Who needs a newer token waits until the last hold on the present one ends, and from then on none
  is given or extended beyond that end: the others' holds cannot make it wait longer than it was
  told. A hold that ends until then can still be had at once.
- Nor longer because the token was replaced before it came back, as holds are given back early and
  others ask first: if the new one will not do for it, nothing is promised on that beyond the time
  it was told either, except to those who wait longer than it does.
- Nothing is promised on a token that is dead or may be: reported as refused, being renewed, or
  left over by a renewal whose answer was lost.
- Holds bind planned renewals only. A token known to be dead has nothing left to protect: its holds
  are broken, and reported.

Where the former token lives on after a renewal (`former_dies` False), a hold needs life and nothing
else, and delays nothing.

A client is given what it wants, or less when the server's tokens do not live that long: it has to
look at the end it was promised. docs/holds.md has the table of all this.
"""

from dataclasses import replace
from math import inf
from typing import Final, Literal

from agent.oauth.events import AccessToken
from agent.oauth.lifetime import due
from agent.supply.holds_state import (
    LIMITS,
    Answer,
    Broken,
    Held,
    Hold,
    Holds,
    Key,
    Limits,
    NoHold,
    Present,
    Queued,
    Waiting,
    Wish,
)

SHORTEST: Final = 1.0  # s; clients are answered in whole seconds

# -- what happens to the token --------------------------------------------------------------------


def seen(holds: Holds, present: Present, now: float) -> tuple[Holds, tuple[Broken, ...]]:
    """What stands now that the renewal is at `present`. To be called after each of its steps."""
    holds = in_time(holds, now)
    token = _fingerprint(present.token)
    kept = tuple(hold for hold in holds.active if _stands(hold, token, present.former_dies))
    why: Literal["replaced", "none"] = "none" if token is None else "replaced"
    doubted = token if present.answer_lost else holds.doubted
    after = Holds(
        active=kept,
        waiting=holds.waiting,
        dead=holds.dead if holds.dead == token else None,
        doubted=doubted if doubted == token else None,
    )
    return after, tuple(Broken(hold=hold, why=why) for hold in holds.active if hold not in kept)


def token_refused(
    holds: Holds, fingerprint: str, present: Present, now: float
) -> tuple[Holds, tuple[Broken, ...]]:
    """The API refused the token with that fingerprint: it is dead, and its holds are broken."""
    holds = in_time(holds, now)
    gone = tuple(hold for hold in holds.active if hold.token == fingerprint)
    kept = tuple(hold for hold in holds.active if hold.token != fingerprint)
    dead = fingerprint if fingerprint == _fingerprint(present.token) else holds.dead
    broken = tuple(Broken(hold=hold, why="refused") for hold in gone)
    return replace(holds, active=kept, dead=dead), broken


def in_time(holds: Holds, now: float) -> Holds:
    """What has not run out yet. All of these rules begin so."""
    active = tuple(hold for hold in holds.active if now < hold.until)
    waiting = tuple(one for one in holds.waiting if now < one.until)
    return replace(holds, active=active, waiting=waiting)


def not_before(holds: Holds, now: float, *, former_dies: bool) -> float:
    """The earliest instant at which a planned renewal may begin: `now` if nothing is in its way."""
    if not former_dies:
        return now
    return max([now, *(hold.until for hold in holds.active)])


def known_dead(holds: Holds, token: AccessToken) -> bool:
    """Whether a client reported it as refused. Nothing is promised on it, and nobody who keeps a
    copy is given it; who asks is served it while no other can be had (docs/decisions/0006)."""
    return holds.dead == token.value.fingerprint()


# -- what clients want ----------------------------------------------------------------------------


def decide(
    holds: Holds, wish: Wish, present: Present, now: float, *, limits: Limits = LIMITS
) -> tuple[Holds, Answer]:
    """The answer to a wish. `seen` has to know of `present` before."""
    holds = in_time(holds, now)
    if not SHORTEST <= wish.seconds <= limits.longest:
        detail = f"a hold lasts {SHORTEST:g} to {limits.longest:g} s; extend it when it runs short"
        return holds, NoHold(kind="length", detail=detail)
    if present.renewal == "lost":
        detail = "nothing can be promised: the terminal is being paired again"
        return holds, NoHold(kind="lost", detail=detail)
    if wish.extends is not None:
        return _extend(holds, wish, present, now, limits)
    if (refusal := _over(holds, wish.client, 1, limits)) is not None:
        return holds, refusal
    return _hold(holds, wish, present, now, limits)


def released(
    holds: Holds, hold_id: str, *, client: Key, admin: bool = False
) -> tuple[Holds, Hold | None]:
    """Without that hold. None: there is no such hold of this client; an administrator's are all."""
    for hold in holds.active:
        if hold.id == hold_id and (admin or hold.client == client):
            return replace(holds, active=tuple(h for h in holds.active if h is not hold)), hold
    return holds, None


def ended(holds: Holds, bound_to: Key) -> tuple[Holds, tuple[Hold, ...]]:
    """Without the holds and wishes of a connection or process that has ended."""
    gone = tuple(hold for hold in holds.active if hold.bound_to == bound_to)
    kept = tuple(hold for hold in holds.active if hold.bound_to != bound_to)
    waiting = tuple(one for one in holds.waiting if one.bound_to != bound_to)
    return replace(holds, active=kept, waiting=waiting), gone


def _hold(
    holds: Holds, wish: Wish, present: Present, now: float, limits: Limits
) -> tuple[Holds, Answer]:
    token = present.token
    if token is None:
        return _queue(holds, wish, present, now, limits)
    name = token.value.fingerprint()
    latest = due(token)[0] if present.former_dies else token.expires_at
    enough = _enough(wish.seconds, token, latest, limits)
    if enough < SHORTEST:
        detail = "the server's tokens live too briefly for a hold; ask without one"
        return holds, NoHold(kind="brief", detail=detail)
    until = min(now + wish.seconds, latest)
    if until < now + enough:
        return _queue(holds, wish, present, now, limits)
    if until > _horizon(holds, name, present, now):
        return _queue(holds, wish, present, now, limits, does=present.renewal == "running")
    if until > (at := _expected(holds, wish.client, present, limits)):
        return _queue(holds, wish, present, now, limits, does=True, earliest=at)
    waits = any(one.client == wish.client and one.token == name for one in holds.waiting)
    if waits and _over(holds, wish.client, 2, limits) is not None:  # the other wish keeps its place
        return _queue(holds, wish, present, now, limits)
    hold = Hold(
        id=wish.id,
        client=wish.client,
        token=name,
        since=now,
        until=until,
        latest=latest,
        bound_to=wish.bound_to,
    )
    waiting = tuple(one for one in holds.waiting if one.client != wish.client or one.token == name)
    return replace(holds, active=(*holds.active, hold), waiting=waiting), _held(hold, wish, now)


def _extend(
    holds: Holds, wish: Wish, present: Present, now: float, limits: Limits
) -> tuple[Holds, Answer]:
    """As far as possible, and never shorter. It is not queued: what comes after a renewal is of no
    use to a payment that wants to keep the token it has."""
    for hold in holds.active:
        if hold.id == wish.extends and hold.client == wish.client:
            horizon = _horizon(holds, hold.token, present, now)
            horizon = min(horizon, _expected(holds, wish.client, present, limits))
            until = min(now + wish.seconds, hold.latest, horizon)
            longer = replace(hold, until=max(hold.until, until))
            active = tuple(longer if one is hold else one for one in holds.active)
            return replace(holds, active=active), _held(longer, wish, now)
    detail = "this client has no such hold: it is over, released or broken; ask for a new one"
    return holds, NoHold(kind="unknown", detail=detail)


def _held(hold: Hold, wish: Wish, now: float) -> Held:
    if hold.until >= now + wish.seconds:
        return Held(hold=hold)
    if hold.until >= hold.latest:
        return Held(hold=hold, less="the token has to be renewed then")
    return Held(hold=hold, less="somebody waits for the token to be renewed")


def _queue(
    holds: Holds,
    wish: Wish,
    present: Present,
    now: float,
    limits: Limits,
    *,
    does: bool = False,
    earliest: float = -inf,
) -> tuple[Holds, Queued]:
    """One place for each client, since its first wish: its programs wait for the same thing.
    `does`: the present token would do, if it only outlived the renewal under way or expected."""
    retry_at = max(earliest, _opens(holds, present, now))
    own = next((one for one in holds.waiting if one.client == wish.client), None)
    shared = own is not None and own.bound_to != wish.bound_to
    place = Waiting(
        client=wish.client,
        token=None if does else _fingerprint(present.token),
        since=now if own is None else own.since,
        until=retry_at + limits.grace,
        seconds=wish.seconds,
        bound_to=None if shared else wish.bound_to,
    )
    if own is None:
        waiting = (*holds.waiting, place)
    else:
        waiting = tuple(place if one is own else one for one in holds.waiting)
    last = max(holds.active, key=lambda hold: hold.until, default=None)
    in_the_way = last if present.former_dies else None
    queued = Queued(retry_at=retry_at, in_the_way=in_the_way, trouble=present.trouble)
    return replace(holds, waiting=waiting), queued


def _over(holds: Holds, client: Key, places: int, limits: Limits) -> NoHold | None:
    """Why there are not so many places for this client, the one it waits in not counted.

    Whoever waits has its place among the holds already: newcomers cannot take it.
    """
    if limits.per_client < 1:
        return NoHold(kind="never", detail="this client's policy allows no hold; ask without one")
    own = [hold.until for hold in holds.active if hold.client == client]
    if len(own) + places > limits.per_client:
        detail = f"this client has {len(own)} holds, the limit; release one"
        return NoHold(kind="client", detail=detail, retry_at=min(own, default=None))
    others = sum(one.client != client for one in holds.waiting)
    if len(holds.active) + others + places > limits.in_all:
        ends = [hold.until for hold in holds.active] + [one.until for one in holds.waiting]
        detail = f"the limit is {limits.in_all} holds for all clients; ask again later"
        return NoHold(kind="full", detail=detail, retry_at=min(ends, default=None))
    return None


def _horizon(holds: Holds, token: str, present: Present, now: float) -> float:
    """The instant beyond which nothing more is promised on that token."""
    if token == holds.dead:
        return -inf
    if not present.former_dies:
        return inf
    if present.renewal == "running" or token == holds.doubted:
        return -inf
    if any(one.token == token for one in holds.waiting):
        return _opens(holds, present, now)
    return inf


def _expected(holds: Holds, client: Key, present: Present, limits: Limits) -> float:
    """When somebody ahead of this client comes back to renew the token, which took the place of the
    one it was told about and will not do for it."""
    token = present.token
    if token is None or not present.former_dies:
        return inf
    known = (None, token.value.fingerprint())
    line = [one.client for one in holds.waiting]
    ahead = holds.waiting[: line.index(client)] if client in line else holds.waiting
    back = [one for one in ahead if one.token not in known and not _does(one, token, limits)]
    return min((one.until - limits.grace for one in back), default=inf)


def _does(one: Waiting, token: AccessToken, limits: Limits) -> bool:
    """Whether that token is good enough for it even if it comes as late as it may."""
    latest = due(token)[0]
    return latest - one.until >= _enough(one.seconds, token, latest, limits)


def _enough(seconds: float, token: AccessToken, latest: float, limits: Limits) -> float:
    """What is worth no renewal: what was wanted, or what a fresh token of this life has."""
    return min(seconds, latest - token.issued_at - limits.grace)


def _opens(holds: Holds, present: Present, now: float) -> float:
    """When a renewal can begin. A hold that ends until then makes nobody wait longer."""
    return max(present.renewable_from, not_before(holds, now, former_dies=present.former_dies))


def _stands(hold: Hold, token: str | None, former_dies: bool) -> bool:
    return token is not None and (hold.token == token or not former_dies)


def _fingerprint(token: AccessToken | None) -> str | None:
    return None if token is None else token.value.fingerprint()
