"""The sinks' directories and files. What makes them safe to read and to write:

    /run/pos-agent/sinks             the agent's
    /run/pos-agent/sinks/NAME        0750, the reader's group
    /run/pos-agent/sinks/NAME/access_token

A file is made under another name, gets owner, mode and content there, and only then its own name:
a reader finds the old token or the new one, never half of one and never one it should not see.
Directories are opened one below the other, and no symbolic link is followed.

An agent without privileges cannot give a file away. What it can do is write into a directory with
the set-group-ID bit, where the kernel gives every new file the directory's group. So the directory
is made by somebody who may, systemd-tmpfiles, and the agent looks whether it is right. In the
shipped unit even chown(2) is forbidden: it is called only where something has to change.
"""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from agent.errors import AgentError
from agent.secret import Secret
from agent.supply.delivery import FOLDER, SinkSettings

FILE: Final = "access_token"
_NEW: Final = ".access_token.new"
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TOO_OPEN: Final = 0o027  # others may look, or the group could put a file of its own there


class SinkTrouble(AgentError):
    """The sink cannot be served now; the message says what to do."""


class SinkFiles:
    """All that touches the disk. Methods raise SinkTrouble and nothing else."""

    def __init__(self, folder: str = FOLDER) -> None:
        self._folder = folder

    def path(self, name: str) -> str:
        return f"{self._folder}/{name}/{FILE}"

    def write(self, sink: SinkSettings, content: Secret) -> None:
        """Replace the file. The old one stays if this fails."""
        uid, gid = _ids(sink)
        with _explained(self.path(sink.name)), self._directory(sink, uid, gid) as directory:
            _unlink(_NEW, directory)
            file = os.open(_NEW, _FILE, 0o600, dir_fd=directory)
            try:
                _fill(file, content, uid=uid, gid=gid, mode=sink.mode)
                os.rename(_NEW, FILE, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                _unlink(_NEW, directory)
                raise
            finally:
                os.close(file)

    def remove(self, name: str) -> bool:
        """False if there was no file."""
        with _explained(self.path(name)), suppress(FileNotFoundError):
            with _opened(self._folder) as folder, _opened(name, folder) as directory:
                removed = [_unlink(each, directory) for each in (FILE, _NEW)]
                return any(removed)
        return False

    def strangers(self, names: Collection[str]) -> list[str]:
        """Directories there of sinks with other names: those of an earlier configuration."""
        try:
            with _explained(self._folder), _opened(self._folder) as folder:
                found = os.scandir(folder)
                with found:
                    return sorted(
                        entry.name
                        for entry in found
                        if entry.name not in names and entry.is_dir(follow_symlinks=False)
                    )
        except SinkTrouble:
            return []  # writing will fail as well, and say so

    @contextmanager
    def _directory(self, sink: SinkSettings, uid: int, gid: int | None) -> Iterator[int]:
        """The sink's own directory, made if need be, with the right owner and group."""
        with _opened_or_made(self._folder, 0o755) as folder:
            with _opened_or_made(sink.name, 0o750, folder) as directory:
                try:
                    _give(directory, uid, gid)
                    mode = stat.S_IMODE(os.fstat(directory).st_mode)
                    if mode & _TOO_OPEN:
                        os.fchmod(directory, mode & ~_TOO_OPEN)
                except PermissionError as exc:
                    raise SinkTrouble(self._advice(sink)) from exc
                yield directory

    def _advice(self, sink: SinkSettings) -> str:
        path = os.path.dirname(self.path(sink.name))
        line = f"d {path} 2750 {_name(os.geteuid())} {sink.group or '-'} -"
        return (
            f"{path} has another owner or group, or is open to others, and the agent may not"
            f" change that: write '{line}' into /etc/tmpfiles.d/pos-agent-sinks.conf and run"
            " systemd-tmpfiles --create"
        )


def _ids(sink: SinkSettings) -> tuple[int, int | None]:
    """Owner and group by number, at each writing: they may be made after the agent has started.
    The group is None if it is to be the directory's."""
    try:
        uid = os.geteuid() if sink.owner is None else pwd.getpwnam(sink.owner).pw_uid
    except KeyError as exc:
        raise SinkTrouble(f"there is no user {sink.owner!r}: create it or name another") from exc
    try:
        gid = None if sink.group is None else grp.getgrnam(sink.group).gr_gid
    except KeyError as exc:
        raise SinkTrouble(f"there is no group {sink.group!r}: create it or name another") from exc
    return uid, gid


def _fill(file: int, content: Secret, *, uid: int, gid: int | None, mode: int) -> None:
    _give(file, uid, gid)
    os.fchmod(file, mode)
    left = memoryview(content.reveal().encode())
    while left:
        left = left[os.write(file, left) :]


def _give(descriptor: int, uid: int, gid: int | None) -> None:
    """To its owner and group, where they are not that already."""
    status = os.fstat(descriptor)
    if status.st_uid != uid or gid not in (None, status.st_gid):
        os.fchown(descriptor, uid, -1 if gid is None else gid)


def _unlink(name: str, directory: int) -> bool:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _opened(path: str, folder: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, _DIRECTORY, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _opened_or_made(path: str, mode: int, folder: int | None = None) -> Iterator[int]:
    try:
        os.mkdir(path, 0o700, dir_fd=folder)
        made = True
    except FileExistsError:
        made = False
    with _opened(path, folder) as descriptor:
        if made:
            os.fchmod(descriptor, mode)  # whatever the umask
        yield descriptor


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SinkTrouble(f"{path}: {exc.strerror}; {_next_step(exc)}") from exc


def _next_step(exc: OSError) -> str:
    match exc.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "the tmpfs is full, free some of it"
        case errno.ENOTDIR | errno.ELOOP | errno.EISDIR | errno.ENOTEMPTY:
            return "something else is in its place, remove that"
        case _:
            return (
                "run systemd-tmpfiles --create and restart the agent, which has to own the"
                " directories"
            )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
