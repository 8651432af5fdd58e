"""From what the agent knows to the bytes of an answer. Pure.

Bodies are RFC 6749 section 5.1. Nothing an answer is built from holds a refresh token, so none can
leave by this way. There is no `expires_at` and no Date header, because the wall clock of a terminal
may be wrong; `expires_in` counts from the answer.
"""

import math
from collections.abc import Mapping
from typing import Final

from agent.supply.interface import Handout, HoldView, NotHeld, Unavailable
from agent.supply.problems import (
    HELD,
    HOLD_IMPOSSIBLE,
    JSON,
    NO_STORE,
    NO_SUCH_HOLD,
    NOT_PERMITTED,
    OFFLINE,
    PAIRING_REQUIRED,
    REFUSED,
    STARTING,
    TOO_MANY_HOLDS,
    Problem,
    Response,
    dump,
    problem,
)

_UNAVAILABLE: Final[Mapping[str, Problem]] = {
    "starting": STARTING,
    "pairing": PAIRING_REQUIRED,
    "offline": OFFLINE,
    "refused": REFUSED,
}
_NOT_HELD: Final[Mapping[str, Problem]] = {
    "held": HELD,
    "impossible": HOLD_IMPOSSIBLE,
    "limit": TOO_MANY_HOLDS,
    "never": NOT_PERMITTED,
    "unknown": NO_SUCH_HOLD,
}


def unavailable(answer: Unavailable) -> Response:
    return problem(_UNAVAILABLE[answer.kind], answer.detail, retry_after=answer.retry_after)


def not_held(answer: NotHeld) -> Response:
    more: dict[str, object] = {}
    if answer.held_for is not None:
        more["held_for"] = max(1, math.ceil(answer.held_for))
    return problem(_NOT_HELD[answer.kind], answer.detail, retry_after=answer.retry_after, more=more)


def token_answer(
    answer: Handout | Unavailable | NotHeld, now: float, known: frozenset[str] = frozenset()
) -> Response:
    """RFC 6749 section 5.1, plus `fingerprint`, `degraded` and the hold that was asked for.

    The ETag is weak, because `expires_in` runs while the token stays. 304 promises all that was
    asked for, so a degraded token is always sent in full, with its reason, and so is a hold.
    """
    if isinstance(answer, Unavailable):
        return unavailable(answer)
    if isinstance(answer, NotHeld):
        return not_held(answer)
    token = answer.token
    expires_in = math.floor(token.life_left(now))
    if expires_in < 1:
        return problem(OFFLINE, "the token ran out just now; ask again", retry_after=1)
    fingerprint = token.value.fingerprint()
    etag = ("ETag", f'W/"{fingerprint}"')
    unchanged = not known.isdisjoint((fingerprint, "*"))
    if unchanged and answer.degraded is None and answer.promise is None:
        return Response(status=304, headers=(*NO_STORE, etag))
    members: dict[str, object] = {
        "access_token": token.value.reveal(),
        "token_type": "Bearer",
        "expires_in": expires_in,
        "fingerprint": fingerprint,
        "degraded": answer.degraded,
    }
    if token.scope is not None:
        members["scope"] = token.scope
    if (promise := answer.promise) is not None:
        members["hold"] = {
            "id": promise.id,
            "expires_in": max(0, math.floor(promise.until - now)),
            "less": promise.less,
        }
    return Response(status=200, headers=(*JSON, etag), body=dump(members))


def status_answer(status: Mapping[str, object], code: int = 200) -> Response:
    return Response(status=code, headers=JSON, body=dump(status))


def json_answer(members: Mapping[str, object]) -> Response:
    return Response(status=200, headers=JSON, body=dump(members))


def hold_members(hold: HoldView) -> dict[str, object]:
    return {
        "id": hold.id,
        "expires_in": max(0, math.floor(hold.expires_in)),
        "since_seconds": max(0, round(hold.since)),
        "fingerprint": hold.fingerprint,
        "client": hold.client,
    }


def gone_answer() -> Response:
    return Response(status=204, headers=NO_STORE)


def no_such_hold() -> Response:
    return problem(NO_SUCH_HOLD, "it is over, released, broken, or somebody else's")


def metrics_answer(text: str) -> Response:
    kind = ("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
    return Response(status=200, headers=(kind, *NO_STORE), body=text.encode())


def live_answer() -> Response:
    return Response(status=200, headers=JSON, body=dump({"live": True}))


def ready_answer(status: Mapping[str, object]) -> Response:
    """Ready means: a token could be handed out now."""
    if status.get("token") is None:
        return problem(STARTING, "no token yet; `pos-agent status` says why", retry_after=5)
    return Response(status=200, headers=JSON, body=dump({"ready": True}))
