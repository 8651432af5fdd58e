"""A little of the API behind the tokens, enough to pay and to see who one is.

Known: paths (whatever their case), Bearer tokens, and the body of a refusal for a dead token: 403
with code 2003. The members of other answers follow the names in the public SDK models; most are
left out. The real server also puts the error class in the reason phrase; this one cannot.
"""

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.sandbox import payments, rules
from agent.sandbox.ledger import Ledger, draw
from agent.sandbox.world import Approved, Code, Payment, Session, device_id

_PRODUCT_NOT_ALLOWED = 2003


class Api:
    """`/api/v2/...` for whoever holds a valid access token."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def call(self, request: Request) -> Response:
        token = _bearer(request)
        session = rules.holder(self._ledger.world, token, self._ledger.now())
        if session is None:
            return token_refused()
        words = request.path_params["rest"].lower().rstrip("/").split("/")
        match (request.method, *words):
            case ("GET", "auth", "sessions", "me", "debug"):
                return JSONResponse(self._debug(session))
            case ("GET", "general", "merchants", "me"):
                return JSONResponse(merchant(session))
            case ("GET", "smart", "devices"):
                return JSONResponse(self._devices())
            case ("PUT", "smart", "devices", device, "pin"):
                return await self._approve(request, session, device)
            case ("POST", "smart", "transactions"):
                return await self._create_payment(request, session)
            case ("GET", "smart", "transactions", payment):
                return self._look_up(session, payment.upper())
            case ("POST", "smart", "transactions", payment, "start", "cashless"):
                return await self._pay(session, token, payment.upper())
            case _:
                return _error(404, "ProductNotFoundException", "No such resource", 404)

    def _debug(self, session: Session) -> Mapping[str, object]:
        return {
            "object": "auth.sessions",
            "id": "me",
            "device": session.subject,
            "merchant": merchant(session),
            "expires_in": int(session.access_expires_at - self._ledger.now()),
        }

    def _devices(self) -> Mapping[str, object]:
        found = [_device(code) for code in rules.waiting(self._ledger.world, self._ledger.now())]
        return {"count": len(found), "data": found}

    async def _approve(self, request: Request, session: Session, device: str) -> Response:
        """Approval by a merchant's user. Guess: client credentials stand for that user."""
        if session.subject != self._ledger.options.client_id:
            return _error(403, "ProductSecurityException", "Merchant user required", 1003)
        user_code = str((await _body(request)).get("user_pin", ""))
        waiting = rules.waiting(self._ledger.world, self._ledger.now())
        picked = next((c for c in waiting if device_id(c.uuid).lower() == device), None)
        if picked is None:
            return _error(404, "ProductNotFoundException", "No such device is waiting", 404)
        decided = self._ledger.change(
            lambda world, now: rules.decide(
                world,
                Approved(merchant=session.merchant),
                user_code=user_code,
                now=now,
                uuid=picked.uuid,
            )
        )
        if decided is None:
            return _error(400, "ProductInternalException", "Wrong user_pin", 400)
        return JSONResponse(_device(decided) | {"merchant": merchant(session)})

    async def _create_payment(self, request: Request, session: Session) -> Response:
        basket = (await _body(request)).get("basket_info")
        basket = basket if isinstance(basket, dict) else {}
        amount, currency = basket.get("sum"), basket.get("currency", "EUR")
        if not isinstance(amount, int) or amount <= 0 or not isinstance(currency, str):
            return _error(400, "ProductInternalException", "basket_info.sum required", 400)
        payment = self._ledger.change(
            lambda world, now: payments.create(
                world, session, sum_cents=amount, currency=currency, now=now, draw=draw
            )
        )
        return JSONResponse(_transaction(payment))

    def _look_up(self, session: Session, payment_id: str) -> Response:
        """What became of a payment, for who did not hear: a connection broke, or a token died."""
        payment = payments.of(self._ledger.world, session, payment_id)
        if payment is None:
            return _error(404, "ProductNotFoundException", "No such transaction", 404)
        return JSONResponse(_transaction(payment))

    async def _pay(self, session: Session, token: str, payment_id: str) -> Response:
        """Blocks until the cardholder is done, as the real call does."""
        options = self._ledger.options
        payment = payments.of(self._ledger.world, session, payment_id)
        if payment is None or payment.status != "created":
            return _error(404, "ProductNotFoundException", "No such transaction to start", 404)
        started = self._ledger.change(lambda world, now: payments.start(world, payment))
        await self._ledger.nap(options.cardholder_seconds)
        ended = self._ledger.change(
            lambda world, now: payments.finish(world, options, started, access_token=token, now=now)
        )
        return JSONResponse(_transaction(ended)) if ended.status == "ok" else token_refused()


def token_refused() -> Response:
    """What a dead or missing access token gets: 403, not 401."""
    return _error(
        403, "ProductNotAllowedException", "Valid auth token required", _PRODUCT_NOT_ALLOWED
    )


def merchant(session: Session) -> dict[str, object]:
    """The merchant as `General/Merchants/me` shows it; members as in the public SDK model."""
    return {
        "object": "general.merchants",
        "id": device_id(session.merchant).replace("SDV_", "MRC_"),
        "user": {"name": session.merchant, "companyname": session.merchant},
        "store_name": session.merchant,
    }


def _error(status: int, kind: str, details: str, code: int) -> Response:
    body = {
        "status": "error",
        "error": kind,
        "error_details": details,
        "error_user": f"Unknown error (Code {code})",
        "code": code,
        "supportId": draw(rules.HEX, 32),
    }
    return JSONResponse(body, status)


def _device(code: Code) -> dict[str, object]:
    """A registry entry; guess: everything after the vendor is `vendor_uid`, slash and all."""
    vendor, _, rest = code.uuid.removeprefix("/vendor/").partition("/")
    return {
        "object": "smart.devices",
        "id": device_id(code.uuid),
        "vendor": vendor,
        "vendor_uid": "/" + rest,
        "type": "cashier",
    }


def _transaction(payment: Payment) -> dict[str, object]:
    return {
        "object": "smart.transactions",
        "id": payment.id,
        "status": payment.status,
        "basket_info": {"sum": payment.sum_cents, "currency": payment.currency},
        "is_demo": True,
    }


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _body(request: Request) -> dict[str, object]:
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}
