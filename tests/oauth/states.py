"""Samples: one of each state and event of the two machines, in every variant that matters."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from agent.oauth import pairing, renewal
from agent.oauth.events import (
    AccessDenied,
    AccessToken,
    AuthorizationPending,
    CodeDead,
    Demanded,
    ExpiredToken,
    Fault,
    InvalidGrant,
    PairingWanted,
    PersonActed,
    Refused,
    Rejected,
    SaveFailed,
    SlowDown,
    StoreCleared,
    TokenResponse,
    TokenSaved,
    TransportFailed,
    Unreadable,
    Waited,
)
from agent.secret import Secret
from tests.oauth.samples import ENDPOINT, GRANT, NOW, UUID, authorization, token

RULES: Final = pairing.Rules(issuer=ENDPOINT, client_id="shop-1", uuid=UUID)
OFFLINE: Final = TransportFailed(kind="network", reason="connection refused")
MISCONFIGURED: Final = Refused(error="invalid_client", description="", fault=Fault.CONFIGURATION)
UNREGISTERED: Final = Refused(error="invalid_device", description="", fault=Fault.UNKNOWN_DEVICE)
DENIED: Final = AccessDenied(description="no")

# -- pairing --------------------------------------------------------------------------------------

REQUESTING: Final = pairing.RequestingCode(codes_left=6)
AWAITING: Final = pairing.AwaitingUser(
    authorization=authorization(),
    interval=5.0,
    poll_from=NOW + 105,
    poll_until=NOW + 106,
    codes_left=5,
)
GRANTED: Final = token()
SAVING_FIRST: Final = pairing.Saving(grant=GRANT, token=GRANTED)
RESTING: Final = pairing.Resting(why=DENIED, codes_left=5)
PAUSED: Final = pairing.Paused()
PAIRED: Final = pairing.Paired(grant=GRANT, token=GRANTED)

LATER: Final = NOW + 105.0  # in the middle of a code's life
YOUNG: Final = NOW + 10.0
OVER: Final = NOW + 1200.0

PAIRING_STATES: Final[dict[str, tuple[pairing.State, float]]] = {
    "": (REQUESTING, NOW),
    "in time": (AWAITING, LATER),
    "code is young": (AWAITING, YOUNG),
    "code is over": (AWAITING, OVER),
    "code is over, no codes left": (replace(AWAITING, codes_left=0), OVER),
    " ": (SAVING_FIRST, NOW),
    "codes left": (RESTING, NOW),
    "no codes left": (replace(RESTING, codes_left=0), NOW),
    "  ": (PAUSED, NOW),
    "   ": (PAIRED, NOW),
}

PAIRING_EVENTS: Final[dict[str, pairing.Event]] = {
    "DeviceAuthorization": authorization(),
    "AuthorizationPending": AuthorizationPending(),
    "SlowDown": SlowDown(),
    "SlowDown, Retry-After 60": SlowDown(retry_after=60.0),
    "TokenResponse": GRANTED,
    "TokenResponse, no refresh token": replace(GRANTED, refresh_token=None),
    "AccessDenied": DENIED,
    "ExpiredToken": ExpiredToken(),
    "CodeDead": CodeDead(error="invalid_grant"),
    "Refused": MISCONFIGURED,
    "Refused, unknown device": UNREGISTERED,
    "Unreadable": Unreadable(status=400),
    "TransportFailed": OFFLINE,
    "Waited": Waited(),
    "TokenSaved": TokenSaved(),
    "SaveFailed": SaveFailed(reason="read-only medium"),
    "PersonActed": PersonActed(),
}

# -- renewal --------------------------------------------------------------------------------------

FRESH: Final = AccessToken(value=Secret("at-1"), issued_at=NOW, expires_at=NOW + 1200)
SERVING: Final = renewal.Serving(
    grant=GRANT,
    token=FRESH,
    due_from=NOW + 1020,
    due_until=NOW + 1056,
    demand_from=NOW + 10,
)
FIRST: Final = replace(SERVING, token=None, due_from=NOW, due_until=NOW + 30, demand_from=NOW)
MACHINE: Final = replace(SERVING, grant=None)
ROTATED: Final = replace(
    GRANT, refresh_token=Secret("rt-2"), previous_refresh_token=GRANT.refresh_token
)
RENEWING: Final = renewal.Renewing(before=SERVING)
AFTER_ROTATION: Final = renewal.Renewing(before=replace(SERVING, grant=ROTATED))
NEXT: Final = replace(SERVING, grant=ROTATED, token=replace(FRESH, value=Secret("at-2")))

IN_LIFE: Final = NOW + 500.0
RENEWAL_STATES: Final[dict[str, tuple[renewal.State, float]]] = {
    "token lives": (SERVING, IN_LIFE),
    "no token yet": (FIRST, NOW),
    "renewed just now": (SERVING, NOW + 5),
    "renewal failed": (replace(SERVING, trouble=OFFLINE, failures=1), IN_LIFE),
    "renewal refused": (replace(SERVING, trouble=MISCONFIGURED, failures=1), IN_LIFE),
    "grant not saved": (replace(SERVING, unsaved="read-only medium"), IN_LIFE),
    "grant not saved, token over": (replace(SERVING, unsaved="read-only medium"), NOW + 1201),
    "no person's grant": (MACHINE, IN_LIFE),
    "": (RENEWING, IN_LIFE),
    "rotated before": (AFTER_ROTATION, IN_LIFE),
    "trying the previous": (replace(AFTER_ROTATION, previous=True), IN_LIFE),
    "refused twice without a reason": (
        renewal.Renewing(before=replace(SERVING, unreadable=2)),
        IN_LIFE,
    ),
    "no person's grant ": (renewal.Renewing(before=MACHINE), IN_LIFE),
    " ": (renewal.Saving(before=SERVING, then=NEXT), IN_LIFE),
    "  ": (renewal.Lost(why=InvalidGrant(), token=FRESH), IN_LIFE),
}

RENEWAL_EVENTS: Final[dict[str, renewal.Event]] = {
    "TokenResponse": TokenResponse(
        access_token=Secret("at-2"),
        expires_in=1200.0,
        refresh_token=None,
        scope=None,
        asked_at=IN_LIFE - 1,
    ),
    "TokenResponse, rotated": TokenResponse(
        access_token=Secret("at-2"),
        expires_in=1200.0,
        refresh_token=Secret("rt-3"),
        scope=None,
        asked_at=IN_LIFE - 1,
    ),
    "InvalidGrant": InvalidGrant(),
    "Refused": MISCONFIGURED,
    "Unreadable": Unreadable(status=400),
    "TransportFailed": OFFLINE,
    "TransportFailed, Retry-After 60": replace(OFFLINE, retry_after=60.0),
    "Waited": Waited(),
    "TokenSaved": TokenSaved(),
    "SaveFailed": SaveFailed(reason="read-only medium"),
    "Demanded, longer than it lives": Demanded(min_ttl=1000.0),
    "Demanded, shorter": Demanded(min_ttl=60.0),
    "Rejected, this token": Rejected(fingerprint=FRESH.value.fingerprint()),
    "Rejected, an older one": Rejected(fingerprint="sha256:0000000000000000"),
    "PersonActed": PersonActed(),
    "PairingWanted": PairingWanted(),
    "StoreCleared": StoreCleared(),
}


def pairing_steps() -> Iterator[tuple[str, pairing.State, float, str, pairing.Event]]:
    """Every sampled state against every sampled event, possible or not."""
    for variant, (state, now) in PAIRING_STATES.items():
        for name, event in PAIRING_EVENTS.items():
            yield variant.strip(), state, now, name, event


def renewal_steps() -> Iterator[tuple[str, renewal.State, float, str, renewal.Event]]:
    """Every sampled state against every sampled event, possible or not."""
    for variant, (state, now) in RENEWAL_STATES.items():
        for name, event in RENEWAL_EVENTS.items():
            yield variant.strip(), state, now, name, event
