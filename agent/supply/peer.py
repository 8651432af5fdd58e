"""What the kernel knows of whoever connected.

User, groups and process id are recorded at connect (SO_PEERCRED, SO_PEERGROUPS) and stay true
whatever becomes of the process. Its unit and its executable are looked up in /proc by a number
that another process may have by now. So the process is held by a pidfd, and what was read counts
only if that very process is still alive afterwards. The pidfd comes from the socket (SO_PEERPIDFD,
Linux 6.5) and is beyond doubt. An older kernel gives one by number only; then the process there
must at least run as the user who connected.

docs/supply.md, Access, says what the agent's own unit has to allow for that.
"""

import contextlib
import errno
import os
import re
import select
import socket
import struct
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Final, TypeVar

from agent.supply.access import Peer, Rule

T = TypeVar("T")

# Python has no names for these (asm-generic/socket.h, linux/capability.h).
_SO_PEERGROUPS: Final = 59  # Linux 4.13
_SO_PEERPIDFD: Final = 77
_CAP_SYS_PTRACE: Final = 19

_UCRED: Final = struct.Struct("iII")
_GROUPS_BUFFER: Final = 1024  # bytes: 256 groups, the longest getsockopt takes in Python


def peer_of(connection: socket.socket) -> Peer:
    """Who connected, as the kernel recorded it then. Raises OSError."""
    pid, uid, gid = _UCRED.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    )
    return Peer(uid=uid, gid=gid, pid=pid, groups=_groups(connection))


def _groups(connection: socket.socket) -> frozenset[int]:
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BUFFER)
    except OSError:
        return frozenset()
    return frozenset(value for (value,) in struct.iter_unpack("I", raw))


_ENDED: Final = "the process that connected has ended"
_UNITS_NEED: Final = "its own unit needs ProtectProc=default"
_EXECUTABLES_NEED: Final = "it needs the capability CAP_SYS_PTRACE"


class _Unknown(Exception):
    """Why nothing can be said, in words for the operator."""


class PeerProcess:
    """The process that connected: facts about it (`access.Facts`), and its pidfd.

    Looks at nothing before it is asked, and once only: facts are those of the first question.
    `doubts` says why a question had no answer. After `close` nothing more is found out.
    """

    def __init__(
        self,
        connection: socket.socket,
        peer: Peer,
        *,
        proc: str = "/proc",
        peerpidfd: int = _SO_PEERPIDFD,
    ) -> None:
        self.doubts: list[str] = []
        self._connection = connection
        self._peer = peer
        self._folder = f"{proc}/{peer.pid}"
        self._peerpidfd = peerpidfd
        self._pidfd: int | None = None
        self._by_number = False
        self._closed = False

    @property
    def pidfd(self) -> int | None:
        """Becomes readable when the process ends; stays ours, until `close`. None: it has ended,
        or cannot be seen from here. The socket remembers its process: it is never too late to ask.
        """
        if self._pidfd is None and self._peer.pid and not self._closed:
            with contextlib.suppress(OSError):
                self._pidfd = self._open()
        return self._pidfd

    def _open(self) -> int:
        try:
            return self._connection.getsockopt(socket.SOL_SOCKET, self._peerpidfd)
        except OSError as exc:
            if exc.errno != errno.ENOPROTOOPT:
                raise
        self._by_number = True
        return os.pidfd_open(self._peer.pid)

    def close(self) -> None:
        self._closed = True
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    # -- facts ------------------------------------------------------------------------------------

    def unit(self) -> str | None:
        return self._units[0]

    def user_unit(self) -> str | None:
        return self._units[1]

    def runs(self, path: str) -> bool:
        """The files are compared and not their names: a process in a mount namespace of its own
        making can give its executable whatever name it likes."""
        try:
            return self._executable is not None and os.path.samestat(
                self._executable, os.stat(path)
            )
        except OSError as exc:
            self.doubts.append(f"{path}: {exc.strerror}")
            return False

    @cached_property
    def _units(self) -> tuple[str | None, str | None]:
        try:
            return units(self._look(self._cgroups, _UNITS_NEED), self._peer.uid)
        except _Unknown as unknown:
            self.doubts.append(f"unit: {unknown}")
            return None, None

    @cached_property
    def _executable(self) -> os.stat_result | None:
        try:
            found = self._look(lambda: os.stat(f"{self._folder}/exe"), _EXECUTABLES_NEED)
            if not found.st_nlink:
                raise _Unknown("its file was deleted or replaced; restart the program")
        except _Unknown as unknown:
            self.doubts.append(f"executable: {unknown}")
            return None
        return found

    def _cgroups(self) -> str:
        with open(f"{self._folder}/cgroup", "rb") as file:
            return os.fsdecode(file.read())

    def _look(self, read: Callable[[], T], needed: str) -> T:
        """What is read, if it certainly is about the process that connected."""
        pidfd = self.pidfd
        if pidfd is None:
            raise _Unknown("the process has ended, or is of another PID namespace")
        try:
            if self._by_number and os.stat(self._folder).st_uid != self._peer.uid:
                raise _Unknown("its process id belongs to another user by now")
            found = read()
        except OSError as exc:
            if has_ended(pidfd):
                raise _Unknown(_ENDED) from exc
            raise _Unknown(f"the agent may not see it ({exc.strerror}); {needed}") from exc
        if has_ended(pidfd):
            raise _Unknown(_ENDED)
        return found


def has_ended(pidfd: int) -> bool:
    """Whether the process of this pidfd is over; a zombie is, too (pidfd_open(2))."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


# -- units ----------------------------------------------------------------------------------------


def units(cgroups: str, uid: int) -> tuple[str | None, str | None]:
    """The system's unit and the user's, from what /proc/<pid>/cgroup says (cgroups(7)).

    As systemd counts: below the slices the first name is the unit. What is deeper is the unit's
    own affair and proves nothing, except below `user@<uid>.service`, where that user's own service
    manager counts likewise. Names may hold every character but a newline and a slash.
    """
    paths = dict(line.split(":", 2)[1:] for line in cgroups.split("\n") if line.count(":") > 1)
    path = paths.get("name=systemd", paths.get("", ""))  # cgroup v1 or hybrid; v2
    unit, rest = _first_unit(path.split("/")[1:])
    user_unit, _ = _first_unit(rest) if unit == f"user@{uid}.service" else (None, rest)
    return unit, user_unit


def _first_unit(names: list[str]) -> tuple[str | None, list[str]]:
    below = next((n for n, name in enumerate(names) if not name.endswith(".slice")), len(names))
    name = "".join(names[below : below + 1]).removeprefix("_")  # systemd escapes "cpu.service" so
    return (name if _UNIT.fullmatch(name) else None), names[below + 1 :]


_UNIT: Final = re.compile(r"[^/\s]+\.(service|scope)")


# -- what cannot be seen from here ----------------------------------------------------------------


def unseen(rules: Iterable[Rule], *, proc: str = "/proc") -> list[str]:
    """Why some of these rules cannot match here, whoever connects. For the log, at the start."""
    told = []
    for rule in rules:
        if (rule.unit or rule.user_unit) and not _sees_others(proc):
            told.append(f"{rule.name}: the agent may not see units; {_UNITS_NEED}")
        if rule.exe and not _sees_executables(proc):
            told.append(f"{rule.name}: the agent may not see executables; {_EXECUTABLES_NEED}")
        if rule.exe and not os.path.exists(rule.exe):
            told.append(f"{rule.name}: {rule.exe} is missing, or the agent may not see it")
    return told


def _sees_others(proc: str) -> bool:
    """Tried and not asked: access(2) leaves capabilities out."""
    try:
        with open(f"{proc}/1/cgroup", "rb"):
            return True
    except OSError:
        return False


def _sees_executables(proc: str) -> bool:
    with open(f"{proc}/self/status", encoding="utf-8", errors="replace") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> _CAP_SYS_PTRACE & 1)
