"""The doctor on real files, ports and sockets, sound and broken."""

import asyncio
import fcntl
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import doctor_display
from agent import doctor_probes as probes
from agent.credentials import FromCommand, InConfig, InCredential, InFile, SecretSource
from agent.doctor import Finding, Level, ok
from agent.secret import Secret
from agent.settings import IdentitySettings, PairSettings, StoreSettings
from agent.supply.access import Policy
from hw.machine import source_opener
from tests.cli.running import Desk, running
from tests.display.waiting import until
from tests.identity.privilege import reachable, unprivileged


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


# -- bounds ---------------------------------------------------------------------------------------


def test_a_probe_that_hangs_is_given_up_in_time() -> None:
    forever = threading.Event()

    def hang() -> list[Finding]:
        forever.wait(60)
        return []

    start = time.monotonic()
    (found,) = probes.bounded("display", hang, longest=0.05)
    forever.set()

    assert time.monotonic() - start < 5
    assert (found.level, found.what) == (Level.PROBLEM, "no answer within 0.05 s")


def test_a_probe_that_breaks_keeps_what_it_found_and_hides_nobody_else() -> None:
    def breaks() -> Iterator[Finding]:
        yield ok("store", "so far")
        raise RuntimeError("oh")

    first, second = probes.bounded("store", breaks)

    assert first == ok("store", "so far")
    assert second.what == "could not be looked at (RuntimeError: oh)"


def test_every_probe_of_the_doctor_ends_within_five_seconds() -> None:
    assert probes.LONGEST <= 5.0


# -- this terminal --------------------------------------------------------------------------------


def test_root_is_told_that_it_sees_too_much() -> None:
    assert only(probes.user(0)).level is Level.WARNING
    assert list(probes.user(1000)) == []


def test_every_source_is_told_and_fixed_values_too(tmp_path: Path) -> None:
    (tmp_path / "serial").write_text("F-4711\n")
    pairs = (
        PairSettings(key="branch", value="1"),
        PairSettings(key="serial", sources=("device-tree", "file"), file="/serial"),
    )
    found = probes.identity(
        IdentitySettings(vendor="v", pairs=pairs),
        source_opener(root=str(tmp_path)),
        in_service=True,
    )
    assert [finding.what for finding in found] == [
        "branch is '1', from the configuration",
        "device-tree: not on this terminal",
        "file (/serial) gave 'F-4711', used for serial",
    ]


@pytest.mark.parametrize(("in_service", "level"), [(True, Level.PROBLEM), (False, Level.WARNING)])
def test_a_source_that_cannot_be_read_blocks_the_service_but_maybe_only_this_user(
    tmp_path: Path, in_service: bool, level: Level
) -> None:
    (tmp_path / "serial").mkdir()
    pair = PairSettings(key="serial", sources=("file",), file="/serial")
    found = only(
        probes.identity(
            IdentitySettings(vendor="v", pairs=(pair,)),
            source_opener(root=str(tmp_path)),
            in_service=in_service,
        )
    )
    assert found.level is level
    assert "cannot be read (Is a directory)" in found.what


def credential(source: SecretSource, directory: str | None = None) -> Finding:
    return only(probes.credential("secret", source, credentials_directory=directory))


def test_a_secret_that_can_be_had_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "secret").chmod(0o600)
    sources = (
        InConfig(Secret("s3cret")),
        InFile(str(tmp_path / "secret")),
        FromCommand(("/bin/echo", "s3cret")),
    )
    for source in sources:
        found = credential(source)
        assert (found.level, found.what) == (Level.OK, "the secret can be read")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (InFile("/nowhere/secret"), "no secret: secret file /nowhere/secret does not exist"),
        (FromCommand(("/bin/false",)), "no secret: secret command /bin/false failed with exit"),
        (FromCommand(("/nowhere/vault",)), "no secret: "),
    ],
)
def test_a_secret_that_cannot_be_had_is_a_problem(source: SecretSource, says: str) -> None:
    found = credential(source)
    assert found.level is Level.PROBLEM
    assert found.what.startswith(says)


def test_a_systemd_credential_is_seen_by_the_service_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "client-secret").write_text("s3cret")
    (tmp_path / "client-secret").chmod(0o600)
    source = InCredential("client-secret")

    assert credential(source).level is Level.WARNING
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credential(source, str(tmp_path)).level is Level.OK


# -- store ----------------------------------------------------------------------------------------


def store(path: Path, euid: int | None = None) -> list[Finding]:
    settings = StoreSettings(path=str(path), key_file=f"{path}.key")
    return list(probes.store(settings, os.geteuid() if euid is None else euid))


def test_a_fresh_store_directory_is_sound_and_stays_untouched(tmp_path: Path) -> None:
    assert [finding.level for finding in store(tmp_path / "grant")] == [Level.OK]
    assert os.listdir(tmp_path) == []


def test_a_missing_store_directory_is_a_problem_with_the_command_that_makes_it(
    tmp_path: Path,
) -> None:
    (found,) = store(tmp_path / "gone" / "grant")
    assert found.what == f"{tmp_path / 'gone'} is missing"
    assert found.do.startswith("install -d -m 0700 -o pos-agent")


def test_a_store_that_others_may_read_is_a_problem(tmp_path: Path) -> None:
    for name in ("grant", "grant.key"):
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(0o640)

    found = [finding.what for finding in store(tmp_path / "grant")]

    assert found[0] == f"{tmp_path}/grant is open to other users"
    assert found[1] == f"{tmp_path}/grant.key is open to other users"


def test_a_store_of_another_user_is_a_problem_for_that_user(tmp_path: Path) -> None:
    (tmp_path / "grant").touch(mode=0o600)

    found = store(tmp_path / "grant", euid=os.geteuid() + 1)

    assert found[0].what == f"{tmp_path}/grant belongs to another user"


def test_a_directory_without_the_right_to_write_is_a_problem() -> None:
    with reachable() as directory:
        directory.chmod(0o555)
        with unprivileged():
            (found,) = store(directory / "grant")

    assert found.what == f"{directory} cannot be written by this user"


def test_a_store_in_memory_is_a_warning() -> None:
    found = only(probes.store(StoreSettings(kind="memory"), os.geteuid()))
    assert found.level is Level.WARNING


# -- display --------------------------------------------------------------------------------------


@contextmanager
def pty() -> Iterator[str]:
    master, slave = os.openpty()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        os.close(master)


def proc(directory: Path, **processes: tuple[str, str]) -> str:
    """A /proc with these processes: name and a file each has open."""
    for pid, (name, opened) in processes.items():
        entry = directory / "proc" / pid.removeprefix("p")
        (entry / "fd").mkdir(parents=True)
        (entry / "comm").write_text(name + "\n")
        (entry / "fd" / "3").symlink_to(opened)
    (directory / "proc").mkdir(exist_ok=True)
    (directory / "proc" / "self").mkdir()
    return str(directory)


def test_a_free_port_can_be_opened_and_gets_no_byte(tmp_path: Path) -> None:
    with pty() as port:
        before = os.stat(port).st_mtime_ns
        found = only(doctor_display.display(port, proc(tmp_path)))
        after = os.stat(port).st_mtime_ns

    assert (found.level, found.what) == (Level.OK, f"{port} can be opened")
    assert before == after


def test_a_port_in_use_names_who_has_it(tmp_path: Path) -> None:
    with pty() as port:
        holder = os.open(port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(holder, fcntl.LOCK_EX)  # as pyserial's exclusive open does
        found = only(
            doctor_display.display(
                port, proc(tmp_path, p7=("till", port), p9=("other", "/dev/null"))
            )
        )
        os.close(holder)

    assert (found.level, found.what) == (Level.WARNING, f"{port} is in use by till (7)")


def test_holders_are_found_in_the_real_proc() -> None:
    with pty() as port:
        holder = subprocess.Popen(["flock", "--no-fork", port, "sleep", "60"])
        try:
            named = f"sleep ({holder.pid})"
            assert until(lambda: named in only(doctor_display.display(port)).what)
        finally:
            holder.kill()
            holder.wait()


def test_a_port_that_is_not_there_points_at_brltty_if_that_runs(tmp_path: Path) -> None:
    found = only(doctor_display.display("/dev/none", proc(tmp_path, p7=("brltty", "/dev/null"))))

    assert found.what == "/dev/none is not there"
    assert found.do.startswith("brltty is running")


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (str(tmp_path / "file"), "/dev/null"):
        assert only(doctor_display.display(path, "/")).what == f"{path} is no serial port"


def test_a_forbidden_port_is_told() -> None:
    with pty() as port:
        mode = stat.S_IMODE(os.stat(port).st_mode)
        os.chmod(port, 0)
        with unprivileged():
            found = only(doctor_display.display(port, "/"))
        os.chmod(port, mode)

    assert found.what == f"{port} may not be opened by this user"


def test_a_port_whose_other_end_is_gone_is_told(tmp_path: Path) -> None:
    master, slave = os.openpty()
    port = os.ttyname(slave)
    os.close(slave)
    os.close(master)

    assert only(doctor_display.display(port, proc(tmp_path))).what == f"{port} is not there"


# -- socket ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "level", "says"),
    [
        ({"state": "serving", "reason": None}, Level.OK, "serving"),
        ({"state": "serving", "reason": "late"}, Level.WARNING, "serving, late"),
        ({"state": "pairing", "reason": None}, Level.WARNING, "pairing"),
    ],
)
def test_an_agent_is_asked_how_it_is(
    tmp_path: Path, status: dict[str, object], level: Level, says: str
) -> None:
    with running(tmp_path, Desk(status)) as (path, _):
        found = only(probes.agent(path))

    assert (found.level, found.what) == (level, f"the agent answers at {path}: {says}")


def test_an_agent_that_refuses_this_user_is_a_problem() -> None:
    policy = Policy(own_uid=1, allow_uids=frozenset({1}))
    with reachable() as directory, running(directory, Desk(), policy) as (path, _):
        os.chmod(path, 0o666)
        with unprivileged():
            found = only(probes.agent(path))

    assert (found.level, found.what) == (Level.PROBLEM, f"{path} refuses this user (403)")


def test_no_agent_is_a_problem(tmp_path: Path) -> None:
    found = only(probes.agent(str(tmp_path / "s")))

    assert found.level is Level.PROBLEM
    assert found.what.startswith(f"no agent at {tmp_path}/s")


def test_the_secret_probe_leaves_no_event_loop_behind() -> None:
    credential(InConfig(Secret("x")))
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_a_socket_that_never_answers_is_told_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        (found,) = probes.bounded("socket", lambda: probes.agent(str(tmp_path / "s")), longest=0.1)

    assert found.what == "no answer within 0.1 s"
