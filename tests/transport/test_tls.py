"""TLS for real: who is trusted, who is not, and what a wrong clock looks like."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from agent.errors import ConfigError
from agent.oauth.events import TransportFailed
from agent.oauth.transport import CLOCK_FLOOR, Transport
from agent.oauth.wire import Answer, Request
from agent.secret import Secret
from tests.transport import hostile
from tests.transport.clocks import FakeClock
from tests.transport.conftest import NEVER
from tests.transport.hostile import Hostile, serving

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


def server_side(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


@contextlib.asynccontextmanager
async def connected(
    context: ssl.SSLContext, *, wall: float | None = None, **options: str | None
) -> AsyncIterator[tuple[Transport, Hostile]]:
    clock = FakeClock(wall=NOW.timestamp() if wall is None else wall)
    transport = Transport(clock=clock, deadline=NEVER, **options)  # type: ignore[arg-type]
    async with serving(hostile.answer(), tls=context, host="localhost") as server:
        yield transport, server
    await transport.aclose()


async def exchanged(
    context: ssl.SSLContext, *, wall: float | None = None, **options: str | None
) -> Answer | TransportFailed:
    async with connected(context, wall=wall, **options) as (transport, server):
        request = Request(url=server.url, form=(("client_secret", Secret("never-told")),))
        outcome = await transport.exchange(request)
        assert bool(server.requests) == isinstance(outcome, Answer)
    return outcome


async def exchanged_with_alerts(context: ssl.SSLContext, ca_file: str) -> TransportFailed:
    """Against a blocking server: asyncio's hangs up without saying why it ends a handshake."""

    def serve_one(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, True, do_handshake_on_connect=False) as tls:
            with contextlib.suppress(ssl.SSLError):
                tls.do_handshake()
            with contextlib.suppress(OSError):
                while os.read(tls.fileno(), 4096):
                    pass  # a close with unread bytes would reset, and the alert be lost

    transport = Transport(clock=FakeClock(), deadline=NEVER, ca_file=ca_file)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        server = asyncio.create_task(asyncio.to_thread(serve_one, listener))
        failed = await transport.get(f"https://localhost:{listener.getsockname()[1]}/")
        await server
    await transport.aclose()
    assert isinstance(failed, TransportFailed)
    return failed


async def test_A5_S10_17_a_server_of_the_pinned_ca_is_trusted(ca: trustme.CA, ca_file: str) -> None:
    assert isinstance(
        await exchanged(server_side(ca.issue_cert("localhost")), ca_file=ca_file), Answer
    )


async def test_A5_S10_17_a_server_of_another_ca_gets_nothing(ca_file: str) -> None:
    failed = await exchanged(server_side(trustme.CA().issue_cert("localhost")), ca_file=ca_file)
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("tls", False)
    assert "localhost" in failed.reason
    assert "issuer certificate" in failed.reason


async def test_A5_S10_17_the_systems_cas_do_not_know_a_private_one(ca: trustme.CA) -> None:
    failed = await exchanged(server_side(ca.issue_cert("localhost")))
    assert isinstance(failed, TransportFailed)
    assert failed.kind == "tls"


async def test_A5_S10_17_another_hosts_certificate_is_refused(ca: trustme.CA, ca_file: str) -> None:
    failed = await exchanged(server_side(ca.issue_cert("elsewhere.example")), ca_file=ca_file)
    assert isinstance(failed, TransportFailed)
    assert failed.kind == "tls"
    assert "Hostname mismatch" in failed.reason


async def test_A5_nothing_older_than_tls_1_2_is_spoken(ca: trustme.CA, ca_file: str) -> None:
    context = server_side(ca.issue_cert("localhost"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    failed = await exchanged_with_alerts(context, ca_file)
    assert (failed.kind, failed.answer_lost) == ("tls", False)


async def test_A5_tls_1_2_is_enough(ca: trustme.CA, ca_file: str) -> None:
    context = server_side(ca.issue_cert("localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert isinstance(await exchanged(context, ca_file=ca_file), Answer)


@pytest.mark.parametrize(
    ("starts", "ends", "wall", "kind"),
    [
        (-2, -1, "right", "tls"),
        (-2, -1, "1970", "clock"),
        (-2, -1, "2099", "clock"),
        (1, 2, "right", "clock"),
        (1, 2, "1970", "clock"),
    ],
    ids=["expired", "expired, 1970", "expired, 2099", "not yet valid", "not yet valid, 1970"],
)
async def test_E13_A5_a_date_is_never_overlooked_and_a_wrong_clock_is_named(
    ca: trustme.CA, ca_file: str, starts: int, ends: int, wall: str, kind: str
) -> None:
    leaf = ca.issue_cert("localhost", not_before=NOW + starts * YEAR, not_after=NOW + ends * YEAR)
    believed = {"right": NOW.timestamp(), "1970": 60.0, "2099": 4_070_908_800.0}[wall]
    failed = await exchanged(server_side(leaf), ca_file=ca_file, wall=believed)
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == (kind, False)
    shown = datetime.fromtimestamp(believed, UTC).strftime("%Y-%m-%d")
    assert ("set the clock" in failed.reason and shown in failed.reason) == (kind == "clock")


async def test_E13_a_wrong_ca_is_not_blamed_on_the_clock(ca_file: str) -> None:
    stranger = trustme.CA().issue_cert("localhost")
    failed = await exchanged(server_side(stranger), ca_file=ca_file, wall=60.0)
    assert isinstance(failed, TransportFailed)
    assert failed.kind == "tls"


def test_E13_the_floor_of_the_clock_is_in_the_past() -> None:
    assert NOW.timestamp() > CLOCK_FLOOR


# -- client certificates (RFC 8705) ---------------------------------------------------------------


@pytest.fixture
def client_files(ca: trustme.CA, tmp_path: Path) -> tuple[str, str]:
    leaf = ca.issue_cert("terminal-1")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    leaf.cert_chain_pems[0].write_to_path(str(certificate))
    leaf.private_key_pem.write_to_path(str(key))
    return str(certificate), str(key)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_H2_a_server_that_requires_a_certificate_gets_it(
    ca: trustme.CA, ca_file: str, client_files: tuple[str, str], version: ssl.TLSVersion
) -> None:
    context = server_side(ca.issue_cert("localhost"))
    context.maximum_version = version
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    certificate, key = client_files
    outcome = await exchanged(
        context, ca_file=ca_file, client_certificate=certificate, client_key=key
    )
    assert isinstance(outcome, Answer)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_H2_without_the_certificate_it_is_tls_trouble(
    ca: trustme.CA, ca_file: str, version: ssl.TLSVersion
) -> None:
    context = server_side(ca.issue_cert("localhost"))
    context.maximum_version = version
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    assert (await exchanged_with_alerts(context, ca_file)).kind == "tls"


async def test_a_ca_file_that_is_none_is_the_operators_fault(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    for path in (str(empty), str(tmp_path / "missing.pem")):
        with pytest.raises(ConfigError, match=r"server\.ca_file .*\.pem"):
            Transport(clock=FakeClock(), ca_file=path)


async def test_a_client_certificate_with_a_foreign_key_is_the_operators_fault(
    ca: trustme.CA, client_files: tuple[str, str], tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.key"
    ca.issue_cert("other").private_key_pem.write_to_path(str(foreign))
    for key in (str(foreign), str(tmp_path / "missing.key")):
        with pytest.raises(ConfigError, match=r"server\.client_certificate"):
            Transport(clock=FakeClock(), client_certificate=client_files[0], client_key=key)


def test_an_encrypted_client_key_does_not_ask_at_the_terminal(
    client_files: tuple[str, str], tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization as s

    with open(client_files[1], "rb") as file:
        key = s.load_pem_private_key(file.read(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"password")
        )
    )
    with pytest.raises(ConfigError, match=r"server\.client_certificate"):
        Transport(clock=FakeClock(), client_certificate=client_files[0], client_key=str(locked))


# -- E9: the environment --------------------------------------------------------------------------


async def test_E9_variables_of_the_environment_change_nothing(
    ca: trustme.CA, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.log"
    async with serving(hostile.answer()) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        context = server_side(ca.issue_cert("localhost"))
        assert isinstance(await exchanged(context, ca_file=ca_file), Answer)
    assert proxy.connections == 0
    assert not keys.exists() or b"TRAFFIC_SECRET" not in keys.read_bytes()


async def test_E9_a_ca_from_the_environment_is_not_trusted(
    ca: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    monkeypatch.setenv("SSL_CERT_DIR", str(Path(ca_file).parent))
    failed = await exchanged(server_side(ca.issue_cert("localhost")))
    assert isinstance(failed, TransportFailed)
    assert failed.kind == "tls"


async def test_E9_a_netrc_file_adds_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: Transport
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(hostile.answer()) as server:
        await transport.get(server.url)
    assert b"authorization" not in server.requests[0].lower()


# -- a configured proxy ---------------------------------------------------------------------------


async def _tunnel(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 403 Blocked-by-canary\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def test_a_configured_proxy_is_used_and_sees_no_secret(ca_file: str) -> None:
    async with serving(_tunnel) as proxy:
        transport = Transport(
            clock=FakeClock(),
            deadline=NEVER,
            ca_file=ca_file,
            proxy=f"http://user:proxy-canary@127.0.0.1:{proxy.port}",
        )
        url = "https://pos.example.invalid/oauth/token"
        failed = await transport.exchange(Request(url=url, form=(("s", Secret("canary")),)))
        await transport.aclose()
    assert proxy.requests[0].startswith(b"CONNECT pos.example.invalid:443 HTTP/1.1\r\n")
    assert b"canary" not in proxy.requests[0]
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("network", False)
    assert "canary" not in failed.reason
    assert "pos.example.invalid" in failed.reason


@pytest.mark.parametrize("proxy", ["", "proxy.example:3128", "ftp://p/", "http://[::1"])
async def test_a_proxy_that_is_no_url_is_the_operators_fault(proxy: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.proxy"):
        Transport(clock=FakeClock(), proxy=proxy)
