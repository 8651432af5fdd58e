"""An emulated display at the far end of a real pty, with the accidents that happen to real ones."""

import contextlib
import os
import select
import threading
import time
import tty
from types import TracebackType
from typing import Final, Self

from hw.display.emulator import Emulator

_FULL: Final = 10  # refusals in a row
_FILLER: Final = 0x7F  # fills a stalled line; no command set has it, and no text of ours


class EmulatedTerminal:
    """A pty whose slave path is a display's serial port.

    `link`: a path that always leads to the present pty, as udev's stable name does; `path` is
    then that link and survives `unplug()` and `plug()`. `bytes_per_second` reads no faster than a
    real line would. `display_target` and `selected_at_start` are for a display behind a printer,
    see `Emulator`. Knobs may be turned from any thread.

    What the display answers goes back over the line; where nobody reads and the line is full, or
    the cable has no `return_wire`, it is lost.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        command_set: str,
        *,
        link: str | None = None,
        bytes_per_second: float | None = None,
        return_wire: bool = True,
        display_target: int = 2,
        selected_at_start: bool = True,
    ) -> None:
        self.command_set = command_set
        self._emulator = Emulator(
            rows,
            columns,
            command_set,
            display_target=display_target,
            selected_at_start=selected_at_start,
        )
        self._link = link
        self._bytes_per_second = bytes_per_second
        self._return_wire = return_wire
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        self._received = 0
        self._filler = 0
        self._master = -1
        self.plug()

    # -- what a person sees -----------------------------------------------------------------------

    @property
    def path(self) -> str:
        return self._link or self._slave_path

    def cells(self) -> tuple[str, ...]:
        with self._lock:
            return self._emulator.cells()

    @property
    def errors(self) -> tuple[str, ...]:
        with self._lock:
            return self._emulator.errors

    @property
    def cursor_visible(self) -> bool:
        with self._lock:
            return self._emulator.cursor_visible

    @property
    def received(self) -> int:
        """Bytes taken from the line since the beginning."""
        return self._received

    # -- what the host, the printer behind and the manufacturer notice ----------------------------

    @property
    def dsr(self) -> bool:
        """The level of the host's DSR line, which a pty does not have; low while unplugged."""
        with self._lock:
            return self._emulator.dsr

    @property
    def passed_on(self) -> bytes:
        with self._lock:
            return self._emulator.passed_on

    @property
    def harmed(self) -> tuple[str, ...]:
        with self._lock:
            return self._emulator.harmed

    # -- what happens to displays -----------------------------------------------------------------

    def plug(self) -> None:
        """Connect it: powered by the plug, so it starts from its power-on state."""
        with self._lock:
            self._emulator.power_cycle()
            self._filler = 0
        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        tty.setraw(self._slave)  # kept open: no hang-up when the agent releases the port
        self._slave_path = os.ttyname(self._slave)
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._link)
            os.symlink(self._slave_path, self._link)
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._read, name="emulated display", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the plug: the glass goes dark, and whoever has the port open gets EIO."""
        if self._master < 0:
            return
        os.write(self._stop_writer, b"x")
        self._reading.set()
        self._thread.join()
        with self._lock:
            self._emulator.power_off()
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._link)
        for descriptor in (self._master, self._slave, self._stop_reader, self._stop_writer):
            os.close(descriptor)
        self._master = -1

    def power_cycle(self) -> None:
        """The display restarts, the port stays: nobody is told."""
        with self._lock:
            self._emulator.power_cycle()

    def power_off(self) -> None:
        """The display loses its power, the port stays and takes bytes: they go nowhere."""
        with self._lock:
            self._emulator.power_off()

    def power_on(self) -> None:
        with self._lock:
            self._emulator.power_on()

    def stall(self) -> None:
        """Stop taking bytes, with the line already full: the next write has nowhere to go."""
        self._reading.clear()
        os.set_blocking(self._slave, False)
        refused = 0
        while refused < _FULL:
            try:
                with self._lock:
                    self._filler += os.write(self._slave, bytes((_FILLER,)) * 64)
                refused = 0
            except BlockingIOError:
                refused += 1
                time.sleep(0.002)  # the kernel moves what it holds onwards and takes more

    def resume(self) -> None:
        self._reading.set()

    def close(self) -> None:
        self.unplug()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- the reading thread -----------------------------------------------------------------------

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._stop_reader], [], [])
            if self._stop_reader in ready:
                return
            self._reading.wait()
            try:
                chunk = os.read(self._master, 64)
            except BlockingIOError:
                continue  # select promises nothing
            with self._lock:
                chunk = self._without_filler(chunk)
            if self._bytes_per_second is not None:
                time.sleep(len(chunk) / self._bytes_per_second)
            with self._lock:
                answer = self._emulator.feed(chunk)
                self._received += len(chunk)
            if answer and self._return_wire:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._master, answer)

    def _without_filler(self, chunk: bytes) -> bytes:
        """What the host sent, without what `stall` did. Filler that was flushed counts as still to
        come: no host sends such a byte."""
        kept = bytes(byte for byte in chunk if byte != _FILLER) if self._filler else chunk
        self._filler -= len(chunk) - len(kept)
        return kept
