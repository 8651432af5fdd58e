"""The two pages say what the code does."""

import re
from pathlib import Path

from agent.supply import contract, quick
from agent.supply.connection import Limits
from agent.supply.http1 import BODY_LIMIT, HEAD_LIMIT

_DOCS = Path(__file__).parents[2] / "docs"


def test_every_problem_has_its_entry_with_status_and_error() -> None:
    text = (_DOCS / "problems.md").read_text()
    entries = dict(re.findall(r"^### (\S+)\n(.+)", text, re.MULTILINE))
    kinds = [value for value in vars(contract).values() if isinstance(value, contract.Problem)]
    assert set(entries) == {kind.name for kind in kinds}
    for kind in kinds:
        assert entries[kind.name].startswith(f"{kind.status}, `{kind.error}`.")


def test_the_routes_are_the_ones_served() -> None:
    text = (_DOCS / "supply.md").read_text()
    described = set(re.findall(r"^\| `([A-Z]+) ([^`? ]+)", text, re.MULTILINE))
    served = {(method, path) for path, routes in contract._ROUTES.items() for method in routes}
    assert described == served


def test_the_limits_are_the_ones_enforced() -> None:
    text = " ".join((_DOCS / "supply.md").read_text().split("## Limits")[1].split())
    limits = Limits()
    assert text.startswith(
        f"Head {HEAD_LIMIT // 1024} KiB, body {BODY_LIMIT // 1024} KiB, "
        f"target {contract.TARGET_LIMIT // 1024} KiB, {limits.request:g} s for a request to arrive "
        f"and for an answer to be read, {limits.idle:g} s between requests of a kept connection, "
        f"{limits.answer:g} s for an answer, {limits.per_uid} connections a user, "
        f"{limits.connections} in all."
    )


def test_the_exit_codes_are_the_ones_returned() -> None:
    text = (_DOCS / "supply.md").read_text()
    described = {int(code) for code in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    assert described == {
        quick.OK,
        quick.USAGE,
        quick.UNREACHABLE,
        quick.PAIRING_NEEDED,
        quick.UNAVAILABLE,
        quick.NOT_ALLOWED,
    }
