"""The import contracts hold, cover what they claim, and can fail."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {
    contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
}
# What a hurried engineer might add, and the contract that stops it.
OFFENCES = {
    "ground": ("hw/machine.py", "import agent.secret"),
    "drivers": ("agent/keeper.py", "import hw.display.port"),
    "pure": ("agent/oauth/pairing.py", "import time"),
    "httpx": ("agent/keeper.py", "import httpx"),
    "serial": ("hw/machine.py", "import serial"),
    "emulator": ("hw/display/emulator/glass.py", "import hw.display.code_pages"),
    "rooms": ("agent/store/flash.py", "import agent.supply.contract"),
}


def lint_imports(tree: Path, *only: str) -> subprocess.CompletedProcess[str]:
    wanted = [word for name in only for word in ("--contract", name)]
    program = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-P", "-c", program, "--no-logo", "--no-cache", *wanted],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    unwanted = shutil.ignore_patterns("__pycache__")
    for package in ("agent", "hw"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_an_offence_to_prove_it() -> None:
    assert set(OFFENCES) == set(CONTRACTS)


def test_contracts_hold(tree: Path) -> None:
    done = lint_imports(tree)
    assert "0 broken" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(OFFENCES))
def test_a_contract_can_fail(tree: Path, name: str) -> None:
    file, line = OFFENCES[name]
    with (tree / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = lint_imports(tree, name)
    assert "1 broken" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1


def test_pure_modules_are_the_ones_covered_to_the_last_branch() -> None:
    covered = PYPROJECT["tool"]["coverage"]["report"]["include"]
    modules = [path.removesuffix(".py").replace("/", ".") for path in covered]
    assert modules == CONTRACTS["pure"]["source_modules"]


def test_pure_modules_exist() -> None:
    missing = [
        path
        for path in PYPROJECT["tool"]["coverage"]["report"]["include"]
        if not (ROOT / path).is_file()
    ]
    assert not missing
