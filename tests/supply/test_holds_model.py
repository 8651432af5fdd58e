"""No schedule breaks the holds' rules; and the model would notice if one did."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agent.supply import holds as rules
from agent.supply.holds_state import Answer, Broken, Holds, Present, Wish
from tests.supply.holds_model import LIMITS, AnySchedule, FormerLivesOn

# The same schedules in every run: a model is no place to meet a new bug on a release day.
EXAMPLES: Final = settings(
    max_examples=150, stateful_step_count=50, deadline=None, derandomize=True, database=None
)
AnySchedule.TestCase.settings = EXAMPLES
FormerLivesOn.TestCase.settings = EXAMPLES
test_no_schedule_breaks_a_promise = AnySchedule.TestCase
test_no_schedule_breaks_a_promise_where_the_former_token_lives_on = FormerLivesOn.TestCase


# -- defects, which have to be found --------------------------------------------------------------


class NoDrain(AnySchedule):
    """Holds are given and extended as if nobody waited."""

    def decide(self, wish: Wish) -> Answer:
        waiting = tuple(replace(one, token=None) for one in self.holds.waiting)
        self.holds = replace(self.holds, waiting=waiting)
        return super().decide(wish)


class NoDrainAndNobodyCompares(NoDrain):
    """As above, found by how long it takes and not by what is told."""

    def compare(self, told: float, before: float) -> None:
        pass


class NoPlaces(FormerLivesOn):
    """Newcomers may use up what those who wait will need."""

    def decide(self, wish: Wish) -> Answer:
        waiting = tuple(one for one in self.holds.waiting if one.client == wish.client)
        self.holds = replace(self.holds, waiting=waiting)
        return super().decide(wish)


class RenewalLooksAway(AnySchedule):
    """Planned renewals begin when they like."""

    def not_before(self) -> float:
        return self.now


class RenewalWaitsForNothing(FormerLivesOn):
    """Renewals wait for holds that they do not harm."""

    def not_before(self) -> float:
        return rules.not_before(self.holds, self.now, former_dies=True)


class DeafToReports(AnySchedule):
    def hear_refused(self, fingerprint: str) -> None:
        pass


class NoDoubt(AnySchedule):
    """A renewal whose answer was lost counts as one that failed."""

    def present(self) -> Present:
        return replace(super().present(), answer_lost=False)


class Rash(AnySchedule):
    """Promises are given while a renewal is under way."""

    def present(self) -> Present:
        return replace(super().present(), renewal="resting")


class Generous(AnySchedule):
    """A minute more than the token has."""

    def present(self) -> Present:
        true = super().present()
        if true.token is None:
            return true
        return replace(true, token=replace(true.token, expires_at=true.token.expires_at + 60))


class Silent(AnySchedule):
    """Broken holds are not reported."""

    def cross_out(self, broken: tuple[Broken, ...]) -> None:
        pass


class Forgetful(AnySchedule):
    """A restart loses the holds."""

    def restored(self, plain: object) -> Holds:
        return Holds()


class NoGrace(AnySchedule):
    """What no token can promise in full is renewed for again and again, and places are lost."""

    limits = replace(LIMITS, grace=0.0)


@pytest.mark.parametrize(
    ("defect", "symptom"),
    [
        (NoDrain, "kept waiting longer than it was told"),
        (NoDrainAndNobodyCompares, "a client was starved"),
        (NoPlaces, "newcomers took the place of one that waits"),
        (RenewalLooksAway, "a planned renewal broke a hold"),
        (RenewalWaitsForNothing, "delayed for nothing"),
        (DeafToReports, "promised a token known to be dead"),
        (NoDoubt, "promised a token we had replaced"),
        (Rash, "promised a token we had replaced"),
        (Generous, "promised more than the token lives"),
        (Silent, "a hold vanished or changed without a word"),
        (Forgetful, "a hold vanished or changed without a word"),
        (NoGrace, "a fresh token was not good enough|kept waiting longer than it was told"),
    ],
)
def test_a_defect_is_found(defect: type[AnySchedule], symptom: str) -> None:
    enough = settings(EXAMPLES, max_examples=3000, phases=[Phase.generate])
    with pytest.raises(AssertionError, match=symptom):
        run_state_machine_as_test(defect, settings=enough)
