"""What the doctor finds out about the display's port; no byte is sent."""

import errno
import fcntl
import os
import stat
import termios
from collections.abc import Iterator
from typing import Final

from agent import doctor
from agent.doctor import Finding, PortFacts
from hw.display import holders, users

_ERRORS: Final = {
    errno.ENOENT: "missing",
    errno.ENXIO: "missing",
    errno.ENODEV: "missing",
    errno.EACCES: "forbidden",
    errno.EPERM: "forbidden",
    errno.EBUSY: "busy",
    errno.ENOTTY: "not-a-line",
}


def display(path: str, root: str = "/") -> Iterator[Finding]:
    """Whether the port can be claimed; no byte is sent."""
    error = _refusal(path, root)
    kind = None if error is None else _ERRORS.get(error.errno or 0, "other")
    yield doctor.display(
        PortFacts(
            path=path,
            error=kind,
            detail="" if error is None else error.strerror or "",
            holders=tuple(_holders(path, root)) if kind == "busy" else (),
            brltty="brltty" in users.look(root).meddlers,
        )
    )


def _refusal(path: str, root: str) -> OSError | None:
    """What the agent would run into, in the order in which it looks."""
    try:
        os.stat(path)
        if users.locker(path, root) is not None:
            return OSError(errno.EBUSY, "locked")
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error
    try:
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            return OSError(errno.ENOTTY, "not a device")
        termios.tcgetattr(fd)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # what pyserial's exclusive open takes
        if not holders.holders(path, os.path.join(root, "proc")):
            _leave_wires_up(fd)
    except BlockingIOError:
        return OSError(errno.EBUSY, "locked")
    except termios.error as error:  # no OSError, though it carries an errno
        return OSError(error.args[0], os.strerror(error.args[0]))
    except OSError as error:
        return error
    finally:
        os.close(fd)
    return None


def _leave_wires_up(fd: int) -> None:
    """Opening has raised DTR and RTS. Some units take their fall for a host that was switched off,
    so closing must not drop them; the agent leaves them up too."""
    attributes = termios.tcgetattr(fd)
    if attributes[2] & termios.HUPCL:
        attributes[2] &= ~termios.HUPCL
        termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _holders(path: str, root: str) -> Iterator[str]:
    """Who has locked it, and programs that have it open, as far as this user may see them."""
    proc = os.path.join(root, "proc")
    owner = users.locker(path, root)
    locked = () if owner is None else (owner.pid,)
    found = dict.fromkeys((*locked, *holders.holders(path, proc)))
    return (holders.named(pid, proc) for pid in found)
