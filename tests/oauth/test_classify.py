"""The table of answers, row by row, and that no row is dead."""

from itertools import product

import pytest

from agent.oauth.classify import TABLE, Kind, Outcome, Unsaid, classify
from agent.oauth.dialect import RFC8628, SECUCARD, Dialect

CODE, POLL, REFRESH = Kind.CODE, Kind.POLL, Kind.REFRESH
OBJECT, NOTHING, RUBBISH = Unsaid.OBJECT, Unsaid.NOTHING, Unsaid.RUBBISH
BOTH = (SECUCARD, RFC8628)
ANY_STATUS = (200, 201, 400, 401, 403, 404, 422, 428, 500, 503)
CLIENT = ("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope")
ERRORS = (
    *CLIENT,
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
    "invalid_grant",
    "invalid_request",
    "invalid_device",
    "server_error",
    "Access_Denied",
    "device_not_found",
)
STATUSES = (200, 201, 204, 302, 307, 399, 400, 401, 403, 404, 405, 407, 408, 418, 428, 429, 499)
LATER_STATUSES = (407, 408, 500, 502, 503, 504, 599, 600, 999)
ALL_STATUSES = STATUSES + LATER_STATUSES


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("kind", Kind)
def test_redirects_come_before_everything(kind: Kind, dialect: Dialect) -> None:
    for status, said in product((300, 301, 302, 303, 307, 308, 399), (*ERRORS, *Unsaid)):
        assert classify(kind, dialect, status, said) is Outcome.REDIRECT


def polls(dialect: Dialect, said: str | Unsaid, *statuses: int, lost: bool = False) -> set[Outcome]:
    return {classify(POLL, dialect, status, said, lost=lost) for status in statuses}


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("authorization_pending", Outcome.PENDING),
        ("slow_down", Outcome.SLOW_DOWN),
        ("access_denied", Outcome.DENIED),
        ("expired_token", Outcome.EXPIRED),
        ("invalid_request", Outcome.CONFIGURATION),
        *((said, Outcome.CONFIGURATION) for said in CLIENT),
    ],
)
def test_a_named_error_outranks_the_status_of_a_poll(
    said: str, outcome: Outcome, dialect: Dialect
) -> None:
    assert polls(dialect, said, *ANY_STATUS) == {outcome}


def test_a_401_alone_is_not_pending() -> None:
    for said in (*ERRORS, *Unsaid):
        if said != "authorization_pending":
            assert Outcome.PENDING not in polls(SECUCARD, said, *STATUSES)


def test_errors_are_compared_exactly() -> None:
    assert polls(RFC8628, "Access_Denied", 400, 401, 403) == {Outcome.REFUSED}


def test_a_429_slows_a_poll_down_even_while_pending() -> None:
    for dialect in BOTH:
        for said in ("authorization_pending", "rate_limited", *Unsaid):
            assert polls(dialect, said, 429) == {Outcome.SLOW_DOWN}
        assert polls(dialect, "access_denied", 429) == {Outcome.DENIED}


def test_a_replayed_code_is_judged_by_dialect_and_lost_answer() -> None:
    for said in ("access_denied", "invalid_grant", "invalid_request"):
        assert polls(RFC8628, said, 400, lost=True) == {Outcome.CODE_DEAD}
    assert polls(RFC8628, "invalid_grant", 400) == {Outcome.REFUSED}
    assert polls(SECUCARD, "invalid_grant", 400) == {Outcome.CODE_DEAD}
    assert polls(SECUCARD, "access_denied", 401, lost=True) == {Outcome.DENIED}
    assert polls(SECUCARD, "invalid_request", 400, lost=True) == {Outcome.CONFIGURATION}
    assert classify(CODE, RFC8628, 400, "access_denied", lost=True) is Outcome.DENIED


def test_an_unregistered_device_is_secucards_notion() -> None:
    for kind in Kind:
        assert classify(kind, SECUCARD, 401, "invalid_device") is Outcome.UNKNOWN_DEVICE
        assert classify(kind, RFC8628, 401, "invalid_device") is Outcome.REFUSED


def test_an_unknown_error_stops_except_secucards_400() -> None:
    assert polls(RFC8628, "device_not_found", 400, 401, 403, 404, 200) == {Outcome.REFUSED}
    assert polls(SECUCARD, "device_not_found", 401, 403, 404, 200) == {Outcome.REFUSED}
    assert polls(SECUCARD, "device_not_found", 400) == {Outcome.CODE_DEAD}
    assert classify(CODE, SECUCARD, 400, "device_not_found") is Outcome.REFUSED
    assert classify(REFRESH, SECUCARD, 400, "device_not_found") is Outcome.REFUSED


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("kind", Kind)
def test_statuses_that_say_later_beat_errors_nobody_knows(kind: Kind, dialect: Dialect) -> None:
    for status, said in product(LATER_STATUSES, ("server_error", "device_not_found", *Unsaid)):
        assert classify(kind, dialect, status, said) is Outcome.LATER


@pytest.mark.parametrize("dialect", BOTH)
def test_answers_without_an_error(dialect: Dialect) -> None:
    for kind in (CODE, POLL):
        assert classify(kind, dialect, 200, OBJECT) is Outcome.SUCCESS
        for status, said in product((400, 401, 403, 404, 499), Unsaid):
            assert classify(kind, dialect, status, said) is Outcome.UNREADABLE
        for status, said in ((200, NOTHING), (200, RUBBISH), (201, OBJECT), (204, NOTHING)):
            assert classify(kind, dialect, status, said) is Outcome.LATER


@pytest.mark.parametrize("dialect", BOTH)
def test_codes_can_be_slowed_down_denied_or_misconfigured(dialect: Dialect) -> None:
    assert classify(CODE, dialect, 400, "slow_down") is Outcome.SLOW_DOWN
    assert classify(CODE, dialect, 429, RUBBISH) is Outcome.SLOW_DOWN
    assert classify(CODE, dialect, 403, "access_denied") is Outcome.DENIED
    for said, status in product((*CLIENT, "invalid_request"), (400, 401, 403)):
        assert classify(CODE, dialect, status, said) is Outcome.CONFIGURATION
    for said in ("authorization_pending", "expired_token", "invalid_grant"):
        assert classify(CODE, dialect, 400, said) is Outcome.REFUSED


@pytest.mark.parametrize("dialect", BOTH)
def test_a_grant_is_only_dead_when_the_server_says_so(dialect: Dialect) -> None:
    def refreshed(status: int, said: str | Unsaid) -> Outcome:
        return classify(REFRESH, dialect, status, said, lost=True)

    assert refreshed(200, OBJECT) is Outcome.SUCCESS
    for status in ANY_STATUS:
        assert refreshed(status, "invalid_grant") is Outcome.GRANT_DEAD
        assert refreshed(status, "slow_down") is Outcome.LATER
        assert {refreshed(status, said) for said in CLIENT} == {Outcome.CONFIGURATION}
    assert {refreshed(400, said) for said in Unsaid} == {Outcome.UNREADABLE}
    for status, said in product((200, 204, 401, 403, 404, 405), (NOTHING, RUBBISH)):
        assert refreshed(status, said) is Outcome.LATER
    assert refreshed(403, OBJECT) is Outcome.LATER
    assert {refreshed(429, said) for said in ("rate_limited", *Unsaid)} == {Outcome.LATER}
    others = ("access_denied", "expired_token", "authorization_pending", "invalid_request")
    assert {refreshed(400, other) for other in others} == {Outcome.REFUSED}


def test_every_answer_has_an_outcome_and_every_row_a_use() -> None:
    """First match wins; a row that never is the first would be a lie."""
    used: set[int] = set()
    cases = product(Kind, BOTH, (False, True), ALL_STATUSES, (*ERRORS, *Unsaid))
    for kind, dialect, lost, status, said in cases:
        matching = [i for i, r in enumerate(TABLE) if r.matches(kind, dialect, lost, status, said)]
        used.add(matching[0])
        assert classify(kind, dialect, status, said, lost=lost) is TABLE[matching[0]].outcome
    assert used == set(range(len(TABLE)))
