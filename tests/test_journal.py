"""Which steps of the machines are worth a line, and that none discloses anything."""

from dataclasses import replace

import pytest

from agent import journal
from agent.journal import Line
from agent.oauth import pairing, renewal
from agent.oauth.events import (
    AccessDenied,
    InvalidGrant,
    PairingWanted,
    SlowDown,
    StoreCleared,
    Unreadable,
)
from agent.secret import Secret
from tests.test_view import (
    AWAITING,
    GRANT,
    NO_NETWORK,
    NOW,
    REFUSED,
    RESPONSE,
    SERVING,
    TOKEN,
)

REQUESTING = pairing.RequestingCode(codes_left=6)
RENEWED = replace(SERVING, token=replace(TOKEN, value=Secret("b"), expires_at=NOW + 120))


def events(lines: object) -> list[str]:
    assert hasattr(lines, "__iter__")
    return [line.event for line in lines]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, REQUESTING, ["pairing.started"]),
        (AWAITING, REQUESTING, ["pairing.code_over"]),
        (pairing.Paused(), REQUESTING, ["pairing.started"]),
        (REQUESTING, REQUESTING, []),
        (
            REQUESTING,
            replace(REQUESTING, failures=1, trouble=NO_NETWORK),
            ["pairing.code_failed"],
        ),
        (
            REQUESTING,
            replace(REQUESTING, failures=1, trouble=SlowDown()),
            ["pairing.code_failed"],
        ),
        (REQUESTING, AWAITING, ["pairing.code_shown"]),
        (AWAITING, replace(AWAITING, failures=1), ["pairing.poll_failed"]),
        (AWAITING, replace(AWAITING, interval=10.0), ["pairing.slowed_down"]),
        (AWAITING, replace(AWAITING, poll_from=NOW + 5), []),
        (AWAITING, pairing.Saving(grant=GRANT, token=RESPONSE), ["pairing.approved"]),
        (
            pairing.Saving(grant=GRANT, token=RESPONSE),
            pairing.Paired(grant=GRANT, token=RESPONSE),
            ["grant.saved"],
        ),
        (
            pairing.Saving(grant=GRANT, token=RESPONSE),
            pairing.Paired(grant=GRANT, token=RESPONSE, unsaved="full"),
            ["grant.save_failed"],
        ),
        (
            AWAITING,
            pairing.Resting(why=AccessDenied(description="no"), codes_left=1),
            ["pairing.denied"],
        ),
        (AWAITING, pairing.Resting(why=REFUSED, codes_left=1), ["pairing.refused"]),
        (AWAITING, pairing.Paused(), ["pairing.paused"]),
    ],
)
def test_what_is_told_of_pairing(
    before: pairing.State | None, after: pairing.State, lines: list[str]
) -> None:
    assert events(journal.of_pairing(before, after, NOW)) == lines


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, SERVING, []),
        (SERVING, SERVING, []),
        (SERVING, renewal.Renewing(before=SERVING), []),
        (renewal.Renewing(before=SERVING), RENEWED, ["token.renewed"]),
        (renewal.Renewing(before=SERVING), SERVING, []),
        (
            renewal.Renewing(before=SERVING),
            replace(SERVING, trouble=NO_NETWORK),
            ["token.renewal_failed"],
        ),
        (
            renewal.Renewing(before=SERVING),
            replace(SERVING, trouble=Unreadable(status=400)),
            ["token.renewal_failed"],
        ),
        (
            renewal.Renewing(before=SERVING),
            replace(SERVING, trouble=REFUSED),
            ["token.renewal_refused"],
        ),
        (
            renewal.Renewing(before=SERVING),
            renewal.Renewing(before=SERVING, previous=True),
            ["grant.trying_previous"],
        ),
        (
            renewal.Saving(before=SERVING, then=RENEWED),
            RENEWED,
            ["grant.saved", "token.renewed"],
        ),
        (
            renewal.Saving(before=SERVING, then=RENEWED),
            replace(RENEWED, unsaved="full"),
            ["grant.save_failed", "token.renewed"],
        ),
        (
            renewal.Renewing(before=SERVING),
            renewal.Lost(why=InvalidGrant(description="gone"), token=None),
            ["grant.lost"],
        ),
        (
            SERVING,
            renewal.Lost(why=PairingWanted(), token=None),
            ["grant.set_aside"],
        ),
    ],
)
def test_what_is_told_of_renewal(
    before: renewal.State | None, after: renewal.State, lines: list[str]
) -> None:
    assert events(journal.of_renewal(before, after, NOW)) == lines


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (InvalidGrant(description="expired"), "no longer knows"),
        (Unreadable(status=400), "3 times with 400"),
        (StoreCleared(), "cleared"),
        (REFUSED, "invalid_client"),
    ],
)
def test_why_a_grant_was_lost_is_said(
    why: InvalidGrant | Unreadable | StoreCleared, words: str
) -> None:
    (line,) = journal.of_renewal(SERVING, renewal.Lost(why=why, token=None), NOW)
    assert words in str(dict(line.fields)["reason"])


def test_C6_the_user_code_is_not_logged() -> None:
    (line,) = journal.of_pairing(REQUESTING, AWAITING, NOW)
    assert "abcfgh23" not in repr(line)
    assert dict(line.fields)["expires_in"] == 300


def test_trouble_is_told_apart() -> None:
    assert Line("token.renewal_failed").trouble
    assert Line("grant.lost").trouble
    assert not Line("token.renewed").trouble
    assert not Line("pairing.code_over").trouble
