"""Reading small files of the kernel and the factory, and what each errno means for identity."""

import errno
import os
from collections.abc import Iterator
from typing import Final

from hw.contract import HardwareError, Reading

# A machine that lacks the thing lacks it for good: there is no such file, or no driver behind it.
# Everything else (EACCES, EIO, ETIMEDOUT, EISDIR, …) is trouble, which may pass or be mended.
ABSENT: Final = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO))
# What the unit's SetCredential= leaves where there is nothing to load. A firmware that itself says
# "none" cannot be mistaken for it: the kernel ends every attribute with a newline.
_NOTHING: Final = b"none"
LONGEST: Final = 4096  # bytes, a sysfs attribute's limit; a serial number has some ten
_CREDENTIAL_LIMIT: Final = 1 << 20  # bytes, systemd's own


def under(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))


def read(path: str, advice: str, *, longest: int = LONGEST) -> bytes | None:
    """All bytes of the file; None where there is no such thing. Raises HardwareError for anything
    else, `advice` being the next step. Never blocks on a FIFO or a device.
    """
    found = bytearray()
    try:
        for chunk in _chunks(path, longest + 1):
            found += chunk
            if len(found) > longest:
                break
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise HardwareError(f"{path} cannot be read ({error.strerror}): {advice}") from error
    if len(found) > longest:
        raise HardwareError(f"{path} has more than {longest} bytes: {advice}")
    return bytes(found)


def _chunks(path: str, size: int) -> Iterator[bytes]:
    """/proc gives less than was asked for before its end."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        while chunk := os.read(fd, size):
            yield chunk
    finally:
        os.close(fd)


def credential(name: str, directory: str | None) -> bytes | None:
    """A systemd credential as it is; None where the service was given nothing of that name."""
    if directory is None:
        return None
    path = os.path.join(directory, name)
    found = read(path, f"check LoadCredential={name} in the service", longest=_CREDENTIAL_LIMIT)
    return None if found == _NOTHING else found


def reading(source: str, found: bytes) -> Reading:
    """Bytes that are no UTF-8 become characters that no device UUID may contain."""
    return Reading(source=source, value=found.decode("utf-8", "surrogateescape"))


class FileSource:
    """A file with the serial number as its only line: the factory or the installer writes it.

    It may be a property of the device tree, whose text ends with NUL.
    """

    name = "file"

    def __init__(self, *, path: str, root: str = "/") -> None:
        self._path = path
        self._root = root

    def read(self) -> Reading | None:
        found = read(under(self._root, self._path), "make it a readable file of one line")
        if found is None:
            return None
        text = found.removesuffix(b"\0") if found.endswith(b"\0") else found.removesuffix(b"\n")
        return reading(self._path, text)
