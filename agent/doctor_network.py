"""The doctor's look at the server: name, connection and TLS handshake; nothing is asked of it."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from typing import Final
from urllib.parse import SplitResult, urlsplit

from agent import doctor
from agent.doctor import Finding, ok, problem, warning
from agent.settings import ServerSettings

_STEP: Final = 4.0  # s for each step, so that its own words come before the probe is given up


def server(settings: ServerSettings) -> Iterator[Finding]:
    """As the agent would connect, through the same proxy and with the same certificates."""
    url = urlsplit(settings.token_endpoint or settings.issuer or "")
    proxy = None if settings.proxy is None else urlsplit(settings.proxy)
    if proxy is not None and proxy.scheme == "https":
        yield warning("tls", "not looked at through an https proxy", "`pos-agent status` tells")
        return
    first = url if proxy is None else proxy
    host, port = first.hostname or "", _port(first)
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        do = "check the network cable and the name server: resolvectl status"
        yield problem("name", f"{host} cannot be resolved ({error.strerror})", do)
        return
    yield ok("name", f"{host} is {addresses[0][4][0]}")
    try:
        connection = socket.create_connection((host, port), timeout=_STEP)
    except OSError as error:
        do = "check the firewall, and whether this network needs server.proxy"
        yield problem("network", f"{host} port {port}: {error.strerror or error}", do)
        return
    with closing(connection):
        yield ok("network", f"{host} port {port} answers")
        if proxy is not None and (refused := _tunnel(connection, url)) is not None:
            do = "check server.proxy and whether the proxy lets this server through"
            yield problem("network", f"the proxy {host} says: {refused}", do)
        elif url.scheme == "https":
            yield _handshake(connection, url.hostname or "", settings)
        else:
            yield warning("tls", "not used: http on loopback", "right for the sandbox only")


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _tunnel(connection: socket.socket, url: SplitResult) -> str | None:
    """RFC 9110 section 9.3.6. The proxy's status line if it refuses."""
    target = f"{url.hostname}:{_port(url)}"
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < 16_384:
        if not (part := connection.recv(1)):  # not a byte beyond: the rest is TLS
            break
        answer += part
    line = answer.partition(b"\r\n")[0].decode("latin-1")
    return None if line.split(" ")[1:2] == ["200"] else ascii(line or "nothing")


def _handshake(connection: socket.socket, host: str, settings: ServerSettings) -> Finding:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.client_certificate is not None:
            context.load_cert_chain(settings.client_certificate, settings.client_key)
    except OSError as error:  # an SSLError, too, is one
        do = "correct server.ca_file, client_certificate or client_key: PEM, readable to the agent"
        return problem("tls", f"a certificate file cannot be used ({error})", do)
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            return ok("tls", f"{host} shows a valid certificate ({secured.version()})")
    except ssl.SSLCertVerificationError as error:
        return doctor.tls_refused(host, error.verify_code, error.verify_message)
    except OSError as error:
        return doctor.tls_refused(host, None, getattr(error, "reason", None) or str(error))
