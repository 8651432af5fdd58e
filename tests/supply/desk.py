"""A desk of tokens for the tests: the whole TokenDesk, with a person's hand on every knob."""

import asyncio

from agent.errors import StoreNotWritable
from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.interface import Handout, Unavailable

REFRESH_TOKEN = "decafbaddecafbaddecafbaddecafbaddecafbad"


class Desk:
    """Renews at once when asked for more life than the token has, unless the server is `offline`.
    Time stands still: `clock` is set by the test."""

    def __init__(self, *, life: float = 1200.0) -> None:
        self.refresh_token = Secret(REFRESH_TOKEN)
        self.life = life
        self.clock = 5000.0
        self.renewals = 0
        self.offline = False
        self.missing: Unavailable | None = None
        self.degraded: str | None = None
        self.medium_broken = False
        self.bug: Exception | None = None
        self.gate = asyncio.Event()  # answers wait until it is set
        self.gate.set()
        self.asked: list[float] = []
        self.rejections: list[str] = []
        self.pairings = 0
        self.rekeyings = 0
        self._issue()

    def _issue(self) -> None:
        self.renewals += 1
        self.current = AccessToken(
            value=Secret(f"demo0access0token{self.renewals:09d}"),
            issued_at=self.clock,
            expires_at=self.clock + self.life,
        )

    def _answer(self) -> Handout | Unavailable:
        if self.bug is not None:
            raise self.bug
        return self.missing or Handout(token=self.current, degraded=self.degraded)

    async def token(self, *, min_ttl: float) -> Handout | Unavailable:
        self.asked.append(min_ttl)
        await self.gate.wait()
        if self.current.life_left(self.clock) < min(min_ttl, self.life) and not self.offline:
            self._issue()
        return self._answer()

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        self.rejections.append(fingerprint)
        await self.gate.wait()
        if fingerprint == self.current.value.fingerprint() and not self.offline:
            self._issue()
        return self._answer()

    def status(self) -> dict[str, object]:
        if self.bug is not None:
            raise self.bug
        token = None if self.missing else {"fingerprint": self.current.value.fingerprint()}
        return {"state": "serving", "uuid": "/vendor/demo/serial/1", "token": token}

    def pair(self) -> None:
        self.pairings += 1

    async def unpair(self) -> None:
        if self.medium_broken:
            raise StoreNotWritable("cannot write /var/lib/pos-agent/grant: read-only file system")
        self.missing = Unavailable(kind="pairing", detail="approve the terminal", retry_after=5)

    async def rekey(self) -> None:
        if self.medium_broken:
            raise StoreNotWritable("cannot write /var/lib/pos-agent/grant: read-only file system")
        self.rekeyings += 1

    def now(self) -> float:
        return self.clock
