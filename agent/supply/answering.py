"""From an operation to its answer, by way of the desk."""

from collections.abc import Callable

from agent.errors import StoreError
from agent.supply.access import Peer
from agent.supply.contract import (
    STORE,
    DeleteGrant,
    GetLive,
    GetReady,
    GetStatus,
    GetToken,
    RekeyStore,
    ReportRejected,
    Response,
    StartPairing,
    live_answer,
    problem,
    ready_answer,
    status_answer,
    token_answer,
)
from agent.supply.interface import Handout, TokenDesk, Unavailable

Audit = Callable[[Peer, str, float], None]
"""Told of every token handed out: to whom, its fingerprint, its life left in seconds."""

Immediate = GetLive | GetReady | GetStatus | StartPairing
Awaited = GetToken | ReportRejected | DeleteGrant | RekeyStore


def at_once(desk: TokenDesk, operation: Immediate) -> Response:
    """The answer to an operation that waits for nothing."""
    match operation:
        case GetLive():
            return live_answer()
        case GetReady():
            return ready_answer(desk.status())
        case GetStatus():
            return status_answer(desk.status())
        case StartPairing():
            desk.pair()
            return status_answer(desk.status(), 202)


async def in_time(
    desk: TokenDesk, operation: Awaited, handed_out: Callable[[str, float], None]
) -> Response:
    """The answer to an operation that may wait for the network or the medium. `handed_out` is
    told fingerprint and life left of a token that is in the answer."""
    match operation:
        case GetToken():
            answer = await desk.token(min_ttl=operation.min_ttl)
            return _token(desk, answer, handed_out, operation.known)
        case ReportRejected():
            answer = await desk.rejected(operation.fingerprint)
            return _token(desk, answer, handed_out)
        case DeleteGrant() | RekeyStore():
            try:
                await (desk.unpair() if isinstance(operation, DeleteGrant) else desk.rekey())
            except StoreError as exc:
                return problem(STORE, str(exc))
            return status_answer(desk.status())


def _token(
    desk: TokenDesk,
    answer: Handout | Unavailable,
    handed_out: Callable[[str, float], None],
    known: frozenset[str] = frozenset(),
) -> Response:
    now = desk.now()
    response = token_answer(answer, now, known)
    if response.status == 200 and isinstance(answer, Handout):
        handed_out(answer.token.value.fingerprint(), answer.token.life_left(now))
    return response
