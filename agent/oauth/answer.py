"""What comes back from a token endpoint, as events.

What an answer means is decided by `agent.oauth.classify`; this module only reads out the values. A
reader never raises: whatever bytes arrive, one of the events of `agent.oauth.events` comes out.
"""

from dataclasses import dataclass, field
from typing import Final

from agent.oauth import fields
from agent.oauth.classify import Kind, Outcome, Unsaid, classify
from agent.oauth.dialect import Dialect
from agent.oauth.events import (
    AccessDenied,
    AuthorizationPending,
    CodeDead,
    CodeEvent,
    DeviceAuthorization,
    ExpiredToken,
    Fault,
    InvalidGrant,
    PollEvent,
    RefreshEvent,
    Refused,
    SlowDown,
    TokenResponse,
    TransportFailed,
    Unreadable,
)
from agent.oauth.strict_json import NotJson, decode

INTERVAL_DEFAULT: Final = 5.0  # s; RFC 8628 section 3.2, and Secucard's SDKs for "<= 0"
INTERVAL_MIN: Final = 1.0  # s
INTERVAL_MAX: Final = 300.0  # s; longer than that and an approval goes unnoticed
CODE_LIFE_DEFAULT: Final = 300.0  # s, when the server names none
CODE_LIFE_MAX: Final = 3600.0  # s; servers in the field say 300 to 1800
TOKEN_LIFE_DEFAULT: Final = 300.0  # s; too short costs a request, too long a declined payment
TOKEN_LIFE_MAX: Final = 30 * 86400.0  # s

_ERROR_MAX: Final = 64  # characters; the longest registered error has 26
_DESCRIPTION_MAX: Final = 200  # characters; four pages of a 2x20 line display, and a bit
_USER_CODE_MAX: Final = 32  # characters
_OWNER_MAX: Final = 64  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `asked_at` is CLOCK_BOOTTIME just before the request left."""

    status: int
    body: bytes = field(repr=False)  # may hold tokens
    asked_at: float
    retry_after: str | None = None
    date: str | None = None
    content_type: str | None = None


def read_code_answer(dialect: Dialect, answer: Answer, wall: float) -> CodeEvent:
    """`wall`: Unix seconds, to judge a Retry-After date if the answer has no Date."""
    reading = _read(Kind.CODE, dialect, answer, wall, lost=False)
    match reading.outcome:
        case Outcome.SUCCESS:
            return _device_authorization(dialect, reading.members, answer) or _violation(
                "the answer to the device authorization request is incomplete"
            )
        case Outcome.SLOW_DOWN:
            return _slow_down(reading)
        case Outcome.DENIED:
            return AccessDenied(description=reading.description)
        case Outcome.UNREADABLE:
            return Unreadable(status=answer.status)
        case _:
            return _failure(reading, answer)


def read_poll_answer(
    dialect: Dialect, answer: Answer, wall: float, *, after_lost_answer: bool
) -> PollEvent:
    """`after_lost_answer`: an earlier poll with this code may have been answered unheard."""
    reading = _read(Kind.POLL, dialect, answer, wall, lost=after_lost_answer)
    match reading.outcome:
        case Outcome.SUCCESS:
            return _polled_token(dialect, reading.members, answer)
        case Outcome.PENDING:
            return AuthorizationPending()
        case Outcome.SLOW_DOWN:
            return _slow_down(reading)
        case Outcome.DENIED:
            return AccessDenied(description=reading.description)
        case Outcome.EXPIRED:
            return ExpiredToken()
        case Outcome.CODE_DEAD:
            return CodeDead(error=reading.error, description=reading.description)
        case Outcome.UNREADABLE:
            return Unreadable(status=answer.status)
        case _:
            return _failure(reading, answer)


def read_refresh_answer(
    dialect: Dialect, answer: Answer, wall: float, *, after_lost_answer: bool
) -> RefreshEvent:
    """Also for the other grants that need no person."""
    reading = _read(Kind.REFRESH, dialect, answer, wall, lost=after_lost_answer)
    match reading.outcome:
        case Outcome.SUCCESS:
            return _token_response(reading.members, answer) or _NO_TOKEN
        case Outcome.GRANT_DEAD:
            return InvalidGrant(
                description=reading.description, after_lost_answer=after_lost_answer
            )
        case Outcome.UNREADABLE:
            return Unreadable(status=answer.status)
        case _:
            return _failure(reading, answer)


def read_owner(answer: Answer) -> str | None:
    """The name of whoever a token belongs to, out of an API answer; at most 64 characters.

    Understands Secucard's `General/Merchants/me` and `auth/sessions/me/debug` and OpenID Connect's
    userinfo. It is decoration: anything unexpected is None.
    """
    members = decode(answer.body)
    if answer.status != 200 or isinstance(members, NotJson):
        return None
    places = [members]
    for key in ("data", "merchant", "user", "account", "contact"):
        places += [inner for place in places if isinstance(inner := place.get(key), dict)]
    shown = (fields.printable(p.get(key), _OWNER_MAX) for key in _OWNER_KEYS for p in places)
    return next(filter(None, shown), None)


_OWNER_KEYS: Final = ("companyname", "tradename", "name", "display_name", "preferred_username")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """An answer, classified. `members` may hold tokens; it lives for one call."""

    outcome: Outcome
    members: dict[str, object] = field(repr=False)
    error: str
    description: str
    rubbish: str | None  # why the body is not an object
    retry_after: float | None


def _read(kind: Kind, dialect: Dialect, answer: Answer, wall: float, *, lost: bool) -> _Reading:
    decoded = decode(answer.body)
    members = {} if isinstance(decoded, NotJson) else decoded
    error = members.get("error")
    shown = fields.printable(error, _ERROR_MAX)
    said: str | Unsaid
    if isinstance(error, str) and shown:
        said = error
    elif not isinstance(decoded, NotJson):
        said = Unsaid.OBJECT
    else:
        said = Unsaid.RUBBISH if answer.body.strip() else Unsaid.NOTHING
    return _Reading(
        outcome=classify(kind, dialect, answer.status, said, lost=lost),
        members=members,
        error=shown,
        description=fields.printable(members.get("error_description"), _DESCRIPTION_MAX),
        rubbish=decoded.reason if isinstance(decoded, NotJson) else None,
        retry_after=fields.retry_after(answer.retry_after, answer.date, wall),
    )


def _device_authorization(
    dialect: Dialect, members: dict[str, object], answer: Answer
) -> DeviceAuthorization | None:
    device_code = fields.secret(members.get("device_code"))
    user_code = fields.name(members.get("user_code"), _USER_CODE_MAX)
    uri = fields.web_address(fields.first(members, dialect.verification_uri_fields))
    if device_code is None or user_code is None or uri is None:
        return None
    return DeviceAuthorization(
        device_code=device_code,
        user_code=user_code,
        verification_uri=uri,
        verification_uri_complete=fields.web_address(members.get("verification_uri_complete")),
        expires_in=_lifetime(members, CODE_LIFE_DEFAULT, CODE_LIFE_MAX),
        interval=_interval(members) or INTERVAL_DEFAULT,
        asked_at=answer.asked_at,
    )


def _token_response(members: dict[str, object], answer: Answer) -> TokenResponse | None:
    access_token = fields.bearer_token(members.get("access_token"))
    token_type = members.get("token_type")
    if access_token is None or not isinstance(token_type, str) or token_type.lower() != "bearer":
        return None
    return TokenResponse(
        access_token=access_token,
        expires_in=_lifetime(members, TOKEN_LIFE_DEFAULT, TOKEN_LIFE_MAX),
        refresh_token=fields.secret(members.get("refresh_token")),
        scope=fields.scope(members.get("scope")),
        asked_at=answer.asked_at,
        server_time=fields.unix_time(answer.date),
    )


def _polled_token(dialect: Dialect, members: dict[str, object], answer: Answer) -> PollEvent:
    if members.get("access_token") is None and dialect.tokenless_poll_is_transient:
        return TransportFailed(
            kind="server", reason="the server answered without a token", answer_lost=True
        )
    return _token_response(members, answer) or _NO_TOKEN


def _slow_down(reading: _Reading) -> SlowDown:
    return SlowDown(interval=_interval(reading.members), retry_after=reading.retry_after)


def _failure(reading: _Reading, answer: Answer) -> Refused | TransportFailed:
    """The outcomes every request shares."""
    match reading.outcome:
        case Outcome.CONFIGURATION:
            return _refused(reading, Fault.CONFIGURATION)
        case Outcome.UNKNOWN_DEVICE:
            return _refused(reading, Fault.UNKNOWN_DEVICE)
        case Outcome.REDIRECT:
            reason = f"the server redirects (HTTP {answer.status}), which is never followed"
            return TransportFailed(kind="server", reason=reason)
        case Outcome.LATER:
            return TransportFailed(
                kind="server",
                reason=_explain(reading, answer),
                answer_lost=_may_have_succeeded(answer.status),
                retry_after=reading.retry_after,
            )
        case _:
            return _refused(reading, Fault.SERVER)


def _refused(reading: _Reading, fault: Fault) -> Refused:
    return Refused(error=reading.error, description=reading.description, fault=fault)


def _explain(reading: _Reading, answer: Answer) -> str:
    why = reading.error or reading.rubbish
    return f"the server answered HTTP {answer.status}" + (f" ({why})" if why else "")


def _may_have_succeeded(status: int) -> bool:
    """A gateway that gave up, or a broken body, may hide an answer that did its work."""
    return status == 408 or status >= 500 or 200 <= status < 300


def _violation(description: str) -> Refused:
    return Refused(error="server_violation", description=description, fault=Fault.SERVER)


_NO_TOKEN: Final = _violation("the answer holds no bearer token")


def _lifetime(members: dict[str, object], default: float, most: float) -> float:
    seconds = fields.number(members.get("expires_in"))
    return min(seconds, most) if seconds is not None and seconds > 0 else default


def _interval(members: dict[str, object]) -> float | None:
    seconds = fields.number(members.get("interval"))
    if seconds is None or seconds <= 0:
        return None
    return min(max(seconds, INTERVAL_MIN), INTERVAL_MAX)
