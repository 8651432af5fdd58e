"""A desk of tokens for the tests: the whole TokenDesk, with a person's hand on every knob."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import StoreNotWritable
from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.interface import Asker, Handout, HoldView, NotHeld, Promise, Unavailable
from agent.supply.operations import HoldWish

REFRESH_TOKEN = "decafbaddecafbaddecafbaddecafbaddecafbad"
USER_CODE = "WDJB-MJHT"
LONGEST_HOLD = 300.0  # s


@dataclass(frozen=True, kw_only=True)
class Held:
    """A hold of the desk: whose it is, what may end it, since when and until when it stands."""

    client: str
    bound_to: str | None
    since: float
    until: float


class Desk:
    """Renews at once when asked for more life than the token has, unless the server is `offline`.
    Gives every hold, unless `no_hold` says why not. Time stands still: `clock` is set by the test.
    """

    def __init__(self, *, life: float = 1200.0) -> None:
        self.refresh_token = Secret(REFRESH_TOKEN)
        self.life = life
        self.clock = 5000.0
        self.renewals = 0
        self.offline = False
        self.missing: Unavailable | None = None
        self.no_hold: NotHeld | None = None
        self.degraded: str | None = None
        self.medium_broken = False
        self.bug: Exception | None = None
        self.gate = asyncio.Event()  # answers wait until it is set
        self.gate.set()
        self.asked: list[float] = []
        self.waits: list[float] = []
        self.wishes: list[tuple[HoldWish, Asker]] = []
        self.held: dict[str, Held] = {}
        self.over: list[str] = []  # connections and processes that have ended
        self.rejections: list[str] = []
        self.pairings = 0
        self.rekeyings = 0
        self.lent: list[bool] = []
        self._issue()

    def _issue(self) -> None:
        self.renewals += 1
        self.current = AccessToken(
            value=Secret(f"demo0access0token{self.renewals:09d}"),
            issued_at=self.clock,
            expires_at=self.clock + self.life,
        )

    def _answer(self, promise: Promise | None = None) -> Handout | Unavailable:
        if self.bug is not None:
            raise self.bug
        return self.missing or Handout(token=self.current, degraded=self.degraded, promise=promise)

    def cached(self, *, min_ttl: float) -> Handout | None:
        if self.missing or not self.gate.is_set():
            return None
        if self.current.life_left(self.clock) < min(min_ttl, self.life):
            return None
        answer = self._answer()
        self.asked.append(min_ttl)
        return answer if isinstance(answer, Handout) else None

    async def token(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        self.asked.append(min_ttl)
        self.waits.append(wait)
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

    # -- holds ------------------------------------------------------------------------------------

    async def hold(
        self, wish: HoldWish, asker: Asker, *, min_ttl: float, wait: float
    ) -> Handout | Unavailable | NotHeld:
        self.wishes.append((wish, asker))
        self.waits.append(wait)
        await self.gate.wait()
        if self.missing is not None or self.bug is not None:
            return self._answer()
        if self.no_hold is not None:
            return self.no_hold
        if wish.extends is not None and self._own(wish.extends, asker) is None:
            return NotHeld(kind="unknown", detail="this client has no such hold")
        if wish.ends_with == "process" and asker.process is None:
            return NotHeld(kind="impossible", detail="nobody can tell when the process ends")
        return self._answer(self._promise(wish, asker))

    def _promise(self, wish: HoldWish, asker: Asker) -> Promise:
        seconds = min(float(wish.seconds), LONGEST_HOLD)
        hold_id = wish.extends or f"{len(self.wishes):016x}"
        former = self.held.get(hold_id)
        ends = {None: None, "connection": asker.connection, "process": asker.process}
        self.held[hold_id] = Held(
            client=asker.key,
            bound_to=ends[wish.ends_with] if former is None else former.bound_to,
            since=self.clock if former is None else former.since,
            until=self.clock + seconds,
        )
        less = None if seconds == wish.seconds else "a hold lasts at most 300 s"
        return Promise(id=hold_id, until=self.clock + seconds, less=less)

    def _own(self, hold_id: str, asker: Asker) -> Held | None:
        hold = self.held.get(hold_id)
        return hold if hold is not None and (asker.admin or hold.client == asker.key) else None

    def holds(self, asker: Asker) -> Sequence[HoldView]:
        if self.bug is not None:
            raise self.bug
        return [
            HoldView(
                id=hold_id,
                client=hold.client,
                fingerprint=self.current.value.fingerprint(),
                expires_in=hold.until - self.clock,
                since=self.clock - hold.since,
                bound_to=hold.bound_to,
            )
            for hold_id, hold in self.held.items()
            if self._own(hold_id, asker) is not None and self.clock < hold.until
        ]

    def release(self, hold_id: str, asker: Asker) -> bool:
        if self.bug is not None:
            raise self.bug
        if self._own(hold_id, asker) is None:
            return False
        del self.held[hold_id]
        return True

    def ended(self, bound_to: str) -> None:
        self.over.append(bound_to)
        self.held = {name: hold for name, hold in self.held.items() if hold.bound_to != bound_to}

    # -- the rest ---------------------------------------------------------------------------------

    def status(self) -> dict[str, object]:
        if self.bug is not None:
            raise self.bug
        token = {
            "fingerprint": self.current.value.fingerprint(),
            "expires_in": int(self.current.life_left(self.clock)),
        }
        return {
            "state": "serving" if self.missing is None else "pairing",
            "reason": None,
            "since_seconds": 7500,
            "uuid": "/vendor/demo/serial/1",
            "token": token if self.missing is None else None,
            "renewal": {"due_within": 720, "failures": 0, "grant_saved": True},
            "holds": {"holds": [self._told(hold_id) for hold_id in self.held], "waiting": []},
            "version": "1.2.3",
            "display": None,
            "store": {
                "path": "/var/lib/pos-agent/grant",
                "direct_io": True,
                "writes": 3,
                "bytes_written": 12288,
                "slots": ["valid", "valid"],
                "last_error": None,
            },
        }

    def _told(self, hold_id: str) -> dict[str, object]:
        hold = self.held[hold_id]
        return {
            "id": hold_id,
            "client": hold.client,
            "fingerprint": self.current.value.fingerprint(),
            "ends_in": int(hold.until - self.clock),
            "since_seconds": int(self.clock - hold.since),
        }

    def pairing(self) -> dict[str, object]:
        if self.bug is not None:
            raise self.bug
        if self.missing is None:
            return {"state": "serving"}
        return {
            "state": "pairing",
            "user_code": USER_CODE,
            "verification_uri": "https://connect.example.com/device",
            "expires_in": 1200,
        }

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

    def lend_display(self, lent: bool) -> None:
        self.lent.append(lent)

    def now(self) -> float:
        return self.clock
