import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from agent.supply.access import Policy
from agent.supply.client import (
    AgentUnreachable,
    InsecureRequest,
    NotAllowed,
    NoToken,
    PairingRequired,
    TokenAuth,
    TokenUnavailable,
    fetch_token,
    fetch_token_async,
)
from agent.supply.errors import SupplyError
from agent.supply.interface import Unavailable
from tests.supply.api import Api, Style, api
from tests.supply.desk import Desk
from tests.supply.house import House, serving

Send = Callable[..., Awaitable[httpx.Response]]


async def send_sync(url: str, socket: str, **kwargs: object) -> httpx.Response:
    def send() -> httpx.Response:
        with httpx.Client(auth=TokenAuth(socket), follow_redirects=True) as client:
            return client.post(url, **kwargs)  # type: ignore[arg-type]

    return await asyncio.to_thread(send)


async def send_async(url: str, socket: str, **kwargs: object) -> httpx.Response:
    async with httpx.AsyncClient(auth=TokenAuth(socket), follow_redirects=True) as client:
        return await client.post(url, **kwargs)  # type: ignore[arg-type]


both = pytest.mark.parametrize("send", [send_sync, send_async])
dead = pytest.mark.parametrize("style", ["401", "403-2003"])


@pytest.fixture
def style() -> Style:
    return "401"


@pytest.fixture
def shop(style: Style, desk: Desk) -> Iterator[Api]:
    with api(style) as server:
        server.good.add(desk.current.value.reveal())
        yield server


def current(desk: Desk) -> str:
    return desk.current.value.reveal()


@both
async def test_F9_S10_27_the_token_and_nothing_else_travels_in_the_header(
    house: House, shop: Api, send: Send
) -> None:
    answer = await send(shop.url + "/pay", house.token, json={"amount": 1})
    assert answer.json() == {"paid": True}
    assert shop.seen == [(f"Bearer {current(house.desk)}", "/pay", answer.request.content)]
    assert house.desk.asked == [60]


@both
@dead
async def test_S10_7_F11_a_refused_token_is_renewed_and_the_request_sent_once_more(
    house: House, shop: Api, send: Send
) -> None:
    shop.good = {"demo0access0token000000002"}
    answer = await send(shop.url + "/pay", house.token, json={"amount": 1})
    assert answer.status_code == 200
    assert shop.bearers == ["demo0access0token000000001", "demo0access0token000000002"]
    assert shop.seen[0][2] == shop.seen[1][2] != b""
    assert house.desk.renewals == 2


@both
@dead
async def test_F11_an_api_that_refuses_everything_sees_two_requests(
    house: House, shop: Api, send: Send, style: Style
) -> None:
    shop.good = set()
    answer = await send(shop.url, house.token)
    assert answer.status_code == int(style[:3])
    assert len(shop.seen) == 2
    assert len(house.desk.rejections) == 1


@both
@pytest.mark.parametrize("style", ["403-1003", "403-html", "403-huge"])
async def test_other_refusals_are_the_callers_and_cost_no_token(
    house: House, shop: Api, send: Send
) -> None:
    shop.good = set()
    answer = await send(shop.url, house.token)
    assert answer.status_code == 403
    assert answer.content
    assert len(shop.seen) == 1
    assert house.desk.rejections == []


@both
async def test_the_same_token_again_is_not_sent_again(house: House, shop: Api, send: Send) -> None:
    """The agent could not renew: what was refused would be refused again."""
    shop.good = set()
    house.desk.offline = True
    assert (await send(shop.url, house.token)).status_code == 401
    assert len(shop.seen) == 1
    assert len(house.desk.rejections) == 1


async def test_two_programs_refused_at_once_cost_one_renewal(house: House, shop: Api) -> None:
    shop.good = {"demo0access0token000000002"}
    answers = await asyncio.gather(*(send_async(shop.url, house.token) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert house.desk.renewals == 2


@both
async def test_a_streamed_body_is_kept_for_the_second_try(
    house: House, shop: Api, send: Send
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"amount=1"

    async def pieces_async() -> AsyncIterator[bytes]:
        yield b"amount=1"

    shop.good = {"demo0access0token000000002"}
    headers = {"Content-Length": "8"}
    content = pieces() if send is send_sync else pieces_async()
    answer = await send(shop.url, house.token, content=content, headers=headers)
    assert answer.status_code == 200
    assert [body for _, _, body in shop.seen] == [b"amount=1", b"amount=1"]


async def test_a_streamed_answer_stays_unread(house: House, shop: Api) -> None:
    async with httpx.AsyncClient(auth=TokenAuth(house.token)) as client:
        async with client.stream("GET", shop.url) as answer:
            assert not answer.is_stream_consumed
            assert b"".join([part async for part in answer.aiter_raw()]) == b'{"paid":true}'


@both
async def test_a_redirect_to_another_host_gets_no_token_and_its_refusal_is_not_ours(
    house: House, shop: Api, send: Send
) -> None:
    with api("401") as other:
        shop.redirect_to = other.url + "/elsewhere"
        answer = await send(shop.url, house.token)
        assert answer.status_code == 401
        assert other.seen[0][0] is None
    assert house.desk.rejections == []


@both
@pytest.mark.parametrize("url", ["http://api.example.com/", "http://10.0.0.1/", "http://127.evil/"])
async def test_the_token_never_travels_in_clear_text(house: House, send: Send, url: str) -> None:
    with pytest.raises(InsecureRequest, match="use https"):
        await send(url, house.token)
    assert house.desk.asked == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
async def test_this_machine_needs_no_tls(house: House, host: str) -> None:
    with pytest.raises(httpx.ConnectError):  # past the check, to a port nobody listens on
        await send_async(f"http://{host}:1/", house.token)
    assert house.desk.asked == [60]


async def test_fetch_token_gives_life_and_fingerprint(house: House) -> None:
    house.desk.degraded = "the server is down"
    one = await asyncio.to_thread(fetch_token, house.token, 30)
    other = await fetch_token_async(house.token, 30)
    assert one == other
    assert one.access_token == current(house.desk)
    assert (one.expires_in, one.degraded, one.scope) == (1200, "the server is down", None)
    assert one.fingerprint == house.desk.current.value.fingerprint()
    assert current(house.desk) not in repr(one)
    assert house.desk.asked == [30, 30]


async def test_the_environment_names_the_socket(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POS_AGENT_SOCKET", house.token)
    assert (await fetch_token_async()).access_token == current(house.desk)


async def get(socket: str) -> None:
    await fetch_token_async(socket)


async def get_sync(socket: str) -> None:
    await asyncio.to_thread(fetch_token, socket)


fetchers = pytest.mark.parametrize("fetch", [get, get_sync])


@fetchers
@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("pairing", PairingRequired, "customer display"),
        ("offline", TokenUnavailable, "pos-agent status"),
        ("starting", TokenUnavailable, "pos-agent status"),
        ("refused", TokenUnavailable, "pos-agent status"),
    ],
)
async def test_each_trouble_has_its_error_that_says_what_to_do(
    house: House,
    fetch: Callable[[str], Awaitable[None]],
    kind: str,
    error: type[NoToken],
    says: str,
) -> None:
    house.desk.missing = Unavailable(kind=kind, detail="why", retry_after=7)  # type: ignore[arg-type]
    with pytest.raises(error, match=f"why; .*{says}") as caught:
        await fetch(house.token)
    assert caught.value.retry_after == 7


@fetchers
async def test_no_agent_is_said_with_the_path(
    folder: Path, fetch: Callable[[str], Awaitable[None]]
) -> None:
    path = str(folder / "none.sock")
    with pytest.raises(AgentUnreachable, match=re.escape(path)):
        await fetch(path)


@fetchers
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 71\r\n\r\n"
        b'{"access_token":"x","token_type":"mac","expires_in":9,"fingerprint":"f"}'[:71],
        b"220 mail\r\n",
        b"",
    ],
)
async def test_something_else_at_the_path_is_no_agent(
    folder: Path, fetch: Callable[[str], Awaitable[None]], answer: bytes
) -> None:
    async def impostor(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    path = str(folder / "other.sock")
    server = await asyncio.start_unix_server(impostor, path)
    with pytest.raises(AgentUnreachable):
        await fetch(path)
    server.close()


async def test_F9_the_token_type_is_compared_without_regard_to_case(folder: Path) -> None:
    body = (
        b'{"access_token":"x","token_type":"bEARER","expires_in":9,"fingerprint":"f","scope":"s"}'
    )

    async def old_agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    path = str(folder / "other.sock")
    server = await asyncio.start_unix_server(old_agent, path)
    token = await fetch_token_async(path)
    assert (token.access_token, token.expires_in) == ("x", 9)
    server.close()


_AS_NOBODY = """
import os, sys
from agent.supply.client import AgentUnreachable, NotAllowed, fetch_token
from agent.supply.local import request
try:
    fetch_token(sys.argv[1] + ".none")  # loads what is loaded late; others may not read our files
except AgentUnreachable:
    pass
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for ask in (lambda: fetch_token(sys.argv[1]), lambda: request(sys.argv[1], "GET", "/livez")):
    try:
        ask()
    except NotAllowed as exc:
        print("NotAllowed:", exc)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_user_without_access_is_told_whom_to_ask(house: House) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _AS_NOBODY, house.token), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().count("NotAllowed: this user may not open") == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_policy_refusal_is_not_allowed(folder: Path, desk: Desk) -> None:
    policy = Policy(own_uid=0, allow_uids=frozenset({4001}))
    async with serving(folder, desk, policy=policy) as house:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _AS_NOBODY, house.token), stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert out.decode().startswith("NotAllowed: This user may not do that: the operator decides")


def test_every_error_is_a_supply_error() -> None:
    for kind in (AgentUnreachable, InsecureRequest, NotAllowed, PairingRequired, TokenUnavailable):
        assert issubclass(kind, SupplyError)


def test_the_client_needs_httpx_only() -> None:
    script = (
        "import sys, httpx; before = set(sys.modules); import agent.supply.client;"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "['agent']"
