"""Computes docs/state-machines.md from the machines themselves: `python -m tests.oauth.tables`.

Every sampled state meets every sampled event. Variants of a state that answer an event alike share
a row; what cannot happen is listed below the table.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from math import isinf
from pathlib import Path
from typing import Final, TypeVar

from agent.errors import InvalidTransition
from agent.oauth import pairing, renewal
from agent.oauth.events import Ask, Wait
from tests.oauth.states import RULES, pairing_steps, renewal_steps

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "state-machines.md"

S = TypeVar("S")
E = TypeVar("E")
Step = tuple[str, S, float, str, E]
Row = tuple[str, str, str, str]  # state, event, next, ask
_COUNTED: Final = ("codes_left", "failures", "interval", "unreadable")


def rows(
    steps: Iterable[Step[S, E]], step: Callable[[S, E, float], tuple[S, Ask | None]]
) -> tuple[list[Row], dict[str, list[str]]]:
    """The table, and by state what cannot happen in it."""
    results: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    impossible: dict[str, list[str]] = {}
    variants: dict[str, dict[str, None]] = {}
    for variant, state, now, name, event in steps:
        kind = type(state).__name__
        variants.setdefault(kind, {})[variant] = None
        try:
            after, ask = step(state, event, now)
        except InvalidTransition:
            event_kind = type(event).__name__
            if event_kind not in impossible.setdefault(kind, []):
                impossible[kind].append(event_kind)
            continue
        told = results.setdefault((kind, name), {})
        told[variant] = (_next(state, after), _ask(ask))
    table = [
        (_state(kind, alike, variants[kind]), name, *outcome)
        for (kind, name), told in results.items()
        for outcome, alike in _grouped(told)
    ]
    return table, impossible


def _grouped(told: dict[str, tuple[str, str]]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    for outcome in dict.fromkeys(told.values()):
        yield outcome, [variant for variant, one in told.items() if one == outcome]


def _state(kind: str, alike: list[str], variants: Iterable[str]) -> str:
    everywhere = alike == list(variants)
    return kind if everywhere else f"{kind}: " + "; ".join(v or "otherwise" for v in alike)


def _next(before: object, after: object) -> str:
    """The next state's name and how its counters moved."""
    name = type(after).__name__
    if type(after) is not type(before):
        return name
    counters = [field.name for field in fields(after) if field.name in _COUNTED]  # type: ignore[arg-type]
    values = [(counter, getattr(before, counter), getattr(after, counter)) for counter in counters]
    moved = [f"{c} {_number(old)} → {_number(new)}" for c, old, new in values if old != new]
    return ", ".join([name, *moved])


def _ask(ask: Ask | None) -> str:
    match ask:
        case None:
            return "the end"
        case Wait(at_least=low) if isinf(low):
            return "Wait for a person"
        case Wait(at_least=low, at_most=high):
            return (
                f"Wait {_number(low)} s"
                if low == high
                else f"Wait {_number(low)}–{_number(high)} s"
            )
        case _:
            return type(ask).__name__


def _number(value: float) -> str:
    return f"{value:.4g}"


def diagram(table: Iterable[Row], first: str) -> Iterator[str]:
    """Transitions between different states, as mermaid draws them."""
    edges: dict[tuple[str, str], dict[str, None]] = {}
    for state, event, after, _ in table:
        edge = state.split(":")[0], after.split(",")[0]
        edges.setdefault(edge, {})[event.split(",")[0]] = None
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {first}"
    for (before, after), events in edges.items():
        if before != after:
            yield f"    {before} --> {after}: {', '.join(events)}"
    for last in dict.fromkeys(after for _, after in edges if after not in {b for b, _ in edges}):
        yield f"    {last} --> [*]"
    yield "```"


def _section(
    title: str, first: str, table: list[Row], impossible: dict[str, list[str]]
) -> Iterator[str]:
    yield f"\n## {title}\n"
    yield from diagram(table, first)
    yield "\n| State | Event | Next | Ask |\n|---|---|---|---|"
    for row in table:
        yield f"| {' | '.join(row)} |"
    yield "\nCannot happen (a bug of ours: `InvalidTransition`, restart, the grant stays):\n"
    for state, events in impossible.items():
        yield f"- {state}: {', '.join(events)}"


def document() -> str:
    """The whole file."""
    lines = [_INTRODUCTION]
    pairing_table = rows(pairing_steps(), lambda s, e, now: pairing.step(s, e, now, RULES))
    renewal_table = rows(renewal_steps(), renewal.step)
    lines += _section("Pairing", "RequestingCode", *pairing_table)
    lines += _section("Renewal", "Serving", *renewal_table)
    lines += _while_held(renewal_table[0])
    return "\n".join(lines) + "\n"


def _while_held(usual: list[Row]) -> Iterator[str]:
    """What changes while a client was promised that the token is not renewed."""

    def held(state: renewal.State, event: renewal.Event, now: float) -> renewal.Next:
        return renewal.step(state, event, now, held_until=now + 60)

    table, _ = rows(renewal_steps(), held)
    yield "\n### While a hold lasts for 60 s more\n"
    yield "The rest is as above.\n\n| State | Event | Next | Ask |\n|---|---|---|---|"
    for row in table:
        if row not in usual:
            yield f"| {' | '.join(row)} |"


_INTRODUCTION: Final = """\
# The two state machines

Computed from the code by `python -m tests.oauth.tables`; a test fails when this file is out of
date. `agent/oauth/pairing.py` and `agent/oauth/renewal.py` say why.

`step(state, event, now) -> (state, ask)`: one ask is outstanding at a time, its answer is the next
event. Sampled with a code of 1200 s and an interval of 5 s, a token of 1200 s, and six codes a
window. "Wait 1–5 s" is drawn at random between the bounds. The diagrams leave out what stays in
its state."""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
