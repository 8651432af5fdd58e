"""The parts of the demo together: sandbox, emulated display, daemon, payments, window."""

import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from agent.demo.processes import Daemon, Payment
from agent.demo.story import tell
from agent.demo.window import Window
from agent.demo.workspace import COLUMNS, COMMAND_SET, ROWS, Workspace
from agent.sandbox.main import tables
from agent.sandbox.server import SandboxServer
from agent.sandbox.world import Options
from hw.display.emulator.terminal import EmulatedTerminal

_TICK = 0.05  # s between looks at the glass
_SETTLED = 0.25  # s without a change; a redraw takes about a fifth of that at 9600 bit/s

OPTIONS = Options(
    access_token_seconds=20,  # so that a renewal happens under one's eyes
    code_seconds=300,
    interval=2,
    cardholder_seconds=1.5,
)


class Stage:
    """Built on entering, taken down on leaving, in order. Raises ConfigError, OSError."""

    def __init__(self, *, workspace: Workspace, port: int, window: Window) -> None:
        self.workspace = workspace
        self.window = window
        self._port = port
        self._stack = contextlib.ExitStack()
        self._payment: Payment | None = None
        self._cents = 450
        self._glass: tuple[str, ...] = ()
        self._glass_since = 0.0
        self.payments_done = 0

    def __enter__(self) -> Self:
        work = self.workspace
        with self._stack:
            work.make()
            self.sandbox = self._stack.enter_context(
                SandboxServer(
                    options=OPTIONS, port=self._port or work.port, state_file=work.sandbox_state
                )
            )
            self.terminal = self._stack.enter_context(
                EmulatedTerminal(ROWS, COLUMNS, COMMAND_SET, link=work.display)
            )
            self.configuration = work.configure(
                port=self.sandbox.port,
                tables=tables(self.sandbox, secret_file=work.secret_file),
                secret=self.sandbox.client_secret,
            )
            self.daemon = Daemon(config=work.config, on_line=self._told)
            self._stack.callback(self.daemon.stop)
            self._stack.callback(self._drop_payment)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def glass(self) -> tuple[str, ...]:
        """What a person reads: the display's rows once they stand still, until then nothing."""
        return self._glass if self._stands_still() else ()

    def tick(self) -> None:
        """Look at the glass, and see whether a payment has ended."""
        cells = self.terminal.cells()
        if cells != self._glass:
            self._glass, self._glass_since = cells, time.monotonic()
        self.window.show(cells, settled=self._stands_still())
        if self._payment is not None and self._payment.done:
            self._finish(self._payment)
        time.sleep(_TICK)

    def _stands_still(self) -> bool:
        return time.monotonic() - self._glass_since >= _SETTLED

    def wait_until(self, seen: Callable[[], bool], deadline: float) -> bool:
        """Whether it was seen within so many seconds; the show goes on meanwhile."""
        end = time.monotonic() + deadline
        while not seen():
            if time.monotonic() > end or self.daemon.status is not None:
                return False
            self.tick()
        return True

    # -- payments ---------------------------------------------------------------------------------

    @property
    def paying(self) -> bool:
        return self._payment is not None

    def start_payment(self) -> None:
        self._cents += 380
        self.window.say(f"Payment program: {self._cents / 100:.2f} EUR, asks the socket, pays ...")
        self._payment = Payment(
            socket=self.workspace.socket, api=self.sandbox.api, cents=self._cents
        )

    def _finish(self, payment: Payment) -> None:
        self._payment = None
        paid, words = payment.result()
        self.payments_done += paid
        self.window.say(f"Payment program: {words}" if paid else f"Payment failed: {words}")

    def _drop_payment(self) -> None:
        if self._payment is not None:
            self._payment.stop()
            self._payment = None

    def _told(self, line: str) -> None:
        words = tell(line)
        if words is not None:
            self.window.say(words)
