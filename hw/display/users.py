"""Who else uses a serial port, or may want to: one look at /proc and at the lock files.

Nothing is decided by this. It is for people who wonder why a display shows nothing, or AT commands.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hw.display import holders, uucp

MEDDLERS: Final = ("brltty", "ModemManager", "gpsd")
"""Programs that look through serial ports for devices of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """`unit` is its systemd unit, None if there is none to be seen."""

    pid: int
    name: str
    unit: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.pid}{f', {self.unit}' if self.unit else ''})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """`holders`: by device, who has it open. `gettys`: by name of the terminal, its log-in prompt.
    `meddlers`: which of MEDDLERS run. `hidden`: of so many processes the files could not be seen;
    root sees all."""

    holders: Mapping[str, tuple[Process, ...]] = field(default_factory=dict)
    gettys: Mapping[str, Process] = field(default_factory=dict)
    meddlers: Mapping[str, Process] = field(default_factory=dict)
    hidden: int = 0


def look(root: str = "/") -> Users:
    """One look at all processes but this one."""
    proc = os.path.join(root, "proc")
    held: dict[str, list[Process]] = {}
    gettys, meddlers, hidden = {}, {}, 0
    for process in (_process(proc, pid) for pid in holders.others(proc)):
        here = os.path.join(proc, str(process.pid))
        opened = _opened(here)
        hidden += opened is None
        for device in opened or ():
            held.setdefault(device, []).append(process)
        if process.name == "agetty":
            gettys.update(dict.fromkeys(_words(here), process))
        if process.name in MEDDLERS:
            meddlers[process.name] = process
    return Users(
        holders={device: tuple(who) for device, who in held.items()},
        gettys=gettys,
        meddlers=meddlers,
        hidden=hidden,
    )


def locker(device: str, root: str = "/") -> Process | None:
    """Who has locked it in the way of UUCP, and lives."""
    lock = uucp.UucpLock(device, directory=os.path.join(root, uucp.DIRECTORY.lstrip("/")))
    try:
        lock.look()
    except uucp.LockedByAnother as other:
        return _process(os.path.join(root, "proc"), other.pid)
    return None


def _process(proc: str, pid: int) -> Process:
    here = os.path.join(proc, str(pid))
    units = re.findall(r"/([^/\n]+\.service)", _text(here, "cgroup"))
    return Process(
        pid=pid,
        name=holders.name(pid, proc) or "process",
        unit=units[-1] if units else None,
    )


def _opened(process: str) -> frozenset[str] | None:
    """The devices a process has open; None where that may not be seen."""
    try:
        descriptors = os.listdir(os.path.join(process, "fd"))
    except FileNotFoundError:
        return frozenset()  # it has ended by now
    except OSError:
        return None
    targets = (_target(os.path.join(process, "fd", number)) for number in descriptors)
    return frozenset(target for target in targets if target.startswith("/dev/"))


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _words(process: str) -> list[str]:
    """Its command line: readable to all, while its files are not."""
    return [word.removeprefix("/dev/") for word in _text(process, "cmdline").split("\0") if word]


def _text(process: str, name: str) -> str:
    try:
        with open(os.path.join(process, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
