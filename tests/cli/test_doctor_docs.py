"""docs/doctor.md knows every finding by name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_lists_exactly_the_findings_there_are() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "agent").glob("*doctor*.py")
    )
    names = set(re.findall(r'(?:ok|warning|problem)\(\s*"(\w+)"', source))

    assert set(re.findall(r"(?m)^\| `(\w+)` \|", page)) == names
    assert len(names) == 11
