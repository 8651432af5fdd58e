"""As systemd does for `WatchdogSec=`: listen for signs of life, mind how far apart they are."""

import itertools
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_LOOK: Final = 0.2  # s between looks at whether it is over


class ServiceManager:
    """Takes notices (sd_notify(3)) while entered. `beats`: when READY=1 or WATCHDOG=1 came, by
    CLOCK_MONOTONIC."""

    def __init__(self, folder: Path, *, watchdog: float) -> None:
        """`watchdog`: seconds within which a sign of life is due."""
        path = str(folder / "service_manager")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.settimeout(_LOOK)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.environment: Final = {
            "NOTIFY_SOCKET": path,
            "WATCHDOG_USEC": str(round(watchdog * 1e6)),
        }
        self.beats: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                notice = self._socket.recv(4096).decode().split("\n")
            except TimeoutError:
                continue
            if "READY=1" in notice or "WATCHDOG=1" in notice:
                self.beats.append(time.monotonic())

    def longest_gap(self, until: float, *, asleep: tuple[float, float]) -> float:
        """Seconds without a sign of life up to `until`. Suspend does not count: CLOCK_MONOTONIC,
        which the watchdog goes by, stands still in it."""
        missed = asleep[1] - asleep[0]
        awake = [at if at < asleep[1] else at - missed for at in (*self.beats, until)]
        return max(later - earlier for earlier, later in itertools.pairwise(awake))
