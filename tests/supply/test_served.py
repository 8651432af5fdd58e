"""What each route gives, and to whom; and that no secret is where it does not belong."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.supply.access import CLIENT, Peer, Scope
from agent.supply.interface import Unavailable
from tests.supply.desk import REFRESH_TOKEN, USER_CODE, Desk
from tests.supply.house import House, eventually, request, serving, till


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


async def test_forgetting_the_grant_is_for_the_administrator(house: House) -> None:
    unpair = request("DELETE", "/v1/grant")
    assert (await house.ask(unpair)).status == 403
    assert house.desk.missing is None
    assert (await house.ask(unpair, admin=True)).status == 200
    assert house.desk.missing is not None


async def test_a_new_key_is_for_the_administrator(house: House) -> None:
    rekey = request("POST", "/v1/store/rekey")
    assert (await house.ask(rekey)).status == 403
    assert house.desk.rekeyings == 0
    assert (await house.ask(rekey, admin=True)).status == 200
    assert house.desk.rekeyings == 1


async def test_the_administrator_lends_the_display_and_takes_it_back(house: House) -> None:
    release, claim = request("POST", "/v1/display/release"), request("POST", "/v1/display/claim")
    for data in (release, claim):
        assert (await house.ask(data)).kind == "not-permitted"
    assert house.desk.lent == []
    for data in (release, claim):
        answer = await house.ask(data, admin=True)
        assert (answer.status, answer.json) == (202, house.desk.status())
    assert house.desk.lent == [True, False]


async def test_a_client_with_permission_borrows_the_display(folder: Path, desk: Desk) -> None:
    release, claim = request("POST", "/v1/display/release"), request("POST", "/v1/display/claim")
    async with serving(folder, desk, policy=till(scopes=CLIENT | {Scope.DISPLAY})) as house:
        for data in (release, claim):
            assert (await house.ask(data)).status == 202
        assert desk.lent == [True, False]
        assert (await house.get("/v1/pairing")).kind == "not-permitted"


@pytest.mark.parametrize(
    "data", [request("DELETE", "/v1/grant"), request("POST", "/v1/store/rekey")]
)
async def test_an_unwritable_store_is_the_operators_to_know(house: House, data: bytes) -> None:
    house.desk.medium_broken = True
    answer = await house.ask(data, admin=True)
    assert (answer.status, answer.kind) == (500, "store")
    assert "read-only file system" in str(answer.json["detail"])


# -- pairing --------------------------------------------------------------------------------------

MAY_PAIR = CLIENT | {Scope.PAIRING}


async def test_the_code_is_for_clients_with_permission_and_for_the_administrator(
    folder: Path, desk: Desk
) -> None:
    desk.missing = Unavailable(kind="pairing", detail="approve", retry_after=5)
    async with serving(folder, desk, policy=till(scopes=MAY_PAIR)) as house:
        assert (await house.get("/v1/pairing")).json == {
            "state": "pairing",
            "user_code": USER_CODE,
            "verification_uri": "https://connect.example.com/device",
            "expires_in": 1200,
        }
        assert (await house.ask(request("POST", "/v1/pairing"))).status == 202
        assert desk.pairings == 1
    async with serving(folder, desk) as house:
        for admin, status in ((False, 403), (True, 200)):
            answer = await house.get("/v1/pairing", admin=admin)
            assert answer.status == status
            assert (USER_CODE.encode() in answer.body) == admin
        assert (await house.ask(request("POST", "/v1/pairing"))).status == 403
        assert desk.pairings == 1
        assert (await house.ask(request("POST", "/v1/pairing"), admin=True)).status == 202
        assert desk.pairings == 2


async def test_a_paired_terminal_has_no_code(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=till(scopes=MAY_PAIR)) as house:
        answer = await house.get("/v1/pairing")
    assert (answer.json, answer.headers["cache-control"]) == ({"state": "serving"}, "no-store")


async def test_who_may_see_the_code_only_gets_no_token(folder: Path, desk: Desk) -> None:
    async with serving(folder, desk, policy=till(scopes=frozenset({Scope.PAIRING}))) as house:
        # Root may have tokens whatever its rule says, so this is about everybody else.
        assert (await house.get("/v1/pairing")).status == 200
        assert (await house.get("/v1/token")).status == (200 if os.getuid() == 0 else 403)


# -- secrets --------------------------------------------------------------------------------------

ASKED = {
    "GET /v1/token",
    "GET /v1/token?hold=60",
    "GET /v1/token?hold=60&extend=00000000000000ff",
    "HEAD /v1/token",
    "POST /v1/token/rejected",
    "GET /v1/holds",
    "GET /v1/holds/0000000000000001",
    "GET /v1/status",
    "HEAD /v1/events",
    "GET /v1/pairing",
    "POST /v1/pairing",
    "GET /livez",
    "GET /readyz",
    "GET /metrics",
    "POST /v1/display/claim",
    "POST /v1/store/rekey",
    "GET /v1/grant",
    "DELETE /v1/grant",
    "DELETE /v1/holds/0000000000000001",
}
WITH_TOKEN = {"GET /v1/token", "GET /v1/token?hold=60", "POST /v1/token/rejected"}


@pytest.mark.parametrize("admin", [False, True])
@pytest.mark.parametrize("paired", [False, True])
async def test_no_secret_is_in_an_answer_where_it_does_not_belong(
    house: House, admin: bool, paired: bool
) -> None:
    """The token is in answers with a token, the code in that about pairing, the refresh token and
    nothing else of it nowhere."""
    desk = house.desk
    desk.missing = None if paired else Unavailable(kind="pairing", detail="x", retry_after=5)
    with_token, with_code = set(), set()
    for asked in sorted(ASKED, key=lambda line: line.startswith("DELETE")):  # those come last
        method, target = asked.split()
        report = json.dumps({"fingerprint": desk.current.value.fingerprint()}).encode()
        body = report if target == "/v1/token/rejected" else b""
        sent = await house.exchange(request(method, target, body=body), admin=admin)
        assert REFRESH_TOKEN.encode() not in sent
        assert b"refresh" not in sent
        if desk.current.value.reveal().encode() in sent:
            with_token.add(asked)
        if USER_CODE.encode() in sent:
            with_code.add(asked)
    assert with_token == (WITH_TOKEN if paired else set())
    assert with_code == ({"GET /v1/pairing"} if admin and not paired else set())


async def test_no_answer_may_be_kept_by_a_cache(house: House) -> None:
    """Not even one without a body, or the numbers."""
    assert (await house.get("/v1/token?hold=60", admin=True)).status == 200  # for one to release
    statuses = {}
    for asked in (*ASKED, "GET /nothing"):
        method, target = asked.split()
        sent = await house.exchange(request(method, target), admin=True)
        head = sent.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
        assert b"\r\ncache-control: no-store\r\n" in head, asked
        statuses[asked] = int(sent.split()[1])
    assert statuses["GET /metrics"] == 200
    assert statuses["DELETE /v1/holds/0000000000000001"] == 204
    assert {202, 400, 404, 405} < set(statuses.values())


async def test_the_token_asked_about_is_not_repeated_in_refusals(house: House) -> None:
    """Programmers put it in the wrong place: the answer may end up in a log."""
    token = house.desk.current.value.reveal()
    for data in (
        request("GET", f"/v1/token?token={token}"),
        request("GET", f"/v1/{token}"),
        request("GET", f"/v1/holds/{token}"),
        request("POST", "/v1/token/rejected", body=json.dumps({"fingerprint": token}).encode()),
        request("GET", f"/v1/token?hold=60&extend={token}"),
        request(token, "/v1/token"),
        request("GET", "/v1/token").replace(b"localhost", token.encode()),
    ):
        sent = await house.exchange(data)
        assert sent.startswith(b"HTTP/1.1 4")
        assert token.encode() not in sent


# -- faults and records ---------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["token", "status", "token?hold=60", "holds"])
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


def _failing_audit(_peer: Peer, _client: str, _fingerprint: str, _left: float) -> None:
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


async def test_a_token_that_head_did_not_get_is_not_audited_later_either(house: House) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    head = request("HEAD", "/v1/token").replace(b"Connection: close\r\n", b"")
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        writer.write(head)
        await reader.readuntil(b"\r\n\r\n")
        house.desk.bug = AgentError("bug")
        writer.write(request("GET", "/v1/token"))
        assert (await reader.read()).startswith(b"HTTP/1.1 500")
    await eventually(lambda: not house.server._connections())
    assert house.audited == []


async def test_every_token_handed_out_is_audited_without_the_secret(house: House) -> None:
    token = (await house.get()).json
    await house.get("/v1/token", f'If-None-Match: "{token["fingerprint"]}"')
    await house.ask(request("HEAD", "/v1/token"))
    await house.get("/v1/status")
    await eventually(lambda: house.audited)
    [(peer, client, fingerprint, left)] = house.audited
    assert (peer.uid, peer.pid) == (os.getuid(), os.getpid())
    assert (client, fingerprint, left) == (f"uid:{os.getuid()}", token["fingerprint"], 1200)
