"""The agent's real sockets, in a thread, in front of a desk with knobs."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.errors import StoreNotWritable
from agent.supply.access import Policy
from agent.supply.interface import Asker, Handout, HoldView, NotHeld, Unavailable
from agent.supply.operations import HoldWish
from agent.supply.server import Server

SERVING: dict[str, object] = {
    "state": "serving",
    "reason": None,
    "degraded": False,
    "since_seconds": 7500,
    "uuid": "/vendor/acme/serial/A-4711",
    "issuer": "https://auth.example.com/oauth/token",
    "client_id": "client-1",
    "paired_to": "Café Zoë",
    "token": {"fingerprint": "sha256:0123456789abcdef", "expires_in": 1080},
    "renewal": {"due_within": 720, "failures": 0, "grant_saved": True},
}


class Desk:
    """Tells the status it was given and remembers what it was asked to do."""

    def __init__(self, status: dict[str, object] | None = None, broken: str = "") -> None:
        self.told = SERVING if status is None else status
        self.broken = broken
        self.asked: list[str] = []

    def cached(self, *, min_ttl: float) -> Handout | None:
        return None

    async def token(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        return Unavailable(kind="starting", detail="not in these tests", retry_after=1)

    async def hold(
        self, wish: HoldWish, asker: Asker, *, min_ttl: float, wait: float
    ) -> Handout | Unavailable | NotHeld:
        return await self.token(min_ttl=min_ttl, wait=wait)

    async def rejected(self, fingerprint: str) -> Handout | Unavailable:
        return await self.token(min_ttl=0, wait=0)

    def holds(self, asker: Asker) -> Sequence[HoldView]:
        return ()

    def release(self, hold_id: str, asker: Asker) -> bool:
        return False

    def ended(self, bound_to: str) -> None:
        pass

    def status(self) -> dict[str, object]:
        return self.told

    def pairing(self) -> dict[str, object]:
        return {"state": self.told["state"]}

    def pair(self) -> None:
        self.asked.append("pair")

    async def unpair(self) -> None:
        self.asked.append("unpair")
        if self.broken:
            raise StoreNotWritable(self.broken)

    async def rekey(self) -> None:
        self.asked.append("rekey")
        if self.broken:
            raise StoreNotWritable(self.broken)

    def lend_display(self, lent: bool) -> None:
        self.asked.append("lend" if lent else "use")

    def now(self) -> float:
        return 1000.0


@contextmanager
def running(directory: Path, desk: Desk, policy: Policy | None = None) -> Iterator[tuple[str, str]]:
    """The paths of the token and the admin socket, while the server runs."""
    paths = (str(directory / "token.sock"), str(directory / "admin.sock"))
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        server = Server(
            desk=desk,
            socket=paths[0],
            admin_socket=paths[1],
            policy=policy or Policy(own_uid=os.geteuid()),
        )
        await server.start()
        ready.set()
        await asyncio.to_thread(over.wait)
        await server.aclose()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield paths
    finally:
        over.set()
        thread.join(10)
