"""What the client asks the agent, and what the answers mean. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.supply import local
from agent.supply.errors import (
    HeldByOther,
    HoldEnded,
    HoldImpossible,
    HoldRefused,
    NotAllowed,
    PairingRequired,
    SupplyError,
    TokenUnavailable,
    TooManyHolds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the agent handed out. `expires_in` in seconds from now; `degraded` says why it is less
    than was asked for, or is None. The token itself stays out of the repr."""

    access_token: str = field(repr=False)
    expires_in: int
    fingerprint: str
    scope: str | None = None
    degraded: str | None = None


# -- what is asked --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `wait` in seconds: how long the agent may take (RFC 7240)."""

    method: str = "GET"
    target: str
    body: dict[str, object] | None = None
    wait: float | None = None


def wanted(min_ttl: int) -> Ask:
    return Ask(target=f"/v1/token?min_ttl={min_ttl}")


def rejected(token: Token) -> Ask:
    return Ask(method="POST", target="/v1/token/rejected", body={"fingerprint": token.fingerprint})


# -- what is answered -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and JSON object; `{}` where there was none. `socket` is who answered."""

    status: int
    members: Mapping[str, object]
    socket: str


def read_token(answer: Answer) -> Token:
    """The token of the answer. Raises SupplyError if there is none."""
    members = accepted(answer)
    value, expires_in = members.get("access_token"), members.get("expires_in")
    fingerprint, kind = members.get("fingerprint"), members.get("token_type")
    scope, degraded = members.get("scope"), members.get("degraded")
    if (
        not isinstance(value, str)
        or not isinstance(expires_in, int)
        or not isinstance(fingerprint, str)
        or not isinstance(kind, str)
        or kind.lower() != "bearer"  # RFC 6749 section 5.1: compared without regard to case
    ):
        raise local.not_an_agent(answer.socket)
    return Token(
        access_token=value,
        expires_in=expires_in,
        fingerprint=fingerprint,
        scope=scope if isinstance(scope, str) else None,
        degraded=degraded if isinstance(degraded, str) else None,
    )


def accepted(answer: Answer) -> Mapping[str, object]:
    """The members of a 2xx answer. Raises what another one means (docs/problems.md)."""
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    return answer.members


def _refusal(answer: Answer) -> SupplyError:
    members = answer.members
    kind = str(members.get("type", "")).removeprefix("urn:pos-agent:problem:")
    detail = f"{members.get('title', answer.status)}: {members.get('detail', '')}"
    retry_after = _seconds(members, "retry_after")
    match answer.status, kind:
        case 403, _:
            return NotAllowed(detail)
        case ((404 | 409 | 429), ("held" | "hold-impossible" | "too-many-holds" | "no-such-hold")):
            return _no_hold(kind, detail, retry_after, _seconds(members, "held_for"))
        case 409, _:
            return PairingRequired(
                f"{detail}; the code to approve is on the customer display", retry_after or 5.0
            )
        case ((400 | 404 | 405), ""):
            return local.not_an_agent(answer.socket)
        case ((400 | 404 | 405), _):
            return SupplyError(f"{detail}; is this agent older than its client?")
        case _:
            return TokenUnavailable(f"{detail}; `pos-agent status` tells more", retry_after or 5.0)


def _no_hold(
    kind: str, detail: str, retry_after: float | None, held_for: float | None
) -> HoldRefused:
    match kind:
        case "held" if held_for is not None:
            return HeldByOther(detail, retry_after, held_for)
        case "too-many-holds":
            return TooManyHolds(detail, retry_after)
        case "hold-impossible":
            return HoldImpossible(detail, retry_after)
        case "no-such-hold":
            return HoldEnded(detail, retry_after)
        case _:  # nobody is in the way, but the renewal that has to come first did not succeed
            return HoldRefused(detail, retry_after)


def _seconds(members: Mapping[str, object], name: str) -> float | None:
    found = members.get(name)
    return float(found) if isinstance(found, int) else None


def json_object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
