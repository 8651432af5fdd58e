"""The real daemon against the sandbox over HTTP: power-up to a token, and what may go wrong."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from agent.store.ground import file_system
from tests.daemon.terminal import UUID, Terminal


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(options=Options(interval=1, access_token_seconds=20)) as server:
        yield server


def tables(sandbox: SandboxServer) -> dict[str, str]:
    return {
        "server": f'token_endpoint = "{sandbox.token_endpoint}"\n'
        f'owner_endpoint = "{sandbox.api}/General/Merchants/me"',
        "client": f'id = "{sandbox.client_id}"\nsecret = "{sandbox.client_secret}"',
    }


@pytest.fixture
def terminal(sandbox: SandboxServer, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path / "t", **tables(sandbox)) as made:
        yield made


def pair(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.until(lambda: terminal.state() == "pairing")
    (code,) = sandbox.waiting()
    assert sandbox.approve(code.user_code)
    terminal.until(lambda: terminal.state() == "serving")


def test_power_up_to_a_token(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.start()
    pair(terminal, sandbox)
    status, body = terminal.ask("GET", "/v1/token?min_ttl=5")
    assert (status, body["token_type"]) == (200, "Bearer")
    assert terminal.ask("GET", "/v1/status")[1]["uuid"] == UUID
    assert "READY=1" in terminal.notices()


def test_a_restart_needs_no_person(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.start()
    pair(terminal, sandbox)
    assert terminal.stop() == 0
    terminal.start()
    terminal.until(lambda: terminal.state() == "serving")
    assert not sandbox.waiting()
    assert "STOPPING=1" in terminal.notices()


def test_a_killed_agent_needs_no_person_either(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.start()
    pair(terminal, sandbox)
    terminal.stop(signal.SIGKILL)
    terminal.start()
    terminal.until(lambda: terminal.state() == "serving")
    assert not sandbox.waiting()


@pytest.fixture
def runtime() -> Iterator[str]:
    """What systemd makes below /run: on tmpfs, and left alone by a restart."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield directory


def test_the_token_survives_a_crash_and_is_not_fetched_anew(
    terminal: Terminal, sandbox: SandboxServer, runtime: str
) -> None:
    sandbox.set(access_token_seconds=1200)
    terminal.start(RUNTIME_DIRECTORY=runtime)
    pair(terminal, sandbox)
    before = terminal.ask("GET", "/v1/token")[1]
    terminal.stop(signal.SIGKILL)
    sandbox.down(3600)
    terminal.start(RUNTIME_DIRECTORY=runtime)
    terminal.until(lambda: terminal.state() == "serving")
    after = terminal.ask("GET", "/v1/token")[1]
    assert after["access_token"] == before["access_token"]
    assert not after["degraded"]
    assert str(before["access_token"]) not in Path(runtime, "token").read_bytes().decode("latin-1")


def test_the_token_is_not_written_to_flash(
    terminal: Terminal, sandbox: SandboxServer, tmp_path: Path
) -> None:
    if file_system(str(tmp_path)) in ("tmpfs", "ramfs"):
        pytest.skip("the tests' own directory is in memory")
    terminal.start(RUNTIME_DIRECTORY=str(tmp_path))
    pair(terminal, sandbox)
    assert terminal.ask("GET", "/v1/token")[0] == 200
    assert not (tmp_path / "token").exists()


def test_rekey_over_the_admin_socket(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.start()
    terminal.until(lambda: terminal.state() == "pairing")
    assert terminal.ask("POST", "/v1/store/rekey")[0] == 403
    status, body = terminal.ask("POST", "/v1/store/rekey", admin=True)
    assert (status, "no grant to seal anew" in body["detail"]) == (500, True)
    pair(terminal, sandbox)
    key = (terminal.directory / "key").read_bytes()
    assert terminal.ask("POST", "/v1/store/rekey", admin=True)[0] == 200
    assert (terminal.directory / "key").read_bytes() != key
    terminal.stop(signal.SIGKILL)
    terminal.start()
    terminal.until(lambda: terminal.state() == "serving")
    assert not sandbox.waiting()


def test_the_token_is_renewed_in_the_background(terminal: Terminal, sandbox: SandboxServer) -> None:
    sandbox.set(access_token_seconds=4)
    terminal.start()
    pair(terminal, sandbox)
    first = terminal.ask("GET", "/v1/token")[1]["access_token"]
    terminal.until(lambda: terminal.ask("GET", "/v1/token")[1].get("access_token") != first)


def test_removing_the_store_while_running_pairs_again(
    terminal: Terminal, sandbox: SandboxServer
) -> None:
    terminal.start()
    pair(terminal, sandbox)
    (terminal.directory / "grant").unlink()
    terminal.until(lambda: terminal.state() == "pairing")


def test_unpair_over_the_admin_socket(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.start()
    pair(terminal, sandbox)
    status, _ = terminal.ask("DELETE", "/v1/grant", admin=True)
    assert status < 300
    assert not (terminal.directory / "key").exists()
    terminal.until(lambda: terminal.state() == "pairing")
    assert terminal.ask("DELETE", "/v1/grant")[0] in (403, 404)


def test_S10_16_no_secret_in_log_status_or_process_list(
    terminal: Terminal, sandbox: SandboxServer
) -> None:
    terminal.start()
    pair(terminal, sandbox)
    token = terminal.ask("GET", "/v1/token")[1]["access_token"]
    assert terminal.process is not None
    process = Path(f"/proc/{terminal.process.pid}")
    places = (
        terminal.logged()
        + str(terminal.ask("GET", "/v1/status"))
        + process.joinpath("cmdline").read_text()
        + (process.joinpath("environ").read_text() if os.geteuid() == 0 else "")
        + (terminal.directory / "grant").read_bytes().decode("latin-1")
    )
    (session,) = sandbox.world.sessions
    for secret in (str(token), sandbox.client_secret, session.refresh_token):
        assert secret not in places


def test_the_state_is_for_the_agent_alone(terminal: Terminal, sandbox: SandboxServer) -> None:
    terminal.start()
    pair(terminal, sandbox)
    assert (terminal.directory / "grant").stat().st_mode & 0o777 == 0o600
    assert Path(terminal.admin_socket).stat().st_mode & 0o777 == 0o600


def test_a_server_that_is_down_at_boot_is_waited_for(
    terminal: Terminal, sandbox: SandboxServer
) -> None:
    sandbox.down(3600)
    terminal.start()
    terminal.until(lambda: terminal.state() == "offline", 40)
    status, body = terminal.ask("GET", "/v1/token")
    assert status == 503
    assert body["detail"]
    sandbox.well()
    terminal.ask("POST", "/v1/pairing", admin=True)
    pair(terminal, sandbox)


def test_the_server_s_exact_words_reach_the_technician(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    wrong = tables(sandbox) | {"client": 'id = "nobody"\nsecret = "wrong"'}
    with Terminal(tmp_path / "t", **wrong) as terminal:
        terminal.start()
        terminal.until(lambda: terminal.state() == "refused")
        reason = str(terminal.ask("GET", "/v1/status")[1]["reason"])
        assert "The client credentials are invalid" in reason


def test_client_credentials_serve_without_a_person(sandbox: SandboxServer, tmp_path: Path) -> None:
    client = tables(sandbox)["client"] + '\ngrant = "client_credentials"'
    with Terminal(tmp_path / "t", **(tables(sandbox) | {"client": client})) as terminal:
        terminal.start()
        terminal.until(lambda: terminal.state() == "serving")
        assert terminal.ask("GET", "/v1/token")[0] == 200
        assert not (terminal.directory / "grant").exists()


def test_a_bad_configuration_exits_78_and_says_where(terminal: Terminal) -> None:
    terminal.config.write_text(terminal.config.read_text().replace("vendor", "vendr"))
    terminal.start()
    assert terminal.process is not None
    assert terminal.process.wait(10) == 78
    assert "vendr" in terminal.logged()


def test_a_placeholder_serial_exits_78_naming_the_source(
    terminal: Terminal, tmp_path: Path
) -> None:
    serial = tmp_path / "serial"
    serial.write_text("To be filled by O.E.M.\n")
    config = terminal.config.read_text()
    terminal.config.write_text(
        config.replace('value = "k7-0117"', f'sources = ["file"]\nfile = "{serial}"')
    )
    terminal.start()
    assert terminal.process is not None
    assert terminal.process.wait(10) == 78
    assert str(serial) in terminal.logged()


def test_a_second_agent_on_the_same_store_waits_and_says_so(
    terminal: Terminal, sandbox: SandboxServer, tmp_path: Path
) -> None:
    terminal.start()
    pair(terminal, sandbox)
    with Terminal(tmp_path / "second", **tables(sandbox)) as second:
        config = second.config.read_text()
        first_grant, own_grant = f"{terminal.directory}/grant", f"{second.directory}/grant"
        second.config.write_text(config.replace(own_grant, first_grant))
        second.start()
        second.until(lambda: second.state() == "failed")
        assert "another agent" in str(second.ask("GET", "/v1/status")[1]["reason"])


def test_the_watchdog_is_fed_while_clients_get_answers(terminal: Terminal) -> None:
    terminal.start(WATCHDOG_USEC="600000")
    terminal.until(lambda: terminal.notices().count("WATCHDOG=1") >= 3)


def test_the_watchdog_starves_when_the_agent_hangs(terminal: Terminal) -> None:
    terminal.start(WATCHDOG_USEC="300000")
    terminal.until(lambda: "WATCHDOG=1" in terminal.notices())
    assert terminal.process is not None
    terminal.process.send_signal(signal.SIGSTOP)
    fed = terminal.notices().count("WATCHDOG=1")
    with pytest.raises(AssertionError, match="not within"):
        terminal.until(lambda: terminal.notices().count("WATCHDOG=1") > fed + 1, 1.5)
    terminal.process.send_signal(signal.SIGCONT)


def test_sockets_answer_before_the_server_is_known(terminal: Terminal) -> None:
    """A port that is bound but never accepts: the agent has no answer, its clients have."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        terminal.write(
            server=f'token_endpoint = "http://127.0.0.1:{port}/oauth/token"',
            client='id = "c"\nsecret = "s"',
        )
        terminal.start()
        terminal.until(lambda: terminal.state() == "starting")
        status, body = terminal.ask("GET", "/v1/token")
        assert (status, body["title"] != "") == (503, True)


def test_stopping_while_the_server_is_silent_is_prompt(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        terminal.write(
            server=f'token_endpoint = "http://127.0.0.1:{port}/oauth/token"',
            client='id = "c"\nsecret = "s"',
        )
        terminal.start()
        terminal.until(lambda: terminal.state() == "starting")
        assert terminal.stop() == 0
