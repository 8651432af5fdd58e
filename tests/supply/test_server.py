"""HTTP as clients speak it, who may connect, and the end."""

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.supply.access import Policy, Rule
from tests.supply.desk import Desk
from tests.supply.house import (
    House,
    eventually,
    read_answer,
    read_answers,
    request,
    serving,
)

KEPT = b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n\r\n"


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


async def test_answers_that_are_ready_do_not_overtake_one_that_is_waited_for(house: House) -> None:
    fingerprint = house.desk.current.value.fingerprint()
    report = request(
        "POST", "/v1/token/rejected", body=json.dumps({"fingerprint": fingerprint}).encode()
    )
    stream = [
        request("GET", "/livez"),
        KEPT,
        request("GET", "/v1/status"),
        request("GET", "/v1/token?hold=60"),
        request("GET", "/v1/holds"),
        report,
        request("DELETE", "/v1/holds/0000000000000001"),
        request("HEAD", "/v1/token"),
        request("GET", "/v1/token?min_ttl=x"),
        KEPT,
    ]
    kept = b"".join(data.replace(b"Connection: close\r\n", b"") for data in stream)
    house.desk.gate.clear()
    exchange = asyncio.create_task(house.exchange(kept + request("GET", "/readyz")))
    await eventually(lambda: house.desk.asked)
    assert not house.desk.wishes
    house.desk.gate.set()
    data = await exchange
    head = data.index(b"HTTP/1.1 200", data.index(b"HTTP/1.1 204"))  # HEAD: a length, no body
    end = data.index(b"\r\n\r\n", head) + 4
    answers = [*read_answers(data[:head]), *read_answers(data[end:])]
    assert b"access_token" not in data[head:end]
    assert [answer.status for answer in answers] == [200] * 6 + [204, 400, 200, 200]
    assert [sorted(answer.json)[0] for answer in answers if answer.body] == [
        "live",
        "access_token",
        "display",
        "access_token",
        "holds",
        "access_token",
        "detail",
        "access_token",
        "ready",
    ]


async def test_one_request_at_a_time_a_connection(house: House) -> None:
    house.desk.gate.clear()
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        writer.write(KEPT * 2)
        await eventually(lambda: house.desk.asked)
        writer.write(KEPT * 3)
        [connection] = house.server._connections()
        await eventually(lambda: connection._reader.buffered == len(KEPT * 4))
        assert (await house.get("/livez")).status == 200
        assert len(house.desk.asked) == 1
        house.desk.gate.set()
        for _ in range(5):
            await reader.readuntil(b"}")
    assert len(house.desk.asked) == 5


async def test_a_client_that_reads_late_gets_all_its_answers_and_a_clean_end(house: House) -> None:
    """The last of them is made while asyncio is about to have written the others."""
    broken: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
    kept = request("GET", "/v1/status").replace(b"Connection: close\r\n", b"")
    async with asyncio.timeout(10), house.connection(admin=True) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(kept * 1000 + request("GET", "/livez"))
        await eventually(house.server._connections)
        [connection] = house.server._connections()
        await eventually(lambda: connection._held_up)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        answers = read_answers(await reader.read())
    assert [answer.status for answer in answers] == [200] * 1001
    await eventually(lambda: not house.server._connections())
    assert broken == []


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


async def test_what_cannot_be_found_out_about_a_client_is_told_once(
    folder: Path, desk: Desk
) -> None:
    rule = Rule(name="till", exe=f"{folder}/none")
    async with serving(folder, desk, policy=Policy(own_uid=-1, rules=(rule,))) as house:
        for _ in range(3):
            await house.get()
        assert house.doubts == [f"{folder}/none: No such file or directory"]


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
