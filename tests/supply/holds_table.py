"""Computes docs/holds.md from the rules themselves: `python -m tests.supply.holds_table`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.oauth.events import AccessToken
from agent.oauth.lifetime import due
from agent.secret import Secret
from agent.supply.holds import decide, not_before, seen, token_refused
from agent.supply.holds_state import (
    Answer,
    Held,
    Hold,
    Holds,
    NoHold,
    Present,
    Queued,
    Waiting,
    Wish,
)

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "holds.md"
NOW: Final = 5000.0  # CLOCK_BOOTTIME


def token(age: float, life: float = 1200.0) -> AccessToken:
    return AccessToken(value=Secret("at-1"), issued_at=NOW - age, expires_at=NOW - age + life)


NAME: Final = token(0).value.fingerprint()


def hold(age: float, left: float, client: str = "other", *, former_dies: bool = True) -> Hold:
    """A hold with so many seconds left, on a token of that age."""
    latest = due(token(age))[0] if former_dies else token(age).expires_at
    return Hold(
        id=f"{client}-1",
        client=client,
        token=NAME,
        since=NOW - 60,
        until=NOW + left,
        latest=latest,
    )


def place(client: str = "third", left: float = 150.0) -> Waiting:
    return Waiting(client=client, token=NAME, since=NOW - 10, until=NOW + left, seconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """`held`: another client's hold has 120 s left; `waited`: a third client needs a newer token;
    `dead`: somebody reported the token as refused; `own`: the client can have a hold already."""

    name: str
    present: Present
    held: bool = False
    waited: bool = False
    dead: bool = False
    own: bool = True

    def holds(self, present: Present, own: tuple[Hold, ...] = ()) -> Holds:
        if present.token is None:
            return Holds()
        age = NOW - present.token.issued_at
        other = (hold(age, 120, former_dies=present.former_dies),) if self.held else ()
        holds = Holds(active=other + own, waiting=(place(),) if self.waited else ())
        if self.dead:
            holds, _ = token_refused(holds, NAME, present, NOW)
        return seen(holds, present, NOW)[0]


def at(age: float) -> Present:
    return Present(token=token(age), former_dies=True)


FAILED: Final = replace(at(850), trouble="offline", renewable_from=NOW + 10)
SITUATIONS: Final = (
    Situation(name="100 s old", present=at(100)),
    Situation(name="850 s old", present=at(850)),
    Situation(name="850 s old, held for 120 s more", present=at(850), held=True),
    Situation(
        name="850 s old, held for 120 s more, somebody waits",
        present=at(850),
        held=True,
        waited=True,
    ),
    Situation(name="1030 s old", present=at(1030), own=False),
    Situation(
        name="850 s old, being renewed", present=replace(at(850), renewal="running"), own=False
    ),
    Situation(name="850 s old, renewal failed", present=FAILED),
    Situation(name="850 s old, renewal failed, somebody waits", present=FAILED, waited=True),
    Situation(
        name="850 s old, answer of the renewal lost",
        present=replace(FAILED, answer_lost=True),
        own=False,
    ),
    Situation(name="850 s old, reported as refused", present=at(850), dead=True),
    Situation(name="none yet", present=replace(at(0), token=None), own=False),
    Situation(name="850 s old, pairing again", present=replace(at(850), renewal="lost")),
)


def rows(*, former_dies: bool) -> Iterator[tuple[str, ...]]:
    for situation in SITUATIONS:
        present = replace(situation.present, former_dies=former_dies)
        holds = situation.holds(present)
        start = not_before(holds, NOW, former_dies=former_dies) - NOW
        cells = [
            _answer(decide(holds, Wish(id="new", client="me", seconds=seconds), present, NOW)[1])
            for seconds in (60, 300)
        ]
        if situation.own and present.token is not None:
            age = NOW - present.token.issued_at
            own = hold(age, 30, "me", former_dies=former_dies)
            wish = Wish(id="", client="me", seconds=180, extends=own.id)
            cells.append(_answer(decide(situation.holds(present, (own,)), wish, present, NOW)[1]))
        else:
            cells.append("–")
        yield (situation.name, *cells, f"in {start:g} s" if start else "at once")


def _answer(answer: Answer) -> str:
    match answer:
        case Held(hold=given, less=less):
            seconds = f"{given.until - NOW:g} s"
            return seconds if less is None else f"{seconds}: {less}"
        case Queued(retry_at=retry_at, in_the_way=in_the_way, trouble=trouble):
            when = "renew first" if retry_at <= NOW else f"renew first, in {retry_at - NOW:g} s"
            why = trouble if in_the_way is None else f"held by {in_the_way.client}"
            return when if why is None else f"{when}: {why}"
        case NoHold(kind=kind):
            return f"refused: {kind}"


def document() -> str:
    """The whole file."""
    lines = [_INTRODUCTION]
    for former_dies, title in (
        (True, "A renewal ends the former token (Secucard)"),
        (False, "The former token lives on (RFC 8628)"),
    ):
        lines += [f"\n## {title}\n", _HEAD]
        lines += [f"| {' | '.join(row)} |" for row in rows(former_dies=former_dies)]
    return "\n".join(lines) + "\n"


_HEAD: Final = """\
| The token | Hold for 60 s | Hold for 300 s | Extend one that has 30 s by 180 s | Renewal |
|---|---|---|---|---|"""
_INTRODUCTION: Final = """\
# What a hold is answered

Computed from the code by `python -m tests.supply.holds_table`; a test fails when this file is out
of date. `agent/supply/holds.py` says why.

Sampled with a token of 1200 s, which is due for renewal after 1020 s. "60 s" is what is promised.
"Renew first" needs a newer token, and the wish waits for it; then it is asked again. "Renewal" is
when a planned one may begin; one for a token reported as refused may always. Where no hold can
stand to be extended there is a dash.

Whoever is told to come back for a newer token gets it then, or in the next round if others wait
longer. On servers whose tokens live less than some twelve minutes this takes a rule of its own: if
holds end early and the token is replaced before that client is back, nobody may hold the new one
beyond the time it was told, unless the new one will do for it then.
`tests/supply/test_holds_rush.py` plays that."""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
