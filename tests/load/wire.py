"""HTTP/1.1 on one kept connection, as plain as a payment terminal's: what load is made with."""

import asyncio
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body` is {} where there is none, or none that is a JSON object."""

    status: int
    body: dict[str, Any]
    retry_after: float | None = None


class Line:
    """A connection that is opened when it is needed, and again after the other end closed it.

    `where` is a Unix socket's path, or a host and port. Raises OSError, EOFError.
    """

    def __init__(self, where: str | tuple[str, int]) -> None:
        self._where = where
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None

    async def ask(
        self, method: str, target: str, body: object = None, *, bearer: str | None = None
    ) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
            "Content-Type: application/json\r\n"
        )
        if bearer is not None:
            head += f"Authorization: Bearer {bearer}\r\n"
        reader, writer = await self._opened()
        try:
            writer.write(head.encode() + b"\r\n" + content)
            answer, keep = _read_head(await reader.readuntil(b"\r\n\r\n"))
            length = int(answer.get("content-length", "0"))
            content = await reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        if not keep:
            self.close()
        return _answer(answer, content)

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._ends is not None and self._ends[0].at_eof():
            self.close()
        if self._ends is None:
            if isinstance(self._where, str):
                self._ends = await asyncio.open_unix_connection(self._where)
            else:
                self._ends = await asyncio.open_connection(*self._where)
        return self._ends


def _read_head(head: bytes) -> tuple[dict[str, str], bool]:
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {":status": first.split(" ")[1]}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return fields, fields.get("connection", "").lower() != "close"


def _answer(head: dict[str, str], content: bytes) -> Answer:
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    pause = head.get("retry-after")
    return Answer(
        status=int(head[":status"]),
        body=body if isinstance(body, dict) else {},
        retry_after=None if pause is None else float(pause),
    )
