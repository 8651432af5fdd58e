"""What a step of the machines is worth in the log: pure, and without a secret.

The user code is not logged: it is for people standing near the terminal (RFC 8628 section 5.7).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.identity import Provenance, moved
from agent.oauth import pairing, renewal
from agent.oauth.events import (
    AccessDenied,
    InvalidGrant,
    PairingWanted,
    Refused,
    StoreCleared,
    Unreadable,
)
from agent.supply.holds_state import Hold
from agent.view import reason

Fields = tuple[tuple[str, str | int | float | bool | None], ...]

_TROUBLE: Final = frozenset(
    {"failed", "refused", "denied", "lost", "corrupt", "unreadable", "foreign", "paused", "broken"}
    | {"changed", "moved"}
)


@dataclass(frozen=True, slots=True)
class Line:
    """One event and its fields, in order."""

    event: str
    fields: Fields = ()

    @property
    def trouble(self) -> bool:
        """Whether somebody may have to do something about it."""
        return self.event.rsplit("_", 1)[-1].rsplit(".", 1)[-1] in _TROUBLE


def of_pairing(before: pairing.State | None, after: pairing.State, now: float) -> Iterator[Line]:
    """The lines for the step from `before` (None: the machine has just started) to `after`."""
    if before == after:
        return
    match after:
        case pairing.RequestingCode(trouble=None):
            word = (
                "pairing.code_over"
                if isinstance(before, pairing.AwaitingUser)
                else "pairing.started"
            )
            yield Line(word, (("codes_left", after.codes_left),))
        case pairing.RequestingCode(trouble=trouble, failures=failures):
            yield Line("pairing.code_failed", (("failures", failures), ("reason", reason(trouble))))
        case pairing.AwaitingUser() if isinstance(before, pairing.AwaitingUser):
            yield from _awaiting(before, after)
        case pairing.AwaitingUser():
            yield Line("pairing.code_shown", _code(after, now))
        case pairing.Saving():
            yield Line("pairing.approved")
        case pairing.Paired(unsaved=unsaved):
            yield _saved(unsaved)
        case pairing.Resting(why=why):
            if isinstance(why, AccessDenied):
                yield Line("pairing.denied", (("description", why.description),))
            else:
                yield Line("pairing.refused", _words(why))
        case pairing.Paused():
            yield Line("pairing.paused", (("go_on", "button, power cycle or pos-agent pair"),))


def of_renewal(before: renewal.State | None, after: renewal.State, now: float) -> Iterator[Line]:
    """The lines for the step from `before` (None: the machine has just started) to `after`."""
    match after:
        case renewal.Renewing(previous=True):
            yield Line("grant.trying_previous")
        case renewal.Lost(why=why):
            yield _lost(why)
        case renewal.Serving() if isinstance(before, renewal.Saving):
            yield _saved(after.unsaved)
            yield from _renewed(before, after, now)
        case renewal.Serving(trouble=None) if isinstance(before, renewal.Renewing):
            yield from _renewed(before, after, now)
        case renewal.Serving(trouble=Refused() as refused) if isinstance(before, renewal.Renewing):
            yield Line("token.renewal_refused", _words(refused))
        case renewal.Serving(trouble=trouble) if isinstance(before, renewal.Renewing):
            within = round(max(0.0, after.due_until - now))
            why_not = "" if isinstance(trouble, Refused) else reason(trouble)
            yield Line("token.renewal_failed", (("reason", why_not), ("retry_within", within)))
        case _:
            return


def _awaiting(before: pairing.AwaitingUser, after: pairing.AwaitingUser) -> Iterator[Line]:
    if after.failures > before.failures:
        yield Line("pairing.poll_failed", (("failures", after.failures),))
    if after.interval > before.interval:
        yield Line("pairing.slowed_down", (("interval", after.interval),))


def _renewed(
    before: renewal.Renewing | renewal.Saving, after: renewal.Serving, now: float
) -> Iterator[Line]:
    token = after.token
    if token is not None and token != renewal.served(before):
        life = round(token.life_left(now))
        yield Line(
            "token.renewed", (("fingerprint", token.value.fingerprint()), ("expires_in", life))
        )


def of_identity(before: Iterable[Provenance], now: Iterable[Provenance]) -> Iterator[Line]:
    """A line for each value that now comes from another source than when the terminal was paired.
    The terminal is the same, but the next change may make it another one."""
    for each, was in moved(before, now):
        fields = (("key", each.key), ("value", each.value), ("source", each.source), ("was", was))
        yield Line("identity.moved", fields)


def of_hold(change: str, hold: Hold, why: str | None, now: float) -> Line:
    """Who was promised what. Its id is of no use to anybody else."""
    fields: Fields = (
        ("client", str(hold.client)),
        ("fingerprint", hold.token),
        ("seconds", max(0, round(hold.until - now))),
    )
    return Line(f"hold.{change}", fields if why is None else (*fields, ("reason", why)))


def _code(state: pairing.AwaitingUser, now: float) -> Fields:
    return (
        ("verification_uri", state.authorization.verification_uri),
        ("expires_in", round(state.expires_at - now)),
        ("codes_left", state.codes_left),
    )


def _saved(unsaved: str | None) -> Line:
    if unsaved is None:
        return Line("grant.saved")
    return Line("grant.save_failed", (("reason", unsaved),))


def _words(why: Refused) -> Fields:
    return (
        ("error", why.error),
        ("description", why.description),
        ("fault", why.fault.value),
    )


def _lost(why: InvalidGrant | Unreadable | StoreCleared | Refused | PairingWanted) -> Line:
    match why:
        case PairingWanted():
            return Line("grant.set_aside", (("reason", "somebody wants to pair again"),))
        case InvalidGrant(description=description, after_lost_answer=after_lost_answer):
            return _of_lost(
                "the server no longer knows the refresh token",
                ("description", description),
                ("after_lost_answer", after_lost_answer),
            )
        case Unreadable(status=status):
            times = renewal.UNREADABLE_LIMIT
            return _of_lost(f"refused {times} times with {status}, no reason")
        case StoreCleared():
            return _of_lost("the stored grant was cleared")
        case Refused(error=error):
            return _of_lost(f"asked to pair again while the server answers {error}")


def _of_lost(reason: str, *more: tuple[str, str | bool]) -> Line:
    return Line("grant.lost", (("reason", reason), *more))
