"""A pairing or renewal told step by step, with a clock of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.oauth import pairing, renewal
from agent.oauth.events import Ask, Grant, RefreshEvent, Wait, Waited
from tests.oauth.samples import GRANT, NOW
from tests.oauth.states import RULES

S = TypeVar("S")
E = TypeVar("E")


@dataclass
class Journey(Generic[S, E]):
    """`tell` gives the machine what it asked for; `wait` lets the time it asked for pass."""

    step: Callable[[S, E | Waited, float], tuple[S, Ask | None]]
    state: S
    ask: Ask | None
    now: float = NOW

    def tell(self, event: E | Waited, *, after: float = 0.0) -> Ask | None:
        self.now += after
        self.state, self.ask = self.step(self.state, event, self.now)
        return self.ask

    def wait(self) -> Ask | None:
        """The least it may be."""
        low, _ = self.bounds()
        return self.tell(Waited(), after=low)

    def bounds(self) -> tuple[float, float]:
        """The wait it asks for now, in seconds."""
        assert isinstance(self.ask, Wait)
        return self.ask.at_least, self.ask.at_most


def pairing_journey() -> Journey[pairing.State, pairing.Event]:
    state, ask = pairing.start(RULES)
    return Journey(lambda s, e, now: pairing.step(s, e, now, RULES), state, ask)


def renewal_journey(
    grant: Grant | None = GRANT, first: RefreshEvent | None = None
) -> Journey[renewal.State, renewal.Event]:
    """Asking for its first token, or having been given `first`."""
    state, ask = renewal.start(grant, NOW)
    journey: Journey[renewal.State, renewal.Event] = Journey(renewal.step, state, ask)
    journey.wait()
    if first is not None:
        journey.tell(first)
    return journey
