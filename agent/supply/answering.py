"""From an operation to its answer, by way of the desk.

Who asks is looked up when it first matters, a process only for a hold that is to end with it. A
hold whose client was gone when the answer came is given back: nobody else knows of it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

from agent.errors import StoreError
from agent.supply.access import Access, Peer
from agent.supply.answers import (
    gone_answer,
    hold_members,
    json_answer,
    live_answer,
    metrics_answer,
    no_such_hold,
    ready_answer,
    status_answer,
    token_answer,
)
from agent.supply.house import House
from agent.supply.interface import Asker, Handout, NotHeld, TokenDesk, Unavailable
from agent.supply.operations import (
    Awaited,
    DeleteGrant,
    GetHold,
    GetLive,
    GetMetrics,
    GetPairing,
    GetReady,
    GetStatus,
    GetToken,
    Immediate,
    LendDisplay,
    ListHolds,
    RekeyStore,
    ReleaseHold,
    ReportRejected,
    StartPairing,
)
from agent.supply.peer import PeerProcess, has_ended
from agent.supply.problems import BUSY, INTERNAL, STORE, Response, problem


class Client:
    """One connection's side of the desk. What the desk does wrong is a refusal, and in the log."""

    def __init__(
        self, house: House, peer: Peer, process: PeerProcess, access: Access, *, admin: bool
    ) -> None:
        self._house = house
        self._peer = peer
        self._process = process
        self._access = access
        self._admin = admin
        self._asker: Asker | None = None
        self._handout: Handout | None = None  # its answer is on the way

    def at_once(self, operation: Immediate) -> Response:
        """The answer to an operation that waits for nothing."""
        try:
            return _at_once(self._house.desk, operation, self._asks(), self._house.metrics)
        except Exception as exc:  # the desk's bug must not end the server
            return _mistake(exc)

    def present(self) -> Mapping[str, object] | Response:
        """The status, for whoever begins to follow events."""
        try:
            return self._house.desk.status()
        except Exception as exc:  # the desk's bug must not end the server
            return _mistake(exc)

    def from_memory(self, operation: Awaited) -> Response | None:
        """The usual answer: a token that is there, and lives long enough. `told` follows."""
        if not isinstance(operation, GetToken) or operation.hold is not None:
            return None
        self._handout = None
        try:
            handout = self._house.desk.cached(min_ttl=operation.min_ttl)
            if handout is None:
                return None
            response, self._handout = _token(self._house.desk, handout, operation.known)
        except Exception as exc:  # the desk's bug must not end the server
            return _mistake(exc)
        return response

    async def in_time(self, operation: Awaited) -> Response:
        """The answer to an operation that may wait for the network or the medium, one at a time.
        `told` follows when a token was on the way."""
        asker, self._handout = self._asks_for(operation), None
        try:
            response, self._handout = await _in_time(self._house.desk, operation, asker)
        except Exception as exc:  # the desk's bug must not end the server
            return _mistake(exc)
        except asyncio.CancelledError:
            return problem(BUSY, "no answer in time; ask again", retry_after=5)
        pidfd = None if asker.process is None else self._process.pidfd
        if asker.process is not None and pidfd is not None and has_ended(pidfd):
            self._house.desk.ended(asker.process)  # when it ended, this hold was not there yet
        return response

    def told(self, operation: Awaited, *, sent: bool) -> None:
        """The answer is on its way, or (`sent` False) its client is gone."""
        handout, self._handout = self._handout, None
        if handout is None:
            return
        wish = operation.hold if isinstance(operation, GetToken) else None
        if sent:
            self._audit(handout)
            return
        if handout.promise is not None and wish is not None and wish.extends is None:
            self._house.desk.release(handout.promise.id, self._asks())

    def _audit(self, handout: Handout) -> None:
        """A moment later: the record must not cost the client time, nor its failure the token."""
        life_left = handout.token.life_left(self._house.desk.now())
        asyncio.get_running_loop().call_soon(
            self._house.audit,
            self._peer,
            self._access.key,
            handout.token.value.fingerprint(),
            life_left,
        )

    def relied_on(self) -> bool:
        """Whether the end of the connection would be the end of a hold, which may have been
        extended or released over another one."""
        if self._asker is None:
            return False
        try:
            holds = self._house.desk.holds(self._asker)
        except Exception as exc:  # the desk's bug must not end the server
            _mistake(exc)
            return False
        return any(hold.bound_to == self._asker.connection for hold in holds)

    def gone(self) -> None:
        """The connection is lost: so are the holds that were to end with it."""
        if self._asker is not None:
            self._house.desk.ended(self._asker.connection)

    def _asks(self) -> Asker:
        if self._asker is None:
            self._asker = Asker(
                key=self._access.key,
                connection=f"connection:{self._house.new_name()}",
                holds=self._access.caps.holds,
                admin=self._admin,
            )
        return self._asker

    def _asks_for(self, operation: Awaited) -> Asker:
        """A hold that ends with the process needs somebody who watches it."""
        wish = operation.hold if isinstance(operation, GetToken) else None
        if wish is None or wish.ends_with != "process" or (pidfd := self._process.pidfd) is None:
            return self._asks()
        return replace(self._asks(), process=self._house.watch(self._peer.pid, pidfd))


def _mistake(exc: Exception) -> Response:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "a request to the token socket failed", "exception": exc}
    )
    return problem(INTERNAL, "it is in the agent's log; please report it")


def _at_once(
    desk: TokenDesk, operation: Immediate, asker: Asker, metrics: Callable[[], str]
) -> Response:
    match operation:
        case GetLive():
            return live_answer()
        case GetReady():
            return ready_answer(desk.status())
        case GetStatus():
            return status_answer(desk.status())
        case GetPairing():
            return json_answer(desk.pairing())
        case StartPairing():
            desk.pair()
            return status_answer(desk.status(), 202)
        case LendDisplay(lent=lent):
            desk.lend_display(lent)
            return status_answer(desk.status(), 202)
        case GetMetrics():
            return metrics_answer(metrics())
        case ListHolds() | GetHold() | ReleaseHold():
            return _holds(desk, operation, asker)
        case _:
            assert_never(operation)


def _holds(desk: TokenDesk, operation: ListHolds | GetHold | ReleaseHold, asker: Asker) -> Response:
    if isinstance(operation, ReleaseHold):
        return gone_answer() if desk.release(operation.id, asker) else no_such_hold()
    found = [hold_members(hold) for hold in desk.holds(asker)]
    if isinstance(operation, ListHolds):
        return json_answer({"holds": found})
    hold = next((hold for hold in found if hold["id"] == operation.id), None)
    return no_such_hold() if hold is None else json_answer(hold)


async def _in_time(
    desk: TokenDesk, operation: Awaited, asker: Asker
) -> tuple[Response, Handout | None]:
    """The answer, and the token that is handed out with it."""
    match operation:
        case GetToken(min_ttl=min_ttl, wait=wait, hold=wish):
            if wish is not None:
                return _token(desk, await desk.hold(wish, asker, min_ttl=min_ttl, wait=wait))
            return _token(desk, await desk.token(min_ttl=min_ttl, wait=wait), operation.known)
        case ReportRejected():
            return _token(desk, await desk.rejected(operation.fingerprint))
        case DeleteGrant() | RekeyStore():
            try:
                await (desk.unpair() if isinstance(operation, DeleteGrant) else desk.rekey())
            except StoreError as exc:
                return problem(STORE, str(exc)), None
            return status_answer(desk.status()), None


def _token(
    desk: TokenDesk,
    answer: Handout | Unavailable | NotHeld,
    known: frozenset[str] = frozenset(),
) -> tuple[Response, Handout | None]:
    response = token_answer(answer, desk.now(), known)
    if response.status == 200 and isinstance(answer, Handout):
        return response, answer
    return response, None
