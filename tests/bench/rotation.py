"""What becomes of a grant when the agent is killed while it is rotated: ours beside oidc-agent.

SIGKILL at random instants around the rotation, at servers that forgive a client that did not hear
their answer, and at one that does not. Recovered is who serves a token the server honours after the
next start, and needed no person. oidc-agent's rounds are figures without a target.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.bench._asking import fingerprint, renew
from tests.bench._killing import killed_peer, killed_terminal, terminal_at
from tests.bench._measure import Figure, Figures, LeftOut, figure, ms_until
from tests.bench._oidc_agent import FOR_EVER, Absent, OidcAgent, oidc_agent
from tests.bench._rotating import RotatingHttp, rotating
from tests.crash.rotation_server import POLICIES, Policy
from tests.daemon.terminal import Terminal
from tests.load.hurried import Hurried

_REFRESHES: Final = 15
_KILLS: Final = 200
_PEER_KILLS: Final = 20  # it takes three times as long, and does not change its mind
# s from the request to the latest kill: what a rotation takes, with room around it
_ROTATION: Final = 0.03
_PEER_ROTATION: Final = 0.4

_LENIENT: Final = tuple(policy for policy in POLICIES if policy.grace in (None, 60.0))
"""What a client can recover from at every instant: the former refresh token works until the new
one is used, or for a minute."""
_STRICT: Final = next(policy for policy in POLICIES if policy.revokes and policy.grace == 0.0)
"""It does not work any more once the server has made the new one. Between its answer and the disk
nobody can know that one after a kill: what counts is how long that is."""


def run() -> Figures:
    """Milliseconds, and rounds."""
    ours = _killed()
    try:
        return {**ours, **_saving(), **_peer_killed()}
    except Absent as absent:
        missing = LeftOut(reason=str(absent))
        beside = {"rotation.answer_to_durable_*": missing, "rotation.peer_*": missing}
        return {**ours, **beside}


# -- saving ---------------------------------------------------------------------------------------


def _saving() -> dict[str, Figure]:
    """From the server's answer to a rotation until it cannot be lost any more.

    Ours is durable before a client gets the new token. oidc-agent's file has changed, which no
    fsync follows. Raises Absent.
    """
    with ExitStack() as stack:
        peer, its_server = stack.enter_context(_peer(_LENIENT[0]))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(rotating(_LENIENT[0]))
        terminal = stack.enter_context(terminal_at(server, folder, Hurried)).start()
        terminal.until(lambda: terminal.state() == "serving")
        rows = [(_saved(terminal, server), _written(peer, its_server)) for _ in range(_REFRESHES)]
    mine, its = zip(*rows, strict=True)
    durable = statistics.median(mine), statistics.median(its)
    return {
        "rotation.answer_to_durable_ms": figure(*durable, 0.1),
        "rotation.answer_to_durable_limit_ms": figure(durable[0], 10.0, 1.0),
    }


@contextmanager
def _peer(policy: Policy) -> Iterator[tuple[OidcAgent, RotatingHttp]]:
    """oidc-agent at a server of its own. Raises Absent."""
    with tempfile.TemporaryDirectory() as folder, rotating(policy) as server:
        with oidc_agent(folder, server, server.refresh_token()) as peer:
            yield peer, server


def _saved(terminal: Terminal, server: RotatingHttp) -> float:
    renew(terminal.socket, fingerprint(terminal.socket))
    return (time.perf_counter() - server.answered_at) * 1000


def _written(peer: OidcAgent, server: RotatingHttp) -> float:
    """Looked at twice a millisecond: it may be renamed over, truncated or written in place."""
    before = peer.file.stat()
    with peer.asked(FOR_EVER) as line:
        asked = time.perf_counter()
        ms_until(lambda: _changed(peer.file, before), asked)
        written = time.perf_counter()
        line.recv(65536)
    return (written - server.answered_at) * 1000


def _changed(path: Path, before: os.stat_result) -> bool:
    now = path.stat()
    return (now.st_mtime_ns, now.st_ino) != (before.st_mtime_ns, before.st_ino) and now.st_size > 0


# -- killed ---------------------------------------------------------------------------------------


def _killed() -> dict[str, Figure]:
    """Two terminals at a time, each at a server of its own."""

    def recovered(policy: Policy, rounds: int, within: float) -> int:
        with tempfile.TemporaryDirectory() as folder, rotating(policy) as server:
            with terminal_at(server, folder) as terminal:
                dice = random.Random(policy.name)
                return killed_terminal(terminal, server, rounds=rounds, within=within, dice=dice)

    with ThreadPoolExecutor(len(_LENIENT)) as pool:
        rounds = _KILLS // len(_LENIENT)
        found = [pool.submit(recovered, policy, rounds, _ROTATION) for policy in _LENIENT]
        total = sum(each.result() for each in found)
        strict = pool.submit(recovered, _STRICT, _PEER_KILLS, _PEER_ROTATION).result()
    return {
        "rotation.killed_recovered_of_200": figure(total, _KILLS, 1.0, more=True),
        "rotation.strict_recovered_of_20": figure(strict, _PEER_KILLS, 0.5, more=True),
    }


def _peer_killed() -> dict[str, Figure]:
    """What oidc-agent makes of it; no target of ours. Raises Absent."""

    def recovered(policy: Policy) -> int:
        with _peer(policy) as (peer, server):
            dice = random.Random(policy.name)
            return killed_peer(peer, server, rounds=_PEER_KILLS, within=_PEER_ROTATION, dice=dice)

    lenient, strict = recovered(_LENIENT[0]), recovered(_STRICT)
    return {
        "rotation.peer_recovered_of_20": figure(lenient, _PEER_KILLS, 0.0, more=True),
        "rotation.peer_strict_recovered_of_20": figure(strict, _PEER_KILLS, 0.0, more=True),
    }
