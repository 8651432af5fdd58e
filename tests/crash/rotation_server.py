"""The authorization server's side: who holds which token, and what it does with a used one.

It decides what is right in this layer. Token values are recognisable wherever they turn up:
`rt~n` is a refresh token, `at~n` an access token, `dc~n` a device code.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.oauth.events import (
    AuthorizationPending,
    CodeDead,
    DeviceAuthorization,
    InvalidGrant,
    PollEvent,
    TokenResponse,
)
from agent.secret import Secret

CODE_LIFE: Final = 300.0  # s
REFRESH: Final = "rt~"
_APPROVED_AFTER: Final = 20.0  # s; the person is quick and never tires


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What becomes of a refresh token that was used.

    `grace`: seconds it goes on working; None: until its successor is used. `revokes`: a use after
    that ends the whole family (RFC 9700 section 4.14.2).
    """

    name: str
    rotates: bool = True
    grace: float | None = 0.0
    revokes: bool = False


POLICIES: Final = (
    Policy(name="no rotation", rotates=False),
    Policy(name="strict", revokes=True),
    Policy(name="old one valid for 5 s", grace=5.0, revokes=True),
    Policy(name="old one valid for 60 s", grace=60.0, revokes=True),
    Policy(name="old one valid until the new one is used", grace=None),
)


@dataclass(slots=True, eq=False)
class _Family:
    """All that one approval led to. Only the newest access token works."""

    revoked: bool = False
    access: str = ""
    access_until: float = 0.0


@dataclass(slots=True, eq=False)
class _Refresh:
    text: str
    family: _Family
    parent: "_Refresh | None" = None
    child: "_Refresh | None" = None  # the newest, where it was used more than once
    used_at: float | None = None
    dead: bool = False


@dataclass(slots=True, kw_only=True)
class RotatingServer:
    """One terminal's record at a server with that policy. `now` is the server's own clock; `life`
    seconds that of an access token.

    `asked_at` is the terminal's clock, which finds it again in the answer.
    """

    policy: Policy
    life: float
    now: Callable[[], float]
    _refresh: dict[str, _Refresh] = field(default_factory=dict)
    _issued: dict[str, _Refresh] = field(default_factory=dict)  # by access token
    _family: _Family = field(default_factory=lambda: _Family(revoked=True))
    _codes: int = 0
    _approved_at: float = 0.0
    _code: str = ""

    # -- what it answers --------------------------------------------------------------------------

    def new_code(self, asked_at: float) -> DeviceAuthorization:
        self._codes += 1
        self._code = f"dc~{self._codes}"
        self._approved_at = self.now() + _APPROVED_AFTER
        return DeviceAuthorization(
            device_code=Secret(self._code),
            user_code=f"code{self._codes}",
            verification_uri="https://as.example/pair",
            verification_uri_complete=None,
            expires_in=CODE_LIFE,
            interval=5.0,
            asked_at=asked_at,
        )

    def is_approved(self, device_code: str) -> bool:
        return device_code == self._code and self.now() >= self._approved_at

    def poll(self, device_code: str, asked_at: float) -> PollEvent:
        if device_code != self._code:
            return CodeDead(error="invalid_grant")
        if not self.is_approved(device_code):
            return AuthorizationPending()
        self._code = ""  # spent
        self._family.revoked = True
        self._family = _Family()
        return self._grant(self._new_refresh(self._family, None), asked_at)

    def refresh(self, text: str, asked_at: float) -> TokenResponse | InvalidGrant:
        known = self._refresh.get(text)
        if known is None or not self.would_accept(text):
            if known is not None and self.policy.revokes:
                known.family.revoked = True
            return InvalidGrant(description="the refresh token is not valid")
        if not self.policy.rotates:
            return self._grant(known, asked_at, tells=False)
        if self.policy.grace is None:
            self._end_what_it_replaces(known)
        known.used_at = self.now() if known.used_at is None else known.used_at
        known.child = self._new_refresh(known.family, known)
        return self._grant(known.child, asked_at)

    # -- what is true -----------------------------------------------------------------------------

    def would_accept(self, text: str) -> bool:
        """Whether this refresh token would be answered by an access token now."""
        known = self._refresh.get(text)
        if known is None or known.dead or known.family.revoked:
            return False
        grace = self.policy.grace
        return known.used_at is None or grace is None or self.now() < known.used_at + grace

    def honours(self, access: str) -> bool:
        """Whether the API behind this server takes this access token now."""
        issued = self._issued.get(access)
        if issued is None or issued.family.revoked:
            return False
        return issued.family.access == access and self.now() < issued.family.access_until

    def came_with(self, access: str) -> str | None:
        """The refresh token that was current when this access token was issued."""
        issued = self._issued.get(access)
        return None if issued is None else issued.text

    # -- how it keeps its books -------------------------------------------------------------------

    def _end_what_it_replaces(self, used: _Refresh) -> None:
        """Its first use ends the token it came from; a second one, the child nobody has used."""
        if used.parent is not None:
            used.parent.dead = True
        if used.child is not None:
            used.child.dead = True

    def _new_refresh(self, family: _Family, parent: _Refresh | None) -> _Refresh:
        new = _Refresh(text=f"{REFRESH}{len(self._refresh) + 1}", family=family, parent=parent)
        self._refresh[new.text] = new
        return new

    def _grant(self, refresh: _Refresh, asked_at: float, *, tells: bool = True) -> TokenResponse:
        access = f"at~{len(self._issued) + 1}"
        self._issued[access] = refresh
        refresh.family.access = access
        refresh.family.access_until = self.now() + self.life
        return TokenResponse(
            access_token=Secret(access),
            expires_in=self.life,
            refresh_token=Secret(refresh.text) if tells else None,
            scope=None,
            asked_at=asked_at,
        )
