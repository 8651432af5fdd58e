"""The sandbox's state as values. `agent.sandbox.rules` says how it changes.

Times are Unix seconds, not seconds since boot, because a state file outlives the process.
"""

import hashlib
from dataclasses import dataclass, field

from agent.sandbox.refusals import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be set. Seconds throughout; an empty `devices` knows every UUID there is."""

    dialect: Dialect = "secucard"
    client_id: str = "5a4db0c5a4db0c5a4db0c5a4db0c5a4d"
    client_secret: str = field(default="5ec2e7" * 10 + "5ec2", repr=False)
    device_pin: str = field(default="Sandbox-Pin-4711-x", repr=False)
    merchants: tuple[str, ...] = ("Café Morgenrot", "Blumen am Markt", "Bäckerei Krümel")
    devices: tuple[str, ...] = ()
    access_token_seconds: float = 1200
    code_seconds: float = 1200
    interval: float = 5
    refresh_token_seconds: float | None = None
    rotate: bool = False
    cardholder_seconds: float = 3
    payment_survives_renewal: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody has typed the user code yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    merchant: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A person said no."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Its tokens were fetched, or a newer code of the same device took its place."""


Verdict = Waiting | Approved | Denied | Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A device authorization (RFC 8628 section 3.2)."""

    uuid: str
    device_code: str = field(repr=False)
    user_code: str
    asked_at: float
    expires_at: float
    interval: float
    polled_at: float | None = None
    verdict: Verdict = Waiting()

    def waits(self, now: float) -> bool:
        return isinstance(self.verdict, Waiting) and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A device (or client) and its one valid access token; `access_token` is "" when it has none.

    `spent` are refresh tokens a rotation has replaced.
    """

    subject: str
    merchant: str
    opened_at: float
    scope: str | None = None
    access_token: str = field(default="", repr=False)
    access_expires_at: float = 0
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: float | None = None
    spent: tuple[str, ...] = field(default=(), repr=False)
    renewals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A smart transaction; `sum_cents` in the currency's smallest unit."""

    id: str
    subject: str
    sum_cents: int
    currency: str
    created_at: float
    status: str = "created"  # created, running, ok, failed


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    codes: tuple[Code, ...] = ()
    sessions: tuple[Session, ...] = ()
    payments: tuple[Payment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """RFC 6749 section 5.1. `refresh_token` None: the answer has no such member."""

    access_token: str = field(repr=False)
    expires_in: float
    scope: str | None
    refresh_token: str | None = field(repr=False)


def device_id(uuid: str) -> str:
    """The registry's id of a device, in Secucard's shape: `SDV_` and 30 capitals and digits."""
    digest = hashlib.sha256(uuid.encode()).hexdigest().upper()
    return "SDV_" + digest[:30]
