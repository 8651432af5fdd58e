"""What the doctor looks at: each probe asks the real thing and changes nothing.

A probe returns findings and may take as long as it likes: `bounded` gives up on it after
`LONGEST` seconds, because name resolution and a broken serial driver obey no time limit.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from agent import doctor
from agent.credentials import InCredential, SecretSource, reader
from agent.doctor import Finding, ok, problem, warning
from agent.errors import AgentError
from agent.machine_identity import OpenSource, look
from agent.settings import IdentitySettings, StoreSettings
from agent.store import ground
from agent.supply.local import request

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
        verdicts = list(look([open_source(name, pair) for name in pair.sources]))
        yield from doctor.identity(pair.key, verdicts, in_service=in_service)


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


def agent(socket_path: str) -> Iterator[Finding]:
    """Whether the agent answers payment software."""
    try:
        code, answer = request(socket_path, "GET", "/v1/status", timeout=_ANSWER)
    except AgentError as error:
        yield problem("socket", str(error), "systemctl start pos-agent; journalctl -u pos-agent")
        return
    if code != 200:
        do = "add this user to [supply] allow_uids or allow_gids, or describe it in clients.d"
        yield problem("socket", f"{socket_path} refuses this user ({code})", do)
        return
    state = str(answer.get("state", "unknown"))
    reason = answer.get("reason")
    text = f"the agent answers at {socket_path}: {state}{f', {reason}' if reason else ''}"
    if state == "serving" and not reason:
        yield ok("socket", text)
    else:
        yield warning("socket", text, "`pos-agent status` tells more")
