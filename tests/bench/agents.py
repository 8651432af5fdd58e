"""This agent beside oidc-agent, the nearest there is: one table from one run, at one server.

Both are asked over their Unix sockets by the same blocking client. The floor is oidc-agent's
figure; in names that end in `_limit` it is the gate's, so that the figure means something alone.
Where C is bound to win, the name ends in `_c_wins` and the target is how far behind a daemon in
Python may be. Renewals are forced on a daemon whose clock is hurried, because ours allows one in
10 s; what they take is real. `tests.bench.rotation` has what becomes of them when it is killed.
"""

import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from tests.bench._asking import ask, exchange, fingerprint, renew
from tests.bench._measure import Figure, Figures, LeftOut, figure, ms_until
from tests.bench._oidc_agent import (
    FOR_EVER,
    Absent,
    OidcAgent,
    oidc_agent,
    resident_mib,
    sandbox_grant,
)
from tests.daemon.terminal import Terminal
from tests.load.hurried import Hurried

_CALLS: Final = 2000
_REFRESHES: Final = 15
_SLOW: Final = 3.0  # s
_CALLERS: Final = 16
_SECONDS: Final = 1.5  # of asking, for the throughput
_STARTS: Final = 7


def run() -> Figures:
    """Milliseconds, MiB, requests a second, and requests."""
    figures: Figures = {}
    for measure in (_reading, _renewing):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            life = 1_000_000  # s; nothing but what we force is renewed
            options = Options(
                dialect="rfc8628", interval=0.2, access_token_seconds=life, rotate=True
            )
            sandbox = stack.enter_context(SandboxServer(options=options))
            try:
                grant = sandbox_grant(sandbox)
                peer = stack.enter_context(oidc_agent(folder, sandbox, grant))
            except Absent as absent:
                return {"agents.*": LeftOut(reason=str(absent))}
            kind = Terminal if measure is _reading else Hurried
            terminal = stack.enter_context(_terminal(kind, folder, sandbox))
            figures |= measure(terminal, peer, sandbox)
    return figures


@contextmanager
def _terminal(kind: type[Terminal], folder: str, sandbox: SandboxServer) -> Iterator[Terminal]:
    """Serving, and without a limit on requests: the bench is the loop that limit is against."""
    server = f'dialect = "rfc8628"\nissuer = "{sandbox.url}"'
    client = f'id = "{sandbox.client_id}"\nsecret = "{sandbox.client_secret}"'
    with kind(Path(folder) / "t", server=server, client=client) as terminal:
        rules = terminal.directory / "clients.d"
        rules.mkdir()
        (rules / "bench.toml").write_text(
            f'[[client]]\nname = "bench"\nusers = [{os.getuid()}]\n'
            "requests = 10000.0\nburst = 100000\nconnections = 96\n"
        )
        Terminal.start(terminal)  # to pair in our time: the server counts the seconds between polls
        terminal.until(lambda: terminal.state() == "pairing")
        (code,) = sandbox.waiting()
        sandbox.approve(code.user_code)
        terminal.until(lambda: terminal.state() == "serving")
        if kind is Hurried:
            terminal.stop()
            terminal.start()
            terminal.until(lambda: terminal.state() == "serving")
        yield terminal


# -- reading what is there ------------------------------------------------------------------------


def _reading(terminal: Terminal, peer: OidcAgent, _sandbox: SandboxServer) -> dict[str, Figure]:
    path = terminal.socket
    ours, theirs = _interleaved(lambda: ask(path), peer.token)
    kept = _kept(path)
    figures = {
        "agents.new_connection_p50_ms_c_wins": figure(ours[0], theirs[0], 4.0),
        "agents.new_connection_p99_ms_c_wins": figure(ours[1], theirs[1], 10.0),
        "agents.kept_p50_beside_new_ms": figure(kept[0], theirs[0], 2.0),
        "agents.kept_p99_beside_new_ms": figure(kept[1], theirs[1], 2.0),
    }
    for clients in (1, 4, 8):
        rate = _throughput(lambda: ask(path), clients)
        floor = _throughput(peer.token, clients)
        name = f"agents.requests_a_second_{clients}_c_wins"
        figures[name] = figure(rate, floor, 0.15, more=True)
    assert terminal.process is not None
    memory = resident_mib(terminal.process.pid), resident_mib(peer.pid)
    figures["agents.resident_mib_c_wins"] = figure(*memory, 10.0)
    return figures | _starting(terminal, peer)


def _starting(terminal: Terminal, peer: OidcAgent) -> dict[str, Figure]:
    """READY is when requests are taken; the first token costs a renewal in both."""
    ours, theirs = [], []
    for _ in range(_STARTS):
        terminal.stop()
        terminal.notices()
        terminal.told.clear()
        begun = time.perf_counter()
        terminal.start()
        ours.append(
            (ms_until(lambda: "READY=1" in terminal.notices(), begun), _first(terminal, begun))
        )
        peer.kill()
        begun = time.perf_counter()
        peer.start()
        if not peer.load():
            raise AssertionError("its account cannot be loaded")
        peer.token()
        theirs.append((peer.start_ms, (time.perf_counter() - begun) * 1000))
    ready, token = (
        (statistics.median(mine), statistics.median(its))
        for mine, its in zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True)
    )
    return {
        "agents.start_to_ready_ms_c_wins": figure(*ready, 40.0),
        "agents.start_to_token_ms": figure(*token, 1.5),
    }


def _first(terminal: Terminal, begun: float) -> float:
    return ms_until(lambda: terminal.ask("GET", "/v1/token")[0] == 200, begun)


def _percentiles(times: list[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(times)
    return statistics.median(ordered) * 1000, ordered[int(0.99 * len(ordered))] * 1000


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _interleaved(
    one: Callable[[], object], other: Callable[[], object]
) -> tuple[tuple[float, float], tuple[float, float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_CALLS // 100):
        for call, into in zip((one, other), times, strict=True):
            into += [_timed(call) for _ in range(100)]
    return _percentiles(times[0]), _percentiles(times[1])


def _kept(path: str) -> tuple[float, float]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        return _percentiles(
            [_timed(lambda: exchange(line, "GET", "/v1/token")) for _ in range(_CALLS)]
        )


def _throughput(call: Callable[[], object], clients: int) -> float:
    """Requests a second that so many processes get answered."""
    fork = get_context("fork")
    counts = fork.Queue()

    def client() -> None:
        end, count = time.perf_counter() + _SECONDS, 0
        while time.perf_counter() < end:
            call()
            count += 1
        counts.put(count)

    processes = [fork.Process(target=client) for _ in range(clients)]
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    return float(total / _SECONDS)


# -- renewing -------------------------------------------------------------------------------------


def _renewing(terminal: Terminal, peer: OidcAgent, sandbox: SandboxServer) -> dict[str, Figure]:
    path = terminal.socket

    def ours() -> None:
        renew(path, fingerprint(path))

    def theirs() -> None:
        peer.token(FOR_EVER)

    rotating = _refreshes(ours, theirs)
    sandbox.set(rotate=False)
    ours()
    theirs()
    static = _refreshes(ours, theirs)
    sandbox.slow(_SLOW)
    meanwhile = _while(ours, lambda: ask(path)), _while(theirs, peer.token)
    sandbox.slow(0.3)
    hits = _hits(sandbox, _all_report(path)), _hits(sandbox, _all_need(peer, sandbox))
    return {
        "agents.rotating_refresh_ms": figure(*rotating, 0.1),
        "agents.static_refresh_ms": figure(*static, 2.0),
        "agents.read_during_refresh_ms": figure(*meanwhile, 0.01),
        "agents.read_during_refresh_limit_ms": figure(meanwhile[0], 5.0, 1.0),
        "agents.requests_for_16_callers": figure(*hits, 1.0),
        "agents.requests_for_16_callers_limit": figure(hits[0], 1.0, 1.0),
    }


def _refreshes(ours: Callable[[], None], theirs: Callable[[], None]) -> tuple[float, float]:
    """Medians in milliseconds."""
    rows = []
    for _ in range(_REFRESHES):
        time.sleep(0.12)  # the pause between two renewals that clients can force
        rows.append((_timed(ours), _timed(theirs)))
    mine, its = zip(*rows, strict=True)
    return statistics.median(mine) * 1000, statistics.median(its) * 1000


def _while(renew: Callable[[], None], read: Callable[[], object]) -> float:
    """How long a read takes that begins when a renewal is under way, in milliseconds."""
    time.sleep(0.2)
    with ThreadPoolExecutor(1) as others:
        renewing = others.submit(renew)
        time.sleep(0.3)
        if renewing.done():
            raise AssertionError("the renewal was over before the read began")
        taken = _timed(read)
        renewing.result()
    return taken * 1000


def _hits(sandbox: SandboxServer, calls: list[Callable[[], object]]) -> float:
    """Renewals the server saw while all of them called at once."""

    def seen() -> int:
        return sum(session.renewals for session in sandbox.world.sessions)

    before = seen()
    with ThreadPoolExecutor(len(calls)) as callers:
        for done in [callers.submit(call) for call in calls]:
            done.result()
    return float(seen() - before)


def _all_report(path: str) -> list[Callable[[], object]]:
    time.sleep(0.2)
    seen = fingerprint(path)
    return [lambda: renew(path, seen)] * _CALLERS


def _all_need(peer: OidcAgent, sandbox: SandboxServer) -> list[Callable[[], object]]:
    """Its token is shorter than what all of them want, and the next one will not be."""
    sandbox.set(access_token_seconds=30)
    peer.token(FOR_EVER)
    sandbox.set(access_token_seconds=1_000_000)
    return [lambda: peer.token(60)] * _CALLERS
