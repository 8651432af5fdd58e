"""`pos-agent token` as a real process, and the exchange under it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.supply import quick
from agent.supply.errors import AgentUnreachable
from agent.supply.interface import Unavailable
from agent.supply.local import DEFAULT_SOCKET, request, socket_path
from tests.supply.desk import Desk
from tests.supply.house import House

_RUN = "import sys; from agent.supply.quick import main; sys.exit(main(sys.argv[1:]))"


async def token(*argv: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _RUN, *argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_raw_is_the_token_alone(house: House) -> None:
    value = house.desk.current.value.reveal()
    assert await token("--socket", house.token) == (0, value + "\n", "")
    assert await token(POS_AGENT_SOCKET=house.token) == (0, value + "\n", "")
    assert house.desk.asked == [60, 60]


async def test_header_is_a_line_for_curl(house: House) -> None:
    value = house.desk.current.value.reveal()
    code, out, _ = await token("--format=header", "--min-ttl=90", "--socket=" + house.token)
    assert (code, out) == (0, f"Authorization: Bearer {value}\n")
    assert house.desk.asked == [90]


async def test_json_is_the_agents_answer_and_degraded_is_said(house: House) -> None:
    house.desk.degraded = "the server is down"
    code, out, err = await token("--format", "json", "--socket", house.token)
    assert (code, err) == (0, "pos-agent: the server is down\n")
    assert json.loads(out)["expires_in"] == 1200
    assert json.loads(out)["degraded"] == "the server is down"


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("pairing", 4, "customer display"),
        ("offline", 5, "pos-agent status"),
        ("starting", 5, "pos-agent status"),
        ("refused", 5, "pos-agent status"),
    ],
)
async def test_no_token_has_an_exit_code_and_says_what_to_do(
    house: House, kind: str, code: int, says: str
) -> None:
    house.desk.missing = Unavailable(kind=kind, detail="why", retry_after=7)  # type: ignore[arg-type]
    found, out, err = await token("--socket", house.token)
    assert (found, out) == (code, "")
    assert err.startswith("pos-agent: ")
    assert "why" in err
    assert says in err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--format", "xml"], "--format is raw, json or header"),
        (["--format"], "--format needs a value"),
        (["--min-ttl", "soon"], "--min-ttl is a number of seconds"),
        (["--min-ttl="], "--min-ttl needs a value"),
        (["-x"], "unknown argument '-x'"),
        (["now"], "unknown argument 'now'"),
    ],
)
def test_wrong_usage_is_2(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert quick.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"pos-agent: {says}; pos-agent token --help explains\n"


async def test_a_min_ttl_the_agent_refuses_is_wrong_usage(house: House) -> None:
    code, out, err = await token("--min-ttl", "10000000", "--socket", house.token)
    assert (code, out) == (2, "")
    assert "min_ttl" in err


async def test_no_agent_is_3_with_the_path(folder: Path) -> None:
    code, out, err = await token("--socket", str(folder / "none.sock"))
    assert (code, out) == (3, "")
    assert str(folder / "none.sock") in err
    assert "systemctl status pos-agent" in err


async def test_a_browsers_header_would_be_6(house: House) -> None:
    """403 of any kind: the agent said that this user may not."""
    assert quick._EXIT[(await house.get("/livez", "Origin: x")).status] == quick.NOT_ALLOWED == 6


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_user_without_access_is_6(house: House) -> None:
    script = (
        "import sys, os; from agent.supply.quick import main;"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(main(sys.argv[1:]))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, "--socket", house.token), stderr=subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode == 6
    assert b"this user may not open" in err
    for door in (b"group", b"allow_uids", b"clients.d"):
        assert door in err


def test_help_names_options_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert quick.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert DEFAULT_SOCKET in out
    for word in ("--format", "--min-ttl", "--socket", "0 ", "2 ", "3 ", "4 ", "5 ", "6 "):
        assert word in out


async def test_a_full_disk_behind_the_redirection_is_an_error(house: House) -> None:
    with open("/dev/full", "w") as full:  # noqa: ASYNC230 - a device
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _RUN, "--socket", house.token),
            stdout=full,
            stderr=subprocess.PIPE,
        )
        _, err = await process.communicate()
    assert b"cannot print the token: No space left on device" in err
    assert process.returncode not in (0, None)


def test_the_fast_path_imports_next_to_nothing() -> None:
    script = "import sys, agent; before = set(sys.modules); {}; print(*set(sys.modules) - before)"
    out = subprocess.run(
        [sys.executable, "-c", script.format("import agent.supply.quick")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "agent.supply.local" in out
    for heavy in ("asyncio", "httpx", "argparse", "dataclasses", "http.client", "h11", "re"):
        assert heavy not in out


# -- local ----------------------------------------------------------------------------------------


async def ask(
    socket: str, method: str, target: str, body: dict[str, object] | None = None
) -> object:
    return await asyncio.to_thread(request, socket, method, target, body)


async def test_the_command_line_reaches_every_route(house: House) -> None:
    assert await asyncio.to_thread(request, house.token, "GET", "/v1/status") == (
        200,
        house.desk.status(),
    )
    body: dict[str, object] = {"fingerprint": "sha256:0123456789abcdef"}
    answer = await asyncio.to_thread(request, house.token, "POST", "/v1/token/rejected", body)
    assert (answer[0], answer[1]["token_type"]) == (200, "Bearer")
    assert (await asyncio.to_thread(request, house.admin, "POST", "/v1/pairing"))[0] == 202
    assert (await asyncio.to_thread(request, house.admin, "DELETE", "/v1/grant"))[0] == 200
    assert (house.desk.pairings, house.desk.missing is not None) == (1, True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\nno",
        b"HTTP/1.1 x\r\n\r\n",
        b"SSH-2",
    ],
)
async def test_something_else_at_the_path_is_no_agent(folder: Path, answer: bytes) -> None:
    async def impostor(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    path = str(folder / "other.sock")
    server = await asyncio.start_unix_server(impostor, path)
    with pytest.raises(AgentUnreachable, match=r"is not pos-agent|no agent at"):
        await asyncio.to_thread(request, path, "GET", "/livez")
    server.close()


async def test_an_agent_that_does_not_answer_is_unreachable(house: House, desk: Desk) -> None:
    desk.gate.clear()
    with pytest.raises(AgentUnreachable, match=r"no answer in time|timed out"):
        await asyncio.to_thread(request, house.token, "GET", "/v1/token", None, 0.1)
    desk.gate.set()


async def test_a_full_house_is_said_even_before_the_request_is_out(house: House) -> None:
    status, answer = await asyncio.to_thread(
        request, house.token, "POST", "/v1/token/rejected", {"pad": "x" * 400_000}
    )
    assert (status, answer["error"]) == (413, "invalid_request")


def test_the_environment_names_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POS_AGENT_SOCKET", raising=False)
    assert socket_path() == DEFAULT_SOCKET == "/run/pos-agent/token.sock"
    monkeypatch.setenv("POS_AGENT_SOCKET", "/x")
    assert socket_path() == "/x"
