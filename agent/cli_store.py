"""`store inspect` and `store rekey`, and erasing without an agent."""

import json
import os
from collections.abc import Iterator

from agent import config
from agent.cli_talk import ask, printable
from agent.errors import AgentError
from agent.machine_identity import read_identity
from agent.settings import Settings
from agent.store.inspecting import Facts, inspect
from hw.contract import HardwareError
from hw.machine import source_opener


def show(config_path: str, *, as_json: bool) -> int:
    settings = config.load(config_path)
    if settings.store.kind == "memory":
        raise AgentError('store.kind is "memory": nothing is stored')
    try:
        found = inspect(settings.store.path, _uuid(settings))
    except FileNotFoundError as error:
        raise AgentError(f"{settings.store.path}: there is no store; it is made by pairing") from (
            error
        )
    except OSError as error:
        raise AgentError(f"{settings.store.path}: {error.strerror}") from error
    print(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))
    return 0


def rekey(socket: str) -> int:
    ask(socket, "POST", "/v1/store/rekey", timeout=30.0)
    print("The grant is sealed with a new key, and the old key is destroyed")
    return 0


def _lines(found: list[Facts]) -> Iterator[str]:
    about, *slots = found
    size = "raw partition" if about["bytes"] is None else f"{about['bytes']} bytes"
    yield (
        f"{printable(about['path'])}: {size} on {about['file_system']}, "
        f"mode {about['mode']}, uid {about['uid']}"
    )
    for slot in slots:
        known = {name: value for name, value in slot.items() if value is not None}
        facts = [f"{name} {value}" for name, value in known.items() if name != "slot"]
        yield f"slot {slot['slot']}:  " + ", ".join(facts).removeprefix("finding ")
    newest = max(slots, key=lambda slot: int(slot.get("generation") or 0))
    if newest.get("generation"):
        yield f"Slot {newest['slot']} counts, if it opens. Nothing was opened, nothing was changed"


def _uuid(settings: Settings) -> str | None:
    opener = source_opener(credentials_directory=os.environ.get("CREDENTIALS_DIRECTORY"))
    try:
        return str(read_identity(settings.identity, opener))
    except (AgentError, HardwareError):
        return None
