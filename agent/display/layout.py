"""Text onto rows of cells: frames, pages, and what goes left and right. Pure.

Widths are cells, so texts come here after the display has said how it can show them
(`LineDisplay.as_shown`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

_LONGEST_ADDRESS: Final = 256  # characters; what a person would type has a tenth of that
_RESERVED: Final = "/?#[]@!$&'()*+,;=%:~"  # RFC 3986 section 2.2: they mean themselves
_SEPARATORS: Final = re.compile(r"[^/.\-]*[/.\-]|[^/.\-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Cells of a display. On fewer than 16 columns texts are cut; a code never is."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What the glass shows for `seconds`: as many rows as it has, each exactly as wide."""

    rows: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """`intro` once, then `frames` over and over."""

    frames: tuple[Frame, ...]
    intro: tuple[Frame, ...] = ()

    def at(self, elapsed: float) -> tuple[Frame, float]:
        """The frame that is up after so many seconds, and for how much longer."""
        for frame in self.intro:
            if elapsed < frame.seconds:
                return frame, frame.seconds - elapsed
            elapsed -= frame.seconds
        elapsed %= sum(frame.seconds for frame in self.frames)
        for frame in self.frames[:-1]:
            if elapsed < frame.seconds:
                return frame, frame.seconds - elapsed
            elapsed -= frame.seconds
        return self.frames[-1], max(self.frames[-1].seconds - elapsed, 0.0)


def frame(geometry: Geometry, rows: Iterable[str], seconds: float) -> Frame:
    """Fill up or cut to the glass."""
    wanted = [*rows, *[""] * geometry.rows][: geometry.rows]
    return Frame(tuple(row.ljust(geometry.columns)[: geometry.columns] for row in wanted), seconds)


def apart(left: str, right: str, columns: int) -> str | None:
    """Both on one row with a blank between, or None if there is no room."""
    if not right:
        return left if len(left) <= columns else None
    gap = columns - len(left) - len(right)
    return left + " " * gap + right if gap >= bool(left) else None


def letter_spaced(text: str) -> str:
    """The text with a blank between its characters, which are easier to tell apart like that."""
    return " ".join(text)


def wrapped(text: str, columns: int) -> tuple[str, ...]:
    """Lines broken between words; a word longer than a line is cut."""
    lines: list[str] = []
    for word in text.split():
        rest = word
        if lines and len(lines[-1]) + 1 + len(rest) <= columns:
            lines[-1] += f" {rest}"
            continue
        while len(rest) > columns:
            lines.append(rest[:columns])
            rest = rest[columns:]
        lines.append(rest)
    return tuple(lines)


# -- web addresses --------------------------------------------------------------------------------


def address(uri: str) -> str:
    """A verification URI as a person types it: without `https://` and a closing `/`, otherwise
    unchanged. Characters no display has are punycoded or percent-encoded, never spelled out: it
    must lead to the same place. Empty for anything but a web address (conformance row B8)."""
    if len(uri) > _LONGEST_ADDRESS or any(char <= " " or char == "\x7f" for char in uri):
        return ""
    try:
        parts = urlsplit(uri)
        plain = uri if uri.isascii() else _ascii(parts)
    except ValueError:  # UnicodeError is one
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return plain[len("https://") * (parts.scheme == "https") :].removesuffix("/")


def _ascii(parts: SplitResult) -> str:
    host = (parts.hostname or "").encode("idna").decode("ascii")
    port = f":{parts.port}" if parts.port else ""
    tail = urlunsplit(("", "", parts.path, parts.query, parts.fragment))
    return f"{parts.scheme}://{host}{port}{quote(tail, safe=_RESERVED)}"


def address_pages(shown: str, columns: int) -> tuple[str, ...]:
    """The address on as many rows as it needs, split after `/`, `.` or `-`."""
    return tuple(_packed(shown, columns))


def marked_pages(shown: str, columns: int) -> tuple[str, ...]:
    """The same, each page of several marked `1/2 `; the marks need room of their own."""
    if len(shown) <= columns:
        return (shown,)
    digits = 1
    while True:
        pages = _packed(shown, columns - len("/ ") - 2 * digits)
        if len(pages) < 10**digits:
            return tuple(f"{n}/{len(pages)} {page}" for n, page in enumerate(pages, start=1))
        digits += 1


def _packed(shown: str, room: int) -> list[str]:
    pages = [""]
    for piece in _SEPARATORS.findall(shown):
        for start in range(0, len(piece), room):
            part = piece[start : start + room]
            if len(pages[-1]) + len(part) <= room:
                pages[-1] += part
            else:
                pages.append(part)
    return pages
