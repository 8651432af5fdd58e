"""What is sent to a token endpoint: forms, with the client's credentials in one place only.

Bodies are form-encoded (RFC 6749); client authentication goes in the body in both dialects, or in
an Authorization header where a server's metadata asks for that, never in both.
"""

import base64
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote_plus, urlencode

from agent.oauth.dialect import Dialect
from agent.oauth.interface import ClientCredentials
from agent.secret import Secret

AuthMethod = Literal["client_secret_post", "client_secret_basic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where one server is asked. At Secucard both are the same URL, which is the issuer too."""

    issuer: str
    token: str
    device_authorization: str
    auth_method: AuthMethod = "client_secret_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A form to POST. `basic` are credentials for the Authorization header."""

    url: str
    form: tuple[tuple[str, str | Secret], ...]
    basic: ClientCredentials | None = None

    def headers(self) -> list[tuple[str, str]]:
        headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "identity"),
        ]
        if self.basic is not None:
            headers.append(("Authorization", _basic(self.basic)))
        return headers

    def body(self) -> bytes:
        return urlencode([(key, _plain(value)) for key, value in self.form]).encode("ascii")


def code_request(
    dialect: Dialect,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    uuid: str,
    scope: str | None,
) -> Request:
    """The device authorization request (RFC 8628 section 3.1)."""
    return _request(
        endpoints.device_authorization,
        endpoints,
        credentials,
        ("grant_type", dialect.code_grant),
        ("uuid", uuid if dialect.code_has_uuid else None),
        ("scope", scope if dialect.takes_scope else None),
    )


def poll_request(
    dialect: Dialect, endpoints: Endpoints, credentials: ClientCredentials, device_code: Secret
) -> Request:
    """The device access token request (RFC 8628 section 3.4); no `uuid` in either dialect."""
    return _request(
        endpoints.token,
        endpoints,
        credentials,
        ("grant_type", dialect.poll_grant),
        (dialect.device_code_field, device_code),
    )


def refresh_request(
    dialect: Dialect, endpoints: Endpoints, credentials: ClientCredentials, refresh_token: Secret
) -> Request:
    """RFC 6749 section 6; the same in every dialect."""
    del dialect
    return _request(
        endpoints.token,
        endpoints,
        credentials,
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    )


def client_credentials_request(
    dialect: Dialect, endpoints: Endpoints, credentials: ClientCredentials, scope: str | None
) -> Request:
    """RFC 6749 section 4.4.2."""
    return _request(
        endpoints.token,
        endpoints,
        credentials,
        ("grant_type", "client_credentials"),
        ("scope", scope if dialect.takes_scope else None),
    )


def device_pin_request(
    dialect: Dialect, endpoints: Endpoints, credentials: ClientCredentials, uuid: str, pin: Secret
) -> Request:
    """Secucard's grant for terminals nobody stands at; no refresh token comes of it."""
    del dialect
    return _request(
        endpoints.token,
        endpoints,
        credentials,
        ("grant_type", "device_pin"),
        ("uuid", uuid),
        ("device_pin", pin),
    )


def _request(
    url: str,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    *parameters: tuple[str, str | Secret | None],
) -> Request:
    """`client_id` is always in the body: some servers refuse a Basic header alone. A parameter
    without a value is left out (RFC 6749 section 3.2)."""
    basic = endpoints.auth_method == "client_secret_basic" and bool(credentials.client_secret)
    client: tuple[tuple[str, str | Secret | None], ...] = (
        ("client_id", credentials.client_id),
        ("client_secret", None if basic else credentials.client_secret),
    )
    (grant_type, *rest) = parameters
    form = tuple((key, value) for key, value in (grant_type, *client, *rest) if value)
    return Request(url=url, form=form, basic=credentials if basic else None)


def _basic(credentials: ClientCredentials) -> str:
    """RFC 6749 section 2.3.1: each half form-encoded before they are joined."""
    pair = f"{quote_plus(credentials.client_id)}:{quote_plus(credentials.client_secret.reveal())}"
    return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
