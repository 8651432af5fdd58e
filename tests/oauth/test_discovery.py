"""Metadata that could send the client's credentials elsewhere are refused (RFC 8414)."""

import pytest

from agent.errors import ServerViolation
from agent.oauth.wire import Endpoints, metadata_urls, read_metadata
from tests.oauth.samples import answer

ISSUER = "https://as.example/tenant"
METADATA: dict[str, object] = {
    "issuer": ISSUER,
    "token_endpoint": "https://as.example/token",
    "device_authorization_endpoint": "https://as.example/device",
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
}


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        (
            "https://as.example",
            (
                "https://as.example/.well-known/oauth-authorization-server",
                "https://as.example/.well-known/openid-configuration",
            ),
        ),
        (
            "https://as.example:8443/tenant/1/",
            (
                "https://as.example:8443/.well-known/oauth-authorization-server/tenant/1",
                "https://as.example:8443/tenant/1/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_where_metadata_are_looked_for(issuer: str, urls: tuple[str, ...]) -> None:
    assert metadata_urls(issuer) == urls


def test_the_endpoints_are_taken_as_they_are() -> None:
    assert read_metadata(ISSUER, answer(200, METADATA)) == Endpoints(
        issuer=ISSUER,
        token="https://as.example/token",
        device_authorization="https://as.example/device",
        auth_method="client_secret_post",
    )


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"])
def test_a_loopback_server_needs_no_tls(host: str) -> None:
    document = {
        "issuer": host,
        "token_endpoint": f"{host}/token",
        "device_authorization_endpoint": f"{host}/device",
    }
    assert read_metadata(host, answer(200, document)).token == f"{host}/token"


def test_a_default_port_may_be_written_out() -> None:
    document = METADATA | {"token_endpoint": "https://as.example:443/token"}
    assert read_metadata(ISSUER, answer(200, document)).token == "https://as.example:443/token"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (None, "client_secret_basic"),
        (["client_secret_basic"], "client_secret_basic"),
        (["client_secret_post"], "client_secret_post"),
        (["private_key_jwt", "client_secret_post"], "client_secret_post"),
        (["none"], "client_secret_post"),
    ],
)
def test_the_way_of_client_authentication(offered: list[str] | None, expected: str) -> None:
    document = METADATA | {"token_endpoint_auth_methods_supported": offered}
    if offered is None:
        del document["token_endpoint_auth_methods_supported"]
    assert read_metadata(ISSUER, answer(200, document)).auth_method == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"issuer": ISSUER + "/"}, "name another issuer: https://as.example/tenant/"),
        ({"issuer": None}, "name another issuer: none"),
        ({"issuer": [ISSUER]}, "name another issuer: none"),
        ({"device_authorization_endpoint": None}, "no usable device_authorization_endpoint"),
        ({"token_endpoint": 7}, "no usable token_endpoint"),
        ({"token_endpoint": "https://evil.example/token"}, "token_endpoint .* another origin"),
        ({"token_endpoint": "https://as.example:8443/token"}, "another origin"),
        ({"token_endpoint": "http://as.example/token"}, "is not https"),
        ({"device_authorization_endpoint": "http://127.0.0.1/d"}, "another origin"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "offers neither"),
        ({"token_endpoint_auth_methods_supported": "client_secret_post"}, "offers neither"),
    ],
)
def test_anything_that_could_lead_elsewhere_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ServerViolation, match=message):
        read_metadata(ISSUER, answer(200, METADATA | changes))


def test_another_protocol_on_the_same_loopback_host_is_refused() -> None:
    document = METADATA | {"issuer": "https://127.0.0.1", "token_endpoint": "http://127.0.0.1/t"}
    with pytest.raises(ServerViolation, match="another origin"):
        read_metadata("https://127.0.0.1", answer(200, document))


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, b"{}", "HTTP 404"),
        (302, b"{}", "HTTP 302"),
        (200, b"<html>", "unreadable: not JSON at character 0"),
        (200, b"", "unreadable: empty"),
        (200, b"[]", "unreadable: not an object"),
    ],
)
def test_a_document_that_is_none_is_refused(status: int, body: bytes, message: str) -> None:
    with pytest.raises(ServerViolation, match=message):
        read_metadata(ISSUER, answer(status, body))
