"""Whatever arrives, an event comes out, and its numbers are sane enough to sleep on."""

import json
from math import isfinite
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ServerViolation
from agent.oauth import answer as limits
from agent.oauth import fields
from agent.oauth.dialect import RFC8628, SECUCARD, Dialect
from agent.oauth.events import (
    CodeEvent,
    DeviceAuthorization,
    PollEvent,
    RefreshEvent,
    Refused,
    SlowDown,
    TokenResponse,
    TransportFailed,
)
from agent.oauth.wire import (
    Answer,
    read_code_answer,
    read_metadata,
    read_owner,
    read_poll_answer,
    read_refresh_answer,
)
from tests.oauth.samples import CODES, NOW, TOKEN, WALL, error

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**320), 10**320)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["bearer", "-1", "9" * 400, "https://a.example", "http://[", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from([*CODES, *TOKEN, *error("x", "y"), "verification_uri", "name", "issuer"])
objects = st.builds(
    lambda base, changes: json.dumps(base | changes).encode(),
    st.sampled_from([{}, CODES, TOKEN, error("authorization_pending"), error("invalid_grant")]),
    st.dictionaries(names, values, max_size=4),
)
headers = st.none() | st.text(max_size=80) | st.sampled_from(["0", "9" * 99, "Mon, 1 Jan 0 0:0 Z"])
answers = st.builds(
    Answer,
    status=st.integers(100, 999) | st.sampled_from([200, 400, 401, 429, 503]),
    body=st.binary(max_size=100) | objects,
    asked_at=st.just(NOW),
    retry_after=headers
    | st.from_regex(r"\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\Z"),
    date=headers,
    content_type=headers,
)
dialects = st.sampled_from([SECUCARD, RFC8628])
walls = st.floats(-1e12, 1e12)


def sane(event: object) -> None:
    """Bounds, printable words, and nothing a form or a header could not carry."""
    match event:
        case DeviceAuthorization():
            assert limits.INTERVAL_MIN <= event.interval <= limits.INTERVAL_MAX
            assert 0 < event.expires_in <= limits.CODE_LIFE_MAX
            assert event.user_code.isprintable()
            event.device_code.reveal().encode("ascii")
        case TokenResponse():
            assert 0 < event.expires_in <= limits.TOKEN_LIFE_MAX
            assert event.server_time >= 0
            event.access_token.reveal().encode("ascii")
        case SlowDown():
            for seconds in (event.interval, event.retry_after):
                assert seconds is None or 0 < seconds <= fields.RETRY_AFTER_MAX
        case TransportFailed():
            assert event.reason.isprintable()
            assert event.retry_after is None or 0 < event.retry_after <= fields.RETRY_AFTER_MAX
        case Refused():
            assert (event.error + event.description).isprintable()
            assert event.error
            assert len(event.error) <= 64
            assert len(event.description) <= 200
        case _:
            pass


@given(answers, dialects, walls)
def test_code_answers(reply: Answer, dialect: Dialect, wall: float) -> None:
    event = read_code_answer(dialect, reply, wall)
    assert isinstance(event, get_args(CodeEvent))
    sane(event)


@given(answers, dialects, walls, st.booleans())
def test_poll_and_refresh_answers(reply: Answer, dialect: Dialect, wall: float, lost: bool) -> None:
    polled = read_poll_answer(dialect, reply, wall, after_lost_answer=lost)
    assert isinstance(polled, get_args(PollEvent))
    refreshed = read_refresh_answer(dialect, reply, wall, after_lost_answer=lost)
    assert isinstance(refreshed, get_args(RefreshEvent))
    sane(polled)
    sane(refreshed)


@given(answers)
def test_owners_and_metadata(reply: Answer) -> None:
    owner = read_owner(reply)
    assert owner is None or (owner.isprintable() and 0 < len(owner) <= 64)
    with pytest.raises(ServerViolation) as refusal:  # none of them is a complete document
        read_metadata("https://as.example", reply)
    assert str(refusal.value).isprintable()


@given(st.text(max_size=90))
def test_dates(text: str) -> None:
    assert fields.unix_time(text) >= 0
    seconds = fields.retry_after(text, text, WALL)
    assert seconds is None or (isfinite(seconds) and seconds > 0)
