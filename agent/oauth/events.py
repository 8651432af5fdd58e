"""The values the two machines speak in: what the server grants, what can happen, what to do next.

Answers that RFC 6749 and RFC 8628 name are events, not exceptions, and so is being offline.
Times are seconds; an instant is CLOCK_BOOTTIME (`agent.clock`). Lifetimes count from the moment
before the request left (`asked_at`), so the network's delay is never mistaken for validity.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from agent.identity import Provenance
from agent.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A refresh token and what came with it: all that must survive a power cut.

    `issuer` and `client_id` say whom it may be shown to; a grant of another server or client
    counts as none. `previous_refresh_token` is the one before a rotation, kept until its
    successor has been used once. `obtained_at` is the server's wall clock (Unix seconds) or 0.
    `provenance` tells which sources gave the UUID's values; empty if an older agent paired.
    """

    refresh_token: Secret
    issuer: str
    client_id: str
    uuid: str
    previous_refresh_token: Secret | None = None
    scope: str | None = None
    obtained_at: int = 0
    provenance: tuple[Provenance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token as served to payment software; lives in memory only."""

    value: Secret
    issued_at: float
    expires_at: float
    scope: str | None = None

    def life_left(self, now: float) -> float:
        return self.expires_at - now


# -- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAuthorization:
    """RFC 8628 section 3.2. `interval` and `expires_in` are already made sane by `wire`."""

    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    interval: float
    asked_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """RFC 6749 section 5.1. `refresh_token` is absent when the old one stays (Secucard)."""

    access_token: Secret
    expires_in: float
    refresh_token: Secret | None
    scope: str | None
    asked_at: float
    server_time: int = 0  # the Date header as Unix seconds, 0 if there was none

    def access(self) -> AccessToken:
        return AccessToken(
            value=self.access_token,
            issued_at=self.asked_at,
            expires_at=self.asked_at + self.expires_in,
            scope=self.scope,
        )


@dataclass(frozen=True, slots=True)
class AuthorizationPending:
    """RFC 8628 section 3.5: nobody has approved yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDown:
    """RFC 8628 section 3.5, or 429: poll more slowly.

    `interval` is a larger one named by the server; `retry_after` its Retry-After in seconds.
    """

    interval: float | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDenied:
    """RFC 8628 section 3.5: a person refused."""

    description: str = ""


@dataclass(frozen=True, slots=True)
class ExpiredToken:
    """RFC 8628 section 3.5: the device code is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDead:
    """The device code will never be approved, for a reason the dialect does not name better."""

    error: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidGrant:
    """RFC 6749 section 5.2: the refresh token is dead. `after_lost_answer`: an earlier try of the
    same request may have reached the server, so its answer may have held the successor."""

    description: str = ""
    after_lost_answer: bool = False


class Fault(Enum):
    """Whose move it is after a refusal."""

    CONFIGURATION = "configuration"  # client id, secret or grant type: the operator
    UNKNOWN_DEVICE = "unknown_device"  # the UUID is not registered: the operator or the vendor
    SERVER = "server"  # an error we do not know, or a broken answer: nobody here


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server said no in words. `error` and `description` are its own, made printable."""

    error: str
    description: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A refusal without a reason this dialect can read: 4xx that is not an OAuth error."""

    status: int


Trouble = Literal["network", "name", "tls", "clock", "server", "credentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFailed:
    """No usable answer. `reason` is one printable sentence without secrets.

    `kind`: `network` (refused, reset, timeout), `name` (DNS), `tls`, `clock` (a certificate that
    is not yet valid: our clock is probably wrong), `server` (408, 5xx, rubbish from a proxy, a
    redirect), `credentials` (the callback or command gave none). `answer_lost`: the request may
    have reached the server. `retry_after`: seconds, when the server named them.
    """

    kind: Trouble
    reason: str
    answer_lost: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Waited:
    """The wait that was asked for is over."""


@dataclass(frozen=True, slots=True)
class TokenSaved:
    """The grant is durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveFailed:
    """The medium refused; `reason` is one sentence for the operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class PersonActed:
    """Somebody pressed the button or ran `pos-agent pair`. Only ever shortens a wait."""


@dataclass(frozen=True, slots=True)
class PairingWanted:
    """Somebody held the button to its end: pair this terminal again, although its grant works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanded:
    """A client wants a token that lives `min_ttl` seconds. Only ever shortens a wait."""

    min_ttl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A client's token was refused by the API. Only ever shortens a wait."""

    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerWanted:
    """A client needs a token that lasts longer than what is left of this one. Only ever shortens a
    wait."""

    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class StoreCleared:
    """The stored grant is gone: somebody wants this terminal to authenticate again."""


# What a token endpoint can answer, by request.
CodeEvent = DeviceAuthorization | SlowDown | AccessDenied | Refused | Unreadable | TransportFailed
PollEvent = (
    TokenResponse
    | AuthorizationPending
    | SlowDown
    | AccessDenied
    | ExpiredToken
    | CodeDead
    | Refused
    | Unreadable
    | TransportFailed
)
RefreshEvent = TokenResponse | InvalidGrant | Refused | Unreadable | TransportFailed


# -- asks -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestCode:
    """RFC 8628 section 3.1: the device authorization request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollToken:
    """RFC 8628 section 3.4: the device access token request."""

    device_code: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """RFC 6749 section 6."""

    refresh_token: Secret


@dataclass(frozen=True, slots=True)
class RequestToken:
    """A grant without a refresh token: client credentials or device PIN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveToken:
    """Make the grant durable."""

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Wait a time between the two bounds (seconds); the runner draws it, so jitter stays out of
    the rules. `at_most` may be infinite together with `at_least`: only an event ends it."""

    at_least: float
    at_most: float


Ask = RequestCode | PollToken | RefreshToken | RequestToken | SaveToken | Wait
