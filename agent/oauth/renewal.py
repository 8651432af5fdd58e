"""Renewal: new access tokens from a grant, as rules without time, sockets or chance.

`step(state, event, now) -> (state, ask)`. One ask is outstanding at a time, which makes renewal
single flight: whoever demands a token while one is being fetched waits for that one.

At Secucard a new access token kills the one before it, which may be in use by a running payment.
So a token is renewed as late as is safe, and on demand only when it is really too short or really
refused. No trouble destroys a grant: it is replaced by a newer one, or given up to a new pairing
(`Lost`) while the record on the medium stays until the new grant is saved.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final

from agent.errors import InvalidTransition
from agent.oauth.backoff import backoff
from agent.oauth.events import (
    AccessToken,
    Ask,
    Demanded,
    Fault,
    Grant,
    InvalidGrant,
    NewerWanted,
    PairingWanted,
    PersonActed,
    RefreshEvent,
    RefreshToken,
    Refused,
    Rejected,
    RequestToken,
    SaveFailed,
    SaveToken,
    StoreCleared,
    TokenResponse,
    TokenSaved,
    TransportFailed,
    Unreadable,
    Wait,
    Waited,
)
from agent.oauth.lifetime import due, longest_min_ttl

DEMAND_PAUSE: Final = 10.0  # s between renewals that clients can force
SHORTEST_PAUSE: Final = 5.0  # s from one token to the next, however short a life the server grants
REFUSED_PAUSE: Final = 900.0  # s; only an operator changes a configuration
UNREADABLE_LIMIT: Final = 3  # refusals without a readable reason, then pair again


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Between renewals. The next is due between the two instants.

    `token` is None before the first; it may be over (ask its `life_left`). `trouble` is why the
    last renewal failed. Clients can force a renewal only after `demand_from`. `grant` is None for
    grant types without a refresh token; `unsaved` is why it is not durable, or None.
    """

    grant: Grant | None
    token: AccessToken | None
    due_from: float
    due_until: float
    demand_from: float
    failures: int = 0
    unreadable: int = 0
    trouble: TransportFailed | Refused | Unreadable | None = None
    unsaved: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """A request for a token is under way; `before` is where a failure leads back to.

    `previous`: the refresh token before the last rotation is being tried, because the server says
    it does not know the current one.
    """

    before: Serving
    previous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """The server rotated the refresh token: durable first, then published as `then`."""

    before: Serving
    then: Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The end: pair again. The grant buys nothing any more, unless `why` is `PairingWanted`.
    `token` may still have life left."""

    why: InvalidGrant | Unreadable | StoreCleared | Refused | PairingWanted
    token: AccessToken | None


State = Serving | Renewing | Saving | Lost
Event = (
    RefreshEvent
    | Waited
    | TokenSaved
    | SaveFailed
    | Demanded
    | Rejected
    | NewerWanted
    | PersonActed
    | PairingWanted
    | StoreCleared
)
Next = tuple[State, Ask | None]


def start(
    grant: Grant | None,
    now: float,
    *,
    splay: float = 0.0,
    token: AccessToken | None = None,
    unsaved: str | None = None,
) -> Next:
    """The first state. Without a token the first renewal waits up to `splay` seconds (a whole
    town's terminals power up at once) unless somebody demands a token earlier."""
    serving = Serving(
        grant=grant,
        token=token,
        due_from=now,
        due_until=now + splay,
        demand_from=now,
        unsaved=unsaved,
    )
    if token is not None:
        serving = _due_late(serving, token, now)
    if unsaved is not None:
        serving = _due_within(serving, backoff(1), now)
    return serving, _until(serving, now)


def served(state: State) -> AccessToken | None:
    """The token to hand out in this state. It may be over: ask its `life_left`."""
    return state.token if isinstance(state, Serving | Lost) else state.before.token


def serving(state: State | None) -> Serving | None:
    """What this state serves from, or leads back to."""
    match state:
        case Serving():
            return state
        case Renewing(before=before) | Saving(before=before):
            return before
        case _:
            return None


def can_be_forced(state: State, now: float) -> bool:
    """Whether a client's report or wish can have a renewal made now, or one is under way."""
    return now >= state.demand_from if isinstance(state, Serving) else not isinstance(state, Lost)


def step(state: State, event: Event, now: float, *, held_until: float = -inf) -> Next:
    """What follows. `now` is CLOCK_BOOTTIME. The ask is None only in `Lost`.

    `held_until`: somebody was promised that the token is not renewed before. It binds while the
    token lives and nobody reports it as dead.

    Raises InvalidTransition for an event that cannot happen in the state: a bug of the caller.
    """
    match state:
        case Serving() if held_until > now and _lives(state, now):
            return _held(state, event, now, held_until)
        case Serving():
            return _serving(state, event, now)
        case Renewing():
            return _renewing(state, event, now)
        case Saving():
            return _saving(state, event, now)
        case _:
            raise _impossible(state, event)


def _held(state: Serving, event: Event, now: float, until: float) -> Next:
    """What would renew by plan waits for the end of the hold; everything else goes on, but a
    pairing that nothing but a wish calls for: it would end the token as well."""
    if isinstance(event, PairingWanted):
        return state, _until(state, now)
    after, ask = _serving(state, event, now)
    if isinstance(after, Renewing) and not isinstance(event, Rejected):
        low, high = max(state.due_from, until), max(state.due_until, until)
        return state, Wait(at_least=low - now, at_most=high - now)
    return after, ask


def _serving(state: Serving, event: Event, now: float) -> Next:
    match event:
        case Waited() if state.grant is not None and _must_save_first(state, now):
            return Saving(before=state, then=state), SaveToken(grant=state.grant)
        case Waited():
            return _renew(state)
        case Demanded(min_ttl=min_ttl) if now >= state.demand_from and _short(state, min_ttl, now):
            return (state, _until(state, now)) if _must_save_first(state, now) else _renew(state)
        case Rejected(fingerprint=seen) if now >= state.demand_from and _is(state.token, seen):
            return _renew(state)
        case NewerWanted(fingerprint=old) if now >= state.demand_from and _is(state.token, old):
            return (state, _until(state, now)) if _must_save_first(state, now) else _renew(state)
        case PersonActed() if isinstance(state.trouble, Refused) and state.grant is not None:
            return Lost(why=state.trouble, token=state.token), None
        case PersonActed() if state.trouble is not None or state.token is None:
            return _renew(state)
        case StoreCleared() if state.grant is not None and state.unsaved is None:
            return Lost(why=event, token=None), None
        case PairingWanted() if state.grant is not None:
            return Lost(why=event, token=state.token), None
        case Demanded() | Rejected() | NewerWanted() | PersonActed() | PairingWanted():
            return state, _until(state, now)
        case StoreCleared():
            return state, _until(state, now)
        case _:
            raise _impossible(state, event)


def _renewing(state: Renewing, event: Event, now: float) -> Next:
    match event:
        case TokenResponse():
            return _renewed(state, event, now)
        case TransportFailed(retry_after=retry_after):
            return _failed(
                state.before, event, backoff(state.before.failures + 1, retry_after), now
            )
        case Unreadable():
            counted = replace(state.before, unreadable=state.before.unreadable + 1)
            if counted.unreadable >= UNREADABLE_LIMIT and counted.grant is not None:
                return Lost(why=event, token=counted.token), None
            return _failed(counted, event, backoff(counted.failures + 1), now)
        case InvalidGrant():
            return _invalid(state, event, now)
        case Refused():
            pause = Wait(at_least=REFUSED_PAUSE, at_most=1.2 * REFUSED_PAUSE)
            return _failed(state.before, event, pause, now)
        case _:
            raise _impossible(state, event)


def _saving(state: Saving, event: Event, now: float) -> Next:
    match event:
        case TokenSaved():
            saved = replace(state.then, unsaved=None, failures=0)
            if saved.token is not None:
                saved = _due_late(saved, saved.token, now)
            return saved, _until(saved, now)
        case SaveFailed(reason=reason):
            failures = state.then.failures + 1
            unsaved = replace(state.then, unsaved=reason, failures=failures)
            unsaved = _due_within(unsaved, backoff(failures), now)
            return unsaved, _until(unsaved, now)
        case _:
            raise _impossible(state, event)


def _renew(state: Serving, *, previous: bool = False) -> Next:
    renewing = Renewing(before=state, previous=previous)
    if state.grant is None:
        return renewing, RequestToken()
    if previous and state.grant.previous_refresh_token is not None:
        return renewing, RefreshToken(refresh_token=state.grant.previous_refresh_token)
    return renewing, RefreshToken(refresh_token=state.grant.refresh_token)


def _renewed(state: Renewing, event: TokenResponse, now: float) -> Next:
    token = event.access()
    grant = _grant_after(state, event)
    serving = Serving(
        grant=grant,
        token=token,
        due_from=now,
        due_until=now,
        demand_from=now + DEMAND_PAUSE,
        unsaved=state.before.unsaved,
    )
    if grant is not None and (grant != state.before.grant or serving.unsaved is not None):
        return Saving(before=state.before, then=serving), SaveToken(grant=grant)
    serving = _due_late(serving, token, now)
    return serving, _until(serving, now)


def _grant_after(state: Renewing, event: TokenResponse) -> Grant | None:
    """The grant this answer leaves us with. Nothing changes unless a refresh token came, or the
    previous one turned out to be the valid one; then the one just used becomes the previous."""
    grant = state.before.grant
    if grant is None:
        return None
    used = grant.previous_refresh_token if state.previous else grant.refresh_token
    newest = event.refresh_token or used or grant.refresh_token
    if newest == grant.refresh_token:
        # Used once with success: RFC 6749 section 6 wants the one before it discarded now.
        return replace(grant, previous_refresh_token=None)
    kept = used if used != newest else None
    return replace(
        grant,
        refresh_token=newest,
        previous_refresh_token=kept,
        obtained_at=event.server_time or grant.obtained_at,
    )


def _invalid(state: Renewing, event: InvalidGrant, now: float) -> Next:
    """Rotation's crash window: our newest may never have counted, so try the one before, once."""
    grant = state.before.grant
    if grant is None:
        why = Refused(error="invalid_grant", description=event.description, fault=Fault.SERVER)
        pause = Wait(at_least=REFUSED_PAUSE, at_most=1.2 * REFUSED_PAUSE)
        return _failed(state.before, why, pause, now)
    if not state.previous and grant.previous_refresh_token is not None:
        return _renew(state.before, previous=True)
    return Lost(why=event, token=state.before.token), None


def _failed(
    before: Serving, why: TransportFailed | Refused | Unreadable, pause: Wait, now: float
) -> Next:
    failed = replace(
        before,
        failures=before.failures + 1,
        trouble=why,
        demand_from=now + min(pause.at_least + DEMAND_PAUSE, pause.at_most),
    )
    failed = _due_within(failed, pause, now)
    return failed, _until(failed, now)


def _due_late(state: Serving, token: AccessToken, now: float) -> Serving:
    """Late in the token's life; a token over on arrival must not make a hot loop."""
    due_from, due_until = (max(at, now + SHORTEST_PAUSE) for at in due(token))
    return replace(state, due_from=due_from, due_until=due_until)


def _due_within(state: Serving, pause: Wait, now: float) -> Serving:
    return replace(state, due_from=now + pause.at_least, due_until=now + pause.at_most)


def _until(state: Serving, now: float) -> Wait:
    return Wait(at_least=max(0.0, state.due_from - now), at_most=max(0.0, state.due_until - now))


def _must_save_first(state: Serving, now: float) -> bool:
    """Renewing could rotate once more; while the token lives, first keep what we have."""
    return state.unsaved is not None and _lives(state, now)


def _short(state: Serving, min_ttl: float, now: float) -> bool:
    if state.token is None:
        return True
    return state.token.life_left(now) < min(min_ttl, longest_min_ttl(state.token))


def _lives(state: Serving, now: float) -> bool:
    return state.token is not None and state.token.life_left(now) > 0


def _is(token: AccessToken | None, fingerprint: str | None) -> bool:
    return (None if token is None else token.value.fingerprint()) == fingerprint


def _impossible(state: State, event: Event) -> InvalidTransition:
    return InvalidTransition(f"{type(event).__name__} cannot happen in {type(state).__name__}")
