"""Payments wait for a cardholder, and die with their token unless told otherwise."""

import pytest

from agent.sandbox import payments, rules
from agent.sandbox.world import Options, Payment, Session, World
from tests.sandbox.chance import seeded

SESSION = Session(
    subject="/a", merchant="m", opened_at=0, access_token="t1", access_expires_at=100,
    refresh_token="r1",
)  # fmt: skip
WORLD = World(sessions=(SESSION,))
DRAW = seeded()


def created(world: World = WORLD) -> tuple[World, Payment]:
    return payments.create(world, SESSION, sum_cents=1250, currency="EUR", now=1, draw=DRAW)


def test_a_payment_is_created_in_the_documented_shape() -> None:
    world, payment = created()
    assert payment.id.startswith("STX_")
    assert len(payment.id) == 34
    assert (payment.status, payment.sum_cents, payment.currency) == ("created", 1250, "EUR")
    assert world.payments == (payment,)


def test_a_payment_is_found_by_its_own_device_only() -> None:
    world, payment = created()
    assert payments.of(world, SESSION, payment.id) == payment
    assert payments.of(world, SESSION, "STX_X") is None
    other = Session(subject="/b", merchant="m", opened_at=0)
    assert payments.of(world, other, payment.id) is None


def test_the_oldest_of_many_payments_are_forgotten() -> None:
    world, first = created()
    for _ in range(100):
        world, _ = created(world)
    assert len(world.payments) == 100
    assert first not in world.payments


@pytest.mark.parametrize(
    ("renewed", "survives", "expected"),
    [(False, False, "ok"), (True, False, "failed"), (True, True, "ok"), (False, True, "ok")],
)
def test_a_renewal_during_a_payment_kills_it_unless_told_otherwise(
    renewed: bool, survives: bool, expected: str
) -> None:
    options = Options(payment_survives_renewal=survives)
    world, payment = created()
    world, running = payments.start(world, payment)
    assert running.status == "running"
    if renewed:
        world, _ = rules.refresh(world, options, refresh_token="r1", now=2, draw=DRAW)
    world, ended = payments.finish(world, options, running, access_token="t1", now=3)
    assert ended.status == expected
    assert world.payments == (ended,)


def test_finishing_one_payment_leaves_the_others() -> None:
    world, first = created()
    world, second = created(world)
    world, ended = payments.finish(world, Options(), first, access_token="t1", now=3)
    assert world.payments == (ended, second)
