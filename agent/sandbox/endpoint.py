"""The token endpoint: from the bytes of a request to the bytes of an answer.

Secucard's dialect has one endpoint that takes forms and JSON alike, for all grants; RFC 8628's has
two that take forms only. The order of the checks (grant type, client, parameters) is a guess.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote_plus

from agent.sandbox import refusals, rules
from agent.sandbox.refusals import Dialect, Refusal
from agent.sandbox.rules import Draw
from agent.sandbox.world import Code, Options, Tokens, World

DEVICE_CODE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it arrived. `authorization` is the header's value, or ""."""

    content_type: str
    body: bytes = field(repr=False)
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: its body keeps the order of keys the real server sends."""

    status: int
    body: Mapping[str, object] = field(repr=False)


Answered = tuple[World, Tokens | Code | Refusal]
Grant = Callable[[World, Options, Mapping[str, str], float, Draw], Answered]


class Endpoint(Protocol):
    """`token` or `device_authorization`."""

    def __call__(
        self, world: World, options: Options, asked: Asked, *, now: float, draw: Draw, page: str
    ) -> tuple[World, Reply]: ...


def token(
    world: World, options: Options, asked: Asked, *, now: float, draw: Draw, page: str
) -> tuple[World, Reply]:
    """Secucard's `POST /oauth/token`, or RFC 8628's token endpoint. `page` is the portal's URL."""
    given = parameters(asked, options)
    if isinstance(given, Refusal):
        return world, _reply(given, options, page)
    grant = _grant(given, asked, options)
    if isinstance(grant, Refusal):
        return world, _reply(grant, options, page)
    world, answer = grant(world, options, given, now, draw)
    return world, _reply(answer, options, page)


def device_authorization(
    world: World, options: Options, asked: Asked, *, now: float, draw: Draw, page: str
) -> tuple[World, Reply]:
    """RFC 8628 section 3.1. A `uuid` is taken when one is sent; the RFC knows none."""
    given = parameters(asked, options)
    if isinstance(given, Refusal):
        return world, _reply(given, options, page)
    trouble = _client_trouble(given, asked, options)
    if trouble is not None:
        return world, _reply(trouble, options, page)
    uuid = given.get("uuid") or "terminal-" + draw("0123456789", 4)
    world, answer = rules.request_code(world, options, uuid=uuid, now=now, draw=draw)
    return world, _reply(answer, options, page)


def metadata(options: Options, issuer: str) -> Mapping[str, object]:
    """RFC 8414 section 3.2."""
    return {
        "issuer": issuer,
        "token_endpoint": issuer + "/token",
        "device_authorization_endpoint": issuer + "/device_authorization",
        "grant_types_supported": list(_GRANTS["rfc8628"]),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "response_types_supported": [],
    }


def post_only(options: Options) -> Reply:
    """What a GET of an endpoint gets."""
    return _reply(refusals.POST_ONLY, options, "")


def parameters(asked: Asked, options: Options) -> dict[str, str] | Refusal:
    """The request's fields. RFC 8628 mode refuses JSON and repetitions (RFC 6749 section 3.2)."""
    rfc = options.dialect == "rfc8628"
    if asked.content_type.partition(";")[0].strip().lower() == "application/json":
        return refusals.REPEATED if rfc else _json_fields(asked.body)
    try:
        pairs = parse_qsl(asked.body.decode(), keep_blank_values=True, max_num_fields=64)
    except ValueError:
        return refusals.REPEATED if rfc else {}
    fields = dict(pairs)
    return refusals.REPEATED if rfc and len(fields) < len(pairs) else fields


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    return {key: value for key, value in given.items() if isinstance(value, str)}


def _grant(given: Mapping[str, str], asked: Asked, options: Options) -> Grant | Refusal:
    kind = given.get("grant_type", "")
    if not kind:
        return refusals.NO_GRANT_TYPE
    grants = _GRANTS[options.dialect]
    if kind not in grants:
        return refusals.unsupported_grant_type(kind)
    return _client_trouble(given, asked, options) or grants[kind]


def _client_trouble(given: Mapping[str, str], asked: Asked, options: Options) -> Refusal | None:
    client = _basic(asked.authorization) or (
        given.get("client_id", ""),
        given.get("client_secret", ""),
    )
    if not all(client):
        return refusals.NO_CLIENT
    if client != (options.client_id, options.client_secret):
        return refusals.INVALID_CLIENT
    return None


def _basic(authorization: str) -> tuple[str, str] | None:
    """HTTP Basic as RFC 6749 section 2.3.1 has it: both parts form-encoded before the colon."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(name), unquote_plus(secret)


# -- the grants -----------------------------------------------------------------------------------


def _device(
    world: World, options: Options, given: Mapping[str, str], now: float, draw: Draw
) -> Answered:
    """Secucard's one name for two things: with `code` it is a poll, with `uuid` a code request."""
    if given.get("code"):
        return rules.poll(world, options, device_code=given["code"], now=now, draw=draw)
    if given.get("uuid"):
        return rules.request_code(world, options, uuid=given["uuid"], now=now, draw=draw)
    return world, refusals.NO_UUID_OR_CODE


def _device_code(
    world: World, options: Options, given: Mapping[str, str], now: float, draw: Draw
) -> Answered:
    if not given.get("device_code"):
        return world, refusals.NO_DEVICE_CODE
    return rules.poll(world, options, device_code=given["device_code"], now=now, draw=draw)


def _refresh_token(
    world: World, options: Options, given: Mapping[str, str], now: float, draw: Draw
) -> Answered:
    if not given.get("refresh_token"):
        return world, refusals.NO_REFRESH_TOKEN
    return rules.refresh(world, options, refresh_token=given["refresh_token"], now=now, draw=draw)


def _client_credentials(
    world: World, options: Options, given: Mapping[str, str], now: float, draw: Draw
) -> Answered:
    return rules.client_token(world, options, now=now, draw=draw)


def _device_pin(
    world: World, options: Options, given: Mapping[str, str], now: float, draw: Draw
) -> Answered:
    uuid, pin = given.get("uuid"), given.get("device_pin")
    if not uuid or not pin:
        return world, refusals.NO_PIN
    return rules.pin_token(world, options, uuid=uuid, pin=pin, now=now, draw=draw)


_GRANTS: Final[Mapping[Dialect, Mapping[str, Grant]]] = {
    "secucard": {
        "device": _device,
        "refresh_token": _refresh_token,
        "client_credentials": _client_credentials,
        "device_pin": _device_pin,
    },
    "rfc8628": {
        DEVICE_CODE_GRANT: _device_code,
        "refresh_token": _refresh_token,
        "client_credentials": _client_credentials,
    },
}


# -- bodies ---------------------------------------------------------------------------------------


def _reply(answer: Tokens | Code | Refusal, options: Options, page: str) -> Reply:
    if isinstance(answer, Refusal):
        body = {"error": answer.error, "error_description": answer.description}
        return Reply(status=answer.status_in(options.dialect), body=body)
    if isinstance(answer, Code):
        return Reply(status=200, body=_codes(answer, options, page))
    return Reply(status=200, body=_tokens(answer, options))


def _codes(code: Code, options: Options, page: str) -> Mapping[str, object]:
    where = "verification_url" if options.dialect == "secucard" else "verification_uri"
    return {
        "device_code": code.device_code,
        "user_code": code.user_code,
        where: page,
        "expires_in": _seconds(code.expires_at - code.asked_at),
        "interval": _seconds(code.interval),
    }


def _tokens(tokens: Tokens, options: Options) -> Mapping[str, object]:
    body: dict[str, object] = {
        "access_token": tokens.access_token,
        "expires_in": _seconds(tokens.expires_in),
        "token_type": "bearer",
    }
    if tokens.scope is not None or options.dialect == "secucard":
        body["scope"] = tokens.scope
    if tokens.refresh_token is not None:
        body["refresh_token"] = tokens.refresh_token
    return body


def _seconds(value: float) -> float:
    """Whole seconds as the integers the real server sends; parts of one only where a test asked."""
    return int(value) if value == int(value) else value
