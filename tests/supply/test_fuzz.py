"""Whatever bytes arrive, the server answers in HTTP or closes, and the next client is served."""

import asyncio
import contextlib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.supply.house import Limits
from tests.supply.desk import REFRESH_TOKEN, Desk
from tests.supply.house import House, request, serving

_PIECES = st.sampled_from(
    [
        b"GET ",
        b"POST ",
        b"DELETE /v1/grant",
        b"GET /v1/events",
        b"/v1/holds",
        b"?hold=60",
        b"&ends_with=process",
        b"/v1/token",
        b"/v1/token/rejected",
        b"?min_ttl=",
        b"60",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"Host: localhost\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"If-None-Match: *\r\n",
        b"Prefer: wait=0\r\n",
        b"Last-Event-ID: feed-0\r\n",
        b"Origin: x\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b'{"fingerprint":"sha256:0123456789abcdef"}',
        b"\x00",
        b"x" * 5000,
    ]
)
_WHOLE = st.sampled_from(
    [
        request("GET", "/v1/token?min_ttl=5"),
        request("GET", "/livez").replace(b"Connection: close\r\n", b""),
        request("GET", "/v1/token?hold=9&ends_with=connection"),
        request("GET", "/v1/events"),
        request("DELETE", "/v1/holds/0000000000000001"),
        request("POST", "/v1/token/rejected", body=b"{}").replace(b"Connection: close\r\n", b""),
    ]
)
_STREAM = st.lists(st.one_of(_PIECES, _WHOLE, st.binary(max_size=40)), min_size=1, max_size=12)


async def _feed(house: House, parts: list[bytes]) -> bytes:
    async with asyncio.timeout(10), house.connection() as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0)
            writer.write_eof()
        data = b""
        with contextlib.suppress(
            ConnectionError
        ):  # closed under our writing, after the last answer
            while b"text/event-stream" not in data and (part := await reader.read(65536)):
                data += part
        return data


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(streams=st.lists(_STREAM, min_size=1, max_size=4))
def test_no_bytes_stop_the_server(folder: Path, streams: list[list[bytes]]) -> None:
    async def survive() -> None:
        broken: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _l, context: broken.append(context))
        async with serving(folder, Desk(), limits=Limits(request=2)) as house:
            for data in await asyncio.gather(*(_feed(house, parts) for parts in streams)):
                assert data == b"" or data.startswith(b"HTTP/1.1 ")
                assert REFRESH_TOKEN.encode() not in data
                assert b"500 Internal" not in data
            assert (await house.get()).status == 200
        assert broken == []

    asyncio.run(survive())
