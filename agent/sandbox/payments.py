"""A little of the payment API: transactions that wait for a cardholder.

Known: `start/cashless` blocks until the cardholder is done, and creating an access token
invalidates the former one. Not known: what a renewal does to a payment under way. By default it
fails here, the worse of the two cases; `payment_survives_renewal` gives the other.
"""

from dataclasses import replace

from agent.sandbox.rules import Draw, holder
from agent.sandbox.world import Options, Payment, Session, World

_ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTUVWXYZ"
_KEPT = 100  # payments remembered


def create(
    world: World, session: Session, *, sum_cents: int, currency: str, now: float, draw: Draw
) -> tuple[World, Payment]:
    payment = Payment(
        id="STX_" + draw(_ID_ALPHABET, 30),
        subject=session.subject,
        sum_cents=sum_cents,
        currency=currency,
        created_at=now,
    )
    return replace(world, payments=(*world.payments, payment)[-_KEPT:]), payment


def of(world: World, session: Session, payment_id: str) -> Payment | None:
    """The session's own payment of that id."""
    for payment in world.payments:
        if payment.id == payment_id and payment.subject == session.subject:
            return payment
    return None


def start(world: World, payment: Payment) -> tuple[World, Payment]:
    return _with(world, replace(payment, status="running"))


def finish(
    world: World, options: Options, payment: Payment, *, access_token: str, now: float
) -> tuple[World, Payment]:
    """The cardholder is done; paid only if the token the call came with is still valid."""
    alive = options.payment_survives_renewal or holder(world, access_token, now) is not None
    return _with(world, replace(payment, status="ok" if alive else "failed"))


def _with(world: World, payment: Payment) -> tuple[World, Payment]:
    payments = tuple(payment if p.id == payment.id else p for p in world.payments)
    return replace(world, payments=payments), payment
