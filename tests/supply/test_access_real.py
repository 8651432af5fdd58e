"""Who may ask, tried by real users, groups, units and programs on real sockets.

Clients start as root, to be able to run Python wherever it lies, and become somebody else then.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.supply.access import NOTHING, Access, Policy, Rule, Scope, access
from agent.supply.caps import CAPS
from agent.supply.house import Limits
from agent.supply.listening import listen
from agent.supply.peer import PeerProcess, peer_of
from tests.supply.desk import Desk
from tests.supply.house import eventually, request, serving
from tests.supply.services import service_cgroup

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming other users takes root")

AGENT, SHOP, TILL = 64001, 64002, 64003  # users nobody has
PAYMENTS, STAFF = 64050, 64051
CLIENT = frozenset({Scope.TOKEN, Scope.STATUS})

# argv: path, uid, gid, groups, what to do then. Says "in" when connected; ends with its input.
_WHO = """
import os, socket, sys
path, uid, gid, groups, then = sys.argv[1:6]
client = socket.socket(socket.AF_UNIX)
os.setgroups([int(group) for group in groups.split()])
os.setgid(int(gid))
os.setuid(int(uid))
client.connect(path)
"""
_STAYS = _WHO + "print('in', flush=True)\nif then: os.execv(then, [then, '600'])\nsys.stdin.read()"
_ASKS = _WHO + (
    "client.sendall(then.encode())\n"
    "answer = b''\n"
    "while part := client.recv(65536): answer += part\n"
    "print(answer.split()[1].decode())"
)
# Connects, and leaves the connection to a child of another user and group, who asks.
_LEAVES = _WHO.replace("setgid", "setegid").replace("setuid", "seteuid") + (
    "os.seteuid(0)\n"
    "if os.fork(): os._exit(0)\n"
    "os.setgid(64050); os.setuid(64002)\n"
    "client.sendall(then.encode())\n"
    "print(client.recv(65536).split()[1].decode())"
)


def command(
    script: str, path: object, uid: int, gid: int, groups: tuple[int, ...], then: str
) -> list[str]:
    words = [str(path), str(uid), str(gid), " ".join(map(str, groups)), then]
    return [sys.executable, "-c", script, *words]


async def status(
    path: object,
    uid: int,
    gid: int = STAFF,
    groups: tuple[int, ...] = (),
    *,
    script: str = _ASKS,
    ask: bytes | None = None,
) -> str:
    """The status a client with these credentials gets; "" if it cannot even connect."""
    then = (request("GET", "/v1/token") if ask is None else ask).decode()
    process = await asyncio.create_subprocess_exec(
        *command(script, path, uid, gid, groups, then),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    return said.decode().strip()


def rules(*some: Rule, uids: frozenset[int] = frozenset()) -> Policy:
    return Policy(own_uid=AGENT, rules=some, allow_uids=uids)


TILLS = Rule(name="till", uids=frozenset({TILL}))
PAYS = Rule(name="payments", gids=frozenset({PAYMENTS}))


async def test_users_and_groups_are_who_the_kernel_says(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=rules(TILLS, PAYS)) as house:
        assert await status(house.token, 0, 0) == "200"
        assert await status(house.token, AGENT) == "200"
        assert await status(house.token, TILL) == "200"
        assert await status(house.token, SHOP) == "403"
        assert await status(house.token, SHOP, TILL) == "403"  # a group is no user
        assert await status(house.token, SHOP, PAYMENTS) == "200"
        assert await status(house.token, SHOP, STAFF, (STAFF, PAYMENTS)) == "200"
        assert await status(house.token, PAYMENTS, STAFF) == "403"


async def test_without_rules_or_lists_the_file_decides(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk) as house:
        assert await status(house.token, SHOP) == ""
        os.chmod(house.token, 0o666)
        assert await status(house.token, SHOP) == "200"


async def test_the_admin_socket_is_shut_and_would_refuse(folder: Path, desk: Desk) -> None:
    everything = Rule(name="r", uids=frozenset({SHOP}), scopes=frozenset(Scope))
    async with serving(folder, desk, policy=rules(everything)) as house:
        assert await status(house.admin, SHOP) == ""
        os.chmod(house.admin, 0o666)
        assert await status(house.admin, SHOP) == "403"
        assert await status(house.admin, AGENT) == "200"


async def test_a_connection_keeps_who_made_it(folder: Path, desk: Desk) -> None:
    """Whoever inherits it, and whatever user that is: also the other way round."""
    async with serving(folder, desk, policy=rules(TILLS)) as house:
        assert await status(house.token, TILL, script=_LEAVES) == "200"
        assert await status(house.token, 0, script=_LEAVES) == "200"
        [(peer, *_), *_] = house.audited
        assert (peer.uid, peer.gid) == (TILL, STAFF)
    refusing = rules(Rule(name="r", uids=frozenset({SHOP})))
    async with serving(folder, desk, policy=refusing) as house:
        assert await status(house.token, TILL, script=_LEAVES) == "403"


async def test_a_name_for_the_socket_opens_no_other_door(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=rules(TILLS)) as house:
        link = folder / "link.sock"
        link.symlink_to(house.token)
        assert await status(link, TILL) == "200"
        assert await status(link, SHOP) == "403"
        os.link(house.token, folder / "hard.sock")
        assert await status(folder / "hard.sock", SHOP) == "403"


@pytest.mark.parametrize(
    "header", ["Origin: null", "Referer: http://localhost/", "Sec-Fetch-Mode: cors", "Host: x.test"]
)
async def test_a_browser_is_refused_whoever_it_runs_as(
    folder: Path, desk: Desk, header: str
) -> None:
    ask = request("GET", "/v1/token", header)
    if header.startswith("Host"):
        ask = ask.replace(b"Host: localhost\r\n", b"")
    async with serving(folder, desk, policy=rules(TILLS)) as house:
        for uid in (TILL, AGENT, 0):
            assert await status(house.token, uid, ask=ask) == "403"
        forged = request("GET", "/v1/token", "X-Real-Uid: 0", "Forwarded: for=unix")
        assert await status(house.token, SHOP, ask=forged) == "403"


# -- units and programs ---------------------------------------------------------------------------


@pytest.fixture
def unit() -> Iterator[Path]:
    with service_cgroup() as made:
        yield made


@contextlib.contextmanager
def connected(
    folder: Path, uid: int, *, then: str = "", inside: Path | None = None
) -> Iterator[socket.socket]:
    """The agent's end of a connection; the client lives as long."""
    path = str(folder / "door.sock")
    with listen(path, mode=0o666) as listener:
        listener.settimeout(10)
        with subprocess.Popen(
            command(_STAYS, path, uid, STAFF, (), then),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"in\n"
            if inside is not None:
                (inside / "cgroup.procs").write_text(str(client.pid))
            connection, _ = listener.accept()
            try:
                with connection:
                    yield connection
            finally:
                client.kill()
    os.unlink(path)


def admitted(connection: socket.socket, *some: Rule) -> tuple[Access, list[str]]:
    """What these rules make of the peer, and what could not be found out."""
    peer = peer_of(connection)
    process = PeerProcess(connection, peer)
    try:
        return access(peer, rules(*some), admin=False, facts=process), process.doubts
    finally:
        process.close()


def test_a_unit_is_let_in_and_its_name_below_another_is_not(folder: Path, unit: Path) -> None:
    this = Rule(name="this", unit=unit.name, uids=frozenset({TILL}))
    shop = Rule(name="shop", unit="shop.service")
    with connected(folder, TILL, inside=unit) as connection:
        assert admitted(connection, shop, this) == (Access(scopes=CLIENT, key="this"), [])
        assert admitted(connection, shop)[0].scopes == NOTHING
    with connected(folder, SHOP, inside=unit) as connection:
        assert admitted(connection, this)[0].scopes == NOTHING
    for below in ("shop.service", "x\r1:name=systemd:/shop.service"):
        (unit / below).mkdir(parents=True)
        with connected(folder, TILL, inside=unit / below) as connection:
            assert admitted(connection, shop, this)[0].key == "this"
    with connected(folder, TILL) as connection:
        assert admitted(connection, shop, this)[0].scopes == NOTHING


def program(folder: Path, name: str) -> str:
    found = shutil.which("sleep")
    assert found is not None
    return shutil.copy(os.path.realpath(found), f"{folder}/{name}")


def execution(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/exe")


def until_it_runs(connection: socket.socket, path: str) -> None:
    end = time.monotonic() + 10
    while execution(peer_of(connection).pid) != path:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_program_is_let_in_until_its_file_is_gone(folder: Path) -> None:
    till, shop = program(folder, "till"), program(folder, "shop")
    rule = Rule(name="till", exe=till)
    with connected(folder, TILL, then=till) as connection:
        until_it_runs(connection, till)
        assert admitted(connection, rule) == (Access(scopes=CLIENT, key="till"), [])
        os.replace(shop, till)  # an update: what runs is another program now
        assert execution(peer_of(connection).pid) == f"{till} (deleted)"
        told = "executable: its file was deleted or replaced; restart the program"
        assert admitted(connection, rule) == (Access(scopes=NOTHING, key=f"uid:{TILL}"), [told])
        named = Rule(name="till", exe=program(folder, "till (deleted)"))
        assert admitted(connection, named)[0].scopes == NOTHING


def test_a_program_of_the_same_name_elsewhere_is_another(folder: Path) -> None:
    """In a mount namespace of its own, which any user can make, a program has the name it likes."""
    till, evil = program(folder, "till"), program(folder, "evil")
    disguise = folder / "disguise"
    disguise.write_text(
        f'#!/bin/sh\nexec unshare -m sh -c "mount --bind {evil} {till}; exec {till} 600"'
    )
    disguise.chmod(0o755)
    with connected(folder, 0, then=str(disguise)) as connection:
        until_it_runs(connection, till)  # by its name it would be let in
        given, doubts = admitted(connection, Rule(name="till", exe=till))
        assert (given.key, doubts) == ("uid:0", [])


# -- who comes when it is full --------------------------------------------------------------------


async def test_root_among_the_clients_keeps_nobody_out(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=rules()) as house, contextlib.AsyncExitStack() as all_:
        for _ in range(CAPS.connections):
            await all_.enter_async_context(house.connection())
        await eventually(lambda: len(house.server._served) == CAPS.connections)
        assert (await house.get()).kind == "too-many-connections"
        assert (await house.get(admin=True)).status == 200


async def test_the_last_places_are_for_those_that_have_few(folder: Path, desk: Desk) -> None:
    limits = Limits(connections=3, spare=1, few=1)
    policy = rules(uids=frozenset({TILL, SHOP}))
    async with serving(folder, desk, policy=policy, limits=limits) as house:
        async with house.connection(), house.connection():
            await eventually(lambda: len(house.server._served) == 2)
            assert await status(house.token, 0, 0) == "503"
            assert await status(house.token, TILL) == "200"
            with held(house.token, TILL):
                await eventually(lambda: len(house.server._served) == 3)
                assert await status(house.token, SHOP) == "503"
                assert await status(house.token, AGENT) == "200"
                assert await status(house.admin, 0, 0) == "200"


async def test_one_client_that_hoards_refusals_leaves_others_theirs(
    folder: Path, desk: Desk
) -> None:
    limits = Limits(connections=1, spare=0, refused=4, refused_each=2)
    policy = rules(uids=frozenset({TILL}))
    async with serving(folder, desk, policy=policy, limits=limits) as house:
        async with contextlib.AsyncExitStack() as all_:
            for _ in range(6):  # one is served, two are told no, the others are hung up on
                await all_.enter_async_context(house.connection())
            await eventually(lambda: len(house.server._told_no) == 2)
            assert await status(house.token, TILL) == "503"
        await eventually(lambda: not house.server._connections())
        assert not len(house.server._told_no)


@contextlib.contextmanager
def held(path: str, uid: int) -> Iterator[None]:
    """A connection of that user's."""
    words = command(_STAYS, path, uid, STAFF, (), "")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"in\n"
        yield
        client.communicate()
