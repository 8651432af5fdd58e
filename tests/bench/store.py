"""What keeping the grant costs: writes and flushes of the medium, time, and a year of them.

The floor is the usual way, a temporary file that is renamed, which is given the same grant of
3.3 KB in the same run, unencrypted; SQLite stands beside it. What the medium sees comes from a
block device that logs (`_device`), which takes root; the times are of the disk below build/.
"""

import asyncio
import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Final

from agent.errors import StoreNotWritable
from agent.keeper import Keeper
from agent.oauth import renewal
from agent.oauth.events import Grant, SaveToken, TokenResponse, TokenSaved, Waited
from agent.oauth.pairing import Rules
from agent.oauth.runner import save
from agent.secret import Secret
from agent.store.interface import Storage
from tests.bench._rivals import RenameStore, SqliteStore, large_grant
from tests.crash import LeftOut
from tests.crash.mounting import in_own_namespaces, require
from tests.store.rig import UUID, flash
from tests.virtual import TestServer, VirtualClock

_DISK: Final = Path("build")
_SAVES: Final = 300
_ROTATIONS: Final = 200
_RENEWALS: Final = 300
_SAVES_A_YEAR: Final = 26_280  # a rotating server, a token of 20 minutes, day and night
_LIMIT_MS: Final = 10.0  # from the server's answer to a grant that survives a power cut
# Where a flush takes its time, as on flash, one flush against four decides, and the ratio is well
# below 1. On a disk that only pretends, sealing and reading back do, which the others leave out.
_NO_SLOWER: Final = 2.0
_MIB: Final = 1 << 20
_RULES: Final = Rules(issuer=TestServer.issuer, client_id="client", uuid=UUID)

Figure = dict[str, float | bool]


def run() -> dict[str, Figure]:
    _DISK.mkdir(exist_ok=True)
    figures: dict[str, Figure] = {}
    try:
        require()
        figures |= _device_figures()
    except LeftOut as reason:
        print(f"store: what the medium sees is left out: {reason}")
    with tempfile.TemporaryDirectory(dir=_DISK) as folder:
        figures |= _times(folder)
    return figures


def _figure(value: float, floor: float, target: float) -> Figure:
    return {
        "value": round(value, 4),
        "floor": round(floor, 4),
        "ratio": round(value / floor, 3),
        "target": target,
        "ok": value / floor <= target,
    }


def _exactly_one(value: float) -> Figure:
    """Less would not be durable."""
    return {**_figure(value, 1.0, 1.0), "ok": value == 1.0}


# -- what the medium sees -------------------------------------------------------------------------


def _device_figures() -> dict[str, Figure]:
    """Of one save: counts and KiB. Of a year: MiB, with what the file system writes later on."""
    costs = json.loads(in_own_namespaces("tests.bench._device", deadline=120.0))
    ours, rename, sqlite = (costs[name]["at_once"] for name in ("ours", "rename", "sqlite"))
    our_year, rename_year = (
        costs[name]["settled"]["bytes"] * _SAVES_A_YEAR / _MIB for name in ("ours", "rename")
    )
    unrotated = asyncio.run(_bytes_written_by_renewing()) / _MIB
    return {
        "store.writes": _exactly_one(ours["writes"]),
        "store.flushes": _exactly_one(ours["flushes"]),
        "store.kib": _figure(ours["bytes"] / 1024, rename["bytes"] / 1024, 0.25),
        "store.kib_beside_sqlite": _figure(ours["bytes"] / 1024, sqlite["bytes"] / 1024, 0.25),
        "store.flushes_beside_rename": _figure(ours["flushes"], rename["flushes"], 0.5),
        "store.flushes_beside_sqlite": _figure(ours["flushes"], sqlite["flushes"], 0.5),
        "store.year_rotating_mib": _figure(our_year, rename_year, 0.25),
        "store.year_not_rotating_mib": _figure(unrotated, rename_year, 0.0),
    }


async def _bytes_written_by_renewing() -> float:
    """By the real store under the real keeper, in `_RENEWALS` renewals without a rotation."""
    clock = VirtualClock()
    # A short life, as between two renewals the keeper looks every 5 s whether the grant is there.
    server = TestServer(clock, life=60.0)
    grant = Grant(
        refresh_token=Secret(server.known),
        issuer=_RULES.issuer,
        client_id=_RULES.client_id,
        uuid=_RULES.uuid,
    )
    with tempfile.TemporaryDirectory(dir=_DISK) as folder:
        store = flash(f"{folder}/grant")
        store.save(grant)
        before = store.health().bytes_written
        keeper = Keeper(
            server=server, storage=store, rules=_RULES, clock=clock, rng=random.Random(7)
        )
        living = asyncio.ensure_future(keeper.run())
        await clock.pass_until(lambda: server.refreshes >= _RENEWALS, limit=math.inf)
        living.cancel()
        await asyncio.wait([living])
        return store.health().bytes_written - before


# -- what the agent sees --------------------------------------------------------------------------


def _times(folder: str) -> dict[str, Figure]:
    """In milliseconds."""
    with closing(SqliteStore(f"{folder}/sqlite")) as sqlite, asyncio.Runner() as loop:
        stores = (flash(f"{folder}/ours"), RenameStore(f"{folder}/renamed"), sqlite)
        ours, rename, beside = _medians([_saving(store.save) for store in stores], _SAVES)
        rotated = (flash(f"{folder}/ours.rotated"), RenameStore(f"{folder}/renamed.rotated"))
        durable, durable_rename = _medians(
            [_Terminal(store, loop).rotate for store in rotated], _ROTATIONS
        )
    return {
        "store.save_ms": _figure(ours, rename, _NO_SLOWER),
        "store.save_ms_beside_sqlite": _figure(ours, beside, 2 * _NO_SLOWER),
        "store.answer_to_durable_ms": _figure(durable, _LIMIT_MS, 1.0),
        "store.durable_ms_beside_rename": _figure(durable, durable_rename, _NO_SLOWER),
    }


def _medians(calls: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Of milliseconds that the calls return; in turn, so that disturbances meet all of them."""
    rows = [[call() for call in calls] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def _saving(save: Callable[[Grant], None]) -> Callable[[], float]:
    numbers = count(1)

    def once() -> float:
        grant = large_grant(next(numbers))
        begun = time.perf_counter()
        save(grant)
        return (time.perf_counter() - begun) * 1000

    return once


class _Terminal:
    """The renewal machine and the runner's way to a store, without a network."""

    def __init__(self, storage: Storage, loop: asyncio.Runner) -> None:
        self._storage = storage
        self._loop = loop
        self._state, _ = renewal.start(large_grant(0), 0.0)
        self._numbers = count(1)

    def rotate(self) -> float:
        """Milliseconds from the server's answer to the machine's `TokenSaved`."""
        self._state, _ = renewal.step(self._state, Waited(), 0.0)
        answer = TokenResponse(
            access_token=Secret("access"),
            expires_in=1200.0,
            refresh_token=large_grant(next(self._numbers)).refresh_token,
            scope=None,
            asked_at=0.0,
        )
        return self._loop.run(self._keep(answer))

    async def _keep(self, answer: TokenResponse) -> float:
        begun = time.perf_counter()
        self._state, ask = renewal.step(self._state, answer, 0.0)
        if not isinstance(ask, SaveToken):
            raise TypeError(f"a rotated token led to {type(ask).__name__}")
        saved = await save(self._storage, ask.grant)
        taken = time.perf_counter() - begun
        if not isinstance(saved, TokenSaved):
            raise StoreNotWritable(saved.reason)
        self._state, _ = renewal.step(self._state, saved, 0.0)
        return taken * 1000
