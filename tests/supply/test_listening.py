import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigError
from agent.supply.access import Policy, Rule
from agent.supply.house import Limits
from agent.supply.listening import activated, admitting, listen, remove, token_mode
from agent.supply.server import Server
from tests.supply.desk import Desk
from tests.supply.house import request


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize(
    ("policy", "group", "mode"),
    [
        (Policy(own_uid=9), None, 0o600),
        (Policy(own_uid=9), "payments", 0o660),
        (Policy(own_uid=9, allow_uids=frozenset({1})), None, 0o666),
        (Policy(own_uid=9, allow_gids=frozenset({1})), "payments", 0o666),
        (Policy(own_uid=9, rules=(Rule(name="till"),)), "payments", 0o666),
    ],
)
def test_the_socket_file_is_as_closed_as_the_policy_allows(
    policy: Policy, group: str | None, mode: int
) -> None:
    assert mode == token_mode(policy, group)


def test_the_sockets_group_may_ask_also_beside_lists() -> None:
    lists = Policy(own_uid=9, allow_gids=frozenset({50}))
    assert admitting(lists, "daemon").allow_gids == {50, 1}
    uids = Policy(own_uid=9, allow_uids=frozenset({7}))
    assert admitting(uids, "daemon").allow_gids == {1}
    assert admitting(lists, None) == lists
    assert admitting(Policy(own_uid=9), "daemon") == Policy(own_uid=9)


def test_rules_say_themselves_which_groups_they_mean() -> None:
    rules = Policy(own_uid=9, allow_gids=frozenset({50}), rules=(Rule(name="till"),))
    assert admitting(rules, "daemon") == rules


def test_mode_is_right_whatever_the_umask(folder: Path) -> None:
    path = str(folder / "a.sock")
    before = os.umask(0)
    try:
        with listen(path, mode=0o660) as listener:
            assert mode_of(path) == 0o660
            assert not listener.getblocking()
    finally:
        os.umask(before)


def test_nobody_can_connect_before_the_mode_is_right(folder: Path) -> None:
    """Traced: the file is born 0600, gets its mode, and only then does the socket listen."""
    script = (
        "from agent.supply.listening import listen; import sys, os; os.umask(0);"
        "sys.addaudithook(lambda name, args: print(name, *args) if name in ('socket.bind',"
        " 'os.chmod', 'os.chown') else None); listen(sys.argv[1], mode=0o660).close()"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(folder / "a.sock")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    events = [line.split()[0] for line in out]
    assert events == ["os.chmod", "socket.bind", "os.chown", "os.chmod"]  # fchmod is os.chmod too
    assert out[0].split()[2] == str(0o600)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_the_group_gets_the_socket(folder: Path) -> None:
    path = str(folder / "a.sock")
    with listen(path, mode=0o660, group="daemon"):
        assert os.stat(path).st_gid == 1


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    path = str(folder / "a.sock")
    listen(path, mode=0o600).close()
    assert os.path.exists(path)
    with listen(path, mode=0o600), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def test_a_live_socket_is_left_alone(folder: Path) -> None:
    path = str(folder / "a.sock")
    with listen(path, mode=0o600) as first:
        first.listen(0)  # room for one
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            with pytest.raises(ConfigError, match="another program answers"):  # backlog full
                listen(path, mode=0o600)


async def test_a_crowd_finds_room_in_the_queue_while_nobody_is_accepted(folder: Path) -> None:
    """More than the limit for all: whoever is to be refused is told so, not lost."""
    path = str(folder / "token.sock")
    policy = Policy(own_uid=os.getuid())
    server = Server(desk=Desk(), socket=path, admin_socket=path + ".admin", policy=policy)
    await server.start()
    with contextlib.ExitStack() as stack:
        for _ in range(Limits().connections + Limits().refused + 64):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect(path)  # BlockingIOError: the queue is full
    await server.aclose()


def test_links_and_files_are_never_replaced(folder: Path) -> None:
    target, link, file = folder / "target.sock", folder / "link.sock", folder / "file.sock"
    listen(str(target), mode=0o600).close()
    link.symlink_to(target)
    file.write_text("precious")
    with pytest.raises(ConfigError, match=r"link\.sock is a symbolic link: remove it"):
        listen(str(link), mode=0o600)
    with pytest.raises(ConfigError, match=r"file\.sock is not a socket"):
        listen(str(file), mode=0o600)
    assert link.is_symlink()
    assert file.read_text() == "precious"


def test_a_missing_folder_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=rf"create {folder}/none"):
        listen(f"{folder}/none/a.sock", mode=0o600)
    with pytest.raises(ConfigError, match="longer than 107 bytes"):
        listen(f"{folder}/{'x' * 100}", mode=0o600)
    with pytest.raises(ConfigError, match="there is no group 'nobody-has-this'"):
        listen(f"{folder}/a.sock", mode=0o600, group="nobody-has-this")


def test_only_our_own_socket_file_is_removed(folder: Path) -> None:
    path = str(folder / "a.sock")
    with listen(path, mode=0o600):
        ours = os.stat(path).st_ino
        remove(path, ours + 1)
        assert os.path.exists(path)
        remove(path, ours)
        assert not os.path.exists(path)
        remove(path, ours)


# -- socket activation ----------------------------------------------------------------------------

_ACTIVATED = """
import asyncio, os, socket, sys
from agent.supply.access import Policy
from agent.supply.listening import activated
from agent.supply.server import Server
from tests.supply.desk import Desk

async def main(folder):
    os.environ["LISTEN_PID"] = str(os.getpid())
    sockets = activated(os.environ, os.getpid())
    server = Server(desk=Desk(), socket=folder + "/unused", admin_socket=folder + "/admin.sock",
                    policy=Policy(own_uid=os.getuid()), activated=sockets)
    await server.start()
    print(sorted(sockets), "LISTEN_FDS" in os.environ, os.listdir(folder), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.aclose()

asyncio.run(main(sys.argv[1]))
"""


def test_systemd_may_hand_over_the_sockets(folder: Path) -> None:
    path = str(folder / "activated.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        launcher = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
        )
        command = [sys.executable, "-c", _ACTIVATED, str(folder)]
        with subprocess.Popen(
            [sys.executable, "-c", launcher, str(listener.fileno()), *command],
            env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "token"},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("['token'] False")
            assert "'unused'" not in said
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200")
            process.communicate()
        assert process.returncode == 0
    assert os.listdir(folder) == ["activated.sock"]  # the unit's file stays, ours is gone


class _TidyLoop(asyncio.SelectorEventLoop):
    """Removes at the end what create_unix_server served, as all loops do since Python 3.13."""

    def __init__(self) -> None:
        super().__init__()
        self._tidied: dict[socket.socket, str] = {}

    async def create_unix_server(self, *args: Any, **more: Any) -> asyncio.Server:
        self._tidied[more["sock"]] = more["sock"].getsockname()
        return await super().create_unix_server(*args, **more)

    def _stop_serving(self, sock: socket.socket) -> None:
        with contextlib.suppress(KeyError, FileNotFoundError):
            os.unlink(self._tidied[sock])
        super()._stop_serving(sock)  # type: ignore[misc]


async def _live_and_end(listener: socket.socket, admin: str) -> bytes:
    """What a client is answered by a server on a socket that was handed over, which then ends."""
    server = Server(
        desk=Desk(),
        socket="",
        admin_socket=admin,
        policy=Policy(own_uid=os.getuid()),
        activated={"token": listener},
    )
    await server.start()
    reader, writer = await asyncio.open_unix_connection(listener.getsockname())
    writer.write(request("GET", "/livez"))
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await server.aclose()
    return answer


def test_the_file_of_a_socket_that_was_handed_over_stays_on_every_python(folder: Path) -> None:
    """It is systemd's: without it nobody reaches the agent after a restart."""
    listener = listen(f"{folder}/activated.sock", mode=0o600)
    with asyncio.Runner(loop_factory=_TidyLoop) as runner:
        answer = runner.run(_live_and_end(listener, f"{folder}/admin.sock"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert os.listdir(folder) == ["activated.sock"]


def test_sockets_meant_for_another_process_are_not_taken() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "token:admin", "A": "b"}
    assert activated(environ, 4711) == {}
    assert environ == {"A": "b"}
    assert activated({}, 4711) == {}
    assert activated({"LISTEN_PID": "7", "LISTEN_FDS": "many"}, 7) == {}


@pytest.mark.parametrize("names", ["http", "token:token", ""])
def test_unknown_descriptor_names_are_a_configuration_error(names: str) -> None:
    script = (
        "from agent.supply.listening import activated; import socket, os, sys\n"
        "one = socket.socket(socket.AF_UNIX); one.bind(sys.argv[1]); one.listen()\n"
        "os.dup2(one.fileno(), 9); os.dup2(9, 3); os.dup2(9, 4)\n"
        "activated({'LISTEN_PID': '1', 'LISTEN_FDS': '2', 'LISTEN_FDNAMES': sys.argv[2]}, 1)"
    )
    path = f"\0pos-agent-test-{os.getpid()}-{names}"
    out = subprocess.run(
        [sys.executable, "-c", script.replace("sys.argv[1]", repr(path)), "", names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError: systemd passed a socket named" in out.stderr


@pytest.mark.parametrize(
    "make",
    [
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "open('/dev/null')",
    ],
)
def test_descriptors_that_do_not_listen_are_a_configuration_error(make: str) -> None:
    script = (
        "from agent.supply.listening import activated; import socket, os\n"
        f"one = {make}; os.dup2(one.fileno(), 9); os.dup2(9, 3)\n"
        "activated({'LISTEN_PID': '1', 'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'token'}, 1)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "ConfigError" in out.stderr


async def test_when_one_socket_cannot_be_made_none_stays(folder: Path) -> None:
    admin = folder / "admin.sock"
    admin.write_text("in the way")
    server = Server(
        desk=Desk(),
        socket=str(folder / "token.sock"),
        admin_socket=str(admin),
        policy=Policy(own_uid=os.getuid()),
    )
    with pytest.raises(ConfigError, match="not a socket"):
        await server.start()
    assert os.listdir(folder) == ["admin.sock"]
