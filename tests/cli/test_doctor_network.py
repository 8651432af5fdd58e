"""The doctor against real TLS servers: right, wrong host, expired, not yet valid, untrusted."""

import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from agent.doctor import Finding, Level
from agent.doctor_network import server
from agent.settings import ServerSettings
from tests.cli.tls import bundle, listening, secured, tls_server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def look(settings: ServerSettings) -> dict[str, Finding]:
    return {finding.name: finding for finding in server(settings)}


def at(port: int, ca_file: str | None = None, scheme: str = "https") -> ServerSettings:
    return ServerSettings(
        dialect="secucard", token_endpoint=f"{scheme}://localhost:{port}/t", ca_file=ca_file
    )


def test_a_right_server_is_found_well(authority: trustme.CA, tmp_path: Path) -> None:
    with tls_server(secured(authority)) as port:
        found = look(at(port, bundle(authority, tmp_path)))

    assert {finding.level for finding in found.values()} == {Level.OK}
    assert found["name"].what.startswith("localhost is ")
    assert found["network"].what == f"localhost port {port} answers"
    assert "valid certificate (TLSv1." in found["tls"].what


def test_a_certificate_for_another_host_is_named_so(authority: trustme.CA, tmp_path: Path) -> None:
    with tls_server(secured(authority, host="other.example")) as port:
        found = look(at(port, bundle(authority, tmp_path)))["tls"]

    assert found.what == "the certificate of localhost is for another host"


def test_an_expired_certificate_is_named_so(authority: trustme.CA, tmp_path: Path) -> None:
    with tls_server(secured(authority, begins=-9, ends=-1)) as port:
        found = look(at(port, bundle(authority, tmp_path)))["tls"]

    assert found.what == "the certificate of localhost is over"


def test_a_certificate_of_the_future_points_at_the_clock(
    authority: trustme.CA, tmp_path: Path
) -> None:
    with tls_server(secured(authority, begins=1)) as port:
        found = look(at(port, bundle(authority, tmp_path)))["tls"]

    assert found.what == "the certificate of localhost is not valid yet"
    assert "clock" in found.do


def test_an_unknown_authority_is_named_so(authority: trustme.CA) -> None:
    with tls_server(secured(authority)) as port:
        found = look(at(port))["tls"]

    assert found.what.endswith("is from an authority this terminal does not trust")
    assert found.level is Level.PROBLEM


def test_a_server_that_wants_a_certificate_sees_the_configured_one(
    authority: trustme.CA, tmp_path: Path
) -> None:
    context = secured(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 refuses only after the handshake
    authority.configure_trust(context)
    mine = tmp_path / "mine.pem"
    authority.issue_cert("terminal.example").private_key_and_cert_chain_pem.write_to_path(str(mine))
    with tls_server(context) as port:
        without = at(port, bundle(authority, tmp_path))
        assert look(without)["tls"].level is Level.PROBLEM
        assert look(replace(without, client_certificate=str(mine)))["tls"].level is Level.OK


@pytest.mark.parametrize("which", ["ca_file", "client_certificate"])
def test_a_certificate_file_that_is_none_is_named(
    authority: trustme.CA, tmp_path: Path, which: str
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with tls_server(secured(authority)) as port:
        settings = at(port, str(empty))
        if which == "client_certificate":
            settings = replace(settings, ca_file=None, client_certificate=str(empty))
        found = look(settings)["tls"]

    assert found.what.startswith("a certificate file cannot be used (")


def test_a_port_without_tls_is_told_apart_from_a_bad_certificate() -> None:
    def portal(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(portal) as port:
        found = look(at(port))["tls"]

    assert "answers, but the handshake fails (" in found.what


def test_a_closed_port_is_a_network_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = look(at(port))

    assert found["network"].level is Level.PROBLEM
    assert "Connection refused" in found["network"].what
    assert "tls" not in found


def test_a_name_that_does_not_exist_is_a_name_problem() -> None:
    settings = ServerSettings(dialect="rfc8628", issuer="https://no-such-host.invalid")
    found = look(settings)

    assert found["name"].level is Level.PROBLEM
    assert found["name"].what.startswith("no-such-host.invalid cannot be resolved")
    assert list(found) == ["name"]


def test_http_on_loopback_is_for_the_sandbox() -> None:
    with listening(lambda connection: None) as port:
        found = look(at(port, scheme="http"))["tls"]

    assert (found.level, found.do) == (Level.WARNING, "right for the sandbox only")


def test_through_a_proxy_the_server_itself_is_looked_at(
    authority: trustme.CA, tmp_path: Path
) -> None:
    context, asked = secured(authority), []

    def proxy(connection: socket.socket) -> None:
        asked.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 200 Connected\r\nVia: x\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(1)

    with listening(proxy) as port:
        settings = replace(at(1, bundle(authority, tmp_path)), proxy=f"http://127.0.0.1:{port}")
        found = look(settings)

    assert asked == [b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n"]
    assert found["tls"].level is Level.OK


@pytest.mark.parametrize(
    ("answer", "says"),
    [(b"HTTP/1.1 403 No\x1b[1m\r\n\r\n", r"'HTTP/1.1 403 No\x1b[1m'"), (b"", "'nothing'")],
)
def test_a_proxy_that_refuses_is_quoted_safely(answer: bytes, says: str) -> None:
    def proxy(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    with listening(proxy) as port:
        found = look(replace(at(1), proxy=f"http://127.0.0.1:{port}"))["network"]

    assert found.what == f"the proxy 127.0.0.1 says: {says}"


def test_an_https_proxy_is_left_alone() -> None:
    found = look(replace(at(1), proxy="https://127.0.0.1:1"))
    assert (list(found), found["tls"].level) == (["tls"], Level.WARNING)
