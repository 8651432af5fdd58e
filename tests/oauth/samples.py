"""Values the tests of this room share. Every secret in them is invented."""

import json
from typing import Final

from agent.oauth.dialect import RFC8628, SECUCARD, Dialect
from agent.oauth.events import DeviceAuthorization, Grant, PollEvent, RefreshEvent, TokenResponse
from agent.oauth.interface import ClientCredentials
from agent.oauth.wire import (
    Answer,
    Endpoints,
    read_code_answer,
    read_poll_answer,
    read_refresh_answer,
)
from agent.secret import Secret

ENDPOINT: Final = "https://connect.example/oauth/token"
ONE_URL: Final = Endpoints(issuer=ENDPOINT, token=ENDPOINT, device_authorization=ENDPOINT)
TWO_URLS: Final = Endpoints(
    issuer="https://as.example",
    token="https://as.example/token",
    device_authorization="https://as.example/device",
)
CLIENT: Final = ClientCredentials(client_id="shop-1", client_secret=Secret("pa:ss w+rd/ü"))
UUID: Final = "/vendor/acme/serial/12 34"
DIALECTS: Final = (SECUCARD, RFC8628)

NOW: Final = 1000.0  # CLOCK_BOOTTIME
WALL: Final = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
DATE: Final = "Mon, 21 Sep 2026 14:13:20 GMT"

CODES: Final[dict[str, object]] = {
    "device_code": "deadbeefdeadbeefdeadbeefdeadbeef",
    "user_code": "abcfgh23",
    "verification_url": "http://www.secuoffice.example",
    "expires_in": 1200,
    "interval": 5,
}
TOKEN: Final[dict[str, object]] = {
    "access_token": "demo0access0token000000000",
    "expires_in": 1200,
    "token_type": "bearer",
    "scope": None,
    "refresh_token": "decafbaddecafbaddecafbaddecafbaddecafbad",
}


def answer(
    status: int,
    said: object = b"",
    *,
    retry_after: str | None = None,
    date: str | None = None,
    asked_at: float = NOW,
) -> Answer:
    """`said` is sent as JSON unless it is bytes already."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Answer(status=status, body=body, asked_at=asked_at, retry_after=retry_after, date=date)


def error(name: str, description: str | None = None) -> dict[str, object]:
    said: dict[str, object] = {"error": name}
    return said if description is None else said | {"error_description": description}


def code(reply: Answer, dialect: Dialect = SECUCARD) -> object:
    return read_code_answer(dialect, reply, WALL)


def poll(reply: Answer, dialect: Dialect = SECUCARD, *, lost: bool = False) -> PollEvent:
    return read_poll_answer(dialect, reply, WALL, after_lost_answer=lost)


def refresh(reply: Answer, dialect: Dialect = SECUCARD, *, lost: bool = False) -> RefreshEvent:
    return read_refresh_answer(dialect, reply, WALL, after_lost_answer=lost)


def authorization(**changes: object) -> DeviceAuthorization:
    """As the server's answer `CODES` with `changes` is read."""
    event = code(answer(200, CODES | changes))
    assert isinstance(event, DeviceAuthorization)
    return event


def token(**changes: object) -> TokenResponse:
    """As the server's answer `TOKEN` with `changes` is read."""
    event = refresh(answer(200, TOKEN | changes))
    assert isinstance(event, TokenResponse)
    return event


GRANT: Final = Grant(
    refresh_token=Secret("decafbaddecafbaddecafbaddecafbaddecafbad"),
    issuer=ENDPOINT,
    client_id="shop-1",
    uuid=UUID,
)
