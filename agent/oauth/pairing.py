"""Pairing: from no grant to a grant, as rules without time, sockets or chance.

`step(state, event, now, rules) -> (state, ask)`. At most one ask is outstanding, so no timer races
an answer: a token that arrives after the code's lifetime is kept, because the lifetime is judged
only when a poll is due. Trouble on the way never ends a pairing; only the server's own words or
the end of the code's life do.

The user's wish, not RFC 8628's: pairing starts at boot, without a person. It is therefore bounded:
a window of `rules.codes` codes, then `Paused` until somebody acts.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final

from agent.errors import InvalidTransition
from agent.identity import Provenance
from agent.oauth.backoff import backoff
from agent.oauth.events import (
    AccessDenied,
    Ask,
    AuthorizationPending,
    CodeDead,
    CodeEvent,
    DeviceAuthorization,
    ExpiredToken,
    Fault,
    Grant,
    PersonActed,
    PollEvent,
    PollToken,
    Refused,
    RequestCode,
    SaveFailed,
    SaveToken,
    SlowDown,
    TokenResponse,
    TokenSaved,
    TransportFailed,
    Unreadable,
    Wait,
    Waited,
)

SLOW_DOWN_STEP: Final = 5.0  # s, RFC 8628 section 3.5
POLL_MARGIN: Final = (1.05, 1.2)  # of the interval; exact cadence draws slow_down from some servers
LAST_POLL: Final = 1.0  # s before the code's end: an answer must still arrive in its life
LONGEST_POLL_PAUSE: Final = 60.0  # s; doubling after failures stops here, the code's life is short
SHORT_LIFE: Final = 30.0  # s; a code that died younger is not replaced at once
UNKNOWN_DEVICE_PAUSE: Final = 60.0  # s; somebody is probably registering the terminal right now


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one terminal's pairing goes by. Pauses in seconds; the first three name the grant, and
    `provenance` goes into it. `reidentified`: there is a grant, but of another serial number."""

    issuer: str
    client_id: str
    uuid: str
    codes: int = 6
    denied_pause: float = 600.0
    refused_pause: float = 900.0
    provenance: tuple[Provenance, ...] = ()
    reidentified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestingCode:
    """No code yet: one is being asked for, or will be after a pause. `trouble` is why not."""

    codes_left: int
    failures: int = 0
    trouble: TransportFailed | Unreadable | SlowDown | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingUser:
    """A code is live and shown. The next poll is due between the two instants."""

    authorization: DeviceAuthorization
    interval: float
    poll_from: float
    poll_until: float
    codes_left: int
    failures: int = 0

    @property
    def expires_at(self) -> float:
        return self.authorization.asked_at + self.authorization.expires_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Approved; the grant is on its way to the medium."""

    grant: Grant
    token: TokenResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The end. `unsaved` is why the grant is not durable, or None."""

    grant: Grant
    token: TokenResponse
    unsaved: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """The server said no; ask again after a long pause, or when somebody acts."""

    why: AccessDenied | Refused
    codes_left: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The window of codes is used up. Only a person starts the next one."""


State = RequestingCode | AwaitingUser | Saving | Paired | Resting | Paused
Event = CodeEvent | PollEvent | Waited | TokenSaved | SaveFailed | PersonActed
Next = tuple[State, Ask | None]


def start(rules: Rules) -> Next:
    """The first state of a window, and its ask."""
    return RequestingCode(codes_left=rules.codes), RequestCode()


def step(state: State, event: Event, now: float, rules: Rules) -> Next:
    """What follows. `now` is CLOCK_BOOTTIME. The ask is None only in `Paired`.

    Raises InvalidTransition for an event that cannot happen in the state: a bug of the caller.
    """
    match state:
        case RequestingCode():
            return _requesting(state, event, now, rules)
        case AwaitingUser():
            return _awaiting(state, event, now, rules)
        case Saving():
            return _saving(state, event)
        case Resting():
            return _resting(state, event, rules)
        case Paused():
            return _paused(state, event, rules)
        case _:
            raise _impossible(state, event)


def _requesting(state: RequestingCode, event: Event, now: float, rules: Rules) -> Next:
    match event:
        case DeviceAuthorization():
            return _poll_later(
                AwaitingUser(
                    authorization=event,
                    interval=event.interval,
                    poll_from=now,
                    poll_until=now,
                    codes_left=state.codes_left - 1,
                ),
                event.interval,
                now,
            )
        case TransportFailed() | Unreadable() | SlowDown():
            failures = state.failures + 1
            retry_after = None if isinstance(event, Unreadable) else event.retry_after
            waiting = replace(state, failures=failures, trouble=event)
            return waiting, backoff(failures, retry_after)
        case AccessDenied() | Refused():
            return _rest(event, state.codes_left, rules)
        case Waited() | PersonActed():
            return state, RequestCode()
        case _:
            raise _impossible(state, event)


def _awaiting(state: AwaitingUser, event: Event, now: float, rules: Rules) -> Next:
    match event:
        case Waited() if now < state.expires_at:
            return state, PollToken(device_code=state.authorization.device_code)
        case Waited():
            return _next_code(state, now)
        case PersonActed():
            return state, _until(state, now)
        case AuthorizationPending():
            return _poll_later(replace(state, failures=0), state.interval, now)
        case SlowDown():
            return _slower(state, event, now)
        case TransportFailed() | Unreadable():
            return _after_trouble(state, event, now)
        case TokenResponse():
            return _approved(state, event, rules)
        case ExpiredToken() | CodeDead():
            return _next_code(state, now)
        case AccessDenied() | Refused():
            return _rest(event, state.codes_left, rules)
        case _:
            raise _impossible(state, event)


def _saving(state: Saving, event: Event) -> Next:
    match event:
        case TokenSaved():
            return Paired(grant=state.grant, token=state.token), None
        case SaveFailed(reason=reason):
            # Serving from memory and saving again later is the renewal's business.
            return Paired(grant=state.grant, token=state.token, unsaved=reason), None
        case _:
            raise _impossible(state, event)


def _resting(state: Resting, event: Event, rules: Rules) -> Next:
    match event:
        case PersonActed():
            return start(rules)
        case Waited() if state.codes_left > 0:
            return RequestingCode(codes_left=state.codes_left), RequestCode()
        case Waited():
            return Paused(), _FOR_A_PERSON
        case _:
            raise _impossible(state, event)


def _paused(state: Paused, event: Event, rules: Rules) -> Next:
    match event:
        case PersonActed():
            return start(rules)
        case Waited():
            return state, _FOR_A_PERSON
        case _:
            raise _impossible(state, event)


_FOR_A_PERSON: Final = Wait(at_least=inf, at_most=inf)


def _poll_later(state: AwaitingUser, pause: float, now: float) -> Next:
    """Wait the pause with its margin; where no poll fits before the code's end, wait that out."""
    low, high = (now + pause * factor for factor in POLL_MARGIN)
    last = state.expires_at - LAST_POLL
    if low > last:
        low = high = state.expires_at
    due = replace(state, poll_from=low, poll_until=min(high, max(low, last)))
    return due, _until(due, now)


def _until(state: AwaitingUser, now: float) -> Wait:
    return Wait(at_least=max(0.0, state.poll_from - now), at_most=max(0.0, state.poll_until - now))


def _slower(state: AwaitingUser, event: SlowDown, now: float) -> Next:
    """The step is for all later polls, a Retry-After beside it for the next one only."""
    interval = max(state.interval + SLOW_DOWN_STEP, event.interval or 0.0)
    slower = replace(state, interval=interval, failures=0)
    return _poll_later(slower, max(interval, event.retry_after or 0.0), now)


def _after_trouble(state: AwaitingUser, event: TransportFailed | Unreadable, now: float) -> Next:
    """RFC 8628 section 3.5 recommends doubling; the code is kept to the end of its life, and a
    pause never skips the last poll: somebody may have approved during the outage."""
    failures = state.failures + 1
    room = (state.expires_at - LAST_POLL - now) / POLL_MARGIN[1]
    doubled = min(state.interval * 2.0 ** min(failures, 10), LONGEST_POLL_PAUSE, room)
    retry_after = event.retry_after if isinstance(event, TransportFailed) else None
    pause = max(state.interval, doubled, retry_after or 0.0)
    return _poll_later(replace(state, failures=failures), pause, now)


def _approved(state: AwaitingUser, token: TokenResponse, rules: Rules) -> Next:
    if token.refresh_token is None:
        why = Refused(
            error="no_refresh_token",
            description="The server approved but sent no refresh token; renewal is impossible.",
            fault=Fault.SERVER,
        )
        return _rest(why, state.codes_left, rules)
    grant = Grant(
        refresh_token=token.refresh_token,
        issuer=rules.issuer,
        client_id=rules.client_id,
        uuid=rules.uuid,
        scope=token.scope,
        obtained_at=token.server_time,
        provenance=rules.provenance,
    )
    return Saving(grant=grant, token=token), SaveToken(grant=grant)


def _next_code(state: AwaitingUser, now: float) -> Next:
    if state.codes_left <= 0:
        return Paused(), _FOR_A_PERSON
    fresh = RequestingCode(codes_left=state.codes_left)
    if now - state.authorization.asked_at < SHORT_LIFE:
        return fresh, Wait(at_least=SHORT_LIFE, at_most=2 * SHORT_LIFE)
    return fresh, RequestCode()


def _rest(why: AccessDenied | Refused, codes_left: int, rules: Rules) -> Next:
    if isinstance(why, AccessDenied):
        pause = rules.denied_pause
    elif why.fault is Fault.UNKNOWN_DEVICE:
        pause = UNKNOWN_DEVICE_PAUSE
    else:
        pause = rules.refused_pause
    return Resting(why=why, codes_left=codes_left), Wait(at_least=pause, at_most=1.2 * pause)


def _impossible(state: State, event: Event) -> InvalidTransition:
    return InvalidTransition(f"{type(event).__name__} cannot happen in {type(state).__name__}")
