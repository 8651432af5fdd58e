"""Single values out of an answer: each reader gives a usable value or None, and never raises.

Everything a server says is shown, stored, logged or sent back somewhere, so each value is bounded
here, once, before anybody sees it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from agent.secret import Secret

RETRY_AFTER_MAX: Final = 3600.0  # s; whoever says more gets asked again after an hour

_TOKEN_MAX: Final = 16384  # characters; a JWT with many claims has a few thousand
_URI_MAX: Final = 512  # characters; more fits neither a paged line display nor a QR code on it
_SCOPE_MAX: Final = 1024
_DATE_MAX: Final = 64  # characters; an HTTP-date has 29

_DECIMAL: Final = re.compile(r"[0-9]{1,300}(\.[0-9]{1,300})?")
_VSCHAR: Final = re.compile(r"[ -~]+")  # RFC 6749 appendix A
_VISIBLE: Final = re.compile(r"[!-~]+")  # the same without the blank


def number(value: object) -> float | None:
    """A JSON number, or one that some servers put between quotes; `inf` if it is that large."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else None


def printable(value: object, limit: int) -> str:
    """`value` on one line of at most `limit` characters; the words stay as they are."""
    if not isinstance(value, str):
        return ""
    shown = "".join(c if c.isprintable() else " " for c in value[: 4 * limit]).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def name(value: object, limit: int) -> str | None:
    """A non-empty printable string, exactly as sent, or None."""
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        return None
    return value if value.isprintable() else None


def bearer_token(value: object) -> Secret | None:
    """An access token: visible ASCII, because it has to survive in a header."""
    return secret(value) if isinstance(value, str) and _VISIBLE.fullmatch(value) else None


def secret(value: object) -> Secret | None:
    """A refresh token or device code."""
    if not isinstance(value, str) or len(value) > _TOKEN_MAX or not _VSCHAR.fullmatch(value):
        return None
    return Secret(value)


def scope(value: object) -> str | None:
    return name(value, _SCOPE_MAX)


def web_address(value: object) -> str | None:
    """An http(s) URI a person may be sent to; no user part, which could pose as the host."""
    if not isinstance(value, str) or len(value) > _URI_MAX or not _VISIBLE.fullmatch(value):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return value if usable else None


def first(members: Mapping[str, object], names: Sequence[str]) -> object:
    """The member under the first of `names` that is there and not null."""
    return next((members[n] for n in names if members.get(n) is not None), None)


def unix_time(text: str | None) -> int:
    """An HTTP-date (RFC 9110 section 5.6.7, all three forms) in Unix seconds; 0 if it is none."""
    if text is None or len(text) > _DATE_MAX:
        return 0
    try:
        when = parsedate_to_datetime(text)
        return max(0, int(when.replace(tzinfo=when.tzinfo or UTC).timestamp()))
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0


def retry_after(text: str | None, date: str | None, wall: float) -> float | None:
    """Retry-After (RFC 9110 section 10.2.3) in seconds from now, at most `RETRY_AFTER_MAX`.

    A date is judged by the server's own clock, its Date header, because ours may be wrong; without
    one by `wall`. None when it is absent, rubbish or over.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        seconds = RETRY_AFTER_MAX if len(text) > 9 else float(text)
    else:
        then = unix_time(text)
        seconds = then - (unix_time(date) or wall) if then else 0.0
    return min(seconds, RETRY_AFTER_MAX) if seconds > 0 else None
