"""What clients and people are told of a situation: pure, and known before there is a machine."""

from typing import Final

from agent.situation import (
    Denied,
    Failed,
    Offline,
    Paired,
    Pairing,
    Paused,
    Refused,
    Serving,
    Situation,
    Starting,
)
from agent.supply.interface import Unavailable

REIDENTIFIED: Final = (
    "the serial number changed: the stored grant is of another terminal, so this one has to be"
    " paired; the log says more, and the old serial number brings the old grant back until then"
)


def status(situation: Situation, now: float) -> dict[str, object]:
    """The situation as JSON. The user code stays out: any client may ask for the status."""
    told: dict[str, object] = {"state": type(situation).__name__.lower(), "reason": None}
    match situation:
        case Offline(reason=text) | Failed(reason=text):
            told |= {"reason": text, "support_code": situation.support_code}
        case Refused(error=error, description=description):
            told |= {"reason": f"{error}: {description}"}
        case Denied(description=description):
            told |= {"reason": description or "a person refused the pairing"}
        case Paused():
            told |= {"reason": "the window of codes is used up; a person has to act"}
        case Serving(degraded=text):
            told |= {"reason": text, "degraded": text is not None}
        case Pairing(verification_uri=uri, expires_at=expires_at):
            left = max(0, round(expires_at - now))
            told |= {"reason": REIDENTIFIED if situation.reidentified else None}
            told |= {"verification_uri": uri, "code_expires_in": left}
        case Starting() | Paired():
            pass
    return told


def pairing_status(situation: Situation, now: float) -> dict[str, object]:
    """For clients that may show the code themselves: what the display shows."""
    told = {name: value for name, value in status(situation, now).items() if value is not None}
    found: dict[str, object] = {"state": told["state"]}
    if "reason" in told:
        found["reason"] = told["reason"]
    if isinstance(situation, Pairing):
        found["user_code"] = situation.user_code
        found["verification_uri"] = situation.verification_uri
        if situation.verification_uri_complete is not None:
            found["verification_uri_complete"] = situation.verification_uri_complete
        found["expires_in"] = max(0, int(situation.expires_at - now))
    return found


def unavailable(situation: Situation) -> Unavailable:
    """Why there is no token, for a client that asked for one."""
    match situation:
        case Pairing() | Denied() | Paused():
            return Unavailable(
                kind="pairing",
                detail="this terminal is not paired: a person has to approve it",
                retry_after=5.0,
            )
        case Offline(reason=text) | Failed(reason=text):
            return Unavailable(kind="offline", detail=text, retry_after=10.0)
        case Refused(error=error, description=description):
            return Unavailable(kind="refused", detail=f"{error}: {description}", retry_after=60.0)
        case Starting() | Paired() | Serving():
            return Unavailable(
                kind="starting", detail="the first token is being fetched", retry_after=1.0
            )
