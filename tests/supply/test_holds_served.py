"""Holds over HTTP: given, extended, released, and ended with a connection or a process."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.supply.access import CLIENT, Policy, Rule
from agent.supply.caps import Caps
from agent.supply.interface import NotHeld, Unavailable
from agent.supply.operations import HoldWish
from tests.supply.desk import Desk
from tests.supply.house import (
    DEADLINE,
    Answer,
    House,
    eventually,
    read_answer,
    request,
    serving,
    till,
)


async def hold(house: House, query: str = "hold=60", *, admin: bool = False) -> dict[str, object]:
    """The `hold` of an answer that has one."""
    answer = await house.get(f"/v1/token?{query}", admin=admin)
    assert answer.status == 200
    found = answer.json["hold"]
    assert isinstance(found, dict)
    return found


async def held(house: House, *, admin: bool = False) -> list[object]:
    """The ids that the client is shown."""
    holds = (await house.get("/v1/holds", admin=admin)).json["holds"]
    assert isinstance(holds, list)
    return [one["id"] for one in holds]


async def delete(house: House, hold_id: object, *, admin: bool = False) -> Answer:
    return await house.ask(request("DELETE", f"/v1/holds/{hold_id}"), admin=admin)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


# -- one's own ------------------------------------------------------------------------------------


async def test_a_hold_comes_with_its_token(house: House) -> None:
    answer = await house.get("/v1/token?min_ttl=30&hold=60", "Prefer: wait=9")
    assert answer.status == 200
    assert answer.json["access_token"] == house.desk.current.value.reveal()
    assert answer.json["hold"] == {"id": "0000000000000001", "expires_in": 60, "less": None}
    [(wish, asker)] = house.desk.wishes
    assert wish == HoldWish(seconds=60)
    assert (asker.key, asker.holds, asker.admin) == (f"uid:{os.getuid()}", 4, False)
    assert house.desk.waits == [9]
    await eventually(lambda: house.audited)


async def test_a_longer_wish_than_can_be_had_says_so(house: House) -> None:
    found = await hold(house, "hold=900")
    assert (found["expires_in"], found["less"]) == (300, "a hold lasts at most 300 s")


async def test_a_hold_is_extended_under_its_own_name(house: House) -> None:
    first = await hold(house)
    house.desk.clock += 50
    more = await hold(house, f"hold=60&extend={first['id']}")
    assert (more["id"], more["expires_in"]) == (first["id"], 60)
    shown = (await house.get(f"/v1/holds/{first['id']}")).json
    assert shown == {
        "id": first["id"],
        "client": f"uid:{os.getuid()}",
        "fingerprint": house.desk.current.value.fingerprint(),
        "expires_in": 60,
        "since_seconds": 50,
    }


async def test_what_was_never_held_cannot_be_extended(house: House) -> None:
    answer = await house.get("/v1/token?hold=60&extend=00000000000000ff")
    assert (answer.status, answer.kind) == (404, "no-such-hold")
    assert b"access_token" not in answer.body


async def test_a_hold_is_released_once(house: House) -> None:
    first, second = await hold(house), await hold(house)
    assert await held(house) == [first["id"], second["id"]]
    gone = await delete(house, first["id"])
    assert (gone.status, gone.body) == (204, b"")
    assert await held(house) == [second["id"]]
    for answer in (
        await delete(house, first["id"]),
        await house.get(f"/v1/holds/{first['id']}"),
    ):
        assert (answer.status, answer.kind) == (404, "no-such-hold")


async def test_releasing_keeps_the_connection(house: House) -> None:
    """204 has no length: the next answer has to begin where it ends."""
    found = await hold(house)
    release = request("DELETE", f"/v1/holds/{found['id']}").replace(b"Connection: close\r\n", b"")
    data = await house.exchange(release + request("GET", "/livez"))
    first, second = data.split(b"\r\n\r\n", 1)
    assert first.startswith(b"HTTP/1.1 204 No Content")
    assert read_answer(second).json == {"live": True}


@pytest.mark.parametrize(
    ("no_hold", "status", "kind"),
    [
        (NotHeld(kind="held", detail="x", retry_after=40.5, held_for=58.2), 409, "held"),
        (NotHeld(kind="held", detail="x", retry_after=9.5), 409, "held"),
        (NotHeld(kind="limit", detail="x", retry_after=3), 429, "too-many-holds"),
        (NotHeld(kind="never", detail="x"), 403, "not-permitted"),
        (NotHeld(kind="impossible", detail="x"), 409, "hold-impossible"),
        (NotHeld(kind="unknown", detail="x"), 404, "no-such-hold"),
        (Unavailable(kind="pairing", detail="x", retry_after=5), 409, "pairing-required"),
    ],
)
async def test_no_hold_is_no_token_and_says_why_and_until_when(
    house: House, no_hold: NotHeld | Unavailable, status: int, kind: str
) -> None:
    if isinstance(no_hold, NotHeld):
        house.desk.no_hold = no_hold
    else:
        house.desk.missing = no_hold
    answer = await house.get("/v1/token?hold=60")
    assert (answer.status, answer.kind) == (status, kind)
    assert house.desk.current.value.reveal().encode() not in answer.body
    waits = no_hold.retry_after is not None
    assert ("retry-after" in answer.headers) == ("retry_after" in answer.json) == waits
    held_for = no_hold.held_for if isinstance(no_hold, NotHeld) else None
    assert answer.json.get("held_for") == (None if held_for is None else 59)
    await asyncio.sleep(0)
    assert house.audited == []


async def test_the_operators_cap_goes_with_the_wish(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=till(Caps(holds=1))) as house:
        await hold(house)
    [(_, asker)] = desk.wishes
    assert (asker.key, asker.holds) == ("till", 1)


# -- somebody else's ------------------------------------------------------------------------------

_AS_OTHER = """
import os, socket, sys
path, uid = sys.argv[1:3]
os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
for message in sys.argv[3:]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(message.encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
        print(answer.partition(b"\\r\\n\\r\\n")[2].decode() or answer.split()[1].decode())
"""


async def ask_as(house: House, uid: int, *requests: tuple[str, str]) -> list[dict[str, object]]:
    """What another user is answered."""
    messages = [request(method, target).decode() for method, target in requests]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", _AS_OTHER, house.token, str(uid), *messages),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return [json.loads(line) for line in out.decode().splitlines()]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_client_sees_and_releases_its_own_holds_and_the_administrator_all(
    folder: Path, desk: Desk
) -> None:
    rules = tuple(
        Rule(name=name, uids=frozenset({uid}), scopes=CLIENT)
        for name, uid in (("till", 4001), ("kiosk", 4002))
    )
    async with serving(folder, desk, policy=Policy(own_uid=0, rules=rules)) as house:
        assert stat.S_IMODE(os.stat(house.token).st_mode) == 0o666
        [answer] = await ask_as(house, 4001, ("GET", "/v1/token?hold=60"))
        tills = answer["hold"]["id"]  # type: ignore[index]
        answers = await ask_as(
            house,
            4002,
            ("GET", "/v1/holds"),
            ("GET", f"/v1/holds/{tills}"),
            ("DELETE", f"/v1/holds/{tills}"),
            ("GET", f"/v1/token?hold=60&extend={tills}"),
            ("GET", "/v1/token?hold=60"),
        )
        assert answers[0] == {"holds": []}
        assert {answer["type"] for answer in answers[1:4]} == {"urn:pos-agent:problem:no-such-hold"}
        kiosks = answers[4]["hold"]["id"]  # type: ignore[index]
        shown = (await house.get("/v1/holds", admin=True)).json["holds"]
        assert isinstance(shown, list)
        assert {(one["id"], one["client"]) for one in shown} == {(tills, "till"), (kiosks, "kiosk")}
        assert (await delete(house, tills, admin=True)).status == 204
        assert await held(house, admin=True) == [kiosks]
        assert await ask_as(house, 4001, ("GET", "/v1/holds")) == [{"holds": []}]


# -- what ends with a connection -----------------------------------------------------------------


async def test_a_hold_may_end_with_its_connection(house: House) -> None:
    async with asyncio.timeout(DEADLINE), house.connection() as (reader, writer):
        writer.write(
            request("GET", "/v1/token?hold=60&ends_with=connection").replace(
                b"Connection: close\r\n", b""
            )
        )
        await reader.readuntil(b'"less":null}}')
        own = await held(house)
        assert len(own) == 1
        other = await hold(house)
        assert await held(house) == [*own, other["id"]]
    await eventually(lambda: list(house.desk.held) == [other["id"]])


async def test_an_answer_with_connection_close_ends_such_a_hold_at_once(house: House) -> None:
    await hold(house, "hold=60&ends_with=connection")
    await eventually(lambda: not house.desk.held)


async def test_connections_have_names_that_do_not_come_again(folder: Path, desk: Desk) -> None:
    for _ in range(2):
        async with serving(folder, desk) as house:
            for _ in range(2):
                await hold(house)
    assert len({asker.connection for _, asker in desk.wishes}) == 4


# -- what ends with a process --------------------------------------------------------------------

_TILL = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode())
    answer = b""
    while part := connection.recv(65536):
        answer += part
print(json.loads(answer.partition(b"\\r\\n\\r\\n")[2])["hold"]["id"], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("way", ["exits", "is killed"])
async def test_a_hold_may_end_with_its_process_and_outlives_its_connection(
    house: House, way: str
) -> None:
    message = request("GET", "/v1/token?hold=60&ends_with=process").decode()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", _TILL, house.token, message),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    hold_id = (await process.stdout.readline()).decode().strip()
    await eventually(lambda: not house.server._connections())
    assert house.desk.over == [house.desk.wishes[0][1].connection]  # seen to be over, and yet:
    assert list(house.desk.held) == [hold_id]
    if way == "is killed":
        process.send_signal(signal.SIGKILL)
    await process.communicate(b"")
    await eventually(lambda: not house.desk.held)
    assert house.desk.over[-1] == house.desk.wishes[0][1].process


async def test_one_process_costs_one_descriptor_however_often_it_asks(house: House) -> None:
    await hold(house)
    before = descriptors()
    for _ in range(10):
        await hold(house, "hold=60&ends_with=process")
    await eventually(lambda: not house.server._connections())
    assert descriptors() == before + 1
    processes = {asker.process for wish, asker in house.desk.wishes if wish.ends_with}
    assert len(processes) == 1


async def test_who_asks_for_no_such_hold_costs_no_descriptor(house: House) -> None:
    """Beside the connection itself, which has two ends here."""
    before = descriptors()
    async with asyncio.timeout(DEADLINE), house.connection() as (reader, writer):
        keep = request("GET", "/v1/token?hold=60&ends_with=connection").replace(
            b"Connection: close\r\n", b""
        )
        writer.write(keep)
        await reader.readuntil(b'"less":null}}')
        assert descriptors() == before + 2
    assert all(asker.process is None for _, asker in house.desk.wishes)


# Hands its connection to whoever holds the other end of descriptor argv[3], and ends.
_HEIR = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection, socket.socket(fileno=int(sys.argv[3])) as heir:
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode())
    socket.send_fds(heir, [b"x"], [connection.fileno()])
    sys.stdin.read()
"""


async def test_a_process_that_ends_while_it_waits_gets_no_hold_that_stays(house: House) -> None:
    """Its connection lives on in another process, so nothing else tells the agent."""
    house.desk.gate.clear()
    message = request("GET", "/v1/token?hold=60&ends_with=process").decode()
    message = message.replace("Connection: close\r\n", "")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-c", _HEIR, house.token, message, str(theirs.fileno())),
            stdin=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
        await eventually(lambda: house.desk.wishes)
        _, [fd], _, _ = await asyncio.to_thread(socket.recv_fds, ours, 1, 1)
    await process.communicate(b"")
    name = house.desk.wishes[0][1].process
    assert name is not None
    await eventually(lambda: name in house.desk.over)
    house.desk.gate.set()
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=fd))
    async with asyncio.timeout(DEADLINE):
        assert b'"access_token"' in await reader.readuntil(b'"less":null}}')
        assert house.desk.held == {}
        writer.write(request("GET", "/v1/token?hold=60&ends_with=process"))
        assert read_answer(await reader.read()).kind == "hold-impossible"
    writer.close()
    await writer.wait_closed()


# -- answers that reach nobody -------------------------------------------------------------------


@pytest.mark.parametrize("unread", [b"", b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
@pytest.mark.parametrize("ends_with", ["", "&ends_with=connection", "&ends_with=process"])
async def test_a_hold_whose_client_is_gone_when_it_comes_is_given_back(
    house: House, unread: bytes, ends_with: str
) -> None:
    """Nobody else knows its id, and the others would have to wait for its end."""
    house.desk.gate.clear()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(house.token)
        client.sendall(unread + request("GET", "/v1/token?hold=60" + ends_with))
        await eventually(lambda: house.desk.wishes)
    [connection] = house.server._connections()
    await eventually(lambda: connection._lost)
    house.desk.gate.set()
    await eventually(lambda: not house.server._connections())
    assert house.desk.held == {}
    assert house.audited == []


async def test_a_hold_whose_client_shut_its_end_and_left_is_given_back(house: House) -> None:
    house.desk.gate.clear()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(house.token)
        client.sendall(request("GET", "/v1/token?hold=60"))
        client.shutdown(socket.SHUT_WR)
        await eventually(lambda: house.desk.wishes)
        [connection] = house.server._connections()
        await eventually(lambda: connection._ended)
    house.desk.gate.set()
    await eventually(lambda: not house.server._connections())
    assert house.desk.held == {}


async def test_a_hold_that_was_only_extended_stays_when_its_client_is_gone(house: House) -> None:
    """The client knows it, and asks again."""
    found = await hold(house)
    house.desk.gate.clear()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(house.token)
        client.sendall(request("GET", f"/v1/token?hold=60&extend={found['id']}"))
        await eventually(lambda: len(house.desk.wishes) == 2)
    house.desk.gate.set()
    await eventually(lambda: not house.server._connections())
    assert list(house.desk.held) == [found["id"]]
