import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.supply.access import Peer, Policy
from agent.supply.interface import Unavailable
from tests.supply.desk import REFRESH_TOKEN, Desk
from tests.supply.house import (
    House,
    eventually,
    read_answer,
    read_answers,
    request,
    serving,
)

KEPT = b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_a_token_comes_with_its_life_and_fingerprint(house: House) -> None:
    answer = await house.get("/v1/token?min_ttl=60")
    assert answer.status == 200
    assert answer.json["access_token"] == house.desk.current.value.reveal()
    assert answer.json["expires_in"] == 1200
    assert answer.headers["etag"] == f'W/"{answer.json["fingerprint"]}"'
    assert house.desk.asked == [60]


async def test_min_ttl_beyond_the_life_left_renews(house: House) -> None:
    house.desk.clock += 1150
    assert (await house.get("/v1/token?min_ttl=50")).json["expires_in"] == 50
    assert (await house.get("/v1/token?min_ttl=51")).json["expires_in"] == 1200
    assert house.desk.renewals == 2


async def test_a_poller_with_the_current_token_gets_304_until_it_changes(house: House) -> None:
    tag = (await house.get()).headers["etag"]
    again = await house.get("/v1/token", f"If-None-Match: {tag}")
    assert (again.status, again.body) == (304, b"")
    house.desk.clock += 1150
    assert (await house.get("/v1/token?min_ttl=60", f"If-None-Match: {tag}")).status == 200


async def test_a_degraded_token_says_why(house: House) -> None:
    house.desk.degraded = "the server is down"
    answer = await house.get()
    assert (answer.status, answer.json["degraded"]) == (200, "the server is down")


async def test_S10_7_a_rejected_token_is_renewed_once_however_often_it_is_reported(
    house: House,
) -> None:
    fingerprint = (await house.get()).json["fingerprint"]
    report = request(
        "POST", "/v1/token/rejected", body=json.dumps({"fingerprint": fingerprint}).encode()
    )
    answers = await asyncio.gather(*(house.ask(report) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    [successor] = {answer.json["fingerprint"] for answer in answers}
    assert successor != fingerprint
    assert house.desk.renewals == 2


@pytest.mark.parametrize(
    ("kind", "status"),
    [("starting", 503), ("pairing", 409), ("offline", 503), ("refused", 503)],
)
async def test_without_a_token_the_answer_says_why_and_when(
    house: House, kind: str, status: int
) -> None:
    house.desk.missing = Unavailable(kind=kind, detail="why", retry_after=7)  # type: ignore[arg-type]
    for answer in (
        await house.get(),
        await house.ask(
            request("POST", "/v1/token/rejected", body=b'{"fingerprint":"sha256:0123456789abcdef"}')
        ),
    ):
        assert answer.status == status
        assert answer.headers["retry-after"] == "7"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["detail"] == "why"


async def test_S10_26_reading_a_token_never_starts_a_pairing(house: House) -> None:
    house.desk.missing = Unavailable(kind="pairing", detail="approve", retry_after=5)
    for target in ("/v1/token", "/v1/token?min_ttl=60", "/v1/status", "/readyz"):
        answer = await house.get(target)
        assert "user_code" not in answer.json
    assert house.desk.pairings == 0


async def test_health_tells_alive_from_ready(house: House) -> None:
    assert (await house.get("/livez")).json == {"live": True}
    assert (await house.get("/readyz")).json == {"ready": True}
    house.desk.missing = Unavailable(kind="offline", detail="x", retry_after=5)
    assert (await house.get("/livez")).status == 200
    assert (await house.get("/readyz")).status == 503


async def test_status_is_what_the_desk_says(house: House) -> None:
    assert (await house.get("/v1/status")).json == house.desk.status()


async def test_pair_and_unpair_go_by_the_admin_socket_only(house: House) -> None:
    pair, unpair = request("POST", "/v1/pairing"), request("DELETE", "/v1/grant")
    assert (await house.ask(pair)).status == 403
    assert (await house.ask(unpair)).status == 403
    assert (house.desk.pairings, house.desk.missing) == (0, None)
    assert (await house.ask(pair, admin=True)).status == 202
    assert (await house.ask(unpair, admin=True)).status == 200
    assert house.desk.pairings == 1
    assert house.desk.missing is not None


async def test_an_unwritable_store_is_the_operators_to_know(house: House) -> None:
    house.desk.medium_broken = True
    answer = await house.ask(request("DELETE", "/v1/grant"), admin=True)
    assert (answer.status, answer.kind) == (500, "store")
    assert "read-only file system" in str(answer.json["detail"])


async def test_the_refresh_token_is_in_no_byte_sent(house: House) -> None:
    fingerprint = house.desk.current.value.fingerprint()
    report = json.dumps({"fingerprint": fingerprint}).encode()
    sent = b""
    for admin in (False, True):
        for data in (
            request("GET", "/v1/token"),
            request("GET", "/v1/status"),
            request("GET", "/readyz"),
            request("POST", "/v1/token/rejected", body=report),
            request("POST", "/v1/pairing"),
            request("GET", "/v1/grant"),
            b"rubbish\r\n\r\n",
            request("DELETE", "/v1/grant"),
        ):
            sent += await house.exchange(data, admin=admin)
    assert b"access_token" in sent
    assert REFRESH_TOKEN.encode() not in sent
    assert b"refresh" not in sent


@pytest.mark.parametrize("broken", ["token", "status"])
async def test_a_bug_of_the_desk_is_a_500_and_the_server_lives(house: House, broken: str) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: reported.append(context["exception"])
    )
    house.desk.bug = AgentError("bug")
    answer = await house.get(f"/v1/{broken}")
    assert (answer.status, answer.kind) == (500, "internal")
    assert b"bug" not in answer.body
    assert reported == [house.desk.bug]
    house.desk.bug = None
    assert (await house.get(f"/v1/{broken}")).status == 200


def _failing_audit(_peer: Peer, _fingerprint: str, _left: float) -> None:
    raise ZeroDivisionError


async def test_a_failing_audit_costs_nobody_the_token(folder: Path, desk: Desk) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: reported.append(context["exception"])
    )
    async with serving(folder, desk) as house:
        house.server.audit = _failing_audit
        assert (await house.get()).status == 200
        await eventually(lambda: reported)
    assert isinstance(reported[0], ZeroDivisionError)


async def test_every_token_handed_out_is_audited_without_the_secret(house: House) -> None:
    token = (await house.get()).json
    await house.get("/v1/token", f'If-None-Match: "{token["fingerprint"]}"')
    await house.get("/v1/status")
    await eventually(lambda: house.audited)
    [(peer, fingerprint, left)] = house.audited
    assert (peer.uid, peer.pid) == (os.getuid(), os.getpid())
    assert (fingerprint, left) == (token["fingerprint"], 1200)


# -- HTTP -----------------------------------------------------------------------------------------


async def test_a_kept_connection_serves_one_request_after_the_other(house: House) -> None:
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        for _ in range(3):
            writer.write(KEPT)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Connection: close" not in head
            assert head.startswith(b"HTTP/1.1 200")
            size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
    assert len(house.desk.asked) == 3


async def test_pipelined_requests_are_answered_in_order(house: House) -> None:
    report = b'{"fingerprint":"sha256:0123456789abcdef"}'
    post = request("POST", "/v1/token/rejected", body=report).replace(b"Connection: close\r\n", b"")
    stream = KEPT + KEPT.replace(b"token", b"status") + post + KEPT.replace(b"v1/token", b"x")
    answers = read_answers(await house.exchange(stream + request("GET", "/livez")))
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 200]
    assert ["access_token" in answer.json for answer in answers] == [
        True,
        False,
        True,
        False,
        False,
    ]


async def test_one_request_at_a_time_a_connection(house: House) -> None:
    house.desk.gate.clear()
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        writer.write(KEPT * 5)
        await eventually(lambda: house.desk.asked)
        assert (await house.get("/livez")).status == 200
        assert len(house.desk.asked) == 1
        house.desk.gate.set()
        for _ in range(5):
            await reader.readuntil(b"}")
    assert len(house.desk.asked) == 5


async def test_a_request_may_come_byte_by_byte(house: House) -> None:
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        for byte in request("GET", "/v1/token"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert read_answer(await reader.read()).status == 200


async def test_a_client_that_shuts_its_end_still_gets_the_answer(house: House) -> None:
    house.desk.gate.clear()
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        writer.write(KEPT)
        writer.write_eof()
        await eventually(lambda: house.desk.asked)
        house.desk.gate.set()
        assert read_answer(await reader.read()).status == 200


async def test_expect_100_continue_is_honoured(house: House) -> None:
    body = b'{"fingerprint":"sha256:0123456789abcdef"}'
    head = request("POST", "/v1/token/rejected", "Expect: 100-continue", body=body)[: -len(body)]
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert read_answer(await reader.read()).status == 200


async def test_head_gets_no_body(house: House) -> None:
    data = await house.exchange(request("HEAD", "/livez"))
    assert data.startswith(b"HTTP/1.1 200")
    assert data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "header",
    ["Origin: http://localhost", "Referer: http://shop.example/", "Sec-Fetch-Mode: navigate"],
)
async def test_requests_relayed_from_browsers_are_refused(house: House, header: str) -> None:
    answer = await house.get("/v1/token", header)
    assert (answer.status, answer.kind) == (403, "relayed")
    assert house.desk.asked == []


async def test_a_foreign_host_is_refused(house: House) -> None:
    data = request("GET", "/v1/token").replace(b"Host: localhost", b"Host: evil.example")
    assert (await house.ask(data)).kind == "relayed"
    assert house.desk.asked == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_curl_works(house: House) -> None:
    url = "http://localhost/v1/token?min_ttl=60"
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "--fail", "--unix-socket", house.token, url),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["access_token"] == house.desk.current.value.reveal()


# -- who may ask ----------------------------------------------------------------------------------

_AS_OTHER = """
import os, socket, sys
path, uid, gid, groups, message = sys.argv[1:6]
os.setgroups([int(group) for group in groups.split()]); os.setgid(int(gid)); os.setuid(int(uid))
with socket.socket(socket.AF_UNIX) as connection:
    try:
        connection.connect(path)
        connection.sendall(message.encode())
        while part := connection.recv(65536):
            sys.stdout.buffer.write(part)
    except OSError as exc:
        print(type(exc).__name__)
"""


async def ask_as(path: str, *, uid: int, gid: int = 65534, groups: str = "") -> str:
    message = request("GET", "/v1/token").decode()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", _AS_OTHER, path, str(uid), str(gid), groups, message),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode().partition("\r\n")[0].strip()


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")


@needs_root
async def test_another_uid_cannot_even_connect_by_default(house: House) -> None:
    assert stat.S_IMODE(os.stat(house.token).st_mode) == 0o600
    assert await ask_as(house.token, uid=65534) == "PermissionError"
    assert await ask_as(house.admin, uid=65534) == "PermissionError"


@needs_root
async def test_uids_and_groups_on_the_lists_get_tokens_others_do_not(
    folder: Path, desk: Desk
) -> None:
    policy = Policy(own_uid=0, allow_uids=frozenset({4001}), allow_gids=frozenset({4002}))
    async with serving(folder, desk, policy=policy) as house:
        assert await ask_as(house.token, uid=4001) == "HTTP/1.1 200 OK"
        assert await ask_as(house.token, uid=4003, gid=4002) == "HTTP/1.1 200 OK"
        assert await ask_as(house.token, uid=4003, groups="17 4002") == "HTTP/1.1 200 OK"
        assert await ask_as(house.token, uid=65534) == "HTTP/1.1 403 Forbidden"
        assert await ask_as(house.admin, uid=4001) == "PermissionError"
    assert len(desk.asked) == 3


@needs_root
async def test_the_group_of_the_socket_gets_tokens_beside_a_list(folder: Path, desk: Desk) -> None:
    policy = Policy(own_uid=0, allow_uids=frozenset({4001}))
    async with serving(folder, desk, policy=policy, group="daemon") as house:
        assert await ask_as(house.token, uid=4003, groups="1") == "HTTP/1.1 200 OK"
        assert await ask_as(house.token, uid=4001) == "HTTP/1.1 200 OK"
        assert await ask_as(house.token, uid=4003) == "HTTP/1.1 403 Forbidden"


@needs_root
async def test_with_a_group_alone_the_file_decides(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, group="daemon") as house:
        assert await ask_as(house.token, uid=4003, groups="1") == "HTTP/1.1 200 OK"
        assert await ask_as(house.token, uid=4003) == "PermissionError"


# -- the end --------------------------------------------------------------------------------------


async def test_shutdown_lets_an_answer_go_out_and_takes_the_sockets_away(
    folder: Path, desk: Desk
) -> None:
    desk.gate.clear()
    async with serving(folder, desk) as house:
        waiting = asyncio.create_task(house.get())
        idle = await asyncio.open_unix_connection(house.token)
        await eventually(lambda: desk.asked)
        closing = asyncio.create_task(house.server.aclose())
        await eventually(lambda: not os.path.exists(house.token))
        assert await idle[0].read() == b""
        desk.gate.set()
        assert (await waiting).status == 200
        await closing
        idle[1].close()
    assert os.listdir(folder) == []
