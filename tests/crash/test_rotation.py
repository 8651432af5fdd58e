"""The layer itself: that it finds nothing, that it costs what it must, and that it would find."""

import secrets

import pytest

from agent.oauth.events import Grant, TokenResponse
from agent.secret import Secret
from tests.crash.rotation import Script, history, play, run, scripts
from tests.crash.rotation_judge import Judge
from tests.crash.rotation_server import POLICIES, Policy, RotatingServer

NONE, STRICT, FIVE_SECONDS, A_MINUTE, UNTIL_USED = POLICIES
ANSWER_LOST = {
    "server committed",
    "answer on its way",
    "before the save",
    "save torn",
    "new one used, before the next save",
    "new one used, next save torn",
}
NOT_YET_PAIRED = {
    "before pairing's save",
    "pairing's save torn",
    "pairing's save written, not yet named",
    "pairing's save torn in its second half",
}


def test_wherever_the_mains_go_the_terminal_serves_or_pairs() -> None:
    seed = secrets.randbelow(1 << 32)
    counts = run(long=False, seed=seed)
    assert counts["losses"] == 0, f"seed {seed}: see stderr"
    assert counts["rotation_cuts"] >= 300


@pytest.mark.parametrize(
    ("policy", "situation", "pairs"),
    [
        (NONE, "all well", NOT_YET_PAIRED),
        (STRICT, "all well", ANSWER_LOST),
        (FIVE_SECONDS, "all well", ANSWER_LOST),
        (A_MINUTE, "all well", set()),
        (A_MINUTE, "slow boot", ANSWER_LOST),
        (UNTIL_USED, "all well", set()),
        (UNTIL_USED, "delivered twice before the cut", set()),
    ],
    ids=lambda value: value.name if isinstance(value, Policy) else None,
)
def test_a_cut_costs_a_pairing_only_where_the_server_does_not_forgive(
    policy: Policy, situation: str, pairs: set[str]
) -> None:
    tried = [s for s in scripts() if (s.policy, s.situation.name) == (policy, situation)]
    assert {script.cut.name for script in tried if _pairings(script)} == pairs


def _pairings(script: Script) -> int:
    judge = play(script, seed=1)
    assert not judge.losses
    return judge.pairings


def test_a_seed_tells_one_story() -> None:
    first, again, other = history(1, 7), history(1, 7), history(1, 8)
    assert (first.pairings, first.honoured) == (again.pairings, again.honoured)
    assert (first.pairings, first.honoured) != (other.pairings, other.honoured)


class Case:
    """A judge and a server at which one terminal has paired; its first refresh token is kept."""

    def __init__(self, policy: Policy) -> None:
        self.time = 0.0
        self.server = RotatingServer(policy=policy, life=120.0, now=lambda: self.time)
        self.judge = Judge(self.server)
        code = self.server.new_code(0.0).device_code.reveal()
        self.time = 30.0
        paired = self.server.poll(code, self.time)
        assert isinstance(paired, TokenResponse)
        self.keep(paired)
        self.judge.boots()

    def keep(self, answer: TokenResponse) -> None:
        assert answer.refresh_token is not None
        self.judge.would_load(
            Grant(refresh_token=answer.refresh_token, issuer="", client_id="", uuid="")
        )

    def refresh(self, token: str) -> TokenResponse:
        self.judge.refreshes(token)
        answer = self.server.refresh(token, self.time)
        assert isinstance(answer, TokenResponse)
        return answer


def test_the_judge_wants_the_refresh_token_durable_before_the_access_token_is_out() -> None:
    case = Case(STRICT)
    answer = case.refresh("rt~1")
    case.judge.hands_out(answer.access_token.reveal())
    assert case.judge.losses == ["handed out at~2 before rt~2 was durable"]


def test_the_judge_accepts_it_when_it_is_durable() -> None:
    case = Case(STRICT)
    answer = case.refresh("rt~1")
    case.keep(answer)
    case.judge.hands_out(answer.access_token.reveal())
    assert case.judge.uses(answer.access_token.reveal())
    assert case.judge.settled
    assert case.judge.losses == []


def test_the_judge_grants_two_requests_and_no_third() -> None:
    case = Case(STRICT)
    for token in ("rt~8", "rt~9"):
        case.judge.refreshes(token)
    assert case.judge.losses == []
    case.judge.refreshes("rt~8")
    assert len(case.judge.losses) == 1


def test_the_judge_starts_counting_again_when_the_network_interferes() -> None:
    case = Case(STRICT)
    for token in ("rt~8", "rt~9"):
        case.judge.refreshes(token)
    case.judge.interferes()
    for token in ("rt~8", "rt~9"):
        case.judge.refreshes(token)
    assert case.judge.losses == []


def test_the_judge_allows_no_pairing_while_a_kept_token_is_good() -> None:
    case = Case(UNTIL_USED)
    case.refresh("rt~1")
    case.judge.pairs()
    assert case.judge.losses == ["paired although the server would take a token that was kept"]


def test_the_judge_does_not_forget_a_kept_token_the_terminal_has_spoilt() -> None:
    case = Case(FIVE_SECONDS)
    case.keep(case.refresh("rt~1"))
    case.judge.boots()
    case.time += 60.0
    case.judge.refreshes("rt~1")
    case.server.refresh("rt~1", case.time)  # reuse: the family is revoked
    case.judge.pairs()
    assert case.judge.losses == [
        "paired although the server would have taken a token that was kept"
    ]


def test_the_judge_sees_a_dead_access_token() -> None:
    case = Case(NONE)
    case.refresh("rt~1")
    case.judge.hands_out("at~1")
    assert case.judge.losses == ["handed out at~1, which the server does not honour"]


def test_the_judge_sees_a_refresh_token_handed_out_or_shown() -> None:
    case = Case(STRICT)
    case.judge.hands_out("rt~1")
    case.judge.shows("token rt~1")
    case.judge.shows(repr(Secret("rt~1")))
    assert case.judge.losses == [
        "handed out something that is no access token",
        "shown to everybody: token rt~1",
    ]
