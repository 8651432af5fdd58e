"""Time that leaps: an event loop that never waits.

As soon as nobody can run, it is the moment of the next timer. A day takes as long as what happens
in it, and the same happens on every machine, however loaded: threads are replaced by work done in
the loop itself, after a latency in this time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Leaps(selectors.DefaultSelector):
    """Instead of waiting for a while, says that it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nobody can run and no timer is set: this would wait for ever")
        ready = super().select(0) if timeout <= 0 else []
        if timeout > 0:
            self.now += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """asyncio on leaping time, in seconds from 0. For timers and tasks; no sockets, no threads."""

    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        return self._leaps.now


def leap_through(story: Coroutine[Any, Any, _T]) -> _T:
    """Run it to its end in a loop of its own."""
    loop = LeapingLoop()
    try:
        return loop.run_until_complete(story)
    finally:
        loop.close()


class BootClock:
    """`agent.clock.Clock` from the moment the mains came: means nothing to the next boot."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()

    def now(self) -> float:
        return self._loop.time() - self._since

    def wall(self) -> float:
        return 1_800_000_000.0 + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SlowWork(ThreadPoolExecutor):
    """What `asyncio.to_thread` gives to a thread is done `latency` seconds later, in one go.

    `arrives` is called when work comes in, `begins` just before it is done and `ends` after it;
    what these two raise is the work's own failure.
    """

    def __init__(
        self,
        *,
        latency: Callable[[], float],
        arrives: Callable[[], None],
        begins: Callable[[], None],
        ends: Callable[[], None],
    ) -> None:
        super().__init__(max_workers=1)
        self._loop = asyncio.get_running_loop()
        self._latency = latency
        self._arrives = arrives
        self._begins = begins
        self._ends = ends

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        work = partial(fn, *args, **kwargs)
        self._loop.call_later(self._latency(), self._do, work, future)
        self._arrives()
        return future

    def _do(self, work: Callable[[], _T], future: Future[_T]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            self._begins()
            result = work()
            self._ends()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)
