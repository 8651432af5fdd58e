"""What the doctor looks at: each probe asks the real thing and changes nothing.

A probe returns findings and may take as long as it likes: `bounded` gives up on it after
`LONGEST` seconds, because name resolution and a broken serial driver obey no time limit.
"""

import asyncio
import errno
import fcntl
import os
import stat
import termios
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from agent import doctor
from agent.credentials import InCredential, SecretSource, reader
from agent.doctor import Finding, PortFacts, ok, problem, warning
from agent.errors import AgentError
from agent.identity import Verdict, judge
from agent.machine_identity import OpenSource
from agent.settings import IdentitySettings, PairSettings, StoreSettings
from agent.store import ground
from agent.supply.local import request
from hw.contract import HardwareError

LONGEST: Final = 5.0  # s for one probe; a technician waits for some ten of them
_ANSWER: Final = 4.0  # s for the agent, so that its own words come first

Probe = Callable[[], Iterable[Finding]]


def bounded(name: str, probe: Probe, longest: float = LONGEST) -> list[Finding]:
    """The probe's findings, or one that it was given up. Its thread is then left behind."""
    found: list[Finding] = []
    failed: list[Exception] = []

    def look() -> None:
        try:
            found.extend(probe())
        except Exception as error:  # a probe that breaks must not hide the others' findings
            failed.append(error)

    thread = threading.Thread(target=look, daemon=True, name=f"doctor-{name}")
    thread.start()
    thread.join(longest)
    if thread.is_alive():
        return [problem(name, f"no answer within {longest:g} s", "try again; look at `dmesg`")]
    for error in failed:
        what = f"could not be looked at ({type(error).__name__}: {error})"
        found.append(problem(name, what, "report this: it is a mistake in the doctor"))
    return found


# -- this terminal --------------------------------------------------------------------------------


def user(euid: int) -> Iterator[Finding]:
    """Root may do what the service may not."""
    if euid == 0:
        yield warning(
            "user",
            "root may open everything, so findings about permissions say little",
            "look again as the service's user: sudo -u pos-agent pos-agent doctor",
        )


def identity(
    settings: IdentitySettings, open_source: OpenSource, *, in_service: bool
) -> Iterator[Finding]:
    """Every source of every key, also those behind the one that is used."""
    for pair in settings.pairs:
        if pair.value is not None:
            yield ok("identity", f"{pair.key} is {pair.value!a}, from the configuration")
            continue
        try:
            yield from doctor.identity(pair.key, _verdicts(pair, open_source))
        except HardwareError as error:
            what = str(error)
            if in_service:
                yield problem("identity", what, "the agent waits until it can be read")
            else:
                yield warning("identity", what, "systemd hands it to the service; run this as root")


def _verdicts(pair: PairSettings, open_source: OpenSource) -> list[Verdict]:
    return [judge(name, open_source(name, pair.file).read()) for name in pair.sources]


def credential(
    name: str, source: SecretSource, *, credentials_directory: str | None
) -> Iterator[Finding]:
    """Whether the secret can be had; it is thrown away at once."""
    if isinstance(source, InCredential) and credentials_directory is None:
        yield warning(
            "credentials",
            f"the {name} is the systemd credential {source.name}, which only the service can see",
            f"check that the unit has LoadCredential={source.name}:…",
        )
        return
    try:
        asyncio.run(_get(source))
    except (AgentError, OSError) as error:
        yield problem("credentials", f"no {name}: {error}", f"correct client.{name}… in the file")
    else:
        yield ok("credentials", f"the {name} can be read")


async def _get(source: SecretSource) -> None:
    await reader(source)()


def store(settings: StoreSettings, euid: int) -> Iterator[Finding]:
    """Without opening it: a look must not set a spoiled store aside."""
    if settings.kind == "memory":
        yield warning("store", "is memory: every restart pairs again", 'set store.kind = "file"')
        return
    directory = os.path.dirname(settings.path)
    if not os.path.isdir(directory):
        do = f"install -d -m 0700 -o pos-agent -g pos-agent {directory}"
        yield problem("store", f"{directory} is missing", do)
        return
    if not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
        do = f"remount it for writing, or chown pos-agent {directory}"
        yield problem("store", f"{directory} cannot be written by this user", do)
        return
    for path in filter(None, (settings.path, settings.key_file)):
        yield from _private(path, euid)
    kind = ground.file_system(settings.path)
    if (remark := ground.remark(kind)) is not None:
        yield warning("store", remark, "docs/durability.md says what a store can rely on")
    yield ok("store", f"{directory} can be written; it is on {kind}")


def _private(path: str, euid: int) -> Iterator[Finding]:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return  # made at the first start, or by the first pairing
    except OSError as error:
        yield problem("store", f"{path}: {error.strerror}", "make it reachable for the agent")
        return
    if status.st_mode & 0o077:
        yield problem("store", f"{path} is open to other users", f"chmod go= {path}")
    if euid not in (0, status.st_uid):
        yield problem("store", f"{path} belongs to another user", f"chown pos-agent {path}")


# -- beside the terminal --------------------------------------------------------------------------

_ERRORS: Final = {
    errno.ENOENT: "missing",
    errno.ENXIO: "missing",
    errno.ENODEV: "missing",
    errno.EACCES: "forbidden",
    errno.EPERM: "forbidden",
    errno.EBUSY: "busy",
    errno.ENOTTY: "not-a-line",
}


def display(path: str, proc: str = "/proc") -> Iterator[Finding]:
    """Whether the port can be claimed; no byte is sent."""
    error = _try_port(path)
    kind = None if error is None else _ERRORS.get(error.errno or 0, "other")
    yield doctor.display(
        PortFacts(
            path=path,
            error=kind,
            detail="" if error is None else error.strerror or "",
            holders=tuple(_holders(path, proc)) if kind == "busy" else (),
            brltty=any(name == "brltty" for _, name in _processes(proc)),
        )
    )


def _try_port(path: str) -> OSError | None:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error
    try:
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            return OSError(errno.ENOTTY, "not a device")
        termios.tcgetattr(fd)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # what pyserial's exclusive open takes
    except BlockingIOError:
        return OSError(errno.EBUSY, "locked")
    except termios.error as error:  # no OSError, though it carries an errno
        return OSError(error.args[0], os.strerror(error.args[0]))
    except OSError as error:
        return error
    finally:
        os.close(fd)
    return None


def _holders(path: str, proc: str) -> Iterator[str]:
    """Programs that have the port open, as far as this user may see them."""
    port = os.path.realpath(path)
    for pid, name in _processes(proc):
        try:
            handles = os.scandir(f"{proc}/{pid}/fd")
        except OSError:
            continue
        with handles:
            if any(_target(handle.path) == port for handle in handles):
                yield f"{name} ({pid})"


def _target(link: str) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def _processes(proc: str) -> Iterator[tuple[str, str]]:
    """Numbers and names of the processes that can be seen."""
    for pid in filter(str.isdigit, os.listdir(proc)):
        try:
            with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as file:
                yield pid, file.read().strip()
        except OSError:
            continue


def agent(socket_path: str) -> Iterator[Finding]:
    """Whether the agent answers payment software."""
    try:
        code, answer = request(socket_path, "GET", "/v1/status", timeout=_ANSWER)
    except AgentError as error:
        yield problem("socket", str(error), "systemctl start pos-agent; journalctl -u pos-agent")
        return
    if code != 200:
        do = "add this user to [supply] allow_uids or allow_gids, or to the socket's group"
        yield problem("socket", f"{socket_path} refuses this user ({code})", do)
        return
    state = str(answer.get("state", "unknown"))
    reason = answer.get("reason")
    text = f"the agent answers at {socket_path}: {state}{f', {reason}' if reason else ''}"
    if state == "serving" and not reason:
        yield ok("socket", text)
    else:
        yield warning("socket", text, "`pos-agent status` tells more")
