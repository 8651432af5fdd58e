"""`status`, `pair` and `unpair`: talk to the running agent over its sockets."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from agent.errors import AgentError
from agent.supply.errors import AgentUnreachable
from agent.supply.local import request

_STATES: Final = {
    "starting": "starting: a first token or code is being fetched",
    "offline": "no code to show: the server cannot be reached",
    "pairing": "waiting for approval; the code is on the customer display",
    "denied": "a person refused the pairing; a new code follows after a pause, or `pos-agent pair`",
    "refused": "the server refuses this client or this terminal",
    "paused": "waiting for a person: press the button, power-cycle, or `pos-agent pair`",
    "paired": "just paired",
    "serving": "serving tokens",
    "failed": "failed; a technician has to look",
}


_GONE: Final = (
    "The stored grant is overwritten and its key destroyed. Flash may keep old copies of both:"
    " only the server can make it worthless for certain, so have it revoked there"
)


def status(socket: str, *, as_json: bool) -> int:
    answer = ask(socket, "GET", "/v1/status")
    print(json.dumps(answer, indent=2) if as_json else "\n".join(summary(answer)))
    return 0


def pair(socket: str) -> int:
    ask(socket, "POST", "/v1/pairing")
    print("Asked for a new code; it appears on the customer display. `pos-agent status` follows it")
    return 0


def unpair(socket: str, *, config: str, confirmed: bool) -> int:
    if not confirmed and not _confirm():
        print("nothing changed", file=sys.stderr)
        return 1
    try:
        ask(socket, "DELETE", "/v1/grant", timeout=30.0)
    except AgentUnreachable as unreachable:
        _clear_store(config, unreachable)
        print(f"The agent is not running; it will pair when it starts. {_GONE}")
        return 0
    print(f"A new code appears on the customer display. {_GONE}")
    return 0


def _confirm() -> bool:
    if not sys.stdin.isatty():
        raise AgentError("unpair stops payments until somebody approves anew; add --yes to mean it")
    print(
        "Payments stop until a person has approved this terminal anew. Type yes to unpair: ", end=""
    )
    sys.stdout.flush()
    return sys.stdin.readline().strip().casefold() == "yes"


def _clear_store(config: str, unreachable: AgentUnreachable) -> None:
    """Without an agent: under the store's lock, as the user the store belongs to."""
    import os

    from agent.config import load
    from agent.store.opening import erase

    store = load(config).store
    if store.kind == "memory":
        raise unreachable
    directory = os.path.dirname(store.path)
    try:
        owner = os.stat(directory).st_uid
    except OSError as error:
        raise AgentError(f"{directory}: {error.strerror}; there is no stored grant") from error
    if owner != os.geteuid():  # a lock file of another user would keep the agent out
        raise AgentError(
            f"the agent is not running, and {directory} belongs to user {owner}: start the agent,"
            f" or run: sudo -u '#{owner}' pos-agent unpair"
        )
    erase(path=store.path, key_file=store.key_file)


def ask(socket: str, method: str, target: str, timeout: float = 10.0) -> dict[str, object]:
    """The agent's answer. Raises AgentError with its own words if it declines."""
    code, answer = request(socket, method, target, timeout=timeout)
    if code >= 300:
        title, detail = answer.get("title", f"the agent answered {code}"), answer.get("detail", "")
        raise AgentError(printable(f"{title}: {detail}" if detail else title))
    return answer


# -- the summary ----------------------------------------------------------------------------------


def summary(status: Mapping[str, object]) -> Iterator[str]:
    """The status as lines for a technician. Members we do not know are left to `--json`."""
    for name, text in _facts(status):
        yield f"{name + ':':<11}{printable(text)}"


def _facts(status: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    state = str(status.get("state", "unknown"))
    yield "State", _STATES.get(state, state)
    if isinstance(since := status.get("since_seconds"), int | float):
        yield "Since", f"{duration(since)} ago"
    if status.get("reason"):
        code = status.get("support_code")
        yield "Reason", f"{status['reason']}" + (f" (support code {code})" if code else "")
    if status.get("verification_uri"):
        yield "Approve at", str(status["verification_uri"])
    if isinstance(left := status.get("code_expires_in"), int | float):
        yield "Code", f"valid for {duration(left)} more"
    yield "Terminal", str(status.get("uuid", "unknown"))
    if status.get("issuer"):
        yield "Server", str(status["issuer"])
    if status.get("paired_to"):
        yield "Paired to", str(status["paired_to"])
    yield "Token", _token(status.get("token"))
    if isinstance(renewal := status.get("renewal"), dict):
        yield "Renewal", _renewal(renewal)
    for name in ("store", "display", "version"):
        if (fact := status.get(name)) is not None:
            yield name.capitalize(), _flat(fact)


def _token(token: object) -> str:
    if not isinstance(token, dict):
        return "none"
    life = token.get("expires_in")
    text = f"lives {duration(life)} more" if isinstance(life, int | float) else "there is one"
    return f"{text} ({token['fingerprint']})" if token.get("fingerprint") else text


def _renewal(renewal: Mapping[str, object]) -> str:
    due = renewal.get("due_within")
    text = f"due within {duration(due)}" if isinstance(due, int | float) else "not due"
    if failures := renewal.get("failures"):
        text += f", {failures} tries failed in a row"
    if renewal.get("grant_saved") is False:
        text += "; the grant could NOT be saved and would be lost with the power"
    return text


def _flat(fact: object) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{key} {_flat(value)}" for key, value in fact.items())
    if isinstance(fact, list):
        return "/".join(map(_flat, fact))
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return "none" if fact is None else str(fact)


def duration(seconds: float) -> str:
    """`2 h 5 min`, `18 min`, `40 s`."""
    whole = max(0, round(seconds))
    for size, unit, smaller, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole // 60} min" if whole >= 120 else f"{whole} s"


def printable(text: object) -> str:
    """Without what could move a terminal's cursor or colour its lines."""
    return "".join(char if char.isprintable() else "�" for char in str(text))
