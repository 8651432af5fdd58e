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
    error = _try_port(path)
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


def _try_port(path: str) -> OSError | None:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error
    try:
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            return OSError(errno.ENOTTY, "not a device")
        termios.tcgetattr(fd)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # what pyserial's exclusive open takes
    except BlockingIOError:
        return OSError(errno.EBUSY, "locked")
    except termios.error as error:  # no OSError, though it carries an errno
        return OSError(error.args[0], os.strerror(error.args[0]))
    except OSError as error:
        return error
    finally:
        os.close(fd)
    return None


def _holders(path: str, root: str) -> Iterator[str]:
    """Programs that have the port open, as far as this user may see them."""
    proc = os.path.join(root, "proc")
    return (holders.named(pid, proc) for pid in holders.holders(path, proc))
