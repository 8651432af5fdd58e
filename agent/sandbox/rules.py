"""The rules by which the sandbox's state changes.

A rule takes the world, the time and a source of randomness and gives back the next world and an
answer; nothing here waits, draws or writes by itself. The rules are Secucard's as far as they are
known; guesses say so at the place and are listed in docs/sandbox.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agent.sandbox import refusals
from agent.sandbox.refusals import Refusal
from agent.sandbox.world import (
    Approved,
    Code,
    Denied,
    Options,
    Session,
    Spent,
    Tokens,
    World,
)

Draw = Callable[[str, int], str]
"""(alphabet, length) -> a random string."""

HEX: Final = "0123456789abcdef"
# Ten published user codes use only these: no 0 1 d e i l o r.
USER_CODE_ALPHABET: Final = "23456789abcfghjkmnpqstuvwxyz"
BASE32: Final = "0123456789abcdefghijklmnopqrstuv"
CLIENT_SCOPE: Final = "https://scope.example/e/api"  # documented as "a URL"; this one is invented
_REMEMBERED: Final = 3600.0  # s a dead code is still known as expired rather than unknown
_SLOWER: Final = 5.0  # s per slow_down, RFC 8628 section 3.5
_SPENT_KEPT: Final = 20  # refresh tokens whose reuse is still recognised


# -- pairing --------------------------------------------------------------------------------------


def request_code(
    world: World, options: Options, *, uuid: str, now: float, draw: Draw
) -> tuple[World, Code | Refusal]:
    """A device asks for codes. Guess: a newer code of the same device voids its older ones."""
    if options.devices and uuid not in options.devices:
        return world, refusals.INVALID_DEVICE
    taken = {code.user_code for code in world.codes}
    user_code = draw(USER_CODE_ALPHABET, 8)
    while user_code in taken:
        user_code = draw(USER_CODE_ALPHABET, 8)
    fresh = Code(
        uuid=uuid,
        device_code=draw(HEX, 32),
        user_code=user_code,
        asked_at=now,
        expires_at=now + options.code_seconds,
        interval=options.interval,
    )
    kept = tuple(
        replace(code, verdict=Spent()) if code.uuid == uuid else code
        for code in world.codes
        if now < code.expires_at + _REMEMBERED
    )
    return replace(world, codes=(*kept, fresh)), fresh


def poll(
    world: World, options: Options, *, device_code: str, now: float, draw: Draw
) -> tuple[World, Tokens | Refusal]:
    """A device asks whether it was approved. A verdict counts until the code expires."""
    code = next((c for c in world.codes if c.device_code == device_code), None)
    if code is None:
        return world, refusals.CODE_UNKNOWN
    rfc = options.dialect == "rfc8628"
    if rfc and code.polled_at is not None and now - code.polled_at < code.interval:
        slower = replace(code, polled_at=now, interval=code.interval + _SLOWER)
        return _with_code(world, slower), refusals.SLOW_DOWN
    world = _with_code(world, replace(code, polled_at=now))
    match code.verdict:
        case Spent():
            return world, refusals.CODE_UNKNOWN
        case _ if now >= code.expires_at:
            return world, refusals.EXPIRED_TOKEN if rfc else refusals.CODE_EXPIRED
        case Denied():
            return world, refusals.ACCESS_DENIED
        case Approved(merchant=merchant):
            world = _with_code(world, replace(code, polled_at=now, verdict=Spent()))
            return _open(world, options, subject=code.uuid, merchant=merchant, now=now, draw=draw)
        case _:
            return world, refusals.AUTHORIZATION_PENDING


def waiting(world: World, now: float) -> tuple[Code, ...]:
    """The devices that wait for a person, oldest first."""
    return tuple(code for code in world.codes if code.waits(now))


def decide(
    world: World, verdict: Approved | Denied, *, user_code: str, now: float, uuid: str | None = None
) -> tuple[World, Code | None]:
    """A person types a user code, for a picked device if `uuid` is given. None: no such code.

    Guess: the portal forgives capitals, blanks and hyphens.
    """
    typed = "".join(user_code.split()).replace("-", "").lower()
    for code in waiting(world, now):
        if code.user_code == typed and uuid in (None, code.uuid):
            decided = replace(code, verdict=verdict)
            return _with_code(world, decided), decided
    return world, None


# -- tokens ---------------------------------------------------------------------------------------


def refresh(
    world: World, options: Options, *, refresh_token: str, now: float, draw: Draw
) -> tuple[World, Tokens | Refusal]:
    """RFC 6749 section 6. Without rotation the answer has no refresh token and the old one stays.

    With rotation, a refresh token used twice closes its session (RFC 9700 section 4.14.2).
    """
    for session in world.sessions:
        if refresh_token in session.spent:
            return forget(world, session.subject), refusals.INVALID_REFRESH_TOKEN
        if refresh_token == session.refresh_token != "":
            if session.refresh_expires_at is not None and now >= session.refresh_expires_at:
                return world, refusals.REFRESH_TOKEN_EXPIRED
            return _renew(world, options, session, now=now, draw=draw)
    return world, refusals.INVALID_REFRESH_TOKEN


def client_token(
    world: World, options: Options, *, now: float, draw: Draw
) -> tuple[World, Tokens | Refusal]:
    """Client credentials. Guess: no refresh token; a documented example shows none."""
    return _without_refresh_token(
        world, options, subject=options.client_id, scope=CLIENT_SCOPE, now=now, draw=draw
    )


def pin_token(
    world: World, options: Options, *, uuid: str, pin: str, now: float, draw: Draw
) -> tuple[World, Tokens | Refusal]:
    """The unattended grant: no refresh token. Guess: one PIN, valid for every known device."""
    if options.devices and uuid not in options.devices:
        return world, refusals.INVALID_DEVICE
    if pin != options.device_pin:
        return world, refusals.INVALID_PIN
    return _without_refresh_token(world, options, subject=uuid, scope=None, now=now, draw=draw)


def holder(world: World, access_token: str, now: float) -> Session | None:
    """Whose valid token this is."""
    for session in world.sessions:
        if session.access_token == access_token != "" and now < session.access_expires_at:
            return session
    return None


def kill_access_tokens(world: World) -> World:
    """Every access token dies at once, as if the server had lost its sessions."""
    return replace(world, sessions=tuple(replace(s, access_token="") for s in world.sessions))


def kill_refresh_tokens(world: World) -> World:
    """Every device has to pair again; access tokens live on."""
    return replace(
        world, sessions=tuple(replace(s, refresh_token="", spent=()) for s in world.sessions)
    )


def forget(world: World, subject: str) -> World:
    """Close a device's session with all its tokens."""
    return replace(world, sessions=tuple(s for s in world.sessions if s.subject != subject))


# -- inside ---------------------------------------------------------------------------------------


def _open(
    world: World, options: Options, *, subject: str, merchant: str, now: float, draw: Draw
) -> tuple[World, Tokens]:
    # Guess: pairing again replaces the device's former session, tokens and all.
    life = options.refresh_token_seconds
    session = Session(
        subject=subject,
        merchant=merchant,
        opened_at=now,
        access_token=draw(BASE32, 26),
        access_expires_at=now + options.access_token_seconds,
        refresh_token=draw(HEX, 40),
        refresh_expires_at=None if life is None else now + life,
    )
    return _with_session(world, session), _tokens(session, options, session.refresh_token)


def _renew(
    world: World, options: Options, session: Session, *, now: float, draw: Draw
) -> tuple[World, Tokens]:
    # Documented: creating an access token invalidates the former one of the device session.
    renewed = replace(
        session,
        access_token=draw(BASE32, 26),
        access_expires_at=now + options.access_token_seconds,
        renewals=session.renewals + 1,
    )
    if options.rotate:
        spent = (*session.spent, session.refresh_token)[-_SPENT_KEPT:]
        renewed = replace(renewed, refresh_token=draw(HEX, 40), spent=spent)
    return _with_session(world, renewed), _tokens(
        renewed, options, renewed.refresh_token if options.rotate else None
    )


def _without_refresh_token(
    world: World, options: Options, *, subject: str, scope: str | None, now: float, draw: Draw
) -> tuple[World, Tokens]:
    former = next((s for s in world.sessions if s.subject == subject), None)
    session = replace(
        former or Session(subject=subject, merchant=options.merchants[0], opened_at=now),
        scope=scope,
        access_token=draw(BASE32, 26),
        access_expires_at=now + options.access_token_seconds,
    )
    return _with_session(world, session), _tokens(session, options, None)


def _tokens(session: Session, options: Options, refresh_token: str | None) -> Tokens:
    return Tokens(
        access_token=session.access_token,
        expires_in=options.access_token_seconds,
        scope=session.scope,
        refresh_token=refresh_token,
    )


def _with_code(world: World, code: Code) -> World:
    codes = tuple(code if c.device_code == code.device_code else c for c in world.codes)
    return replace(world, codes=codes)


def _with_session(world: World, session: Session) -> World:
    others = tuple(s for s in world.sessions if s.subject != session.subject)
    return replace(world, sessions=(*others, session))
