"""One event per line: a word, then fields.

    token.refreshed expires_in=1200 fingerprint=sha256:0123456789abcdef

In journald the line carries its priority (`<6>`, sd-daemon(3)) and no time, for journald has both;
elsewhere it begins with the time in UTC. Values are text, numbers, booleans or None and nothing
else: a Secret is refused. Line breaks and control characters are escaped, so no server can write a
line of its own into the log.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TextIO

_PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_LONGEST: Final = 1000  # characters of one value; the rest helps nobody and fills a small flash
_OURS: Final = ("agent", "hw")

Field = str | int | float | bool | None


def event(logger: logging.Logger, name: str, /, level: int = logging.INFO, **fields: Field) -> None:
    """Log that this happened. Raises TypeError for a field of any other type, such as Secret."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", line(name, **fields))
    else:
        _check(fields)


def line(name: str, /, **fields: Field) -> str:
    """The event as text."""
    _check(fields)
    return " ".join((name, *(f"{key}={_as_text(value)}" for key, value in fields.items())))


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send the log to stderr, ours from `level` on (`debug`, `info`, `warning`, `error`).

    Libraries speak from `warning` on whatever the level: below that they print headers.
    """
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(JournalFormatter() if _is_journal(target) else TerminalFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


def _is_journal(stream: TextIO) -> bool:
    """systemd.exec(5): the variable is inherited, also by what redirects its output elsewhere."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # io.UnsupportedOperation is one: there is no descriptor
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class TerminalFormatter(logging.Formatter):
    """Time and level for a person who reads along."""

    def format(self, record: logging.LogRecord) -> str:
        # Not fromtimestamp(): where time_t has 32 bits it fails after 2038, as does a wild clock.
        time = datetime(1970, 1, 1) + timedelta(seconds=int(record.created))  # noqa: DTZ001
        level = "" if record.levelno == logging.INFO else record.levelname.lower() + " "
        return "\n".join(f"{time:%Y-%m-%dT%H:%M:%SZ} {level}{text}" for text in _texts(record))


class JournalFormatter(logging.Formatter):
    """Every line with its priority, a traceback's too, or journald would take it for notice."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((p for level, p in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{text}" for text in _texts(record))


def _texts(record: logging.LogRecord) -> list[str]:
    """The message as one line, and a traceback as many."""
    message = record.getMessage()
    if not record.name.startswith(_OURS):
        message = f"{record.name}: {message}"
    texts = [_printable(message)]
    if record.exc_info:
        trace = logging.Formatter().formatException(record.exc_info)
        texts += [_printable(text) for text in trace.splitlines()]
    return texts


def _check(fields: Mapping[str, object]) -> None:
    for key, value in fields.items():
        if value is not None and not isinstance(value, str | int | float):
            raise TypeError(
                f"the field {key} is of type {type(value).__name__}; log text or numbers"
            )


def _as_text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = _printable(str(value))
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    if not text or any(mark in text for mark in ' "=\\'):
        return json.dumps(text, ensure_ascii=False)
    return text


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
