"""What blocks and takes no deadline, on a thread of its own: whoever waits for it goes when their time is up.

That is the system's name lookup, the handshakes of proxies and google-auth, none of which can be interrupted. The
threads are no part of any pool that a program waits for at its end (`asyncio.run` waits for the event loop's own).

Nothing here holds a lock that Python code takes: an exception out of a signal handler may come between any two
instructions, and would leave a `queue.Queue`, a `threading.Event` or a `concurrent.futures.Future` locked for ever.
"""

from __future__ import annotations

import _thread
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Aside", "NotYet", "unsignalled"]

T = TypeVar("T")


class NotYet(TimeoutError):
    """It is not over."""


def unsignalled(work: Callable[[], T]) -> T:
    """What `work` gives, without a signal's exception ever coming to it; who waits has it, and `work` goes on.

    For libraries that take locks in Python code. Signals come to the main thread alone, so that others need no care.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    return Aside(work).wait(math.inf)


class Aside(Generic[T]):
    """What a function gives, as a thread finds out; any number of threads and tasks may wait for it.

    Attributes:
        began: When it began, in `time.monotonic` seconds.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        """Begins at once. Where there can be no more threads (a program's end), the caller's does it."""
        self.began = time.monotonic()
        self._waiting: deque[Callable[[], object]] = deque()
        self._outcome: tuple[T | None, BaseException | None] | None = None
        try:
            _thread.start_new_thread(self._find_out, (work,))
        except RuntimeError:
            self._find_out(work)

    def _find_out(self, work: Callable[[], T]) -> None:
        try:
            self._outcome = work(), None
        except BaseException as error:
            self._outcome = None, error
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._waiting.popleft()()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._outcome is not None

    def tell(self, waiter: Callable[[], object]) -> None:
        """Calls `waiter` when it is over, on any thread; at once, if it is."""
        self._waiting.append(waiter)
        if self.done:
            self._tell()

    def result(self) -> T:
        """What it came to, once it is over; raises what the function raised."""
        if self._outcome is None:
            raise NotYet
        value, error = self._outcome
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def wait(self, deadline: float) -> T:
        """Waits for it, until `deadline` in `time.monotonic` seconds.

        Raises:
            NotYet: It is not over by then. It goes on.
        """
        over = _thread.allocate_lock()
        over.acquire()
        self.tell(over.release)
        over.acquire(timeout=min(max(deadline - time.monotonic(), 0.0), threading.TIMEOUT_MAX))
        return self.result()

    async def awaited(self) -> T:
        """As `wait`, for a task, which may be cancelled or have a timeout around it; the function goes on."""
        import asyncio  # a program that never awaits does not load it

        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not over.done():
                over.set_result(None)

        def told() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed, so nobody waits
                loop.call_soon_threadsafe(end)

        self.tell(told)
        await over
        return self.result()
