"""Locks pin by hash, name no place to download from, and hold what pyproject asks for."""

import json
import re
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from tests.deploy import ROOT

LOCKS = sorted(path.name for path in ROOT.glob("*.lock"))
ADDRESS = re.compile(r"[a-z+]+://|@\s*file:|^-i |--index|--find-links|--trusted", re.MULTILINE)


def requirements(text: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes."""
    for line in text.replace("\\\n", " ").splitlines():
        words, *hashes = re.split(r"\s--hash=", line)
        if words.strip() and not words.startswith("#"):
            yield Requirement(words), [given.strip() for given in hashes]


def locked(name: str) -> dict[str, Requirement]:
    return {wanted.name: wanted for wanted, _ in requirements((ROOT / name).read_text())}


def test_all_locks_are_looked_at() -> None:
    assert LOCKS == [
        "requirements-build.lock",
        "requirements-dev.lock",
        "requirements-floor.lock",
        "requirements-fuzz.lock",
        "requirements-sandbox.lock",
        "requirements.lock",
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address(name: str) -> None:
    assert ADDRESS.search((ROOT / name).read_text()) is None


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    found = list(requirements((ROOT / name).read_text()))
    assert found
    for wanted, hashes in found:
        assert re.fullmatch(r"==[^,*]+", str(wanted.specifier)), wanted
        assert hashes, f"{wanted} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", given) for given in hashes), wanted


def test_npm_locks_pin_by_integrity_and_name_no_address() -> None:
    text = (ROOT / "tests/interop/package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "://" not in re.sub(r'"(url|funding)": (?:"[^"]*"|\{[^}]*\}|\[[^]]*\])', "", text)
    assert not [path for path, package in packages.items() if "resolved" in package]
    assert not [path for path, package in packages.items() if path and "integrity" not in package]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ()),
        ("requirements-sandbox.lock", ("sandbox",)),
        ("requirements-dev.lock", ("sandbox", "dev")),
    ],
)
def test_a_lock_satisfies_pyproject(lock: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = list(project["dependencies"])
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    pinned = locked(lock)
    for wanted in map(Requirement, asked):
        if wanted.name == project["name"]:
            continue
        version = str(pinned[wanted.name].specifier).removeprefix("==")
        assert wanted.specifier.contains(version), f"{lock}: {wanted} but {version}; make lock"


def test_runtime_lock_is_the_runtime_only() -> None:
    direct = {"pyserial", "httpx", "python-periphery", "tenacity", "cryptography", "h11"}
    indirect = {"anyio", "certifi", "cffi", "httpcore", "idna", "pycparser", "typing-extensions"}
    assert set(locked("requirements.lock")) == direct | indirect


def test_the_floor_is_debian_12() -> None:
    floor = locked("requirements-floor.lock")
    debian = {
        "cryptography": "38.0.4",
        "h11": "0.14.0",
        "httpx": "0.23.3",
        "pyserial": "3.5",
        "python-periphery": "2.3.0",
        "tenacity": "8.2.1",
    }
    assert {name: str(floor[name].specifier) for name in debian} == {
        name: f"=={version}" for name, version in debian.items()
    }
