"""Two parsers that disagree about a token are a way in, so ours takes RFC 8259 and no more."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.oauth.strict_json import MAX_DEPTH, NotJson, decode


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"<html>", "not JSON at character 0"),
        (b'{"a": NaN}', "NaN or Infinity"),
        (b'{"a": -Infinity}', "NaN or Infinity"),
        (b'{"a": 1e999}', "a number beyond all bounds"),
        (b'{"a": -1e999}', "a number beyond all bounds"),
        (b'{"a": 1, "a": 2}', "a key occurs twice"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "a key occurs twice"),
        (b"[1]", "not an object"),
        (b'"text"', "not an object"),
        (b"null", "not an object"),
        (b'{"a": 1} {}', "not JSON at character 9"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON at character 0"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON at character 1"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\n"}', "not JSON at character 7"),
        (b'{"a": 1', "not JSON at character 7"),
    ],
)
def test_what_rfc_8259_does_not_allow_is_refused(body: bytes, reason: str) -> None:
    assert decode(body) == NotJson(reason=reason)


def test_an_integer_of_thousands_of_digits_is_refused_not_raised() -> None:
    assert isinstance(decode(b'{"a": ' + b"9" * 5000 + b"}"), NotJson)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_refused_whoever_calls_from_however_deep(opening: bytes) -> None:
    body = b'{"a":' + opening * 100_000

    def from_below(depth: int) -> object:
        return decode(body) if depth == 0 else from_below(depth - 1)

    assert from_below(sys.getrecursionlimit() // 2) == NotJson(
        reason=f"nested deeper than {MAX_DEPTH}"
    )


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_the_depth_limit_is_exact_and_siblings_do_not_add_up() -> None:
    assert isinstance(decode(nested(MAX_DEPTH)), dict)
    assert isinstance(decode(nested(MAX_DEPTH + 1)), NotJson)
    assert isinstance(decode(b'{"a":[' + b"[]," * 500 + b"{}]}"), dict)


def test_brackets_and_quotes_within_strings_do_not_count() -> None:
    text = '[{"' * MAX_DEPTH + "\\"
    assert decode(json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.timeout(5)
@pytest.mark.parametrize("filler", [b'\\"', b'"', b"\\", b"a", b"["])
def test_hostile_text_of_the_largest_size_is_scanned_in_linear_time(filler: bytes) -> None:
    body = b'{"a": "' + filler * (65536 // len(filler))
    assert isinstance(decode(body), NotJson)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_every_object_the_standard_encoder_writes_is_read_back(value: dict[str, object]) -> None:
    assert decode(json.dumps(value).encode()) == value


@given(st.binary(max_size=200) | st.text('{}[]",:\\\n 01eE.-NaInfinity').map(str.encode))
def test_nothing_escapes(body: bytes) -> None:
    assert isinstance(decode(body), dict | NotJson)
