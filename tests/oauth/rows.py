"""Which numbered rows the tests of this repository name, read from their functions' names."""

import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
_FUNCTION = re.compile(r"^\s*(?:async )?def test_(\w+)", re.MULTILINE)


@cache
def named(pattern: str) -> frozenset[str]:
    """All matches of `pattern` that stand alone in the name of a test function under tests/."""
    row = re.compile(rf"(?<![^_])(?:{pattern})(?![^_])")
    sources = (path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("test_*.py")))
    functions = (name for source in sources for name in _FUNCTION.findall(source))
    return frozenset(found for name in functions for found in row.findall(name))
