"""`make` alone tells a newcomer what there is."""

import re

from tests.deploy import ROOT, make

MAKEFILE = (ROOT / "Makefile").read_text()


def test_make_alone_lists_the_targets() -> None:
    said = make()
    for target in ("demo", "test", "bench", "install", "lock", "clean"):
        assert re.search(rf"^  {target}\s+\S", said, re.MULTILINE), target
    assert max(map(len, said.splitlines())) <= 100


def test_every_explained_target_exists_and_is_no_file() -> None:
    explained = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    phony = {
        name
        for line in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
        for name in line.split()
    }
    assert explained <= phony


def test_ci_runs_everything_and_the_demonstration() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    assert re.search(r"^make test$", script, re.MULTILINE)
    assert re.search(r"^make demo AUTO=1$", script, re.MULTILINE)
