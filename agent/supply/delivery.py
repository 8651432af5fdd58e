"""Tokens for software that cannot speak HTTP: what a file or a credential holds, and when. Pure.

A sink is a file that is there as long as its token is worth something: written when there is a new
token, taken away when the token is over, refused or gone with the grant. Whoever reads it needs no
more than this: no file, no token.

Nothing here is built from a grant, so no refresh token can leave by this way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, Literal

from agent.oauth.events import AccessToken
from agent.secret import Secret
from agent.supply.answers import token_answer
from agent.supply.interface import Handout

FOLDER: Final = "/run/pos-agent/sinks"

Format = Literal["raw", "header", "json"]

LEAST_LIFE: Final = 1.0  # s; GET /v1/token answers in whole seconds, so this is its end too
RETRY: Final = 30.0  # s; after that long a full tmpfs or a missing group is looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """One reader's file. `name` is its directory. `owner` is for agents that run as root; without
    `group` the file has its directory's. `command` is run after each change, without a shell."""

    name: str
    owner: str | None = None
    group: str | None = None
    mode: int = 0o640
    format: Format = "raw"
    command: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Put this into the sink's file. `fingerprint` names the token in it."""

    sink: SinkSettings
    content: Secret
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """There is no token: there must be no file."""

    sink: SinkSettings


Action = Write | Remove
Done = Mapping[str, str | None]
"""What is on disk, by name of the sink: the fingerprint in the file, None if there is no file. A
sink that is not in it is in an unknown state: never looked at, or the last attempt failed."""


def worth_giving(token: AccessToken, now: float) -> bool:
    return token.life_left(now) > LEAST_LIFE


def content(handout: Handout, form: Format, now: float) -> Secret:
    """What the reader finds, without a line end, of a token that is worth giving.

    raw: the token. header: a line for curl. json: the body of GET /v1/token; its `expires_in`
    counts from now, the moment of writing.
    """
    token = handout.token.value
    match form:
        case "raw":
            return token
        case "header":
            return Secret(f"Authorization: Bearer {token.reveal()}")
        case "json":
            return Secret(token_answer(handout, now).body.decode())


def plan(
    token: AccessToken | None, now: float, sinks: Iterable[SinkSettings], done: Done
) -> tuple[Action, ...]:
    """What is left to do until every sink holds this token, or none."""
    if token is None or not worth_giving(token, now):
        return tuple(Remove(sink=sink) for sink in sinks if done.get(sink.name, "") is not None)
    fingerprint, handout = token.value.fingerprint(), Handout(token=token)
    return tuple(
        Write(sink=sink, content=content(handout, sink.format, now), fingerprint=fingerprint)
        for sink in sinks
        if done.get(sink.name) != fingerprint
    )


def pause(
    token: AccessToken | None, now: float, sinks: Iterable[SinkSettings], done: Done
) -> float:
    """Seconds after which the plan is another one by itself; infinite if only news change it."""
    waits = [inf]
    if token is not None and worth_giving(token, now):
        waits.append(token.life_left(now) - LEAST_LIFE)
    if any(sink.name not in done for sink in sinks):
        waits.append(RETRY)
    return min(waits)
