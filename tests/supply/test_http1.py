import pytest

from agent.supply import problems
from agent.supply.http1 import BODY_LIMIT, HEAD_LIMIT, Heads, Reader, encode
from agent.supply.operations import Request
from agent.supply.problems import Problem, Response

GET = b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/token/rejected HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
)
EMPTY_CHUNKED = b"POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


def read_all(data: bytes, size: int, heads: Heads | None = None) -> list[Request | Response]:
    """What a reader makes of the stream when it comes in pieces of that size."""
    reader = Reader(Heads() if heads is None else heads)
    found: list[Request | Response] = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (one := reader.next()) is not None:
            found.append(one)
            if isinstance(one, Response):
                return found
    return found


def status_of(data: bytes) -> int:
    [refusal] = read_all(data, len(data))
    assert isinstance(refusal, Response)
    return refusal.status


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 4096])
def test_requests_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    stream = GET + POST + EMPTY_CHUNKED + CHUNKED + GET + EMPTY_CHUNKED + POST
    found = read_all(stream, size)
    assert [(one.target, one.body) for one in found if isinstance(one, Request)] == [
        ("/v1/token", b""),
        ("/v1/token/rejected", b"hello"),
        ("/e", b""),
        ("/c", b"hello"),
        ("/v1/token", b""),
        ("/e", b""),
        ("/v1/token/rejected", b"hello"),
    ]


def test_a_request_has_method_and_lower_case_headers() -> None:
    assert read_all(b"HEAD /x HTTP/1.1\r\nHost: a\r\nX-Y: Z\r\n\r\n", 100) == [
        Request(method="HEAD", target="/x", headers=((b"host", b"a"), (b"x-y", b"Z")))
    ]


def test_a_repeated_head_is_parsed_once() -> None:
    heads = Heads()
    first, second = read_all(GET + GET, 10, heads)
    assert first is second
    assert len(heads) == 1


@pytest.mark.parametrize("data", [POST, CHUNKED, EMPTY_CHUNKED])
def test_heads_with_a_body_behind_them_are_not_remembered(data: bytes) -> None:
    heads = Heads()
    read_all(data, len(data), heads)
    assert len(heads) == 0


def test_the_memory_of_heads_is_bounded() -> None:
    heads = Heads()
    for number in range(1000):
        read_all(GET.replace(b"token", b"%d" % number), 100, heads)
        assert 1 <= len(heads) <= 64
    before = len(heads)
    long = GET.replace(b"localhost", b"l" * 1024)
    read_all(long, len(long), heads)
    assert len(heads) == before


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", False),
    ],
)
def test_keep_alive_is_what_http_says(head: bytes, keep_alive: bool) -> None:
    [found] = read_all(head, 9)
    assert isinstance(found, Request)
    assert keep_alive == found.keep_alive


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_not_http_is_a_bad_request(data: bytes) -> None:
    assert status_of(data) == 400


def test_heads_have_a_limit() -> None:
    padding = HEAD_LIMIT - len(b"GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n")
    fits = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * padding + b"\r\n\r\n"
    assert isinstance(read_all(fits, HEAD_LIMIT)[0], Request)
    assert status_of(fits.replace(b"X: ", b"X: x")) == 431
    assert status_of(fits[:-4] + b"xxxx") == 431
    assert read_all(fits[:-1], 100) == []


def test_a_first_line_without_end_is_a_target_too_long() -> None:
    assert status_of(b"GET /" + b"x" * HEAD_LIMIT) == 414


def test_bodies_have_a_limit() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    [found] = read_all(head % BODY_LIMIT + b"x" * BODY_LIMIT, 999)
    assert isinstance(found, Request)
    assert len(found.body) == BODY_LIMIT
    assert status_of(head % (BODY_LIMIT + 1)) == 413  # before any of it is sent


def test_chunked_bodies_have_the_same_limit() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    fits = b"800\r\n" + b"x" * 2048 + b"\r\n"
    [found] = read_all(head + fits + fits + b"0\r\n\r\n", 5000)
    assert isinstance(found, Request)
    assert status_of(head + fits + fits + b"1\r\nx\r\n") == 413


def test_pending_and_buffered_tell_what_is_there() -> None:
    reader = Reader(Heads())
    assert (reader.pending, reader.buffered) == (False, 0)
    reader.feed(POST[:10])
    assert (reader.pending, reader.buffered) == (True, 10)
    reader.feed(POST[10:-2])
    assert reader.next() is None
    assert (reader.pending, reader.buffered) == (True, 0)
    reader.feed(POST[-2:] + b"GE")
    assert isinstance(reader.next(), Request)
    assert (reader.pending, reader.buffered) == (True, 2)


def test_a_client_that_waits_for_100_is_told_once_to_continue() -> None:
    reader = Reader(Heads())
    assert not reader.wants_continue()
    reader.feed(POST[:-5].replace(b"Host", b"Expect: 100-continue\r\nHost"))
    assert reader.next() is None
    assert reader.wants_continue()
    assert not reader.wants_continue()
    reader.feed(b"hello")
    assert isinstance(reader.next(), Request)


def test_a_client_that_sends_at_once_is_not_told_to_continue() -> None:
    reader = Reader(Heads())
    reader.feed(POST[:-1])
    assert reader.next() is None
    assert not reader.wants_continue()


ANSWER = Response(status=200, headers=(("X-A", "b"),), body=b"hello")


def test_answers_are_framed_by_their_length() -> None:
    assert (
        encode(ANSWER, keep_alive=True)
        == b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"
    )


def test_the_last_answer_says_so() -> None:
    assert b"\r\nConnection: close\r\n\r\nhello" in encode(ANSWER, keep_alive=False)


def test_head_gets_the_length_without_the_body() -> None:
    data = encode(ANSWER, keep_alive=True, head_only=True)
    assert data.endswith(b"Content-Length: 5\r\n\r\n")


@pytest.mark.parametrize("line", ["304 Not Modified", "204 No Content"])
def test_304_and_204_have_no_body_and_no_length(line: str) -> None:
    data = encode(Response(status=int(line[:3]), headers=()), keep_alive=True)
    assert data == f"HTTP/1.1 {line}\r\n\r\n".encode()


def test_every_answer_has_its_words() -> None:
    """An answer without a reason phrase would end the connection instead."""
    kinds = [kind.status for kind in vars(problems).values() if isinstance(kind, Problem)]
    for status in (200, 202, 204, 304, *kinds):
        data = encode(Response(status=status, headers=()), keep_alive=True)
        assert data.startswith(f"HTTP/1.1 {status} ".encode())
