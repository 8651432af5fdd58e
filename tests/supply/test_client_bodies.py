"""The answer's body: looked at where it may say that the token was refused, and still the caller's.

Its length is unknown here, as it is of chunked answers; test_client.py has those with a length.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest

from agent.supply.client import TokenAuth
from tests.supply.api import api
from tests.supply.house import House


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body of unknown length. `read` is how many of its pieces somebody has asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.read += 1
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


REFUSAL = b'{"status":"error","code":2003}'
KIB = 1024 * b"x"
Look = Callable[[str, httpx.MockTransport, Pieces, bool], Awaitable[tuple[int, int, bytes]]]


async def look_sync(
    socket: str, shop: httpx.MockTransport, body: Pieces, raw: bool
) -> tuple[int, int, bytes]:
    def look() -> tuple[int, int, bytes]:
        auth = TokenAuth(socket)
        with httpx.Client(auth=auth, transport=shop) as client:
            with client.stream("POST", "https://api.example/pay") as answer:
                before = body.read
                parts = list(answer.iter_raw() if raw else answer.iter_bytes())
        return answer.status_code, before, b"".join(parts)

    return await asyncio.to_thread(look)


async def look_async(
    socket: str, shop: httpx.MockTransport, body: Pieces, raw: bool
) -> tuple[int, int, bytes]:
    auth = TokenAuth(socket)
    async with httpx.AsyncClient(auth=auth, transport=shop) as client:
        async with client.stream("POST", "https://api.example/pay") as answer:
            before = body.read
            stream = answer.aiter_raw() if raw else answer.aiter_bytes()
            parts = [part async for part in stream]
    return answer.status_code, before, b"".join(parts)


both_look = pytest.mark.parametrize("look", [look_sync, look_async])


@both_look
@pytest.mark.parametrize("raw", [True, False])
async def test_of_an_endless_refusal_no_more_than_needed_is_read_and_nothing_is_lost(
    house: House, look: Look, raw: bool
) -> None:
    body = Pieces(*256 * (KIB,), REFUSAL)
    shop = httpx.MockTransport(lambda _: httpx.Response(403, stream=body))
    assert await look(house.token, shop, body, raw) == (403, 65, 256 * KIB + REFUSAL)
    assert body.closed
    assert house.desk.rejections == []


@both_look
@pytest.mark.parametrize("raw", [True, False])
async def test_a_short_refusal_of_unknown_length_that_is_anothers_is_still_to_be_read(
    house: House, look: Look, raw: bool
) -> None:
    body = Pieces(b'{"code":', b"1003}")
    shop = httpx.MockTransport(lambda _: httpx.Response(403, stream=body))
    assert await look(house.token, shop, body, raw) == (403, 2, b'{"code":1003}')
    assert body.closed
    assert house.desk.rejections == []


@both_look
@pytest.mark.parametrize(
    ("headers", "pieces"),
    [
        ({}, (REFUSAL[:9], REFUSAL[9:])),
        ({"Content-Encoding": "deflate"}, (zlib.compress(REFUSAL),)),
    ],
)
async def test_a_dead_token_is_known_by_a_body_of_unknown_length(
    house: House, look: Look, headers: dict[str, str], pieces: tuple[bytes, ...]
) -> None:
    refusal, paid = Pieces(*pieces), Pieces(b"paid")
    answers = iter([httpx.Response(403, headers=headers, stream=refusal)])
    shop = httpx.MockTransport(lambda _: next(answers, httpx.Response(200, stream=paid)))
    assert await look(house.token, shop, paid, False) == (200, 0, b"paid")
    assert refusal.closed
    assert len(house.desk.rejections) == 1


@both_look
async def test_a_body_that_cannot_be_decoded_is_the_callers_trouble(
    house: House, look: Look
) -> None:
    body = Pieces(REFUSAL)
    headers = {"Content-Encoding": "deflate"}
    shop = httpx.MockTransport(lambda _: httpx.Response(403, headers=headers, stream=body))
    assert await look(house.token, shop, body, True) == (403, 1, REFUSAL)
    with pytest.raises(httpx.DecodingError):
        await look(house.token, shop, body, False)
    assert house.desk.rejections == []


class Cut(Pieces):
    """The connection ends under it."""

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        raise httpx.ReadError("cut off")


@both_look
async def test_a_refusal_that_is_cut_off_is_told_with_its_request(house: House, look: Look) -> None:
    body = Cut(REFUSAL)
    shop = httpx.MockTransport(lambda _: httpx.Response(403, stream=body))
    with pytest.raises(httpx.ReadError) as caught:
        await look(house.token, shop, body, False)
    assert caught.value.request.url == "https://api.example/pay"
    assert body.closed


async def test_an_event_hook_may_have_read_the_refusal(house: House) -> None:
    def pay() -> httpx.Response:
        hooks = {"response": [httpx.Response.read]}
        with api("403-2003") as shop:
            shop.good.add("demo0access0token000000002")
            with httpx.Client(auth=TokenAuth(house.token), event_hooks=hooks) as client:
                return client.post(shop.url)

    assert (await asyncio.to_thread(pay)).status_code == 200
