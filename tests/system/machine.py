"""A terminal in a container: Debian with real systemd, booted in half a second.

No hardware is emulated: no udev, DMI, TPM or driver. Everything else of the unit is real:
notification, watchdog, socket activation, credentials, seccomp, capabilities, users.
"""

import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from tests.deploy import ROOT, locked

PACKAGES: Final = ("systemd-sysv", "udev", "python3")
UNWANTED: Final = ("man", "doc", "locale", "i18n", "info")
_COUNT: Final = itertools.count(1)
BOOT_LIMIT: Final = 60.0  # s; half a second where nothing else runs


def base_tree() -> Path:
    """A bare Debian of the host's own release, made once and kept in build/."""
    sources = apt_sources()
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if line
    )["VERSION_CODENAME"]
    made_of = " ".join((release, *PACKAGES, *UNWANTED))
    tree = ROOT / "build" / f"terminal-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    tree.parent.mkdir(exist_ok=True)
    with locked(tree.with_suffix(".lock")):
        if not tree.exists():
            draft = tree.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            _debootstrap(draft, release, sources)
            draft.rename(tree)
    return tree


def apt_sources() -> list[str]:
    """The files the host's own apt reads."""
    folder = Path("/etc/apt")
    found = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.*"))]
    return [str(path) for path in found if path.suffix in (".list", ".sources") and path.is_file()]


def _debootstrap(tree: Path, release: str, sources: list[str]) -> None:
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]
    command += ["--aptopt=Acquire::Languages none", "--aptopt=Apt::Install-Recommends false"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{unwanted}/*" for unwanted in UNWANTED]
    command += [f"--include={','.join(PACKAGES)}", release, str(tree), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Machine:
    """One boot of a tree, which stays as it is: what the machine writes is gone afterwards.

    >>> with Machine(tree) as machine:
    ...     machine.run("systemctl is-active pos-agent")
    """

    def __init__(self, tree: Path, *, log: Path) -> None:
        self._tree = tree
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._name = f"pos-{os.getpid()}-{next(_COUNT)}"
        self._groups = _groups(self._name)

    def __enter__(self) -> Self:
        command = ["systemd-nspawn", "-q", "-D", str(self._tree), "--volatile=overlay"]
        command += ["--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        command += [f"--machine={self._name}", "-b", "systemd.show_status=0"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                _entering(self._groups, command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.until(self._booted, BOOT_LIMIT)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """SIGTERM asks for a shutdown; a second one does not wait for it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        _forget(self._groups)

    def run(self, command: str, *, check: bool = True) -> str:
        """Standard output of a shell command inside, stripped."""
        done = self.ask(command)
        told = f"{command}: {done.stdout}{done.stderr}"
        assert not check or done.returncode == 0, f"{told}{self.words()}"
        return done.stdout.strip()

    def ask(self, command: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self._leader), "-a", "/bin/sh", "-c", command]
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        return subprocess.run(
            inside, env=clean, capture_output=True, text=True, timeout=60, check=False
        )

    def until(self, holds: Callable[[], bool], limit: float = 30.0) -> None:
        """Look again and again; fail with the machine's own words after `limit` seconds."""
        end = time.monotonic() + limit
        while not holds():
            assert time.monotonic() < end, self.words()
            time.sleep(0.05)

    def words(self) -> str:
        """What the machine has to say about the agent, for the message of a failed test."""
        if not self._leader:
            return self._log.read_text(errors="replace")
        return self.ask("systemctl status --no-pager -n 40 'pos-*'").stdout

    def _booted(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in children.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() in ("systemd", "init"):
                self._leader = int(child)
        if not self._leader:
            return False
        state = self.ask("systemctl is-system-running").stdout.strip()
        return state in ("running", "degraded")


def _groups(name: str) -> list[Path]:
    """A machine's own cgroups where the host mixes both kinds, as only hosts without systemd do:
    there nspawn uses the same ones for every machine and leaves them behind. A boot could meet
    what the one before it left, and a unit then failed with 219/CGROUP, once in a hundred boots.
    """
    tops = (Path("/sys/fs/cgroup", kind) for kind in ("unified", "systemd"))
    return [top / name for top in tops if top.is_dir()]


def _entering(groups: list[Path], command: list[str]) -> list[str]:
    """The command, begun in these cgroups."""
    enter = "".join(f"mkdir {group}; echo $$ > {group}/cgroup.procs; " for group in groups)
    return ["/bin/sh", "-ec", f'{enter}exec "$@"', "sh", *command]


def _forget(groups: list[Path]) -> None:
    for group in groups:
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
