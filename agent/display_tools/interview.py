"""`display test` from the first question to the lines for the configuration file. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from agent.display_tools import walk
from agent.display_tools.elimination import candidates
from agent.display_tools.search import search
from agent.display_tools.turns import Conversation, Finding, Line, Stopped, Turn
from hw.display.encoder import Encoder
from hw.display.profile import Profile

_NOTHING: Final = (
    "has the display power, and is this its port? `pos-agent display list` shows the others",
    "is it set to another speed or parity? Its switches or its start-up text may tell",
    "does it hang on a receipt printer? Then try --target display, and --target display-digipos",
    "does it have other rows and columns than given? Try --rows and --columns",
    "is it none of the known sets? docs/hardware.md tells how to write a file for it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known before the first question. `chosen` is the command set to walk along; without
    one it is searched for."""

    port: str
    line: Line
    rows: int
    columns: int
    profiles: Mapping[str, Profile]
    chosen: Encoder | None = None
    target: str | None = None
    handshake: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`encoder` drives the display, or is None if nothing does. `same` are sets that cannot be told
    apart from it; `partly` were readable."""

    line: Line
    encoder: Encoder | None = None
    same: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def interview(plan: Plan) -> Conversation[Outcome]:
    """Walk along the chosen command set, or search for one and then walk along it."""
    if plan.chosen is not None:
        findings = yield from _walk(plan.chosen, plan.line)
        if findings is not None:
            return Outcome(line=plan.line, encoder=plan.chosen, findings=findings)
    tried = candidates(plan.profiles, rows=plan.rows, columns=plan.columns, target=plan.target)
    found = yield from search(tried, plan.line, behind_printer=plan.target is not None)
    partly = tuple(candidate.name for candidate in found.partly)
    line = found.line or plan.line
    if found.candidate is None:
        return Outcome(line=line, partly=partly)
    try:
        findings = yield from _walk(found.candidate.encoder, line)
    except Stopped:
        findings = None  # what was searched for is found
    return Outcome(
        line=line,
        encoder=found.candidate.encoder,
        same=found.candidate.same,
        partly=partly,
        findings=findings or (),
    )


def _walk(encoder: Encoder, line: Line) -> Conversation[tuple[Finding, ...] | None]:
    """None if nothing is to be read, and the person wants to search for the command set."""
    first = walk.rows(encoder)
    answer = yield replace(first.turn, line=line)
    begun = walk.finding(first, answer)
    if not begun.good and (yield _search_instead(encoder)) == "y":
        return None
    rest = yield from walk.walk(encoder)
    return (begun, *rest)


def _search_instead(encoder: Encoder) -> Turn:
    return Turn(
        question=f"Is it so far off that {encoder.profile.name} may be the wrong command set? yes"
        " searches for the right one, no goes on with this one.",
    )


# -- what came of it ------------------------------------------------------------------------------


def summary(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """For the technician: what was found, what to do, and what goes into the file."""
    if outcome.encoder is None:
        yield from _nothing(outcome)
        return
    profile = outcome.encoder.profile
    yield f"The display understands {profile.name} ({profile.title}) at {outcome.line}"
    if outcome.same:
        yield f"  {', '.join(outcome.same)} would send the same; take the one its papers name"
    for remark in profile.remarks:
        yield f"  {remark}"
    for finding in outcome.findings:
        yield f"  {'ok ' if finding.good else 'NO '} {finding.what}"
        if not finding.good:
            yield f"      -> {finding.advice}"
    yield ""
    yield "For /etc/pos-agent/config.toml:"
    yield ""
    yield from (f"  {line}" for line in settings(plan, outcome.encoder, outcome.line))


def _nothing(outcome: Outcome) -> Iterator[str]:
    yield "No command set was found"
    if outcome.partly:
        yield (
            f"  {', '.join(outcome.partly)} showed something: it may be one of them in another"
            " size, or behind switches set otherwise"
        )
    yield from (f"  - {question}" for question in _NOTHING)


def settings(plan: Plan, encoder: Encoder, line: Line) -> Iterator[str]:
    """The table of the configuration file, with every line that is not its default."""
    yield "[display]"
    yield f'command_set = "{encoder.profile.name}"'
    given = {
        "port": (plan.port, "/dev/pos/display"),
        "baudrate": (line.baudrate, 9600),
        "parity": (line.parity, "none"),
        "handshake": (plan.handshake, "none"),
        "rows": (encoder.rows, 2),
        "columns": (encoder.columns, 20),
        "character_set": (encoder.character_set, encoder.profile.character_set),
        "target": (encoder.target, None),
    }
    for key, (value, default) in given.items():
        if value != default:
            yield f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}"
