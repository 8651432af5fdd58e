"""UUCP lock files: how Java programs (RXTX) and older serial software tell each other "mine".

`/var/lock/LCK..ttyUSB0` holds a process number, as ten characters and a newline (FHS 3.0, section
5.9). They look at nothing else, so a `flock` does not keep them away, and theirs is respected here.
Anybody may write the directory: what lies there is read with suspicion, and a lock whose process
has ended counts for nothing. Where the directory cannot be written (a hardened service) the lock
is not made; `flock` and TIOCEXCL hold all the same.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from typing import Final

DIRECTORY: Final = "/var/lock"
_PTYS: Final = "/dev/pts/"
_MOST_LINKS: Final = 8  # /dev/pos/display is one
_LONGEST: Final = 64  # bytes read of a lock; a number, and perhaps a program and a user


class LockedByAnother(Exception):
    """A process that lives has the device; `pid` is its number."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} has it")
        self.pid = pid


class UucpLock:
    """The lock files of one device. Take it only with the `flock` in hand: then a file with our
    own number is a leftover, and ours to take away."""

    def __init__(self, path: str, *, directory: str = DIRECTORY) -> None:
        """`path` as configured: a link below /dev is locked under its own name as well, because
        others may open the device by it. Ptys are not locked: many a directory has a `3`."""
        names = (
            os.path.basename(step)
            for step in _steps(path)
            if step.startswith("/dev/") and not step.startswith(_PTYS)
        )
        self._files = tuple(f"{directory}/LCK..{name}" for name in dict.fromkeys(names))
        self._taken: list[str] = []

    def look(self) -> None:
        """Raises LockedByAnother."""
        for file in self._files:
            pid = _owner(file)
            if pid is not None and pid != os.getpid() and _lives(pid):
                raise LockedByAnother(pid)

    def take(self) -> None:
        """Lock as far as the directory allows. Raises LockedByAnother, and then holds nothing."""
        try:
            for file in self._files:
                if _made(file):
                    self._taken.append(file)
        except LockedByAnother:
            self.give_back()
            raise

    def give_back(self) -> None:
        """Remove what was taken, unless somebody else has put his own in its place."""
        for file in self._taken:
            if _owner(file) == os.getpid():
                with contextlib.suppress(OSError):
                    os.unlink(file)
        self._taken.clear()


def _steps(path: str) -> Iterator[str]:
    """From the path to the device, link by link."""
    for _ in range(_MOST_LINKS):
        yield path
        try:
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        except OSError:
            return


def _made(file: str) -> bool:
    """Whether the lock is ours now. Written aside and linked: others never see half a number."""
    aside = f"{file}.{os.getpid()}"
    try:
        _write(aside, b"%10d\n" % os.getpid())
        return _linked(aside, file)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(aside)


def _write(file: str, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(fd, 0o644)  # whatever the umask: who cannot read it would take it for stale
        os.write(fd, data)
    finally:
        os.close(fd)


def _linked(aside: str, file: str) -> bool:
    for _ in range(2):
        with contextlib.suppress(FileExistsError):
            os.link(aside, file)
            return True
        pid = _owner(file)
        if pid is None or pid == os.getpid():
            return pid is not None  # a file without a number may be one that is just being made
        if _lives(pid):
            raise LockedByAnother(pid)
        os.unlink(file)
    return False


def _owner(file: str) -> int | None:
    """The process number in a lock file, or None where there is none to be had."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        raw = os.read(fd, _LONGEST)
    except OSError:
        return None
    finally:
        os.close(fd)
    return _number(raw)


def _number(raw: bytes) -> int | None:
    """Text (HDB), or the four bytes of an int, as in the oldest of such files."""
    words = raw.split()
    if words and words[0].isdigit():
        number = int(words[0])
    elif len(raw) == 4:
        number = int.from_bytes(raw, sys.byteorder, signed=True)
    else:
        return None
    return number if 0 < number < 1 << 31 else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True
