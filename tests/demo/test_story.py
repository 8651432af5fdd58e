"""The daemon's log lines in plain words."""

import pytest

from agent import log
from agent.demo.story import Entry, parse, tell

TIME = "2026-11-24T04:53:38Z "


@pytest.mark.parametrize("prefix", ["", TIME, "<6>", TIME + "warning ", TIME + "error "])
def test_a_line_is_taken_apart_whatever_stands_before_it(prefix: str) -> None:
    found = parse(prefix + 'pairing.refused error=invalid_client description="a \\"b\\" = c" n=5\n')
    assert found == Entry(
        event="pairing.refused",
        fields={"error": "invalid_client", "description": 'a "b" = c', "n": "5"},
    )


def test_every_line_the_log_can_write_is_read_back() -> None:
    fields = {"reason": 'no "answer" = from\\there', "empty": "", "at": "http://[::1]:1/x?y=z"}
    found = parse(TIME + log.line("token.renewal_failed", **fields, retry_within=3))
    assert found == Entry(event="token.renewal_failed", fields={**fields, "retry_within": "3"})


@pytest.mark.parametrize(
    "line", ["", "Traceback (most recent call last):", '  File "x.py", line 1', "one two.three"]
)
def test_other_lines_are_no_events(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("identity.built uuid=/vendor/a/serial/1", "This terminal is /vendor/a/serial/1."),
        (
            "pairing.code_shown verification_uri=http://x expires_in=300 codes_left=5",
            "The display shows a code for 300 s.",
        ),
        ('pairing.done owner="Café Morgenrot"', "Paired to Café Morgenrot."),
        ('pairing.done owner=""', "Paired to an unnamed merchant."),
        (
            "token.renewed fingerprint=sha256:0 expires_in=20",
            "Token renewed; the new one lives 20 s.",
        ),
        (
            'token.renewal_failed reason="connection refused" retry_within=5',
            "Renewal failed: connection refused. The token stays in use.",
        ),
    ],
)
def test_known_events_are_told_in_plain_words(line: str, told: str) -> None:
    assert tell(TIME + line) == told


def test_a_missing_field_reads_as_a_question_mark() -> None:
    assert tell("identity.built") == "This terminal is ?."


def test_an_unknown_event_is_shown_as_it_is() -> None:
    line = TIME + "sink.written path=/run/x"
    assert tell(line + "\n") == line


def test_a_traceback_is_shown_as_it_is_and_empty_lines_are_not() -> None:
    assert tell("Traceback (most recent call last):\n") == "Traceback (most recent call last):"
    assert tell("\n") is None


def test_what_a_newcomer_need_not_read_is_left_out() -> None:
    assert tell(TIME + "supply.handed_out uid=0 pid=1 fingerprint=sha256:0") is None
    assert tell(TIME + "supply.handed_out_again client=uid:0 times=7") is None


def test_a_broken_quote_is_left_as_it_is() -> None:
    found = parse(r'store.corrupt reason="\x"')
    assert found is not None
    assert found.fields["reason"] == r'"\x"'
