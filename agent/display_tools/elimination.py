"""Which command set a display understands: what is sent to find out, and in which order. Pure.

A person looks, one candidate at a time. Nobody knows which set the unit understands, so everything
sent here has to be harmless in all of them: `hw.display.deny` names what is not, and here its
commands of one byte are refused even as arguments.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hw.display import deny
from hw.display.encoder import Command, Encoder
from hw.display.profile import Profile, ProfileError

ORDER: Final = (
    # Common ones first, because the right one ends the search.
    *("escpos", "cd5220", "logic-controls"),
    # Then so that displays of the sets still left make little junk of what they are sent.
    *("aedex", "ncr", "ba6x", "star", "dsp800", "utc-enhanced", "utc", "surepos"),
)
LAST: Final = ("ascii",)  # nearly every unit shows it somehow, and it can do least

_LABELS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O, which read like digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One command set to try. `same`: sets that would send the very same bytes."""

    encoder: Encoder
    label: str
    same: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.encoder.profile.name

    def picture(self) -> tuple[str, ...]:
        """The glass if the display understands it: every row, to its full length."""
        return tuple(row.decode("ascii").ljust(self.encoder.columns) for row in self._rows())

    def probe(self) -> tuple[Command, ...]:
        """Start, then the last row, then the first: only a display that can be told where to write
        has them the right way round."""
        encoder, rows = self.encoder, self._rows()
        blank = (b"",) * (encoder.rows - 1)
        last = (*blank, rows[-1])
        if encoder.rows == 1:
            return (*encoder.begin(), Command(encoder.encode((), rows)))
        return (
            *encoder.begin(),
            Command(encoder.encode((b"",) * encoder.rows, last)),
            Command(encoder.encode((None, *last[1:]), rows)),
        )

    def _rows(self) -> tuple[bytes, ...]:
        first, last = f"{self.label} READ OK?".encode(), f"{self.label} LAST ROW".encode()
        rows = (first, *(b"",) * (self.encoder.rows - 2), last)[: self.encoder.rows]
        return tuple(row[: self.encoder.width] for row in rows)


def candidates(
    profiles: Mapping[str, Profile], *, rows: int, columns: int, target: str | None = None
) -> tuple[Candidate, ...]:
    """Whatever can drive such a display without harm to any other, in the order to try it.

    The integrator's own sets come first. With a target only sets that have it: a display behind a
    printer must be selected, and by the number its maker gave it.
    """
    found: list[Candidate] = []
    for encoder in _encoders(profiles, rows, columns, target):
        candidate = Candidate(encoder=encoder, label=f"{_LABELS[len(found) % len(_LABELS)]}1")
        if harm(_sent(candidate)) is not None:
            continue
        twin = next((n for n, other in enumerate(found) if _alike(other, candidate)), None)
        if twin is None:
            found.append(candidate)
        else:
            same = (*found[twin].same, candidate.name)
            found[twin] = Candidate(encoder=found[twin].encoder, label=found[twin].label, same=same)
    return tuple(found)


def order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of command sets in the order to try them."""
    given = set(names)
    own = sorted(given - {*ORDER, *LAST})
    return (*own, *(name for name in (*ORDER, *LAST) if name in given))


def harm(sent: bytes) -> str | None:
    """Why some display might not survive these bytes unchanged; None if every one would."""
    for lead, why in deny.DENIED.items():
        if lead in sent:
            return why
    for byte in sent:
        if byte in deny.OPENINGS:
            return deny.OPENINGS[byte]
    return None


def _encoders(
    profiles: Mapping[str, Profile], rows: int, columns: int, target: str | None
) -> Iterator[Encoder]:
    for name in order(profiles):
        try:
            yield Encoder(profile=profiles[name], rows=rows, columns=columns, target=target)
        except ProfileError:
            continue  # it cannot drive such a display, or not behind a printer


def _sent(candidate: Candidate) -> bytes:
    return b"".join(command.data for command in candidate.probe())


def _alike(one: Candidate, other: Candidate) -> bool:
    unlabelled = (_sent(each).replace(each.label.encode(), b"") for each in (one, other))
    return len(set(unlabelled)) == 1
