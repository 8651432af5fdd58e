"""What the sandbox does to codes and tokens, without a socket or a clock."""

from dataclasses import replace

import pytest

from agent.sandbox import refusals, rules
from agent.sandbox.refusals import Refusal
from agent.sandbox.world import (
    Approved,
    Code,
    Denied,
    Options,
    Session,
    Spent,
    Tokens,
    Waiting,
    World,
    device_id,
)
from tests.sandbox.chance import scripted, seeded

UUID = "/vendor/mycompany/serial/1234"
SHOP = Approved(merchant="Café Morgenrot")
DRAW = seeded()


def asked(
    world: World | None = None, options: Options | None = None, *, now: float = 0, uuid: str = UUID
) -> tuple[World, Code]:
    world, code = rules.request_code(
        world or World(), options or Options(), uuid=uuid, now=now, draw=DRAW
    )
    assert isinstance(code, Code)
    return world, code


def polled(
    world: World, code: Code, options: Options | None = None, *, now: float
) -> tuple[World, Tokens | Refusal]:
    return rules.poll(world, options or Options(), device_code=code.device_code, now=now, draw=DRAW)


def paired(options: Options | None = None, *, now: float = 0) -> tuple[World, Tokens]:
    world, code = asked(None, options, now=now)
    world, _ = rules.decide(world, SHOP, user_code=code.user_code, now=now)
    world, tokens = polled(world, code, options, now=now)
    assert isinstance(tokens, Tokens)
    return world, tokens


def refreshed(
    world: World, token: str, options: Options | None = None, *, now: float = 1
) -> tuple[World, Tokens | Refusal]:
    return rules.refresh(world, options or Options(), refresh_token=token, now=now, draw=DRAW)


# -- codes ----------------------------------------------------------------------------------------


def test_a_code_has_the_documented_shape() -> None:
    _, code = asked(now=7)
    assert len(code.user_code) == 8
    assert set(code.user_code) <= set("23456789abcfghjkmnpqstuvwxyz")
    assert len(code.device_code) == 32
    assert set(code.device_code) <= set("0123456789abcdef")
    assert (code.asked_at, code.expires_at, code.interval) == (7, 1207, 5)


def test_only_listed_devices_get_codes_when_there_is_a_list() -> None:
    options = Options(devices=(UUID,))
    _, refusal = rules.request_code(World(), options, uuid=UUID + "5", now=0, draw=DRAW)
    assert refusal is refusals.INVALID_DEVICE
    _, code = rules.request_code(World(), options, uuid=UUID, now=0, draw=DRAW)
    assert isinstance(code, Code)


def test_no_two_live_codes_are_the_same() -> None:
    draw = scripted("aaaaaaaa", "d1", "aaaaaaaa", "aaaaaaaa", "bbbbbbbb", "d2")
    world, _ = rules.request_code(World(), Options(), uuid="/a", now=0, draw=draw)
    world, second = rules.request_code(world, Options(), uuid="/b", now=0, draw=draw)
    assert isinstance(second, Code)
    assert (second.user_code, second.device_code) == ("bbbbbbbb", "d2")


def test_a_newer_code_of_a_device_voids_its_older_one_and_no_other() -> None:
    world, first = asked()
    world, other = asked(world, uuid=UUID + "5")
    world, second = asked(world, now=1)
    assert rules.waiting(world, 1) == (other, second)
    _, answer = polled(world, first, now=2)
    assert answer is refusals.CODE_UNKNOWN


def test_a_code_waits_until_the_instant_it_expires() -> None:
    world, code = asked()
    assert rules.waiting(world, 1199.9) == (code,)
    assert rules.waiting(world, 1200) == ()


def test_dead_codes_are_forgotten_after_an_hour() -> None:
    world, old = asked()
    world, _ = asked(world, uuid="/other", now=1200 + 3599)
    assert old in world.codes
    world, _ = asked(world, uuid="/another", now=1200 + 3600)
    assert old not in world.codes


# -- polls ----------------------------------------------------------------------------------------


def test_a_poll_before_the_verdict_is_pending() -> None:
    world, code = asked()
    _, answer = polled(world, code, now=5)
    assert answer is refusals.AUTHORIZATION_PENDING


def test_a_poll_with_an_unknown_code_is_refused() -> None:
    world, code = asked()
    _, answer = polled(world, replace(code, device_code="f" * 32), now=5)
    assert answer is refusals.CODE_UNKNOWN


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [("secucard", refusals.CODE_EXPIRED), ("rfc8628", refusals.EXPIRED_TOKEN)],
)
@pytest.mark.parametrize("verdict", [Waiting(), Denied(), SHOP])
def test_an_expired_code_is_expired_whatever_was_decided(
    dialect: refusals.Dialect, expected: Refusal, verdict: Waiting | Denied | Approved
) -> None:
    options = Options(dialect=dialect)
    world, code = asked(None, options)
    world = replace(world, codes=(replace(code, verdict=verdict),))
    _, answer = polled(world, code, options, now=1200)
    assert answer is expected


def test_a_denied_code_is_denied_at_every_poll() -> None:
    world, code = asked()
    world, _ = rules.decide(world, Denied(), user_code=code.user_code, now=1)
    world, first = polled(world, code, now=5)
    _, second = polled(world, code, now=10)
    assert first is second is refusals.ACCESS_DENIED


def test_an_approved_code_gives_tokens_of_the_documented_shape_once() -> None:
    world, code = asked()
    world, decided = rules.decide(world, SHOP, user_code=code.user_code, now=1)
    assert decided is not None
    world, tokens = polled(world, code, now=5)
    assert isinstance(tokens, Tokens)
    assert len(tokens.access_token) == 26
    assert set(tokens.access_token) <= set("0123456789abcdefghijklmnopqrstuv")
    assert tokens.refresh_token is not None
    assert len(tokens.refresh_token) == 40
    assert set(tokens.refresh_token) <= set("0123456789abcdef")
    assert (tokens.expires_in, tokens.scope) == (1200, None)
    _, again = polled(world, code, now=10)
    assert again is refusals.CODE_UNKNOWN


def test_secucard_never_says_slow_down() -> None:
    world, code = asked()
    for _ in range(3):
        world, answer = polled(world, code, now=1)
        assert answer is refusals.AUTHORIZATION_PENDING


def test_rfc8628_slows_down_a_client_that_polls_too_fast_and_means_it() -> None:
    options = Options(dialect="rfc8628")
    world, code = asked(None, options)
    answers = []
    for now in (0, 5, 9.5, 19, 34):  # allowed, allowed, early: 10 s, early: 15 s, allowed
        world, answer = polled(world, code, options, now=now)
        answers.append(answer)
    pending, slow = refusals.AUTHORIZATION_PENDING, refusals.SLOW_DOWN
    assert answers == [pending, pending, slow, slow, pending]


# -- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [str, str.upper, lambda t: f" {t[:4]}-{t[4:]} "])
def test_the_portal_forgives_capitals_blanks_and_hyphens(change: type[str]) -> None:
    world, code = asked()
    _, decided = rules.decide(world, SHOP, user_code=change(code.user_code), now=1)
    assert decided is not None
    assert decided.verdict == SHOP


def test_a_wrong_code_decides_nothing() -> None:
    world, _ = asked()
    after, decided = rules.decide(world, SHOP, user_code="22222222", now=1)
    assert (after, decided) == (world, None)


def test_a_code_counts_only_for_the_device_that_was_picked() -> None:
    world, code = asked()
    after, decided = rules.decide(world, SHOP, user_code=code.user_code, now=1, uuid="/other")
    assert (after, decided) == (world, None)
    _, decided = rules.decide(world, SHOP, user_code=code.user_code, now=1, uuid=UUID)
    assert decided is not None


def test_nobody_decides_a_code_twice_or_after_its_end() -> None:
    world, code = asked()
    decided_once, _ = rules.decide(world, Denied(), user_code=code.user_code, now=1)
    assert rules.decide(decided_once, SHOP, user_code=code.user_code, now=2)[1] is None
    assert rules.decide(world, SHOP, user_code=code.user_code, now=1200)[1] is None


# -- tokens ---------------------------------------------------------------------------------------


def test_a_new_access_token_invalidates_the_former() -> None:
    world, tokens = paired()
    assert rules.holder(world, tokens.access_token, 1) is not None
    world, renewed = refreshed(world, tokens.refresh_token or "")
    assert isinstance(renewed, Tokens)
    assert rules.holder(world, tokens.access_token, 1) is None
    assert rules.holder(world, renewed.access_token, 1) is not None


def test_an_access_token_ends_with_its_life() -> None:
    world, tokens = paired(now=100)
    assert rules.holder(world, tokens.access_token, 1299.9) is not None
    assert rules.holder(world, tokens.access_token, 1300) is None


def test_no_token_is_nobodys() -> None:
    world, _ = paired()
    assert rules.holder(rules.kill_access_tokens(world), "", 1) is None


def test_without_rotation_the_refresh_token_stays_and_is_not_sent_again() -> None:
    world, tokens = paired()
    for count in (1, 2, 3):
        world, renewed = refreshed(world, tokens.refresh_token or "")
        assert isinstance(renewed, Tokens)
        assert renewed.refresh_token is None
        assert world.sessions[0].renewals == count


def test_with_rotation_a_used_refresh_token_closes_the_session() -> None:
    options = Options(rotate=True)
    world, tokens = paired(options)
    world, renewed = refreshed(world, tokens.refresh_token or "", options)
    assert isinstance(renewed, Tokens)
    assert renewed.refresh_token not in (None, tokens.refresh_token)
    world, answer = refreshed(world, tokens.refresh_token or "", options)
    assert answer is refusals.INVALID_REFRESH_TOKEN
    assert world.sessions == ()
    _, answer = refreshed(world, renewed.refresh_token or "", options)
    assert answer is refusals.INVALID_REFRESH_TOKEN


def test_used_refresh_tokens_are_not_remembered_without_end() -> None:
    options = Options(rotate=True)
    world, tokens = paired(options)
    for _ in range(30):
        world, renewed = refreshed(world, world.sessions[0].refresh_token, options)
        assert isinstance(renewed, Tokens)
    assert len(world.sessions[0].spent) == 20
    assert tokens.refresh_token not in world.sessions[0].spent


def test_a_refresh_token_can_expire() -> None:
    options = Options(refresh_token_seconds=50)
    world, tokens = paired(options, now=10)
    _, answer = refreshed(world, tokens.refresh_token or "", options, now=59.9)
    assert isinstance(answer, Tokens)
    _, answer = refreshed(world, tokens.refresh_token or "", options, now=60)
    assert answer is refusals.REFRESH_TOKEN_EXPIRED


@pytest.mark.parametrize("token", ["", "0" * 40])
def test_an_unknown_refresh_token_is_invalid(token: str) -> None:
    world, _ = paired()
    world = rules.client_token(world, Options(), now=0, draw=DRAW)[0]  # a session without one
    assert refreshed(world, token)[1] is refusals.INVALID_REFRESH_TOKEN


def test_dead_refresh_tokens_leave_access_tokens_alive() -> None:
    world, tokens = paired()
    world = rules.kill_refresh_tokens(world)
    assert refreshed(world, tokens.refresh_token or "")[1] is refusals.INVALID_REFRESH_TOKEN
    assert rules.holder(world, tokens.access_token, 1) is not None


def test_dead_access_tokens_can_be_renewed() -> None:
    world, tokens = paired()
    world = rules.kill_access_tokens(world)
    assert rules.holder(world, tokens.access_token, 1) is None
    assert isinstance(refreshed(world, tokens.refresh_token or "")[1], Tokens)


def test_pairing_again_replaces_the_devices_session() -> None:
    world, first = paired()
    world, code = asked(world, now=1)
    world, _ = rules.decide(world, SHOP, user_code=code.user_code, now=1)
    world, second = polled(world, code, now=2)
    assert isinstance(second, Tokens)
    assert len(world.sessions) == 1
    assert refreshed(world, first.refresh_token or "")[1] is refusals.INVALID_REFRESH_TOKEN


def test_client_credentials_give_a_scope_and_no_refresh_token() -> None:
    world, tokens = rules.client_token(World(), Options(), now=0, draw=DRAW)
    assert isinstance(tokens, Tokens)
    assert tokens.refresh_token is None
    assert (tokens.scope or "").startswith("https://")
    again, newer = rules.client_token(world, Options(), now=1, draw=DRAW)
    assert len(again.sessions) == 1
    assert rules.holder(again, tokens.access_token, 1) is None
    assert isinstance(newer, Tokens)


def test_a_device_pin_gives_a_token_without_a_refresh_token() -> None:
    world, tokens = rules.pin_token(
        World(), Options(), uuid=UUID, pin=Options().device_pin, now=0, draw=DRAW
    )
    assert isinstance(tokens, Tokens)
    assert (tokens.refresh_token, tokens.scope) == (None, None)
    assert rules.holder(world, tokens.access_token, 1) is not None


def test_a_device_pin_does_not_disturb_an_existing_pairing() -> None:
    world, paired_tokens = paired()
    world, _ = rules.pin_token(
        world, Options(), uuid=UUID, pin=Options().device_pin, now=1, draw=DRAW
    )
    assert rules.holder(world, paired_tokens.access_token, 1) is None  # one valid token a session
    assert isinstance(refreshed(world, paired_tokens.refresh_token or "")[1], Tokens)


def test_a_wrong_pin_and_an_unknown_device_are_refused() -> None:
    options = Options(devices=(UUID,))
    _, wrong = rules.pin_token(World(), options, uuid=UUID, pin="x", now=0, draw=DRAW)
    assert wrong is refusals.INVALID_PIN
    _, unknown = rules.pin_token(
        World(), options, uuid="/other", pin=options.device_pin, now=0, draw=DRAW
    )
    assert unknown is refusals.INVALID_DEVICE


def test_forgetting_a_device_leaves_the_others() -> None:
    world = World(
        sessions=tuple(Session(subject=s, merchant="m", opened_at=0) for s in ("/a", "/b"))
    )
    assert [s.subject for s in rules.forget(world, "/a").sessions] == ["/b"]


def test_nothing_secret_is_in_a_repr() -> None:
    world, tokens = paired()
    secret = (tokens.access_token, tokens.refresh_token or "", world.codes[0].device_code)
    shown = repr((world, tokens, Options()))
    assert not any(text in shown for text in (*secret, Options().client_secret))
    assert world.codes[0].verdict == Spent()


def test_the_registrys_id_has_its_shape_and_tells_devices_apart() -> None:
    first, second = device_id("/vendor/a/serial/1"), device_id("/vendor/a/serial/2")
    assert first != second
    assert first.startswith("SDV_")
    assert len(first) == 34
