"""Listening sockets: made here, or handed over by systemd (socket activation).

Nobody can connect before `listen`, and `listen` comes after mode and group are right. The file is
born with mode 0600: `fchmod` on the unbound socket sets it (unix(7)), without the process-wide
umask that other threads would share.
"""

import contextlib
import grp
import os
import socket
import stat
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Final

from agent.errors import ConfigError
from agent.supply.access import Policy

# More than all connections together. Where the queue is full the kernel answers EAGAIN (unix(7)),
# which asyncio and others that connect without waiting take for a connection.
BACKLOG: Final = 512
_PATH_LIMIT: Final = 107  # bytes of sun_path without its end mark (unix(7))
_FIRST_FD: Final = 3  # sd_listen_fds(3)


def token_mode(policy: Policy, group: str | None) -> int:
    """The mode of the token socket: as closed as the policy allows. With rules or lists in the
    policy the file has to be open to all of them, and the peer decides."""
    if not policy.open:
        return 0o666
    return 0o660 if group else 0o600


def admitting(policy: Policy, group: str | None) -> Policy:
    """The socket's group may ask, lists or not; without lists the file sees to it. Rules say
    themselves which groups they mean."""
    if not group or policy.open or policy.rules:
        return policy
    return replace(policy, allow_gids=policy.allow_gids | {_gid(group)})


def listen(path: str, *, mode: int, group: str | None = None) -> socket.socket:
    """A listening socket at that path. A stale socket file is replaced, anything else is not.

    Raises ConfigError naming the path and what to do.
    """
    gid = _gid(group) if group else -1
    if len(os.fsencode(path)) > _PATH_LIMIT:
        raise ConfigError(f"socket path {path} is longer than {_PATH_LIMIT} bytes: shorten it")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_room(path)
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(path)
        os.chown(path, -1, gid)
        os.chmod(path, mode)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as exc:
        listener.close()
        raise ConfigError(f"cannot listen at {path}: {exc.strerror}; {_advice(path)}") from exc
    except BaseException:
        listener.close()
        raise
    return listener


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as exc:
        raise ConfigError(
            f"[supply] group: there is no group {group!r}; create it or name another"
        ) from exc


def _advice(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f"create {folder} (systemd does with RuntimeDirectory=)"
    return f"the agent's user needs write access to {folder}"


def _make_room(path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a socket"
        raise ConfigError(f"{path} is {kind}: remove it, or set another path in [supply]")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:  # alive, and its backlog is full
            pass
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise ConfigError(f"another program answers at {path}: stop it, or set another path")


def remove(path: str, inode: int) -> None:
    """Take the socket file away at the end, unless somebody else's is there by now."""
    with contextlib.suppress(OSError):
        if os.lstat(path).st_ino == inode:
            os.unlink(path)


def activated(environ: MutableMapping[str, str], pid: int) -> dict[str, socket.socket]:
    """The sockets systemd opened, by `FileDescriptorName=` (`token`, `admin`,
    `credential`); sd_listen_fds(3).

    The variables are taken out of `environ`, so that no child believes they are for it. Raises
    ConfigError for a descriptor that is not a listening Unix stream socket, or has another name.
    """
    count = environ.pop("LISTEN_FDS", "0")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if environ.pop("LISTEN_PID", "") != str(pid) or not count.isdecimal():
        return {}
    found: dict[str, socket.socket] = {}
    for name, fd in zip(names, range(_FIRST_FD, _FIRST_FD + int(count)), strict=False):
        if name not in ("token", "admin", "credential") or name in found:
            raise ConfigError(
                f"systemd passed a socket named {name!r}: the .socket units need "
                "FileDescriptorName=token, admin or credential, each once"
            )
        found[name] = _adopt(name, fd)
    return found


def _adopt(name: str, fd: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=fd)
    except OSError as exc:
        raise ConfigError(f"descriptor {fd} ({name}) is not a socket") from exc
    accepts = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listener.family != socket.AF_UNIX or listener.type != socket.SOCK_STREAM or not accepts:
        raise ConfigError(f"socket {name}: the .socket unit needs ListenStream= with a path")
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener
