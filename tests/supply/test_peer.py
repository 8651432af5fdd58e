"""What is known of a peer: its unit and executable, and only if it certainly is the peer's."""

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.supply.access import Peer, Rule
from agent.supply.peer import PeerProcess, has_ended, peer_of, units, unseen

UNKNOWN_OPTION = 9999  # what SO_PEERPIDFD is to a kernel before 6.5
V2 = "0::{}\n"
HYBRID = "12:pids:/elsewhere.service\n1:name=systemd:{}\n0::/other.service\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Peer]]:
    """A connection to ourselves."""
    one, other = socket.socketpair()
    with one, other:
        yield one, peer_of(one)


@contextlib.contextmanager
def process(connection: socket.socket, peer: Peer, **how: object) -> Iterator[PeerProcess]:
    found = PeerProcess(connection, peer, **how)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        found.close()


@contextlib.contextmanager
def other_process() -> Iterator[tuple[subprocess.Popen[bytes], socket.socket, Peer]]:
    """Another process that connected, alive until its standard input is closed."""
    script = (
        "import socket, sys; client = socket.socket(socket.AF_UNIX);"
        "client.connect('\\0' + sys.argv[1]); sys.stdin.read()"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(10)
        listener.bind("")  # Linux gives it an abstract name
        listener.listen()
        command = [sys.executable, "-c", script, listener.getsockname()[1:].decode()]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as client:
            connection, _ = listener.accept()
            with connection:
                peer = peer_of(connection)
                assert peer.pid == client.pid
                yield client, connection, peer


def end(client: subprocess.Popen[bytes]) -> None:
    client.communicate()
    assert client.returncode is not None


def fake_proc(directory: Path, peer: Peer, cgroups: str | None = None) -> str:
    folder = directory / str(peer.pid)
    folder.mkdir()
    if cgroups is not None:
        (folder / "cgroup").write_text(cgroups, newline="\n")
    return str(directory)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_kernel_says_who_is_at_the_other_end(pair: tuple[socket.socket, Peer]) -> None:
    peer = pair[1]
    assert (peer.uid, peer.gid, peer.pid) == (os.getuid(), os.getgid(), os.getpid())
    assert peer.groups == set(os.getgroups())


# -- units ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [V2, HYBRID])
@pytest.mark.parametrize(
    ("path", "system", "user"),
    [
        ("/system.slice/till.service", "till.service", None),
        ("/till.service", "till.service", None),
        ("/shop.slice/shop-tills.slice/till@1.service", "till@1.service", None),
        ("/system.slice/_cpu.service", "cpu.service", None),
        ("/user.slice/user-1001.slice/session-3.scope", "session-3.scope", None),
        ("/user.slice/user-1001.slice/user@1001.service/init.scope", "user@1001.service", "init"),
        (
            "/user.slice/user-1001.slice/user@1001.service/app.slice/till.service",
            "user@1001.service",
            "till",
        ),
        # Below a unit, names are whatever those who may write there like.
        ("/system.slice/shop.service/till.service", "shop.service", None),
        ("/system.slice/docker-0a1b.scope/system.slice/till.service", "docker-0a1b.scope", None),
        ("/user.slice/user@1002.service/app.slice/till.service", "user@1002.service", None),
        ("/system.slice/user@1001.service/shop.service/till.service", "user@1001.service", "shop"),
        ("/system.slice/user@1001.service/x/till.service", "user@1001.service", None),
        ("/payload/till.service", None, None),
        ("/../till.service", None, None),
        ("/till.service (deleted)", None, None),
        ("/.service", None, None),
        ("/system.slice", None, None),
        ("/", None, None),
    ],
)
def test_the_unit_is_the_one_systemd_would_name(
    form: str, path: str, system: str | None, user: str | None
) -> None:
    found = units(form.format(path), 1001)
    assert found[0] == system
    assert (found[1] or "").partition(".")[0] == (user or "")


@pytest.mark.parametrize("text", ["", "\n", "rubbish\n", "0:\n", "3:cpu:/till.service\n"])
def test_without_systemds_own_line_there_is_no_unit(text: str) -> None:
    assert units(text, 1001) == (None, None)


def test_a_name_cannot_begin_another_line(pair: tuple[socket.socket, Peer], tmp_path: Path) -> None:
    """Only a newline is forbidden in names; a user may write below its own manager."""
    own = "/user.slice/user@1001.service/"
    for end in "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029":
        text = V2.format(f"{own}x{end}1:name=systemd:/till.service")
        assert units(text, 1001) == ("user@1001.service", None)
        assert units(text, 1002) == ("user@1001.service", None)
    proc = fake_proc(tmp_path, pair[1], V2.format("/shop.service/x\r1:name=systemd:/till.service"))
    with process(*pair, proc=proc) as found:
        assert found.unit() == "shop.service"


# -- facts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"peerpidfd": UNKNOWN_OPTION}])
def test_facts_of_a_living_process_are_known(how: dict[str, int], tmp_path: Path) -> None:
    with other_process() as (_, connection, peer):
        proc = fake_proc(tmp_path, peer, V2.format("/system.slice/till.service"))
        with process(connection, peer, proc=proc, **how) as found:
            assert (found.unit(), found.user_unit()) == ("till.service", None)
        with process(connection, peer, **how) as found:
            assert found.runs(os.path.realpath(f"/proc/{peer.pid}/exe"))
            assert found.doubts == []


def test_the_executable_is_the_file_whatever_its_name(
    pair: tuple[socket.socket, Peer], tmp_path: Path
) -> None:
    link, copy = tmp_path / "link", tmp_path / "copy"
    link.symlink_to(sys.executable)
    copy.write_text("")
    with process(*pair) as found:
        assert found.runs(str(link))
        assert not found.runs(str(copy))
        assert found.doubts == []
        assert not found.runs(str(tmp_path / "none"))
        assert found.doubts == [f"{tmp_path}/none: No such file or directory"]


def test_nothing_is_opened_before_it_is_needed_or_left_open(
    pair: tuple[socket.socket, Peer],
) -> None:
    before = descriptors()
    found = PeerProcess(*pair)
    assert descriptors() == before
    found.unit()
    found.runs("/bin/sh")
    first = found.pidfd
    assert first is not None
    assert not os.get_inheritable(first)
    assert found.pidfd == first
    assert descriptors() == before + 1
    found.close()
    found.close()
    assert found.pidfd is None
    assert descriptors() == before


def test_a_question_is_looked_up_once(pair: tuple[socket.socket, Peer], tmp_path: Path) -> None:
    """Facts do not change between two rules, and trouble is told once."""
    proc = fake_proc(tmp_path, pair[1], V2.format("/a.service"))
    with process(*pair, proc=proc) as found:
        assert found.unit() == "a.service"
        (tmp_path / str(pair[1].pid) / "cgroup").unlink()
        assert found.unit() == "a.service"
    with process(*pair, proc=proc) as found:
        assert (found.unit(), found.user_unit(), found.runs("/bin/sh")) == (None, None, False)
        assert not found.runs("/bin/sh")
        assert len(found.doubts) == 2


def test_what_may_not_be_seen_says_what_would_help(
    pair: tuple[socket.socket, Peer], tmp_path: Path
) -> None:
    with process(*pair, proc=str(tmp_path)) as found:
        assert found.unit() is None
        assert not found.runs(sys.executable)
        unit, executable = found.doubts
    assert unit == (
        "unit: the agent may not see it (No such file or directory);"
        " its own unit needs ProtectProc=default"
    )
    assert executable.startswith("executable: the agent may not see it")
    assert executable.endswith("it needs the capability CAP_SYS_PTRACE")


# -- another process ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"peerpidfd": UNKNOWN_OPTION}])
def test_nothing_is_known_of_a_process_that_has_ended(how: dict[str, int], tmp_path: Path) -> None:
    """Although something that looks like it is where it was."""
    with other_process() as (client, connection, peer):
        proc = fake_proc(tmp_path, peer, V2.format("/till.service"))
        (tmp_path / str(peer.pid) / "exe").symlink_to(sys.executable)
        end(client)
        with process(connection, peer, proc=proc, **how) as found:
            assert found.unit() is None
            assert not found.runs(sys.executable)
            assert [doubt.partition(": the process")[0] for doubt in found.doubts] == [
                "unit",
                "executable",
            ]
            assert "has ended" in found.doubts[0]
        with process(connection, peer, proc=str(tmp_path / "none"), **how) as found:
            assert found.unit() is None
            assert "has ended" in found.doubts[0]  # and not that it may not be seen


@pytest.mark.parametrize("how", [{}, {"peerpidfd": UNKNOWN_OPTION}])
def test_what_was_read_while_the_process_ended_does_not_count(
    how: dict[str, int], tmp_path: Path
) -> None:
    """The file is a pipe: when somebody reads it, the process ends, and only then it says what."""
    with other_process() as (client, connection, peer):
        proc = fake_proc(tmp_path, peer)
        pipe = tmp_path / str(peer.pid) / "cgroup"
        os.mkfifo(pipe)
        slow = (
            "import os, select, sys; pid = int(sys.argv[2]); ended = os.pidfd_open(pid)\n"
            "with open(sys.argv[1], 'w') as pipe:\n"  # waits for the reader
            "    os.kill(pid, 9); select.select([ended], [], [])\n"
            "    pipe.write('0::/till.service\\n')\n"
        )
        with (
            subprocess.Popen([sys.executable, "-c", slow, str(pipe), str(peer.pid)]) as writer,
            process(connection, peer, proc=proc, **how) as found,
        ):
            assert found.unit() is None
            assert found.doubts == ["unit: the process that connected has ended"]
        assert writer.returncode == 0
        client.wait()


def test_by_number_alone_the_process_has_to_run_as_the_user_who_connected(
    pair: tuple[socket.socket, Peer], tmp_path: Path
) -> None:
    connection, peer = pair
    proc = fake_proc(tmp_path, peer, V2.format("/till.service"))
    other = Peer(uid=peer.uid + 1, gid=peer.gid, pid=peer.pid)
    with process(connection, other, proc=proc, peerpidfd=UNKNOWN_OPTION) as found:
        assert found.unit() is None
        assert found.doubts == ["unit: its process id belongs to another user by now"]
    with process(connection, other, proc=proc) as found:  # changed its user since: still the same
        assert found.unit() == "till.service"


def test_a_process_of_another_pid_namespace_has_no_facts(
    pair: tuple[socket.socket, Peer], tmp_path: Path
) -> None:
    peer = Peer(uid=0, gid=0, pid=0)
    with process(pair[0], peer, proc=fake_proc(tmp_path, peer, V2.format("/a.service"))) as found:
        assert found.pidfd is None
        assert found.unit() is None
        assert not found.runs(sys.executable)
        assert "another PID namespace" in found.doubts[0]


def test_a_closed_connection_has_no_facts(pair: tuple[socket.socket, Peer]) -> None:
    pair[0].close()
    with process(*pair) as found:
        assert found.pidfd is None
        assert found.unit() is None


def test_the_pidfd_becomes_readable_when_the_process_ends() -> None:
    with other_process() as (client, connection, peer), process(connection, peer) as found:
        pidfd = found.pidfd
        assert pidfd is not None
        assert not has_ended(pidfd)
        end(client)
        assert select.select([pidfd], [], [], 10)[0] == [pidfd]
        assert has_ended(pidfd)


# -- rules that cannot match ----------------------------------------------------------------------


def test_rules_that_can_never_match_are_told(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    status = tmp_path / "self/status"
    status.write_text("Name:\tpython\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n")
    rules = (
        Rule(name="a", uids=frozenset({1})),
        Rule(name="b", unit="b.service"),
        Rule(name="c", user_unit="c.service", uids=frozenset({1})),
        Rule(name="d", exe=sys.executable),
        Rule(name="e", exe=str(tmp_path / "none")),
    )
    assert unseen(rules, proc=str(tmp_path)) == [
        "b: the agent may not see units; its own unit needs ProtectProc=default",
        "c: the agent may not see units; its own unit needs ProtectProc=default",
        "d: the agent may not see executables; it needs the capability CAP_SYS_PTRACE",
        "e: the agent may not see executables; it needs the capability CAP_SYS_PTRACE",
        f"e: {tmp_path}/none is missing, or the agent may not see it",
    ]
    status.write_text("CapEff:\t0000000000080000\n")
    (tmp_path / "1").mkdir()
    (tmp_path / "1/cgroup").write_text("")
    assert len(unseen(rules, proc=str(tmp_path))) == 1
    assert unseen(rules[:1], proc=str(tmp_path / "none")) == []
