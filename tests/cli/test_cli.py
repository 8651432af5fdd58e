"""Exit codes, sentences and help of every command, from a process of its own."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from agent.store.lock import lock
from tests.cli.command import pos_agent
from tests.cli.running import SERVING, Desk, running
from tests.cli.tls import listening
from tests.config.samples import MINIMAL, with_lines, write

COMMANDS = (
    "run", "status", "token", "pair", "unpair", "doctor", "display", "config", "demo", "sandbox",
)  # fmt: skip


# -- help -----------------------------------------------------------------------------------------


def test_the_help_names_every_command_the_exit_codes_and_examples() -> None:
    told = pos_agent("--help")

    assert told.returncode == 0
    for command in COMMANDS:
        assert f"\n    {command} " in told.stdout
    for text in ("exit codes:", "  78  ", "examples:", "POS_AGENT_SOCKET"):
        assert text in told.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    told = pos_agent(command, "--help")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f"usage: pos-agent {command}")


@pytest.mark.parametrize("words", [[], ["pear"], ["status", "--xml"], ["config"]])
def test_wrong_usage_exits_2_and_shows_the_usage(words: list[str]) -> None:
    told = pos_agent(*words)

    assert told.returncode == 2
    assert told.stderr.startswith("usage: pos-agent")


def test_the_version_is_the_packages() -> None:
    assert pos_agent("--version").stdout == "0.1.0\n"


def test_the_command_line_imports_nothing_heavy_before_it_knows_the_command() -> None:
    code = (
        "import sys; from agent.cli import parser; parser(['status']).parse_args(['status']);"
        " print(sorted({'asyncio','httpx','serial','ssl','cryptography','starlette','periphery'}"
        " & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_token_takes_the_short_way_around_argparse(tmp_path: Path) -> None:
    code = (
        "import sys; from agent.__main__ import main;"
        f" code = main(['token', '--socket', '{tmp_path}/none']);"
        " print(code, sorted({'argparse','agent.cli','asyncio'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "3 []\n"


# -- configuration --------------------------------------------------------------------------------


def test_config_check_prints_every_setting_and_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL.replace("secret_file =", "secret ="))
    extra = write(tmp_path / "config.d", "[pairing]\ncodes = 3\n", name="a.toml")

    told = pos_agent("config", "check", "--config", path)

    assert told.returncode == 0
    lines = [line.split() for line in told.stdout.splitlines()]
    assert ["pairing.codes", "=", "3", "#", extra] in lines
    assert ["client.secret", "=", "(secret)", "#", path] in lines
    assert ["renewal.splay", "=", "30.0", "#", "default"] in lines
    assert "/etc/pos-agent/client-secret" not in told.stdout  # the secret of this test


def test_config_check_lists_everything_that_is_wrong_and_exits_78(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "[pairing]\ncodes = 0\n[renewal]\nsplay = -1\n")

    told = pos_agent("config", "check", "--config", path)

    assert (told.returncode, told.stdout) == (78, "")
    lines = told.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"pos-agent: {path}: ") for line in lines)


def test_run_with_a_bad_configuration_logs_one_line_and_exits_78(tmp_path: Path) -> None:
    path = write(tmp_path, with_lines("pairing", "codes = 0"))

    told = pos_agent("run", "--config", path)

    assert (told.returncode, told.stdout) == (78, "")
    (line,) = told.stderr.splitlines()
    assert " error config.refused reason=" in line
    assert f"{path}: pairing.codes: is 0; allowed are 1 to 1000 codes" in line


# -- status ---------------------------------------------------------------------------------------


def test_status_is_a_summary_a_technician_understands(tmp_path: Path) -> None:
    with running(tmp_path, Desk()) as (path, _):
        told = pos_agent("status", environment={"POS_AGENT_SOCKET": path})

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        "State:     serving tokens",
        "Since:     2 h 5 min ago",
        "Terminal:  /vendor/acme/serial/A-4711",
        "Server:    https://auth.example.com/oauth/token",
        "Paired to: Café Zoë",
        "Token:     lives 18 min more (sha256:0123456789abcdef)",
        "Renewal:   due within 12 min",
    ]


def test_status_as_json_is_what_the_agent_said(tmp_path: Path) -> None:
    with running(tmp_path, Desk()) as (path, _):
        told = pos_agent("status", "--json", "--socket", path)

    assert json.loads(told.stdout) == SERVING


@pytest.mark.parametrize("command", ["status", "pair"])
def test_without_an_agent_the_exit_code_is_3_and_the_sentence_says_where(
    tmp_path: Path, command: str
) -> None:
    told = pos_agent(command, "--socket", str(tmp_path / "none"))

    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith(f"pos-agent: no agent at {tmp_path}/none")
    assert told.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    with running(tmp_path, Desk()) as (path, _):
        told = subprocess.run(
            f"{sys.executable} -m agent status --socket {path} | true",
            shell=True, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert told.stderr == ""


# -- pair and unpair ------------------------------------------------------------------------------


def test_pair_asks_for_a_code(tmp_path: Path) -> None:
    desk = Desk()
    with running(tmp_path, desk) as (_, admin):
        told = pos_agent("pair", environment={"POS_AGENT_ADMIN_SOCKET": admin})

    assert (told.returncode, desk.asked) == (0, ["pair"])
    assert "the customer display" in told.stdout


def test_pair_is_not_for_the_token_socket(tmp_path: Path) -> None:
    desk = Desk()
    with running(tmp_path, desk) as (path, _):
        told = pos_agent("pair", "--socket", path)

    assert (told.returncode, desk.asked) == (1, [])
    assert "that is for the admin socket" in told.stderr


def test_unpair_does_nothing_without_a_person_or_yes(tmp_path: Path) -> None:
    desk = Desk()
    with running(tmp_path, desk) as (_, admin):
        told = pos_agent("unpair", "--socket", admin, given="yes\n")

    assert (told.returncode, desk.asked) == (1, [])
    assert "add --yes to mean it" in told.stderr


def test_unpair_with_yes_forgets_the_grant(tmp_path: Path) -> None:
    desk = Desk()
    with running(tmp_path, desk) as (_, admin):
        told = pos_agent("unpair", "--yes", "--socket", admin)

    assert (told.returncode, desk.asked) == (0, ["unpair"])


@pytest.mark.parametrize(("typed", "asked"), [("yes\n", ["unpair"]), ("y\n", []), ("\n", [])])
def test_unpair_asks_a_person(tmp_path: Path, typed: str, asked: list[str]) -> None:
    desk, (keyboard, terminal) = Desk(), pty.openpty()
    with running(tmp_path, desk) as (_, admin):
        os.write(keyboard, typed.encode())
        told = subprocess.run(
            [sys.executable, "-m", "agent", "unpair", "--socket", admin],
            stdin=terminal, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    os.close(keyboard)
    os.close(terminal)

    assert (told.returncode, desk.asked) == (int(not asked), asked)
    assert told.stdout.startswith("Payments stop until")


def test_unpair_tells_why_it_failed(tmp_path: Path) -> None:
    with running(tmp_path, Desk(broken="the medium is read-only")) as (_, admin):
        told = pos_agent("unpair", "--yes", "--socket", admin)

    assert told.returncode == 1
    assert "the medium is read-only" in told.stderr


# -- unpair without an agent ----------------------------------------------------------------------


def stored(directory: Path) -> tuple[str, Path]:
    """A configuration, and the file of a grant it means."""
    grant = directory / "state" / "grant"
    grant.parent.mkdir(mode=0o700)
    grant.write_bytes(b"\x5a" * 8192)
    grant.chmod(0o600)
    return write(directory, with_lines("store", f'path = "{grant}"')), grant


def unpair_offline(directory: Path, config: str) -> subprocess.CompletedProcess[str]:
    return pos_agent("unpair", "--yes", "--config", config, "--socket", str(directory / "none"))


def test_unpair_without_an_agent_clears_the_store(tmp_path: Path) -> None:
    config, grant = stored(tmp_path)

    told = unpair_offline(tmp_path, config)

    assert (told.returncode, told.stderr) == (0, "")
    assert "The agent is not running" in told.stdout
    assert not grant.exists()


def test_unpair_leaves_a_store_alone_that_an_agent_holds(tmp_path: Path) -> None:
    config, grant = stored(tmp_path)

    with lock(str(grant)):
        told = unpair_offline(tmp_path, config)

    assert told.returncode == 1
    assert "another agent uses" in told.stderr
    assert grant.read_bytes() == b"\x5a" * 8192


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a store of another user")
def test_unpair_as_another_user_says_who_has_to_do_it(tmp_path: Path) -> None:
    config, grant = stored(tmp_path)
    os.chown(grant.parent, 12345, -1)

    told = unpair_offline(tmp_path, config)

    assert told.returncode == 1
    assert "sudo -u '#12345' pos-agent unpair" in told.stderr
    assert grant.exists()


def test_unpair_without_agent_and_store_says_so(tmp_path: Path) -> None:
    config = write(tmp_path, with_lines("store", f'path = "{tmp_path}/gone/grant"'))
    assert "there is no stored grant" in unpair_offline(tmp_path, config).stderr

    config = write(tmp_path, with_lines("store", 'kind = "memory"'))
    assert unpair_offline(tmp_path, config).returncode == 3


# -- doctor ---------------------------------------------------------------------------------------


def test_the_doctor_stops_at_a_bad_configuration(tmp_path: Path) -> None:
    path = write(tmp_path, with_lines("pairing", "codes = 0"))

    told = pos_agent("doctor", "--config", path)

    assert told.returncode == 1
    assert f"problem  config      {path}: pairing.codes: is 0" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("1 to mend")


TERMINAL = """
[server]
token_endpoint = "http://127.0.0.1:{port}/t"
[client]
id = "c"
secret_file = "{directory}/secret"
[identity]
vendor = "acme"
pair = [{{key = "serial", value = "A-4711"}}]
[store]
path = "{directory}/state/grant"
[display]
port = "{display}"
command_set = "escpos"
[supply]
socket = "{directory}/token.sock"
admin_socket = "{directory}/admin.sock"
"""


def test_the_doctor_finds_a_sound_terminal_well_and_a_broken_one_not(tmp_path: Path) -> None:
    """Everything real but the server, which is a port that answers on loopback."""
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "state").mkdir(mode=0o700)
    master, slave = pty.openpty()
    with running(tmp_path, Desk()), listening(lambda connection: None) as port:
        text = TERMINAL.format(port=port, directory=tmp_path, display=os.ttyname(slave))
        config = write(tmp_path, text)
        well = pos_agent("doctor", "--config", config)
    os.close(slave)
    os.close(master)
    write(tmp_path / "config.d", '[display]\ncommand_set = "epson"\n', name="a.toml")
    ill = pos_agent("doctor", "--config", config)

    sound = ("clock", "config", "identity", "credentials", "store", "name", "display", "socket")
    for name in sound:
        assert f"ok       {name:<11} " in well.stdout
    assert (well.returncode, "problem" in well.stdout) == (0, False)
    for name in ("network", "display", "socket"):
        assert f"problem  {name:<11} " in ill.stdout
    assert ill.returncode == 1
    assert "no command set 'epson'" in ill.stdout
    assert "s3cret" not in well.stdout + well.stderr + ill.stdout + ill.stderr
