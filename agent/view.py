"""What the machines' states mean for people: pure, and the same for display, status and log."""

from collections.abc import Iterable
from dataclasses import asdict

from agent.identity import Provenance, moved
from agent.oauth import pairing, renewal
from agent.oauth.events import (
    AccessDenied,
    AccessToken,
    Refused,
    SlowDown,
    TransportFailed,
    Unreadable,
)
from agent.situation import (
    Denied,
    Offline,
    Pairing,
    Paused,
    Serving,
    Situation,
    Starting,
)
from agent.situation import Refused as RefusedSituation
from agent.supply.holds_state import Hold

_TAIL = 4  # characters of the UUID a person compares with the approval page


def terminal_tail(uuid: str) -> str:
    """The end of the terminal's UUID, as shown beside a code."""
    return uuid.rsplit("/", 1)[-1][-_TAIL:]


def of_pairing(state: pairing.State, rules: pairing.Rules) -> Situation | None:
    """The situation, or None where what is shown stays (saving takes no person's time)."""
    match state:
        case pairing.RequestingCode(trouble=None):
            return Starting()
        case pairing.RequestingCode(trouble=trouble):
            return _offline(trouble)
        case pairing.AwaitingUser():
            return Pairing(
                user_code=state.authorization.user_code,
                verification_uri=state.authorization.verification_uri,
                expires_at=state.expires_at,
                terminal=terminal_tail(rules.uuid),
                renewed=state.codes_left < rules.codes - 1,
                reidentified=rules.reidentified,
                verification_uri_complete=state.authorization.verification_uri_complete,
            )
        case pairing.Resting(why=why):
            if isinstance(why, AccessDenied):
                return Denied(description=why.description)
            return _refused(why)
        case pairing.Paused():
            return Paused()
        case pairing.Saving() | pairing.Paired():
            return None


def of_renewal(state: renewal.State, now: float) -> Situation | None:
    """The situation, or None where a new pairing is about to say more."""
    match state:
        case renewal.Renewing(before=before) | renewal.Saving(before=before):
            return of_renewal(before, now)
        case renewal.Lost():
            return None
        case renewal.Serving(token=token, trouble=trouble):
            if token is not None and token.life_left(now) > 0:
                return Serving(degraded=degraded(state))
            match trouble:
                case None:
                    return Starting()
                case Refused():
                    return _refused(trouble)
                case _:
                    return _offline(trouble)


def degraded(state: renewal.Serving) -> str | None:
    """Why tokens are served although not all is well, in one sentence."""
    if state.unsaved is not None:
        return f"the grant is held in memory only: {state.unsaved}"
    match state.trouble:
        case None:
            return None
        case Refused(error=error, description=description):
            return f"the server refuses to renew: {error}: {description}"
        case TransportFailed() | Unreadable():
            return f"the token could not be renewed: {reason(state.trouble)}"


def reason(trouble: TransportFailed | Unreadable | SlowDown | None) -> str:
    """The trouble in one sentence."""
    match trouble:
        case TransportFailed(reason=text):
            return text
        case Unreadable(status=status):
            return f"the server answered {status} without a reason that can be read"
        case SlowDown():
            return "the server asks for a slower pace"
        case None:
            return ""


def identity_status(
    now: Iterable[Provenance], paired: Iterable[Provenance]
) -> list[dict[str, object]]:
    """Where each value of the UUID came from, and from where when the terminal was paired, if that
    is another source."""
    was = {each.key: source for each, source in moved(paired, now)}
    return [
        {**asdict(each), **({"paired_from": was[each.key]} if each.key in was else {})}
        for each in now
    ]


def token_status(token: AccessToken | None, now: float) -> dict[str, object] | None:
    """What may be known of the token by everybody."""
    if token is None:
        return None
    return {"fingerprint": token.value.fingerprint(), "expires_in": int(token.life_left(now))}


def token_event(token: AccessToken, now: float) -> dict[str, object]:
    return {"fingerprint": token.value.fingerprint(), "expires_in": int(token.life_left(now))}


def hold_event(change: str, hold: Hold, why: str | None, now: float) -> dict[str, object]:
    told: dict[str, object] = {
        "change": change,
        "id": hold.id,
        "client": str(hold.client),
        "fingerprint": hold.token,
        "expires_in": max(0, int(hold.until - now)),
    }
    return told if why is None else {**told, "reason": why}


def renewal_status(state: renewal.State | None, now: float) -> dict[str, object] | None:
    """When the next renewal is due, in seconds from now, and how the last one went."""
    match state:
        case renewal.Serving():
            return {
                "due_within": max(0, round(state.due_until - now)),
                "failures": state.failures,
                "grant_saved": state.unsaved is None,
            }
        case _:
            return None


def caveat(
    state: renewal.State | None,
    token: AccessToken,
    min_ttl: float,
    now: float,
    *,
    held_for: float = 0.0,
) -> str | None:
    """Why the token handed out is less than was asked for, or None. `held_for`: seconds that it is
    not renewed, because of a hold."""
    match state:
        case renewal.Lost():
            return "this token is renewed no more; the terminal is being paired again"
        case renewal.Serving() if (text := degraded(state)) is not None:
            return text
        case _:
            left = token.life_left(now)
            if left >= min_ttl:
                return None
            held = f"; a hold keeps it for {held_for:.0f} s more" if held_for > 0 else ""
            return f"it lives {left:.0f} s, although {min_ttl:.0f} s were asked for{held}"


def _offline(trouble: TransportFailed | Unreadable | SlowDown | None) -> Offline:
    kind = trouble.kind if isinstance(trouble, TransportFailed) else "server"
    return Offline(kind=kind, reason=reason(trouble))


def _refused(why: Refused) -> RefusedSituation:
    return RefusedSituation(error=why.error, description=why.description, fault=why.fault)
