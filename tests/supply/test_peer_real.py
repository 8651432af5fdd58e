"""What can be found out about a peer from behind namespaces, hidden processes and old kernels."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.supply.services import service_cgroup

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root")

SHOP, TILL = 64002, 64003  # users nobody has; the agent is 64001
GONE = "the process has ended, or is of another PID namespace"
ISOLATED = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture
def unit() -> Iterator[Path]:
    with service_cgroup() as made:
        yield made


# -- what an unprivileged agent sees --------------------------------------------------------------

# argv: options of /proc, a unit. As root: a client in the unit. Then the agent, as its own user.
_CONFINED = """
import os, socket, subprocess, sys
from agent.supply.access import Rule
from agent.supply.peer import PeerProcess, peer_of, unseen
options, unit, folder = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/door.sock")
listener.listen()
listener.settimeout(10)
os.chmod(folder + "/door.sock", 0o666)
ready, go = os.pipe()
if not os.fork():
    client = socket.socket(socket.AF_UNIX)
    with open(unit + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
    os.setuid(64003)
    client.connect(folder + "/door.sock")
    os.close(go)
    os.read(ready, 1)
    os._exit(0)
connection, _ = listener.accept()
subprocess.run(["mount", "-t", "proc", "proc", "/proc", "-o", options], check=True)
os.setgid(64001)
os.setuid(64001)
process = PeerProcess(connection, peer_of(connection))
print(process.unit(), process.runs(sys.executable), len(process.doubts))
print(*process.doubts, sep="; ")
print(*unseen([Rule(name="r", unit="x", exe="/")]), sep="; ")
os.close(go)
os.wait()
"""


@pytest.mark.parametrize(
    ("options", "seen"), [("hidepid=invisible,subset=pid", False), ("subset=pid", True)]
)
def test_units_are_seen_as_soon_as_proc_is_not_hidden(
    folder: Path, unit: Path, options: str, seen: bool
) -> None:
    """systemd mounts /proc so for ProtectProc=invisible and =default, with ProcSubset=pid."""
    os.chmod(folder, 0o777)
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", _CONFINED, options, str(unit), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    facts, doubts, useless = done.stdout.splitlines()
    assert facts == (f"{unit.name} False 1" if seen else "None False 2")
    assert ("ProtectProc=default" in doubts) == (not seen)
    assert ("ProtectProc=default" in useless) == (not seen)
    assert "CAP_SYS_PTRACE" in doubts  # other users' executables are hidden in both cases
    assert "CAP_SYS_PTRACE" in useless


# -- process ids ----------------------------------------------------------------------------------

# In a PID namespace of its own: somebody connects, leaves the connection to a child, and ends; then
# a service gets its process id. argv: folder, unit, option, users of the one and the other.
_REUSE = """
import os, socket, sys
from agent.supply.peer import PeerProcess, peer_of
folder, unit, option, attacker, service = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(folder + "/door.sock")
listener.listen()
listener.settimeout(10)
os.chmod(folder + "/door.sock", 0o666)
ready, go = os.pipe()

def serve():
    with open(unit + "/cgroup.procs", "w") as file:
        file.write("0")
    os.setuid(int(service))
    own = socket.socket(socket.AF_UNIX)
    own.connect(folder + "/door.sock")
    os.close(go)
    os.read(ready, 1)
    os._exit(0)

first = os.fork()
if not first:
    os.setuid(int(attacker))
    client = socket.socket(socket.AF_UNIX)
    client.connect(folder + "/door.sock")
    if not os.fork():
        os.close(go)
        os.read(ready, 1)
    os._exit(0)
os.waitpid(first, 0)
with open("/proc/sys/kernel/ns_last_pid", "w") as file:
    file.write(str(first - 1))
second = os.fork()
if not second:
    serve()
connections = [listener.accept()[0], listener.accept()[0]]
for name, connection in zip(("attacker", "service"), connections):
    peer = peer_of(connection)
    process = PeerProcess(connection, peer, peerpidfd=int(option))
    print(name, peer.pid == first == second, process.unit(), *process.doubts)
os.close(go)
"""


def reused(folder: Path, unit: Path, option: int, attacker: int, service: int) -> list[str]:
    os.chmod(folder, 0o777)
    words = [str(folder), str(unit), str(option), str(attacker), str(service)]
    done = subprocess.run(
        [*ISOLATED, sys.executable, "-c", _REUSE, *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


can_choose_pids = pytest.mark.skipif(
    not os.path.exists("/proc/sys/kernel/ns_last_pid"), reason="no CONFIG_CHECKPOINT_RESTORE"
)


@can_choose_pids
def test_who_gets_a_process_id_later_lends_it_to_nobody(folder: Path, unit: Path) -> None:
    if not has_peerpidfd():
        pytest.skip("Linux before 6.5")
    ended = "unit: the process that connected has ended"
    attacker, service = reused(folder, unit, 77, TILL, TILL)
    assert attacker in (f"attacker True None {ended}", f"attacker True None unit: {GONE}")
    assert service == f"service True {unit.name}"


def has_peerpidfd() -> bool:
    one, other = socket.socketpair()
    with one, other:
        try:
            os.close(one.getsockopt(socket.SOL_SOCKET, 77))
        except OSError:
            return False
    return True


@can_choose_pids
def test_on_an_older_kernel_only_the_same_user_can_borrow_it(folder: Path, unit: Path) -> None:
    """What docs/supply.md admits: by number alone, the one process cannot be told from the other.
    The same user could as well have made the service's process do what it wants."""
    other = "unit: its process id belongs to another user by now"
    assert reused(folder, unit, 9999, SHOP, TILL)[0] == f"attacker True None {other}"
    (folder / "door.sock").unlink()
    assert reused(folder, unit, 9999, TILL, TILL)[0] == f"attacker True {unit.name}"


# argv: folder. An agent in a PID namespace of its own, and a client outside.
_INSIDE = """
import os, socket, sys
from agent.supply.peer import PeerProcess, peer_of
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + "/door.sock")
listener.listen()
listener.settimeout(10)
print("ready", flush=True)
connection, _ = listener.accept()
peer = peer_of(connection)
process = PeerProcess(connection, peer)
print(peer.pid, peer.uid, process.unit(), *process.doubts)
"""


def test_a_client_outside_the_agents_pid_namespace_has_a_user_and_no_facts(folder: Path) -> None:
    with (
        subprocess.Popen(
            [*ISOLATED, sys.executable, "-c", _INSIDE, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        ) as agent,
        socket.socket(socket.AF_UNIX) as client,
    ):
        assert agent.stdout is not None
        assert agent.stdout.readline() == "ready\n"
        client.connect(str(folder / "door.sock"))
        assert agent.stdout.readline() == f"0 0 None unit: {GONE}\n"
