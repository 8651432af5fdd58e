"""Where the client's secret comes from, read anew each time it is needed.

Nothing is cached: a secret that was replaced on disk, or in the vault behind a command, is used
with the next request and no restart. Every failure is a ConfigError or OSError that says where the
secret was looked for; none quotes a byte of what was found there.
"""

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, assert_never

from agent.errors import ConfigError
from agent.oauth.interface import ClientCredentials, CredentialSource
from agent.secret import Secret

COMMAND_TIMEOUT: Final = 10.0  # s; a vault behind a network answers within one or two
_LIMIT: Final = 4096  # bytes of a secret; an assertion or key is far shorter
_OUTPUT_LIMIT: Final = 65_536  # bytes a command may print after its first line


@dataclass(frozen=True, slots=True)
class InConfig:
    """The secret stands in the configuration file itself."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class InFile:
    """A file of its own; its first line is the secret. Others than owner and group may not read."""

    path: str


@dataclass(frozen=True, slots=True)
class InCredential:
    """A systemd credential (`LoadCredential=`, `SetCredentialEncrypted=`): a file of that name in
    $CREDENTIALS_DIRECTORY."""

    name: str


@dataclass(frozen=True, slots=True)
class FromCommand:
    """A program, run without a shell; its first line of output is the secret. Its own messages
    go nowhere, because they might quote it."""

    argv: tuple[str, ...]
    timeout: float = COMMAND_TIMEOUT


SecretSource = InConfig | InFile | InCredential | FromCommand


def reader(source: SecretSource) -> Callable[[], Awaitable[Secret]]:
    """The callable that reads this source. It raises ConfigError, or OSError for the medium."""

    async def read() -> Secret:
        match source:
            case InConfig(secret):
                return secret
            case InFile(path):
                return await asyncio.to_thread(_from_file, path)
            case InCredential(name):
                return await asyncio.to_thread(_from_file, _credential_path(name))
            case FromCommand(argv, limit):
                return await _from_command(argv, limit)
            case _:
                assert_never(source)

    return read


def credential_source(client_id: str, source: SecretSource) -> CredentialSource:
    """The run-time callback of the authorization server for one client."""
    read = reader(source)

    async def credentials() -> ClientCredentials:
        return ClientCredentials(client_id=client_id, client_secret=await read())

    return credentials


def _credential_path(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ConfigError(
            f"credential {name}: $CREDENTIALS_DIRECTORY is not set;"
            f" the unit needs LoadCredential={name}:FILE"
        )
    if "/" in name or name in ("", ".", ".."):
        raise ConfigError(f"credential {name!r}: a plain name without slashes is needed")
    return os.path.join(folder, name)


def _from_file(path: str) -> Secret:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            data = file.read(_LIMIT + 2) if stat.S_ISREG(status.st_mode) else b""
    except FileNotFoundError as error:
        raise ConfigError(f"secret file {path} does not exist") from error
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"secret file {path} is not a regular file")
    if status.st_mode & stat.S_IRWXO:
        raise ConfigError(f"secret file {path} is open to everybody: chmod o= {path}")
    return _first_line(data, f"secret file {path}")


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO without a writer would block for ever


async def _from_command(argv: tuple[str, ...], limit: float) -> Secret:
    what = f"secret command {argv[0]}"  # the arguments may be nobody's business
    async with _pipe() as (output, input_end):
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=input_end,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a group of its own, so that its children die with it
            )
        finally:
            os.close(input_end)
        try:
            async with asyncio.timeout(limit):
                printed = await _read_all(output, what)
                status = await process.wait()
        except BaseException as error:
            await _kill(process)
            if isinstance(error, TimeoutError):
                raise ConfigError(f"{what} did not finish within {limit:g} s") from error
            raise
    if status != 0:
        raise ConfigError(f"{what} failed with exit status {status}")
    return _first_line(printed, what)


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """What a command prints, and the descriptor it prints to. With asyncio's own pipe, a process
    that outlives its group and keeps the pipe open would cost us a descriptor each time.
    """
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
    )
    try:
        yield reader, write_end
    finally:
        transport.close()


async def _read_all(stream: asyncio.StreamReader, what: str) -> bytes:
    output = bytearray()
    while chunk := await stream.read(_LIMIT):
        output += chunk
        if len(output) > _OUTPUT_LIMIT:
            raise ConfigError(f"{what} prints more than {_OUTPUT_LIMIT // 1024} KiB")
    return bytes(output)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Leave nothing behind: not the command, not what it started in its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _first_line(data: bytes, what: str) -> Secret:
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    if len(line) > _LIMIT:
        raise ConfigError(f"{what}: the first line is longer than {_LIMIT} bytes")
    # Not strictly: a UnicodeDecodeError would carry the bytes. What does not decode becomes
    # surrogates, and those are not printable.
    text = line.decode(errors="surrogateescape")
    if not text:
        raise ConfigError(f"{what}: the first line is empty")
    if not text.isprintable():
        raise ConfigError(f"{what}: the first line is not printable UTF-8 text")
    return Secret(text)
