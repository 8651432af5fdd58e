"""The customer display, lent by the running agent for as long as a command needs it."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from agent.cli_talk import ask
from agent.errors import AgentError
from agent.supply.errors import AgentUnreachable
from hw.contract import DeviceBusy

_T = TypeVar("_T")

_LETTING_GO: Final = 5.0  # s for the agent to clear the display and close its port
_LOOK: Final = 0.05  # s between two looks
_INTERRUPTING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def lent(admin_socket: str) -> Iterator[None]:
    """While the block runs, the agent keeps off the display; afterwards it is as it was before.

    Without an agent, or without the right to ask one, the block runs all the same: the port says
    itself if it is taken.
    """
    if not _borrow(admin_socket):
        yield
        return
    try:
        yield
    finally:
        with _uninterrupted():  # or a second Ctrl-C would leave the terminal without its display
            _return(admin_socket)


def patiently(attempt: Callable[[], _T], seconds: float = _LETTING_GO) -> _T:
    """Try again while the port is taken: whoever was asked to leave needs a moment. Raises what
    `attempt` raises."""
    end = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except DeviceBusy:
            if time.monotonic() > end:
                raise
            time.sleep(_LOOK)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _INTERRUPTING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _borrow(socket: str) -> bool:
    """Whether it is ours to give back: not without an agent, nor if it was lent before."""
    try:
        if _health(socket) == "lent":
            return False
        ask(socket, "POST", "/v1/display/release")
    except AgentUnreachable:
        return False
    except AgentError as error:  # not allowed, mostly
        print(f"pos-agent: the agent does not lend the display: {error}", file=sys.stderr)
        return False
    return True


def _return(socket: str) -> None:
    try:
        ask(socket, "POST", "/v1/display/claim")
    except AgentUnreachable:
        pass  # it has ended, and forgotten that it lent anything
    except AgentError as error:
        print(
            f"pos-agent: the agent did not take the display back ({error}); restart it:"
            " systemctl restart pos-agent",
            file=sys.stderr,
        )


def _health(socket: str) -> object:
    display = ask(socket, "GET", "/v1/status").get("display")
    return display.get("health") if isinstance(display, dict) else display
