"""What one exchange makes of servers that misbehave. Row numbers: docs/conformance.md."""

import asyncio
import contextlib
import gc
import logging
import socket
import time
import tracemalloc

import pytest

from agent.clock import SystemClock
from agent.oauth.events import TransportFailed
from agent.oauth.transport import BODY_LIMIT, Transport
from agent.oauth.wire import Answer, Request
from agent.secret import Secret
from tests.transport import hostile
from tests.transport.clocks import FakeClock
from tests.transport.conftest import DEADLINE
from tests.transport.hostile import Behaviour, Hostile, serving

CANARY = "canary-secret-0123456789"


def form(server: Hostile) -> Request:
    return Request(url=server.url, form=(("client_secret", Secret(CANARY)),))


async def post(transport: Transport, behaviour: Behaviour) -> Answer | TransportFailed:
    async with serving(behaviour) as server:
        return await transport.exchange(form(server))


async def failing(transport: Transport, behaviour: Behaviour) -> TransportFailed:
    outcome = await post(transport, behaviour)
    assert isinstance(outcome, TransportFailed)
    assert CANARY not in outcome.reason
    assert outcome.reason.isprintable()
    assert "127.0.0.1" in outcome.reason
    return outcome


async def test_a_good_answer_arrives_whole(transport: Transport, clock: FakeClock) -> None:
    date = "Tue, 24 Nov 2026 04:00:00 GMT"
    outcome = await post(
        transport, hostile.answer(503, b"{}", f"Date: {date}", "Retry-After: 7", content_type="x/y")
    )
    assert outcome == Answer(
        status=503, body=b"{}", asked_at=clock.now(), retry_after="7", date=date, content_type="x/y"
    )


async def test_A1_the_request_is_a_form_post_with_the_secret_in_the_body_only(
    transport: Transport,
) -> None:
    async with serving(hostile.answer()) as server:
        await transport.exchange(form(server))
    head, body = server.requests[0].split(b"\r\n\r\n", 1)
    assert head.startswith(b"POST /oauth/token HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in head + b"\r\n"
    assert body == b"client_secret=" + CANARY.encode()
    assert CANARY.encode() not in head


# -- E6: one deadline around everything -----------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [hostile.silent, hostile.DRIPPED_HEADERS, hostile.DRIPPED_BODY, hostile.ENDLESS_INTERIM],
    ids=["stall", "dripped headers", "dripped body", "endless 100 Continue"],
)
async def test_E6_D13_the_deadline_holds_however_slowly_a_server_answers(
    transport: Transport, behaviour: Behaviour
) -> None:
    started = time.monotonic()
    failed = await failing(transport, behaviour)
    assert DEADLINE <= time.monotonic() - started < DEADLINE + 2.0
    assert (failed.kind, failed.answer_lost) == ("network", True)


async def test_E6_a_handshake_that_never_ends_is_given_up_before_anything_was_sent(
    transport: Transport,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        failed = await transport.get(f"https://127.0.0.1:{port}/")
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("network", False)


async def test_missed_deadlines_use_up_no_connections(transport: Transport) -> None:
    """A pool that leaks places would leave the terminal mute for ever."""
    async with serving(hostile.silent) as silent, serving(hostile.answer()) as server:
        missed = await asyncio.gather(*[transport.exchange(form(silent)) for _ in range(99)])
        assert {type(each) for each in missed} == {TransportFailed}
        assert isinstance(await transport.exchange(form(server)), Answer)


async def test_timeouts_around_an_exchange_keep_working(transport: Transport) -> None:
    """anyio 3 leaves uncounted cancellations behind; no caller may feel them."""
    async with serving(hostile.silent) as server:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await transport.exchange(form(server))


async def test_D18_S10_12_cancelling_ends_an_exchange_at_once() -> None:
    transport = Transport(clock=SystemClock(), deadline=30)
    async with serving(hostile.silent) as server:
        exchange = asyncio.create_task(transport.exchange(form(server)))
        await server.arrived.wait()
        started = time.monotonic()
        exchange.cancel()
        with pytest.raises(asyncio.CancelledError):
            await exchange
    assert time.monotonic() - started < 1.0
    await transport.aclose()


# -- E4, E5: size ---------------------------------------------------------------------------------


async def test_E4_an_endless_body_is_stopped_at_the_limit_and_memory_stays_flat(
    transport: Transport,
) -> None:
    await failing(transport, hostile.ENDLESS_BODY)  # whatever is loaded once is loaded now
    gc.collect()
    tracemalloc.start()
    try:
        failed = await failing(transport, hostile.ENDLESS_BODY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (failed.kind, failed.answer_lost) == ("server", True)
    assert "64 KiB" in failed.reason
    assert peak < 2 * 1024 * 1024


async def test_E4_the_limit_is_inclusive(transport: Transport) -> None:
    assert isinstance(await post(transport, hostile.answer(200, b" " * BODY_LIMIT)), Answer)
    await failing(transport, hostile.answer(200, b" " * (BODY_LIMIT + 1)))


async def test_E5_a_gzip_bomb_is_refused_unopened(transport: Transport) -> None:
    bomb = hostile.gzip_bomb()
    tracemalloc.start()
    try:
        failed = await failing(transport, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (failed.kind, failed.answer_lost) == ("server", True)
    assert "compressed" in failed.reason
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "identity, deflate", "chunked"])
async def test_E5_any_content_encoding_is_refused(transport: Transport, coding: str) -> None:
    failed = await failing(transport, hostile.answer(200, b"{}", f"Content-Encoding: {coding}"))
    assert failed.kind == "server"


@pytest.mark.parametrize("coding", ["identity", "Identity ", ""])
async def test_E5_no_encoding_by_name_is_none(transport: Transport, coding: str) -> None:
    outcome = await post(transport, hostile.answer(200, b"{}", f"Content-Encoding: {coding}"))
    assert isinstance(outcome, Answer)


async def test_E5_compression_is_never_asked_for(transport: Transport) -> None:
    async with serving(hostile.answer()) as server:
        await transport.exchange(form(server))
        await transport.get(server.url)
    for request in server.requests:
        assert b"accept-encoding: identity\r\n" in request.lower()
        assert request.lower().count(b"accept-encoding") == 1


async def test_a_header_of_300_kB_is_the_servers_fault_and_passes(transport: Transport) -> None:
    assert (await failing(transport, hostile.BIG_HEADER)).kind == "server"


async def test_a_long_header_value_is_cut(transport: Transport) -> None:
    outcome = await post(transport, hostile.answer(429, b"", "Retry-After: " + "9" * 50_000))
    assert isinstance(outcome, Answer)
    assert len(outcome.retry_after or "") == 256


# -- D13, D19: breaks, and whether the server may have heard us ------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (hostile.reset, "network"),
        (hostile.reset_halfway, "network"),
        (hostile.raw(b""), "server"),
        (hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "server"),
        (hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "server"),
        (hostile.raw(b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n"), "server"),
        (hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "server"),
        (hostile.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "server"),
    ],
    ids=["reset", "reset halfway", "close", "half head", "half body", "junk", "length", "chunk"],
)
async def test_D13_D19_a_break_after_sending_is_trouble_with_the_answer_lost(
    transport: Transport, behaviour: Behaviour, kind: str
) -> None:
    failed = await failing(transport, behaviour)
    assert (failed.kind, failed.answer_lost) == (kind, True)


async def test_D13_S10_20_a_refused_connection_cannot_have_lost_an_answer(
    transport: Transport,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: nobody else takes the port
        failed = await transport.get(f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("network", False)
    assert "refuses" in failed.reason


async def test_D13_S10_20_a_name_that_does_not_resolve_is_called_that(
    transport: Transport,
) -> None:
    failed = await transport.get("https://terminal-test.invalid/oauth/token?secret=" + CANARY)
    assert failed == TransportFailed(
        kind="name",
        reason="the name terminal-test.invalid cannot be resolved: check network and DNS",
    )


async def test_D13_every_address_of_a_host_refusing_is_still_a_refusal(
    transport: Transport,
) -> None:
    """`localhost` may be ::1 and 127.0.0.1; the errors then come as a group."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        failed = await transport.get(f"http://localhost:{closed.getsockname()[1]}/")
    assert isinstance(failed, TransportFailed)
    assert "refuses" in failed.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        "oauth/token",
        "ftp://127.0.0.1/",
        "http://[::1/",
        "http://" + "a" * 70 + ".invalid/",
        "http://a..invalid/",
        "http://xn--/",
        "http://\x00/",
        "http://\udc80/",
        "http://ex ample.invalid/",
        "http://127.0.0.1:99999/",
        "https://user:password@127.0.0.1/",
    ],
)
async def test_E8_no_address_makes_an_exchange_raise(transport: Transport, url: str) -> None:
    failed = await transport.get(url)
    assert isinstance(failed, TransportFailed)
    assert not failed.answer_lost
    assert failed.reason.isprintable()


@pytest.mark.parametrize("bearer", ["two\nlines", "umlaut-ä", "nul\x00", "\udc80"])
async def test_E8_E11_no_token_makes_an_exchange_raise_or_shows_up(
    transport: Transport, bearer: str
) -> None:
    async with serving(hostile.answer()) as server:
        failed = await transport.get(server.url, Secret(bearer))
    assert isinstance(failed, TransportFailed)
    assert bearer not in repr(failed)


async def test_E8_a_server_that_hangs_up_in_the_handshake_is_network_trouble(
    transport: Transport,
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    failed = await transport.get(f"https://127.0.0.1:{port}/")
    server.close()
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("network", False)


async def test_E13_plain_http_on_the_tls_port_is_tls_trouble(transport: Transport) -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(speak_http, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    failed = await transport.get(f"https://127.0.0.1:{port}/")
    server.close()
    assert isinstance(failed, TransportFailed)
    assert (failed.kind, failed.answer_lost) == ("tls", False)


# -- D17, E10: where the request goes, and nowhere else --------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
async def test_D17_a_redirect_is_refused_and_the_other_server_gets_nothing(
    transport: Transport, status: int
) -> None:
    async with serving(hostile.answer()) as thief:
        location = f"Location: {thief.url}"
        failed = await failing(transport, hostile.answer(status, hostile.TOKEN, location))
    assert (thief.connections, thief.requests) == (0, [])
    assert failed.kind == "server"
    assert not failed.answer_lost
    assert str(status) in failed.reason


async def test_D17_a_redirect_is_refused_before_its_body_is_read(transport: Transport) -> None:
    drip = hostile.endless(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b" ", pause=0.02)
    started = time.monotonic()
    assert "redirects" in (await failing(transport, drip)).reason
    assert time.monotonic() - started < DEADLINE


async def test_E10_no_cookie_is_ever_sent_back(transport: Transport) -> None:
    crumbs = ("Set-Cookie: a=b", "Set-Cookie: session=1; Path=/")
    async with serving(hostile.answer(200, b"{}", *crumbs)) as server:
        await transport.exchange(form(server))
        await transport.exchange(form(server))
    assert b"cookie" not in server.requests[1].lower()


async def test_E10_a_connection_is_kept_between_exchanges(transport: Transport) -> None:
    async with serving(hostile.answer()) as server:
        for _ in range(3):
            await transport.exchange(form(server))
    assert (server.connections, len(server.requests)) == (1, 3)


async def test_E10_a_kept_connection_that_the_server_closed_is_replaced_unnoticed(
    transport: Transport,
) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with serving(hostile.raw(body)) as server:
        for _ in range(3):
            assert isinstance(await transport.exchange(form(server)), Answer)
            await asyncio.sleep(0.05)  # let the end of the connection arrive
    assert server.connections == 3


async def test_E11_S10_16_no_secret_reaches_any_logger(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(hostile.answer(), hostile.reset, hostile.raw(b"junk")) as server:
        for _ in range(3):
            await transport.exchange(form(server))
        await transport.get(server.url, Secret(CANARY))
    assert CANARY not in caplog.text
    assert "at-0123456789abcdef" not in caplog.text


async def test_F9_S10_27_a_bearer_token_goes_into_the_header(transport: Transport) -> None:
    async with serving(hostile.answer()) as server:
        await transport.get(server.url, Secret(CANARY))
    assert f"\r\nAuthorization: Bearer {CANARY}\r\n".encode() in server.requests[0]
    assert server.requests[0].startswith(b"GET /oauth/token HTTP/1.1\r\n")
