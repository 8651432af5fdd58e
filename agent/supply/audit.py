"""Who was handed which token over the two sockets, in few lines of log. Pure.

A till asks before each of its calls, and a shell script is another process each time. So the first
hand-outs have a line each, the others are counted, and one line sums them up. A client has at most
`_PROCESSES` + 1 lines a token, and the same again for each `_LONGEST` seconds it goes on asking.
"""

from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 300.0  # s; the sum comes at the first hand-out after that
_PROCESSES: Final = 4  # of a client that have a line each; a payment program has one or two
_CLIENTS: Final = 256  # remembered at a time; where no rule names any, each user is one


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOut:
    """One token for one request: to whom and under which name; `life_left` in seconds."""

    client: str
    uid: int
    pid: int
    fingerprint: str
    life_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Hand-outs of one token to one client that have no line of their own: how often within so
    many seconds, and how many of them to processes that have no line at all."""

    client: str
    fingerprint: str
    times: int
    unnamed: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Spell:
    """One client's use of one token since its first line."""

    fingerprint: str
    since: float
    named: set[tuple[int, int]]  # uid and pid of those that have a line
    times: int = 0
    unnamed: int = 0

    def covers(self, handed: HandOut, now: float) -> bool:
        return handed.fingerprint == self.fingerprint and now - self.since < _LONGEST


class HandOuts:
    """Says of each hand-out what is worth a line by now. `now` is CLOCK_BOOTTIME in seconds."""

    def __init__(self) -> None:
        self._spells: dict[str, _Spell] = {}  # by client, those that began earliest first

    def note(self, handed: HandOut, now: float) -> tuple[HandOut | Repeats, ...]:
        """`handed` itself is among them if it is to have a line of its own."""
        spell = self._spells.get(handed.client)
        if spell is None or not spell.covers(handed, now):
            return (*self._begin(handed, now), handed)
        process = handed.uid, handed.pid
        if process not in spell.named and len(spell.named) < _PROCESSES:
            spell.named.add(process)
            return (handed,)
        spell.times += 1
        spell.unnamed += process not in spell.named
        return ()

    def only(self, fingerprint: str | None, now: float) -> tuple[Repeats, ...]:
        """From now on there is no other token than this; None: there is none at all."""
        others = [name for name, one in self._spells.items() if one.fingerprint != fingerprint]
        return tuple(line for client in others for line in self._over(client, now))

    def _begin(self, handed: HandOut, now: float) -> tuple[Repeats, ...]:
        over = self._over(handed.client, now)
        if len(self._spells) >= _CLIENTS:
            over += self._over(next(iter(self._spells)), now)
        named = {(handed.uid, handed.pid)}
        begun = _Spell(fingerprint=handed.fingerprint, since=now, named=named)
        self._spells[handed.client] = begun
        return over

    def _over(self, client: str, now: float) -> tuple[Repeats, ...]:
        spell = self._spells.pop(client, None)
        if spell is None or not spell.times:
            return ()
        repeats = Repeats(
            client=client,
            fingerprint=spell.fingerprint,
            times=spell.times,
            unnamed=spell.unnamed,
            seconds=now - spell.since,
        )
        return (repeats,)
