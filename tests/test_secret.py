"""A secret does not get out by accident."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from agent.oauth.events import AccessToken, Grant, PollToken, TokenResponse
from agent.secret import Secret

VALUE = "correct-horse-battery"
SECRET = Secret(VALUE)
GRANT = Grant(
    refresh_token=SECRET,
    previous_refresh_token=SECRET,
    issuer="https://as.example",
    client_id="client",
    uuid="/vendor/acme/serial/1",
)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        lambda s: f"{s}",
        lambda s: f"{s!r:>40}",
        lambda s: f"{s:>40}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: "{} {!s:.3}".format(s, s),  # noqa: UP032
        lambda s: str([s]) + str({"token": s}),
    ],
)
def test_S10_16_a_secret_does_not_print_or_format(show: Callable[[Secret], str]) -> None:
    text = show(SECRET)
    assert text
    assert VALUE[:3] not in text


@pytest.mark.parametrize(
    "holder",
    [
        GRANT,
        AccessToken(value=SECRET, issued_at=0, expires_at=1),
        PollToken(device_code=SECRET),
        TokenResponse(
            access_token=SECRET, expires_in=1, refresh_token=SECRET, scope=None, asked_at=0
        ),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_S10_16_nor_does_anything_that_holds_one(holder: object) -> None:
    assert VALUE not in repr(holder)
    assert VALUE not in str(holder)


def test_S10_16_a_secret_does_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").warning("token %s %r of %s", SECRET, SECRET, GRANT)
    assert caplog.messages == [f"token Secret(…) Secret(…) of {GRANT}"]
    assert VALUE not in caplog.text


def test_S10_16_a_secret_does_not_reach_a_traceback() -> None:
    try:
        raise ValueError(SECRET, GRANT)
    except ValueError as error:
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert VALUE not in "".join(seen.format())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_S10_16_a_secret_is_not_serialised(protocol: int) -> None:
    with pytest.raises(TypeError, match="not serialised"):
        pickle.dumps(SECRET, protocol)
    with pytest.raises(TypeError):
        pickle.dumps(GRANT, protocol)
    with pytest.raises(TypeError):
        json.dumps({"token": SECRET})


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, dataclasses.asdict])
def test_S10_16_a_secret_is_not_copied_behind_our_back(
    duplicate: Callable[[object], object],
) -> None:
    with pytest.raises(TypeError):
        duplicate(GRANT if duplicate is dataclasses.asdict else SECRET)


def test_a_secret_has_no_attributes_to_look_into() -> None:
    assert not hasattr(SECRET, "__dict__")


def test_only_reveal_gives_it_out() -> None:
    assert SECRET.reveal() == VALUE


def test_secrets_compare_by_value_and_only_with_their_kind() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("ä") != Secret("a")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("0")


def test_a_fingerprint_identifies_without_disclosing() -> None:
    # printf correct-horse-battery | sha256sum
    assert SECRET.fingerprint() == "sha256:6224936938907549"
    assert SECRET.fingerprint() != Secret(VALUE + "x").fingerprint()
