"""JSON as RFC 8259 has it, for answers from a network nobody vouches for.

The standard decoder accepts NaN, `1e999`, duplicate keys and UTF-16, and answers deep nesting with
a RecursionError, which is no ValueError. Each of those is refused here: two parsers that disagree
about a token are a way in.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Final, Never

MAX_DEPTH: Final = 32  # an OAuth answer is 1 deep, a metadata document 2

# A string nobody closed runs to the end, so that scanning stays linear in hostile text.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJson:
    """Refused. `reason` is a few printable words and quotes nothing of the text."""

    reason: str


def decode(body: bytes) -> dict[str, object] | NotJson:
    """The one JSON object in `body`."""
    if not body.strip():
        return NotJson(reason="empty")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return NotJson(reason="not UTF-8")
    if _too_deep(text):
        return NotJson(reason=f"nested deeper than {MAX_DEPTH}")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return NotJson(reason=f"not JSON at character {error.pos}")
    except ValueError as error:  # one of ours below, or a number of thousands of digits
        return NotJson(reason=str(error))
    return value if isinstance(value, dict) else NotJson(reason="not an object")


def _too_deep(text: str) -> bool:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        first = match[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > MAX_DEPTH:
            return True
    return False


def _constant(_: str) -> Never:
    raise ValueError("NaN or Infinity")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number beyond all bounds")
    return number


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice")
    return members


_DECODER: Final = json.JSONDecoder(
    parse_constant=_constant, parse_float=_finite, object_pairs_hook=_distinct
)
