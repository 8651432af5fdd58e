"""`LoadCredential=` without systemd: peers that bind the address systemd would, on real sockets.
The real one is asked in tests/system."""

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigError
from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.credential_socket import Asked, CredentialSocket, asked
from agent.supply.delivery import Format
from agent.supply.interface import Handout, Unavailable
from tests.supply.house import DEADLINE, eventually
from tests.virtual import VirtualClock

UNITS: Mapping[str, Format] = {
    "till.service": "raw",
    "curl.service": "header",
    "shop@1.service": "json",
}
NOW = 1000.0


# -- who asks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (b"\x004fa15362a44dbbfc/unit/till.service/access-token", ("till.service", "access-token")),
        (b"\x000/unit/a-b\\x2dc@1:2.service/t.k_n", ("a-b\\x2dc@1:2.service", "t.k_n")),
        (b"\x0012/unit/\xff.service/t", ("\\xff.service", "t")),
        (b"\x004fa15362a44dbbfc/unit/till.service/", None),
        (b"\x004fa15362a44dbbfc/unit//access-token", None),
        (b"\x004fa15362a44dbbfc/unit/till.service/a/b", None),
        (b"\x004fa15362a44dbbfc/unit/till.service", None),
        (b"\x004fa15362a44dbbfc/unit/till.service/a\x00b", None),
        (b"\x00/unit/till.service/a", None),
        (b"\x00xyz/unit/till.service/a", None),
        (b"\x004fa15362a44dbbfc/cryptsetup/till.service", None),
        (b"4fa15362a44dbbfc/unit/till.service/a", None),
        ("/run/4fa1/unit/till.service/a", None),
        ("", None),
        (b"", None),
    ],
)
def test_the_address_tells_the_unit_and_the_credential(
    address: object, expected: tuple[str, str] | None
) -> None:
    found = None if expected is None else Asked(unit=expected[0], credential=expected[1])
    assert asked(address) == found


# -- what it is given -----------------------------------------------------------------------------


def handout(life: float = 1200.0, degraded: str | None = None) -> Handout:
    token = AccessToken(value=Secret("access-1"), issued_at=NOW, expires_at=NOW + life)
    return Handout(token=token, degraded=degraded)


@dataclass
class Source:
    """Tokens, with a gate in front."""

    answer: Handout | Unavailable = field(default_factory=handout)
    bug: Exception | None = None
    asked: list[tuple[float, float]] = field(default_factory=list)
    waiting: int = 0
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def token_to_keep(self, *, min_ttl: float, wait: float) -> Handout | Unavailable:
        self.asked.append((min_ttl, wait))
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.bug is not None:
            raise self.bug
        return self.answer

    def now(self) -> float:
        return NOW


@dataclass(kw_only=True)
class Office:
    """A credential socket that is open, and systemd's side of it."""

    path: str
    source: Source
    task: asyncio.Task[None]
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def load(self, unit: str, credential: str = "access-token") -> bytes:
        """What systemd would put into the file."""
        random = f"{os.getpid():x}{next(self.numbers):04x}"
        return await self.read(f"\0{random}/unit/{unit}/{credential}".encode())

    async def read(self, address: bytes | None) -> bytes:
        """Connect from that address, say that nothing will be said, and read to the end."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.setblocking(False)
            if address is not None:
                peer.bind(address)
            async with asyncio.timeout(DEADLINE):
                await loop.sock_connect(peer, self.path)
                peer.shutdown(socket.SHUT_WR)
                answer = b""
                while part := await loop.sock_recv(peer, 4096):
                    answer += part
        return answer


@asynccontextmanager
async def opened(folder: Path, **given: Any) -> AsyncIterator[Office]:
    path = f"{folder}/credential.sock"
    source = given.setdefault("source", Source())
    given.setdefault("trusted_uid", os.getuid())
    given.setdefault("clock", VirtualClock())
    made = CredentialSocket(units=UNITS, path=path, **given)
    task = asyncio.create_task(made.run())
    try:
        await eventually(lambda: "listener" in given or os.path.exists(path))
        yield Office(path=path, source=source, task=task)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_each_unit_gets_the_token_in_its_own_format(folder: Path) -> None:
    async with opened(folder, source=Source(handout(degraded="offline"))) as office:
        assert await office.load("till.service") == b"access-1"
        assert await office.load("curl.service") == b"Authorization: Bearer access-1"
        body = json.loads(await office.load("shop@1.service", "any-name"))
    assert (body["access_token"], body["expires_in"]) == ("access-1", 1200)
    assert body["degraded"] == "offline"
    assert office.source.asked == [(60.0, 5.0)] * 3


async def test_a_unit_that_is_not_named_gets_nothing_and_is_mentioned_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(folder) as office:
        for unit in ("other.service", "till", "shop@2.service", "other.service"):
            assert await office.load(unit) == b""
    assert office.source.asked == []
    assert [message.split()[:2] for message in caplog.messages] == [
        ["credential.refused", f"asker={unit}"]
        for unit in ("other.service", "till", "shop@2.service")
    ]


@pytest.mark.parametrize(
    "address",
    [None, b"\0somebody-else", b"\x0012/cryptsetup/till.service"],
    ids=["unnamed", "other", "cryptsetup"],
)
async def test_what_is_not_a_unit_being_started_gets_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture, address: bytes | None
) -> None:
    async with opened(folder) as office:
        assert await office.read(address) == b""
        assert await office.load("till.service") == b"access-1"
    assert len(caplog.messages) == 1


async def test_the_address_alone_is_not_believed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(folder, trusted_uid=os.getuid() + 1) as office:
        for _ in range(2):
            assert await office.load("till.service") == b""
    assert office.source.asked == []
    [message] = caplog.messages
    assert message.startswith(f'credential.refused asker="uid {os.getuid()}"')


async def test_the_log_does_not_grow_with_the_names_of_units(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(folder) as office:
        for number in range(70):
            assert await office.load(f"shop@x{number}.service") == b""
    assert len(caplog.messages) == 64


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Unavailable(kind="pairing", detail="not paired", retry_after=5.0), "not paired"),
        (handout(life=0.5), "the token is over"),
    ],
)
async def test_without_a_token_the_answer_is_empty_and_the_log_says_why(
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    answer: Handout | Unavailable,
    reason: str,
) -> None:
    async with opened(folder, source=Source(answer)) as office:
        assert await office.load("till.service") == b""
    assert caplog.messages == [f'credential.empty unit=till.service reason="{reason}"']


async def test_a_short_token_is_better_than_none(folder: Path) -> None:
    async with opened(folder, source=Source(handout(life=20.0))) as office:
        assert await office.load("till.service") == b"access-1"


async def test_who_got_which_token_is_logged_and_the_token_is_not(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(folder) as office:
        await office.load("till.service", "token")
    fingerprint = Secret("access-1").fingerprint()
    assert (
        "credential.handed_out unit=till.service credential=token"
        f" fingerprint={fingerprint} life_left=1200"
    ) in caplog.messages
    assert "access-1" not in caplog.text


# -- limits ---------------------------------------------------------------------------------------


async def test_more_than_the_limit_wait_their_turn_and_are_answered(folder: Path) -> None:
    source = Source()
    source.gate.clear()
    async with opened(folder, source=source, connections=3) as office:
        loads = [asyncio.create_task(office.load("till.service")) for _ in range(7)]
        await eventually(lambda: source.waiting == 3)
        source.gate.set()
        assert await asyncio.gather(*loads) == [b"access-1"] * 7
    assert source.most == 3


async def test_a_token_that_does_not_come_ends_the_connection(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    source.gate.clear()
    async with opened(folder, source=source, connections=1, deadline=0.05) as office:
        assert await office.load("till.service") == b""
        await eventually(lambda: source.waiting == 0)
        assert await office.load("other.service") == b""  # its place is free again
    assert 'credential.not_read reason="no end in time"' in caplog.messages


async def test_a_peer_that_has_gone_costs_nothing(folder: Path) -> None:
    source = Source()
    source.gate.clear()
    async with opened(folder, source=source, connections=1) as office:
        gone = asyncio.create_task(office.load("till.service"))
        await eventually(lambda: source.waiting == 1)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        source.gate.set()
        assert await office.load("till.service") == b"access-1"


async def test_a_bug_of_the_desk_costs_one_answer(folder: Path) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with opened(folder, connections=1) as office:
        office.source.bug = KeyError("a bug")
        assert await office.load("till.service") == b""
        office.source.bug = None
        assert await office.load("till.service") == b"access-1"
    assert [type(context["exception"]) for context in told] == [KeyError]


async def test_where_nobody_can_be_accepted_it_waits_before_it_tries_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    with socket.socket(socket.AF_UNIX) as deaf:  # it does not listen, so accept(2) fails
        deaf.setblocking(False)
        async with opened(folder, listener=deaf, clock=clock):
            await eventually(lambda: len(caplog.messages) == 1)
            await clock.advance(10.0)
            assert 10 <= len(caplog.messages) <= 12


# -- the socket itself ----------------------------------------------------------------------------


async def test_only_root_and_the_agent_may_connect_and_nothing_stays(folder: Path) -> None:
    before = os.umask(0)
    try:
        async with opened(folder) as office:
            assert stat.S_IMODE(os.stat(office.path).st_mode) == 0o600
    finally:
        os.umask(before)
    assert os.listdir(folder) == []


async def test_systemd_may_hand_over_the_socket(folder: Path) -> None:
    path = f"{folder}/credential.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)
        async with opened(folder, listener=listener) as office:
            assert await office.load("till.service") == b"access-1"
    assert os.listdir(folder) == ["credential.sock"]  # it is the unit's


async def test_a_socket_that_cannot_be_made_is_a_configuration_error(folder: Path) -> None:
    (folder / "credential.sock").write_text("in the way")
    made = CredentialSocket(
        source=Source(), units=UNITS, clock=VirtualClock(), path=f"{folder}/credential.sock"
    )
    with pytest.raises(ConfigError, match="not a socket"):
        await made.run()
