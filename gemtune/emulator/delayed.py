"""What comes late: creates that are acted on after they came, and jobs that lists do not show yet.

As with the state of jobs, no thread and no timer: what is due is done when the next request looks.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping
from itertools import count

from gemtune.errors import ApiError, ResourceExhausted

__all__ = ["Lateness"]

MOST_LATE = 1_000
"""Calls that are acted on later, and jobs that lists do not show."""


class Lateness:
    """Times are microseconds since 1970. It is kept in memory: what is not due when the emulator ends is lost."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # what is done late may be hidden then
        self._due: list[tuple[int, int, Callable[[int], object]]] = []
        self._order = count()
        self._used = False
        self._hidden: Mapping[int, int] = {}

    def later(self, due: int, act: Callable[[int], object]) -> None:
        """Has `act` done at `due`, which it is given. What it is refused with, nobody hears.

        Raises:
            ResourceExhausted: Too much is to be done already.
        """
        with self._lock:
            if len(self._due) >= MOST_LATE:
                raise ResourceExhausted(f"{MOST_LATE:,} calls are to be processed later, which is the maximum")
            self._used = True
            heapq.heappush(self._due, (due, next(self._order), act))

    def catch_up(self, now: int) -> None:
        """Does what is due at `now`, in order. Who asks meanwhile waits, and so sees it done."""
        if not self._used:
            return
        with self._lock:
            while self._due and self._due[0][0] <= now:
                due, _, act = heapq.heappop(self._due)
                try:
                    act(due)
                except ApiError:
                    continue

    def hide(self, sequence: int, until: int, now: int) -> None:
        """Keeps the job of that sequence number out of lists until then."""
        with self._lock:
            if len(self._hidden) >= MOST_LATE:
                return  # so many jobs are hidden that this one may as well be seen
            self._hidden = {**self.hidden(now), sequence: until}

    def hidden(self, now: int) -> Mapping[int, int]:
        """The jobs that lists do not show at `now`: sequence number -> until when."""
        hidden = self._hidden
        return {sequence: until for sequence, until in hidden.items() if now < until} if hidden else hidden
