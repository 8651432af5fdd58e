"""What clients were promised, held against what happened to their tokens."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.supply.interface import Handout
from tests.load.witness import Cause, Issued, Witness

_ROUNDING = 1e-6  # s


@dataclass(slots=True, kw_only=True, eq=False)
class Promised:
    """One hold, as its client knows it. `over`: it was given back, or its client is gone."""

    fingerprint: str
    id: str
    until: float
    over: bool = False


@dataclass(kw_only=True)
class Judge:
    """`wrongs` is one line for each promise that was not kept."""

    now: Callable[[], float]
    wrongs: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    _promises: list[Promised] = field(default_factory=list)
    _reported: set[str] = field(default_factory=set)

    # -- what clients do --------------------------------------------------------------------------

    def handed_out(self, handout: Handout, witness: Witness) -> Promised | None:
        """A hold on a token that a renewal had killed is worth nothing."""
        self.counted["handed out"] += 1
        if handout.promise is None:
            return None
        self.counted["held"] += 1
        token = witness.issued(handout.token)
        if token.killed_by == "renewal":
            self._wrong(f"a hold on {token.fingerprint}, which a renewal had ended")
        hold = Promised(
            fingerprint=token.fingerprint,
            id=handout.promise.id,
            until=handout.promise.until,
        )
        self._promises.append(hold)
        return hold

    def reported(self, fingerprint: str) -> None:
        """From now on nobody can count on that token: a client says that it is dead."""
        self._reported.add(fingerprint)

    def waited(self, what: str, seconds: float, at_most: float) -> None:
        self.counted["asked"] += 1
        if seconds > at_most + _ROUNDING:
            self._wrong(f"{what} took {seconds:.3f} s, and had {at_most:.3f} s")

    def starved(self, client: str, seconds: float) -> None:
        self._wrong(f"{client} got no hold within {seconds:.0f} s of a server that was well")

    # -- what the server does ---------------------------------------------------------------------

    def died(self, token: Issued, cause: Cause) -> None:
        now = self.now()
        standing = [one for one in self._promises if not one.over and now < one.until - _ROUNDING]
        self._promises = standing
        if cause == "server" or token.fingerprint in self._reported:
            return
        self.counted["renewed"] += 1
        for hold in standing:
            if hold.fingerprint == token.fingerprint:
                self._wrong(f"renewed {hold.until - now:.1f} s before the end of hold {hold.id}")

    def _wrong(self, line: str) -> None:
        self.wrongs.append(f"at {self.now():.3f}: {line}")
