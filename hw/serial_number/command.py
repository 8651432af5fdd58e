"""A program of the integrator's that prints the serial number."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hw.contract import DeviceTimeout, HardwareError, Reading
from hw.serial_number.files import LONGEST, reading

LIMIT: Final = 5.0  # s; a program that asks a security module takes less than one
_LOOK_EVERY: Final = 0.005  # s between looks for its end
_BURIAL: Final = 1.0  # s for a killed program to go; one in the middle of a system call may not

EndGroup = Callable[[int, int], None]
"""Sends a signal to a process group: os.killpg."""


class Command:
    """Run without a shell, with a limit of time and output. Its own messages go nowhere.

    Nothing printed means that this machine has no such source. Any trouble in running it is waited
    for, an exit status other than 0 included: what it printed until then does not count.
    """

    name = "command"

    def __init__(
        self, *, argv: tuple[str, ...], limit: float = LIMIT, end_group: EndGroup = os.killpg
    ) -> None:
        self._argv = argv
        self._limit = limit
        self._end_group = end_group

    def read(self) -> Reading | None:
        program = self._argv[0]
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # a group of its own, so that its children die with it
            )
        except OSError as error:
            raise HardwareError(
                f"{program} cannot be run ({error.strerror}): install it, or take it away"
            ) from error
        try:
            printed = self._finish(process)
        finally:
            self._end(process)
        if process.returncode != 0:
            raise HardwareError(
                f"{program} failed with exit status {process.returncode}: it is retried"
            )
        found = printed.removesuffix(b"\n")
        return reading(program, found) if found else None

    def _finish(self, process: subprocess.Popen[bytes]) -> bytes:
        """What it printed, once it ended. Raises HardwareError."""
        deadline = time.monotonic() + self._limit
        printed = self._printed(process, deadline)
        while not _has_ended(process.pid):
            if time.monotonic() >= deadline:
                raise self._too_slow()
            time.sleep(_LOOK_EVERY)
        return printed

    def _printed(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        """Until it closes its output, which a child it left behind may keep open."""
        output = process.stdout
        assert output is not None  # noqa: S101  # a pipe, as asked for above
        printed = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._too_slow()
                chunk = os.read(output.fileno(), LONGEST)
                if not chunk:
                    return bytes(printed)
                printed += chunk
                if len(printed) > LONGEST:
                    raise HardwareError(f"{self._argv[0]} prints more than {LONGEST} bytes")

    def _too_slow(self) -> HardwareError:
        return DeviceTimeout(f"{self._argv[0]} did not finish within {self._limit:g} s")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Leave nothing behind: not the program, not what it started in its group, not the pipe.

        The signal goes first: once the program is buried its number may be another group's.
        """
        with suppress(ProcessLookupError, PermissionError):
            self._end_group(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_BURIAL)
        if process.stdout is not None:
            process.stdout.close()


def _has_ended(pid: int) -> bool:
    """Whether our child has ended; it stays unburied."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
