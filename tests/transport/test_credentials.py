"""Secrets from where the operator keeps them, read each time, never quoted."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from agent.credentials import (
    FromCommand,
    InConfig,
    InCredential,
    InFile,
    SecretSource,
    credential_source,
    reader,
)
from agent.errors import ConfigError
from agent.oauth.interface import ClientCredentials
from agent.secret import Secret

CANARY = "canary-0123456789"


def secret_file(folder: Path, content: str | bytes, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return str(path)


def python(code: str, limit: float = 10.0) -> FromCommand:
    return FromCommand((sys.executable, "-Ic", code), limit)


async def refused(source: SecretSource) -> str:
    with pytest.raises((ConfigError, OSError)) as caught:
        await reader(source)()
    cause: BaseException | None = caught.value
    while cause is not None:
        assert CANARY not in repr(cause)
        assert CANARY not in str(getattr(cause, "object", ""))
        cause = cause.__cause__ or cause.__context__
    return str(caught.value)


async def test_a_secret_in_the_configuration_is_itself() -> None:
    assert await reader(InConfig(Secret(CANARY)))() == Secret(CANARY)


@pytest.mark.parametrize("content", [CANARY, f"{CANARY}\n", f"{CANARY}\r\nsecond line\n"])
async def test_the_first_line_of_a_file_is_the_secret(tmp_path: Path, content: str) -> None:
    assert await reader(InFile(secret_file(tmp_path, content)))() == Secret(CANARY)


async def test_blanks_belong_to_the_secret(tmp_path: Path) -> None:
    assert await reader(InFile(secret_file(tmp_path, " a b \n")))() == Secret(" a b ")


async def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    source = credential_source("pos", InFile(secret_file(tmp_path, "old")))
    assert await source() == ClientCredentials(client_id="pos", client_secret=Secret("old"))
    secret_file(tmp_path, "new")
    assert (await source()).client_secret == Secret("new")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o644, 0o777])
async def test_a_file_open_to_everybody_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, CANARY, mode)
    assert (
        await refused(InFile(path)) == f"secret file {path} is open to everybody: chmod o= {path}"
    )


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
async def test_owner_and_group_may_read(tmp_path: Path, mode: int) -> None:
    assert await reader(InFile(secret_file(tmp_path, CANARY, mode)))() == Secret(CANARY)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n" + CANARY.encode(), "is empty"),
        (CANARY.encode() + b"\xff", "is not printable UTF-8 text"),
        (CANARY.encode() + b"\x00", "is not printable UTF-8 text"),
        (CANARY.encode() + b"\x1b[2J", "is not printable UTF-8 text"),
        (CANARY.encode() * 300, "is longer than 4096 bytes"),
    ],
)
async def test_what_cannot_be_a_secret_is_refused_unquoted(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = secret_file(tmp_path, content)
    assert await refused(InFile(path)) == f"secret file {path}: the first line {why}"


async def test_the_longest_secret_fits(tmp_path: Path) -> None:
    assert len((await reader(InFile(secret_file(tmp_path, "x" * 4096)))()).reveal()) == 4096
    await refused(InFile(secret_file(tmp_path, "x" * 4097)))


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert await refused(InFile(path)) == f"secret file {path} does not exist"


async def test_a_directory_or_a_pipe_is_no_secret_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "not a regular file" in await refused(InFile(str(pipe)))
    assert str(tmp_path) in await refused(InFile(str(tmp_path)))


# -- systemd credentials --------------------------------------------------------------------------


async def test_a_systemd_credential_is_a_file_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_file(tmp_path, CANARY, 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert await reader(InCredential("secret"))() == Secret(CANARY)


async def test_without_the_directory_the_unit_is_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert "LoadCredential=client-secret:" in await refused(InCredential("client-secret"))


@pytest.mark.parametrize("name", ["../shadow", "/etc/shadow", "", ".", ".."])
async def test_a_credential_name_stays_in_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "plain name" in await refused(InCredential(name))


# -- commands -------------------------------------------------------------------------------------


async def test_a_command_is_run_when_the_secret_is_needed_and_each_time(tmp_path: Path) -> None:
    count = tmp_path / "count"
    read = reader(FromCommand(("/bin/sh", "-c", f"echo x >> {count}; wc -l < {count}; echo more")))
    assert not count.exists()
    assert (await read()).reveal().strip() == "1"
    assert (await read()).reveal().strip() == "2"


async def test_a_commands_arguments_are_not_seen_by_a_shell() -> None:
    assert await reader(FromCommand(("/bin/echo", "$HOME;", "a b")))() == Secret("$HOME; a b")


async def test_a_command_reads_no_input_and_its_messages_go_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = f"import sys; sys.stderr.write('{CANARY}'); print(len(sys.stdin.read()))"
    assert await reader(python(code))() == Secret("0")
    assert CANARY not in capfd.readouterr().err


async def test_a_failing_command_is_named_with_its_status_not_its_words() -> None:
    message = await refused(FromCommand(("/bin/sh", "-c", f"echo {CANARY}; exit 7")))
    assert message == "secret command /bin/sh failed with exit status 7"


async def test_a_silent_or_chattering_command_gives_no_secret() -> None:
    assert "is empty" in await refused(FromCommand(("/bin/true",)))
    assert "more than 64 KiB" in await refused(FromCommand(("/usr/bin/yes", CANARY)))


async def test_a_missing_command_is_named() -> None:
    assert "/nonexistent/vault" in await refused(FromCommand(("/nonexistent/vault",)))


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    """A killed process needs a moment; whoever adopted it has to take note."""
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


async def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}; wait"
    started = time.monotonic()
    message = await refused(FromCommand(("/bin/sh", "-c", script), 0.5))
    assert message == "secret command /bin/sh did not finish within 0.5 s"
    assert time.monotonic() - started < 3.0
    for pid in pids.read_text().split():
        assert gone(int(pid))


async def test_S10_12_cancelling_ends_the_command_at_once(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids, 0o600)
    read = reader(FromCommand(("/bin/sh", "-c", f"echo $$ > {pids}; exec sleep 60")))
    task = asyncio.ensure_future(read())
    pid = int(await asyncio.to_thread(pids.read_text))
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1.0
    assert gone(pid)


@pytest.mark.parametrize(
    "argv",
    [
        ("/usr/bin/yes", CANARY),
        ("/bin/sh", "-c", "setsid sleep 3 & exec sleep 60"),  # keeps the pipe open
        ("/nonexistent/vault",),
    ],
    ids=["chatters", "leaves a process behind", "missing"],
)
async def test_a_command_that_fails_costs_no_descriptor(argv: tuple[str, ...]) -> None:
    await refused(FromCommand(argv, 0.3))
    before = await descriptors()
    await refused(FromCommand(argv, 0.3))
    assert await descriptors() == before


async def descriptors() -> int:
    """How many this process has open, once closed transports have had their turns of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)
    return len(os.listdir("/proc/self/fd"))


def test_no_source_shows_its_secret() -> None:
    assert CANARY not in repr(InConfig(Secret(CANARY)))
