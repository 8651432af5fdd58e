"""The daemon's log, told in plain words. Pure.

An event this module does not know is shown as it is: a line too many confuses less than one that
is missing.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(
    r"(?:<[0-7]>|\S+Z )?(?P<level>(?:debug|warning|error|critical) )?"
    r"(?P<event>[a-z_]+\.[a-z_]+)(?P<fields>(?: [a-z_]+=.*)?)"
)
_FIELD: Final = re.compile(r' ([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the daemon's log, taken apart."""

    event: str
    fields: Mapping[str, str]


def parse(line: str) -> Entry | None:
    """The event and its fields, or None for a line of another kind (a traceback, say)."""
    found = _LINE.fullmatch(line.rstrip())
    if found is None:
        return None
    fields = {key: _value(raw) for key, raw in _FIELD.findall(found["fields"])}
    return Entry(event=found["event"], fields=fields)


def tell(line: str) -> str | None:
    """The line in plain words; None for what a newcomer need not read."""
    entry = parse(line)
    if entry is None:
        return line.rstrip() or None
    if entry.event in _SILENT:
        return None
    words = _WORDS.get(entry.event)
    return line.rstrip() if words is None else words(_Fields(entry.fields))


class _Fields(dict[str, str]):
    """A field that is missing reads as a question mark."""

    def __missing__(self, key: str) -> str:
        return "?"


def _value(raw: str) -> str:
    try:
        return str(json.loads(raw)) if raw.startswith('"') else raw
    except ValueError:
        return raw


Words = Callable[[Mapping[str, str]], str]

_SILENT: Final = frozenset(
    {
        "display.claimed",
        "display.released",
        "supply.handed_out",
        "supply.handed_out_again",
        "pairing.started",
    }
)
_WORDS: Final[Mapping[str, Words]] = {
    "agent.stopping": lambda f: "The agent stops.",
    "agent.waiting": lambda f: f"The agent waits: {f['reason']}",
    "display.absent": lambda f: f"No display: {f['reason']}",
    "display.busy": lambda f: f"The display is taken: {f['reason']}",
    "display.stalled": lambda f: f"The display takes no bytes: {f['reason']}",
    "identity.built": lambda f: f"This terminal is {f['uuid']}.",
    "supply.ready": lambda f: "Payment software can ask the socket for tokens.",
    "pairing.code_shown": lambda f: f"The display shows a code for {f['expires_in']} s.",
    "pairing.code_over": lambda f: "Nobody typed the code in time; asking for another.",
    "pairing.code_failed": lambda f: f"No code from the server: {f['reason']}. Trying again.",
    "pairing.poll_failed": lambda f: "The server did not answer; the code stays valid.",
    "pairing.slowed_down": lambda f: f"The server wants slower polls: every {f['interval']} s.",
    "pairing.approved": lambda f: "A person approved this terminal.",
    "pairing.denied": lambda f: "A person refused this terminal.",
    "pairing.refused": lambda f: f"The server refuses: {f['error']}: {f['description']}",
    "pairing.paused": lambda f: "Enough codes shown. A person has to ask for more.",
    "pairing.done": lambda f: f"Paired to {f['owner'] or 'an unnamed merchant'}.",
    "grant.saved": lambda f: "The grant is saved, encrypted.",
    "grant.save_failed": lambda f: f"The grant could not be saved: {f['reason']}",
    "grant.lost": lambda f: f"Pairing again: {f['reason']}.",
    "grant.cleared": lambda f: "The store was cleared; pairing again.",
    "token.renewed": lambda f: f"Token renewed; the new one lives {f['expires_in']} s.",
    "token.renewal_failed": lambda f: f"Renewal failed: {f['reason']}. The token stays in use.",
    "token.renewal_refused": lambda f: f"Renewal refused: {f['error']}: {f['description']}",
}
