"""The examples of docs/examples as programs: how each is built and started."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import pytest

from tests.interop.node import NODE

EXAMPLES: Final = Path(__file__).parents[2] / "docs" / "examples"
_PATIENCE: Final = 60.0  # s; generous, only a hang reaches it
_STRICT_C: Final = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
_PROJECT: Final = """\
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>{framework}</TargetFramework>
    <Nullable>enable</Nullable>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
  </PropertyGroup>
</Project>
"""


def _sh(_folder: Path) -> tuple[str, ...]:
    return ("sh", str(EXAMPLES / "curl.sh"))


def _python(_folder: Path) -> tuple[str, ...]:
    return (sys.executable, str(EXAMPLES / "payment.py"))


def _c(folder: Path) -> tuple[str, ...]:
    program = str(folder / "payment")
    _make("cc", *_STRICT_C, "-o", program, str(EXAMPLES / "payment.c"), "-lcurl")
    return (program,)


def _java(folder: Path) -> tuple[str, ...]:
    _make("javac", "-Xlint:all", "-Werror", "-d", str(folder), str(EXAMPLES / "Payment.java"))
    # It lives for a second: what makes long-lived programs fast only costs here.
    return ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(folder), "Payment")


def _node(_folder: Path) -> tuple[str, ...]:
    return (str(NODE), str(EXAMPLES / "payment.mjs"))


def _csharp(folder: Path) -> tuple[str, ...]:
    if shutil.which("dotnet") is None:
        pytest.skip("NOT TRIED: there is no dotnet here, so nobody has compiled Payment.cs")
    version = subprocess.run(["dotnet", "--version"], capture_output=True, text=True, check=True)
    framework = f"net{version.stdout.partition('.')[0]}.0"
    (folder / "payment.csproj").write_text(_PROJECT.format(framework=framework))
    shutil.copy(EXAMPLES / "Payment.cs", folder)
    _make("dotnet", "build", "--nologo", "--output", str(folder / "out"), str(folder))
    return ("dotnet", str(folder / "out" / "payment.dll"))


BUILDS: Final[Mapping[str, Callable[[Path], tuple[str, ...]]]] = {
    "curl.sh": _sh,
    "payment.py": _python,
    "payment.c": _c,
    "Payment.java": _java,
    "payment.mjs": _node,
    "Payment.cs": _csharp,
}


def _make(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a program said and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Program:
    command: tuple[str, ...]

    def run(self, *words: str, socket: str) -> Outcome:
        done = subprocess.run(
            [*self.command, *words],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            env=_environment(socket),
        )
        return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)

    @contextmanager
    def running(self, *words: str, socket: str, errors: Path) -> Iterator[IO[str]]:
        """Its lines on standard output, until the block ends it and what it has started."""
        with (
            errors.open("ab") as log,
            subprocess.Popen(
                [*self.command, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(socket),
                start_new_session=True,
            ) as process,
        ):
            assert process.stdout is not None
            try:
                yield process.stdout
            finally:
                os.killpg(process.pid, signal.SIGTERM)


def _environment(socket: str) -> dict[str, str]:
    """No proxies: the API of the tests is on this machine."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**kept, "POS_AGENT_SOCKET": socket}
