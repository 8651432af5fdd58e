"""Where the world is kept while the sandbox runs: one value, one lock, one file.

The lock is for tests that approve from their own thread while the server answers in another.
"""

import asyncio
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from agent.errors import ConfigError
from agent.sandbox.world import (
    Approved,
    Code,
    Denied,
    Options,
    Payment,
    Session,
    Spent,
    Verdict,
    Waiting,
    World,
)

T = TypeVar("T")
_LONGEST_NAP = 0.1  # s, and so the longest that stopping waits for a payment under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the sandbox misbehaves now: 503 until an instant (Unix seconds), so many s of delay."""

    down_until: float = 0
    slow_seconds: float = 0


class Ledger:
    """The running sandbox's state. Raises ConfigError for a state file that is not one."""

    def __init__(
        self,
        *,
        options: Options,
        path: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self.faults = Faults()
        self.closing = False
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._world = World() if path is None else load(path)

    @property
    def world(self) -> World:
        return self._world

    def now(self) -> float:
        return self._clock()

    async def nap(self, seconds: float) -> None:
        """Wait so long, but not beyond the end of the sandbox."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.closing:  # noqa: ASYNC110
            # Not an asyncio.Event: the end is announced from another thread.
            await asyncio.sleep(min(left, _LONGEST_NAP))

    def change(self, rule: Callable[[World, float], tuple[World, T]]) -> T:
        """Carry out a rule, keep what it makes of the world, and give back its answer."""
        with self._lock:
            world, answer = rule(self._world, self._clock())
            if world != self._world:
                self._world = world
                if self._path is not None:
                    save(self._path, world)
            return answer


def draw(alphabet: str, length: int) -> str:
    """So many characters, from the system's randomness."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def save(path: str, world: World) -> None:
    """Replace the file in one step; only its owner may read it, for it holds tokens."""
    beside = path + ".new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(encode(world), file, indent=1, ensure_ascii=False)
    os.replace(beside, path)


def load(path: str) -> World:
    """The saved world, or an empty one where there is no file."""
    try:
        with open(path, encoding="utf-8") as file:
            return decode(json.load(file))
    except FileNotFoundError:
        return World()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is not a state file of this sandbox; remove it or name another with --state"
        ) from error


_VERDICTS: dict[str, type[Waiting | Denied | Spent]] = {
    "waiting": Waiting,
    "denied": Denied,
    "spent": Spent,
}


def encode(world: World) -> dict[str, Any]:
    """The world as JSON can hold it."""
    saved = asdict(world)
    for code, entry in zip(world.codes, saved["codes"], strict=True):
        entry["verdict"] = _verdict_name(code.verdict)
    return saved


def decode(saved: dict[str, Any]) -> World:
    """The inverse of `encode`; raises KeyError, TypeError, ValueError or AttributeError."""
    return World(
        codes=tuple(
            replace(Code(**{**entry, "verdict": Waiting()}), verdict=_verdict(entry["verdict"]))
            for entry in saved["codes"]
        ),
        sessions=tuple(
            Session(**{**entry, "spent": tuple(entry["spent"])}) for entry in saved["sessions"]
        ),
        payments=tuple(Payment(**entry) for entry in saved["payments"]),
    )


def _verdict_name(verdict: Verdict) -> dict[str, str]:
    if isinstance(verdict, Approved):
        return {"verdict": "approved", "merchant": verdict.merchant}
    return {"verdict": type(verdict).__name__.lower()}


def _verdict(saved: dict[str, str]) -> Verdict:
    if saved["verdict"] == "approved":
        return Approved(merchant=saved["merchant"])
    return _VERDICTS[saved["verdict"]]()
