"""The token endpoint from request bytes to answer bytes: every row of the documented errors."""

import base64
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from agent.sandbox import endpoint, rules
from agent.sandbox.endpoint import DEVICE_CODE_GRANT, Asked, Reply
from agent.sandbox.world import Approved, Denied, Options, World
from tests.sandbox.chance import seeded

Encode = Callable[[dict[str, str]], Asked]
UUID = "/vendor/mycompany/serial/1234"
SECUCARD = Options()
RFC = Options(dialect="rfc8628", rotate=True)
CLIENT = {"client_id": SECUCARD.client_id, "client_secret": SECUCARD.client_secret}
PAGE = "http://127.0.0.1:8765/portal"
DRAW = seeded()


def form(fields: dict[str, str], authorization: str = "") -> Asked:
    return Asked(
        content_type="application/x-www-form-urlencoded; charset=utf-8",
        body=urlencode(fields).encode(),
        authorization=authorization,
    )


def as_json(fields: dict[str, str]) -> Asked:
    return Asked(content_type="application/json", body=json.dumps(fields).encode())


def ask(
    asked: Asked, options: Options = SECUCARD, world: World | None = None, now: float = 0
) -> tuple[World, Reply]:
    return endpoint.token(world or World(), options, asked, now=now, draw=DRAW, page=PAGE)


def refused(status: int, error: str, description: str) -> Reply:
    return Reply(status=status, body={"error": error, "error_description": description})


# -- the documented errors ------------------------------------------------------------------------

ROWS = {
    "wrong secret": (
        {"grant_type": "device", "uuid": UUID, **CLIENT, "client_secret": "x"},
        refused(400, "invalid_client", "The client credentials are invalid"),
    ),
    "no credentials": (
        {"grant_type": "device", "uuid": UUID},
        refused(400, "invalid_client", "Client credentials were not found in the headers or body"),
    ),
    "half of the credentials": (
        {"grant_type": "device", "uuid": UUID, "client_id": CLIENT["client_id"]},
        refused(400, "invalid_client", "Client credentials were not found in the headers or body"),
    ),
    "unknown grant": (
        {"grant_type": "foo", **CLIENT},
        refused(400, "unsupported_grant_type", 'Grant type "foo" not supported'),
    ),
    "no grant type": (
        CLIENT,
        refused(400, "invalid_request", "The grant type was not specified in the request"),
    ),
    "neither uuid nor code": (
        {"grant_type": "device", **CLIENT},
        refused(400, "invalid_request", 'Missing parameters: "uuid" or "code" required'),
    ),
    "no refresh token": (
        {"grant_type": "refresh_token", **CLIENT},
        refused(400, "invalid_request", 'Missing parameter: "refresh_token" is required'),
    ),
    "invalid refresh token": (
        {"grant_type": "refresh_token", "refresh_token": "f" * 40, **CLIENT},
        refused(400, "invalid_grant", "Invalid refresh token"),
    ),
    "unknown device code": (
        {"grant_type": "device", "code": "f" * 32, **CLIENT},
        refused(400, "invalid_grant", "Device code doesn't exist or is invalid for the client"),
    ),
    "no device pin": (
        {"grant_type": "device_pin", "uuid": UUID, **CLIENT},
        refused(400, "invalid_request", 'Missing parameters: "uuid" and "device_pin" required'),
    ),
    "wrong device pin": (
        {"grant_type": "device_pin", "uuid": UUID, "device_pin": "1", **CLIENT},
        refused(400, "invalid_grant", "Invalid device pin"),
    ),
}


@pytest.mark.parametrize("encode", [form, as_json])
@pytest.mark.parametrize("row", ROWS)
def test_errors_are_worded_as_documented_in_both_body_formats(row: str, encode: Encode) -> None:
    fields, expected = ROWS[row]
    world, reply = ask(encode(fields))
    assert reply == expected
    assert list(reply.body) == ["error", "error_description"]
    assert world == World()


def test_an_unregistered_uuid_is_401_invalid_device() -> None:
    options = Options(devices=("/vendor/mycompany/serial/1",))
    _, reply = ask(form({"grant_type": "device", "uuid": UUID, **CLIENT}), options)
    assert reply == refused(401, "invalid_device", "device with given uuid not configured")


def test_pending_is_401_authorization_pending() -> None:
    world, codes = ask(form({"grant_type": "device", "uuid": UUID, **CLIENT}))
    poll = form({"grant_type": "device", "code": str(codes.body["device_code"]), **CLIENT})
    _, reply = ask(poll, world=world, now=5)
    assert (reply.status, reply.body["error"]) == (401, "authorization_pending")


def test_a_get_is_405() -> None:
    reply = endpoint.post_only(SECUCARD)
    assert (reply.status, reply.body["error"]) == (405, "invalid_request")


# -- success --------------------------------------------------------------------------------------


@pytest.mark.parametrize("encode", [form, as_json])
def test_codes_come_in_the_documented_order(encode: Encode) -> None:
    _, reply = ask(encode({"grant_type": "device", "uuid": UUID, **CLIENT}))
    assert reply.status == 200
    assert list(reply.body) == [
        "device_code",
        "user_code",
        "verification_url",
        "expires_in",
        "interval",
    ]
    assert reply.body["verification_url"] == PAGE
    assert json.dumps([reply.body["expires_in"], reply.body["interval"]]) == "[1200, 5]"


def test_tokens_come_in_the_documented_order_and_a_refresh_without_its_last_member() -> None:
    order = ["access_token", "expires_in", "token_type", "scope", "refresh_token"]
    world, reply = _pair(SECUCARD)
    assert list(reply.body) == order
    assert (reply.body["token_type"], reply.body["scope"]) == ("bearer", None)
    refresh = {"grant_type": "refresh_token", "refresh_token": str(reply.body["refresh_token"])}
    _, renewed = ask(form({**refresh, **CLIENT}), world=world, now=6)
    assert list(renewed.body) == order[:-1]


def test_the_unattended_grants_answer_with_a_token() -> None:
    pin = {"grant_type": "device_pin", "uuid": UUID, "device_pin": SECUCARD.device_pin}
    for fields in (pin, {"grant_type": "client_credentials"}):
        _, reply = ask(form({**fields, **CLIENT}))
        assert reply.status == 200
        assert "refresh_token" not in reply.body


@pytest.mark.parametrize(
    "uuid_field", ["uuid=%2Fvendor%2Fa%2Fserial%2F1", "uuid=%2fvendor%2fa%2fserial%2f1",
                   "uuid=/vendor/a/serial/1"]
)  # fmt: skip
def test_every_known_spelling_of_a_form_encoded_uuid_is_the_same_device(uuid_field: str) -> None:
    body = f"grant_type=device&{uuid_field}&{urlencode(CLIENT)}".encode()
    world, reply = ask(Asked(content_type="application/x-www-form-urlencoded", body=body))
    assert reply.status == 200
    assert world.codes[0].uuid == "/vendor/a/serial/1"


def test_parts_of_a_second_are_told_only_where_a_test_asked_for_them() -> None:
    options = Options(interval=0.5, code_seconds=2)
    _, reply = ask(form({"grant_type": "device", "uuid": UUID, **CLIENT}), options)
    assert json.dumps([reply.body["expires_in"], reply.body["interval"]]) == "[2, 0.5]"


# -- reading requests -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b'{"grant_type": 5}', b"[" * 100_000])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_body_that_cannot_be_read_has_no_grant_type(body: bytes, kind: str) -> None:
    _, reply = ask(Asked(content_type=kind, body=body))
    assert reply.body["error_description"] == "The grant type was not specified in the request"


def test_secucards_endpoint_takes_the_last_of_repeated_fields() -> None:
    body = b"grant_type=foo&grant_type=client_credentials&" + urlencode(CLIENT).encode()
    _, reply = ask(Asked(content_type="application/x-www-form-urlencoded", body=body))
    assert reply.status == 200


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_http_basic_is_taken_too() -> None:
    authorization = basic(f"{SECUCARD.client_id}:{SECUCARD.client_secret}")
    _, reply = ask(form({"grant_type": "client_credentials"}, authorization))
    assert reply.status == 200


def test_http_basic_is_form_decoded() -> None:
    options = Options(client_id="a b:c", client_secret="d%e")
    authorization = basic("a+b%3Ac:d%25e")
    _, reply = ask(form({"grant_type": "client_credentials"}, authorization), options)
    assert reply.status == 200


@pytest.mark.parametrize("header", ["Bearer x", "Basic ???", "Basic /w==", "Basic"])
def test_another_authorization_header_is_no_client(header: str) -> None:
    _, reply = ask(form({"grant_type": "client_credentials"}, header))
    assert reply.body["error"] == "invalid_client"


# -- RFC 8628 -------------------------------------------------------------------------------------


def authorize(fields: dict[str, str], options: Options = RFC) -> tuple[World, Reply]:
    return endpoint.device_authorization(
        World(), options, form(fields), now=0, draw=DRAW, page=PAGE
    )


def test_rfc8628_codes_name_a_verification_uri() -> None:
    world, reply = authorize(CLIENT)
    assert reply.body["verification_uri"] == PAGE
    assert "verification_url" not in reply.body
    assert world.codes[0].uuid.startswith("terminal-")


def test_rfc8628_takes_a_uuid_when_one_is_sent() -> None:
    world, _ = authorize(CLIENT | {"uuid": UUID})
    assert world.codes[0].uuid == UUID


def test_rfc8628_errors_have_the_status_of_rfc_6749() -> None:
    _, reply = authorize({**CLIENT, "client_secret": "x"})
    assert (reply.status, reply.body["error"]) == (401, "invalid_client")
    world, codes = authorize(CLIENT)
    poll = {"grant_type": DEVICE_CODE_GRANT, "device_code": str(codes.body["device_code"])}
    _, pending = ask(form({**poll, **CLIENT}), RFC, world, now=5)
    assert (pending.status, pending.body["error"]) == (400, "authorization_pending")
    _, fast = ask(form({**poll, **CLIENT}), RFC, ask(form({**poll, **CLIENT}), RFC, world)[0])
    assert (fast.status, fast.body["error"]) == (400, "slow_down")


def test_rfc8628_needs_the_device_code_and_knows_no_secucard_grant() -> None:
    _, reply = ask(form({"grant_type": DEVICE_CODE_GRANT, **CLIENT}), RFC)
    assert reply.body["error"] == "invalid_request"
    _, reply = ask(form({"grant_type": "device", "uuid": UUID, **CLIENT}), RFC)
    assert reply.body["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    "asked",
    [
        as_json(CLIENT),
        Asked(content_type="x", body=b"client_id=a&client_id=b"),
        Asked(content_type="x", body=b"\xff"),
    ],
)
def test_rfc8628_refuses_json_and_repeated_fields(asked: Asked) -> None:
    expected = (400, "invalid_request")
    _, reply = ask(asked, RFC)
    assert (reply.status, reply.body["error"]) == expected
    _, reply = endpoint.device_authorization(World(), RFC, asked, now=0, draw=DRAW, page=PAGE)
    assert (reply.status, reply.body["error"]) == expected


def test_rfc8628_denial_is_access_denied() -> None:
    world, codes = authorize(CLIENT)
    world, _ = rules.decide(world, Denied(), user_code=str(codes.body["user_code"]), now=1)
    poll = {"grant_type": DEVICE_CODE_GRANT, "device_code": str(codes.body["device_code"])}
    _, reply = ask(form({**poll, **CLIENT}), RFC, world, now=5)
    assert (reply.status, reply.body["error"]) == (400, "access_denied")


def test_rfc8628_tokens_rotate_and_have_no_empty_scope() -> None:
    world, reply = _pair(RFC)
    assert "scope" not in reply.body
    refresh = {"grant_type": "refresh_token", "refresh_token": str(reply.body["refresh_token"])}
    _, renewed = ask(form({**refresh, **CLIENT}), RFC, world)
    assert renewed.body["refresh_token"] != reply.body["refresh_token"]


def test_metadata_names_what_a_client_has_to_find() -> None:
    found = endpoint.metadata(RFC, "http://127.0.0.1:1")
    assert found["issuer"] == "http://127.0.0.1:1"
    assert found["device_authorization_endpoint"] == "http://127.0.0.1:1/device_authorization"
    assert DEVICE_CODE_GRANT in str(found["grant_types_supported"])


def _pair(options: Options) -> tuple[World, Reply]:
    if options.dialect == "secucard":
        world, codes = ask(form({"grant_type": "device", "uuid": UUID, **CLIENT}), options)
        poll = {"grant_type": "device", "code": str(codes.body["device_code"])}
    else:
        world, codes = authorize(CLIENT, options)
        poll = {"grant_type": DEVICE_CODE_GRANT, "device_code": str(codes.body["device_code"])}
    approved = Approved(merchant="m")
    world, _ = rules.decide(world, approved, user_code=str(codes.body["user_code"]), now=1)
    world, reply = ask(form({**poll, **CLIENT}), options, world, now=5)
    assert reply.status == 200
    return world, reply
