"""One event, one line; readable in journald; never a secret."""

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from agent import log
from agent.secret import Secret

TOKEN = "s3cret-token-value"


def record(level: int, message: str, name: str = "agent.keeper") -> logging.LogRecord:
    made = logging.LogRecord(name, level, "", 0, message, None, None)
    made.created = 1_790_000_000.5
    return made


@contextmanager
def configured(level: str, stream: TextIO | None = None) -> Iterator[io.StringIO]:
    """The log as `configure` sets it up, on a stream; everything is put back afterwards."""
    loggers = [logging.getLogger(name) for name in (None, "agent", "hw")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    kept = io.StringIO()
    log.configure(level, stream or kept)
    try:
        yield kept
    finally:
        for logger, handlers, was in before:
            logger.handlers[:] = handlers
            logger.setLevel(was)


def test_an_event_is_a_word_and_its_fields_in_order() -> None:
    line = log.line("token.refreshed", expires_in=1200, fingerprint="sha256:0a", degraded=None)
    assert line == "token.refreshed expires_in=1200 fingerprint=sha256:0a degraded=none"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (False, "false"), (None, "none"), (3, "3"), (2.5, "2.5"), (2.0, "2"),
        (0.12345, "0.123"), ("", '""'), ("two words", '"two words"'), ('a"b', r'"a\"b"'),
        ("a=b", '"a=b"'), ("a\nb", r'"a\\nb"'), ("\x1b[1m", r'"\\x1b[1m"'), ("Zoë", "Zoë"),
        ("\u202e", r'"\\u202e"'), ("x" * 1001, "x" * 1000 + "…"),
    ],
)  # fmt: skip
def test_a_value_cannot_break_out_of_its_field(value: object, text: str) -> None:
    assert log.line("e", field=value) == f"e field={text}"  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [Secret(TOKEN), [Secret(TOKEN)], b"bytes", {"a": 1}, object()])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_S10_16_a_secret_is_refused_even_below_the_level_that_is_logged(
    value: object, level: int
) -> None:
    with configured("info") as stream:
        with pytest.raises(TypeError, match=r"the field token is of type \w+; log text") as caught:
            log.event(logging.getLogger("agent.x"), "e", level=level, token=value)  # type: ignore[arg-type]

    assert TOKEN not in str(caught.value)
    assert stream.getvalue() == ""


def test_S10_16_a_secret_in_a_plain_message_shows_nothing() -> None:
    with configured("debug") as stream:
        logging.getLogger("agent.x").error("%s %r %s", Secret(TOKEN), [Secret(TOKEN)], "end")

    assert TOKEN not in stream.getvalue()
    assert stream.getvalue().endswith("error Secret(…) [Secret(…)] end\n")


def test_S10_16_libraries_stay_silent_below_warning_at_any_level() -> None:
    """httpx and httpcore print URLs and headers at info and debug."""
    with configured("debug") as stream:
        for name in ("httpx", "httpcore.http11", "asyncio"):
            logging.getLogger(name).info("Authorization: Bearer %s", TOKEN)
        logging.getLogger("httpx").warning("slow")
        logging.getLogger("agent.x").debug("ours")

    told = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    assert told == ["warning httpx: slow", "debug ours"]


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3),
        (logging.CRITICAL, 2), (logging.INFO + 5, 6),
    ],
)  # fmt: skip
def test_journald_gets_the_priority_and_no_time(level: int, priority: int) -> None:
    assert log.JournalFormatter().format(record(level, "a.b c=1")) == f"<{priority}>a.b c=1"


def test_a_terminal_gets_the_time_in_utc_and_the_level_if_it_matters() -> None:
    formatter = log.TerminalFormatter()

    assert formatter.format(record(logging.INFO, "a.b")) == "2026-09-21T14:13:20Z a.b"
    assert formatter.format(record(logging.ERROR, "a.b")) == "2026-09-21T14:13:20Z error a.b"


def test_a_clock_beyond_32_bits_is_no_trouble() -> None:
    late = record(logging.INFO, "a.b")
    late.created = 2**33
    assert log.TerminalFormatter().format(late).startswith("2242-03-16T")


def test_every_line_of_a_traceback_has_the_priority_and_no_control_character() -> None:
    try:
        raise ValueError("one\ntwo\x1b[1m")
    except ValueError:
        failed = record(logging.ERROR, "a.b")
        failed.exc_info = sys.exc_info()

    lines = log.JournalFormatter().format(failed).split("\n")

    assert len(lines) > 3
    assert all(line.startswith("<3>") and line.isprintable() for line in lines)
    assert lines[-1] == r"<3>two\x1b[1m"


def test_a_server_cannot_write_a_line_of_its_own() -> None:
    with configured("info") as stream:
        event = log.line("pairing.refused", description='x\n2026 token.renewed "ok"')
        logging.getLogger("agent.x").info("%s", event)

    assert stream.getvalue().count("\n") == 1


def test_the_level_decides_what_is_logged() -> None:
    with configured("warning") as stream:
        log.event(logging.getLogger("agent.x"), "quiet")
        log.event(logging.getLogger("hw.x"), "loud", level=logging.WARNING)

    assert stream.getvalue().endswith("warning loud\n")
    assert "quiet" not in stream.getvalue()


@pytest.mark.parametrize(("ours", "start"), [(True, "<6>a.b"), (False, "20")])
def test_the_journal_is_recognised_by_its_stream_and_not_by_the_variable_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: bool, start: str
) -> None:
    with open(tmp_path / "stream", "w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + (not ours)}")
        with configured("info", stream):
            log.event(logging.getLogger("agent.x"), "a.b")
        stream.seek(0)
        assert stream.read().startswith(start)
