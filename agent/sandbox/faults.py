"""Misbehaving on demand: the control endpoint, and what it makes the sandbox do."""

from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.sandbox import rules
from agent.sandbox.ledger import Faults, Ledger
from agent.sandbox.world import World

_KILLS: dict[str, Callable[[World], World]] = {
    "access_tokens": rules.kill_access_tokens,
    "refresh_tokens": rules.kill_refresh_tokens,
}


async def control(ledger: Ledger, request: Request) -> Response:
    """`{"down": s}`, `{"slow": s}`, `{"kill": "access_tokens" | "refresh_tokens"}`; any of them."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return JSONResponse({"error": "send application/json"}, 415)
    try:
        wanted = await request.json()
        if not isinstance(wanted, dict):
            raise ValueError("not an object")
        faults = _faults(ledger, wanted)
        kill = _KILLS[wanted["kill"]] if "kill" in wanted else None
    except (ValueError, TypeError, KeyError) as error:
        return JSONResponse({"error": f"not understood: {error}"}, 400)
    ledger.faults = faults
    if kill is not None:
        ledger.change(lambda world, now: (kill(world), None))
    return JSONResponse({"down_until": faults.down_until, "slow": faults.slow_seconds})


class Misbehaviour:
    """Being down or slow, for everything but the control endpoint."""

    def __init__(self, app: ASGIApp, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        faults = self._ledger.faults
        if scope["type"] == "http" and scope["path"] != "/control":
            if self._ledger.now() < faults.down_until:
                # As a proxy in front of a dead server answers: not JSON, no Retry-After.
                page = HTMLResponse("<h1>503 Service Unavailable</h1>", 503)
                await page(scope, receive, send)
                return
            if faults.slow_seconds > 0:
                await self._ledger.nap(faults.slow_seconds)
        await self._app(scope, receive, send)


def _faults(ledger: Ledger, wanted: dict[str, object]) -> Faults:
    faults = ledger.faults
    if "down" in wanted:
        faults = replace(faults, down_until=ledger.now() + _seconds(wanted["down"]))
    if "slow" in wanted:
        faults = replace(faults, slow_seconds=_seconds(wanted["slow"]))
    return faults


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and 0 <= value <= 3600:
        return value
    raise ValueError("seconds are a number between 0 and 3600")
