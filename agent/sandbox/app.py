"""The sandbox over HTTP: token endpoint, portal, control. The API is in `agent.sandbox.api`.

Loopback only. A page on the web cannot use it through a visitor's browser: foreign Host names are
refused (DNS rebinding), so are foreign origins on the portal's form, and the control endpoint
takes JSON only, which a browser does not send elsewhere without asking first.
"""

from functools import partial
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from agent.sandbox import endpoint, portal, rules
from agent.sandbox.api import Api
from agent.sandbox.endpoint import Asked, Reply
from agent.sandbox.faults import Misbehaviour, control
from agent.sandbox.ledger import Ledger, draw
from agent.sandbox.world import Approved, Code, Denied, device_id

_HOSTS = ["127.0.0.1", "localhost"]
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PAGE_HEADERS = _NO_STORE | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def create_app(ledger: Ledger, *, url: str) -> Starlette:
    """`url` is where the sandbox is reached, without a slash at the end."""
    oauth = OAuth(ledger, url=url)
    site = Portal(ledger, url=url)
    api = Api(ledger)
    if ledger.options.dialect == "secucard":
        endpoints = [Route("/oauth/token", oauth.token, methods=["POST", "GET"])]
    else:
        endpoints = [
            Route("/token", oauth.token, methods=["POST", "GET"]),
            Route("/device_authorization", oauth.device_authorization, methods=["POST"]),
            Route("/.well-known/oauth-authorization-server", oauth.metadata),
        ]
    return Starlette(
        routes=[
            *endpoints,
            Route("/", _to_portal),
            Route("/portal", site.waiting),
            Route("/portal/{device}", site.pick),
            Route("/portal/{device}", site.decide, methods=["POST"]),
            Route("/api/v2/{rest:path}", api.call, methods=["GET", "POST", "PUT"]),
            Route("/control", partial(control, ledger), methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS),
            Middleware(Misbehaviour, ledger=ledger),
        ],
    )


class OAuth:
    """The token endpoint, and RFC 8628's other two."""

    def __init__(self, ledger: Ledger, *, url: str) -> None:
        self._ledger = ledger
        self._url = url

    async def token(self, request: Request) -> Response:
        if request.method != "POST":
            return _json(endpoint.post_only(self._ledger.options))
        return await self._answer(request, endpoint.token)

    async def device_authorization(self, request: Request) -> Response:
        return await self._answer(request, endpoint.device_authorization)

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(dict(endpoint.metadata(self._ledger.options, self._url)))

    async def _answer(self, request: Request, rule: endpoint.Endpoint) -> Response:
        asked = Asked(
            content_type=request.headers.get("content-type", ""),
            body=await request.body(),
            authorization=request.headers.get("authorization", ""),
        )
        reply = self._ledger.change(
            lambda world, now: rule(
                world,
                self._ledger.options,
                asked,
                now=now,
                draw=draw,
                page=self._url + "/portal",
            )
        )
        return _json(reply)


class Portal:
    """The merchant's pages. The device in the path is the registry's id, never a secret."""

    def __init__(self, ledger: Ledger, *, url: str) -> None:
        self._ledger = ledger
        self._origins = {url, url.replace("127.0.0.1", "localhost")}

    async def waiting(self, request: Request) -> Response:
        ledger = self._ledger
        done = request.query_params.get("done", "")
        return _page(
            portal.waiting_page(
                ledger.world, ledger.options, now=ledger.now(), done=_DONE.get(done, "")
            )
        )

    async def pick(self, request: Request) -> Response:
        code = self._picked(request)
        if code is None:
            return _page(portal.gone_page(), 404)
        return _page(portal.approval_page(code, self._ledger.options, now=self._ledger.now()))

    async def decide(self, request: Request) -> Response:
        if request.headers.get("origin", next(iter(self._origins))) not in self._origins:
            return Response("this form belongs to another page", 403)
        code = self._picked(request)
        if code is None:
            return _page(portal.gone_page(), 404)
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        verdict = self._verdict(form)
        decided = self._ledger.change(
            lambda world, now: rules.decide(
                world, verdict, user_code=form.get("user_code", ""), now=now, uuid=code.uuid
            )
        )
        if decided is None:
            page = portal.approval_page(
                code, self._ledger.options, now=self._ledger.now(), trouble=_WRONG_CODE
            )
            return _page(page, 422)
        return RedirectResponse("/portal?done=" + type(verdict).__name__.lower(), 303)

    def _verdict(self, form: dict[str, str]) -> Approved | Denied:
        if form.get("verdict") != "approve":
            return Denied()
        known = self._ledger.options.merchants
        named = form.get("merchant", "")
        return Approved(merchant=named if named in known else known[0])

    def _picked(self, request: Request) -> Code | None:
        device = request.path_params["device"]
        for code in rules.waiting(self._ledger.world, self._ledger.now()):
            if device_id(code.uuid) == device:
                return code
        return None


_WRONG_CODE = (
    "That is not the code of this device. Compare it with the display, character by character; "
    "after a while the device shows a new one."
)
_DONE = {
    "approved": "Approved. The device notices within one polling interval.",
    "denied": "Denied. The device is told so when it asks next.",
}


async def _to_portal(request: Request) -> Response:
    return RedirectResponse("/portal")


def _json(reply: Reply) -> Response:
    return JSONResponse(dict(reply.body), reply.status, _NO_STORE)


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, _PAGE_HEADERS)
