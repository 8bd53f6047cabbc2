"""The emulator's clock: this machine's, and as far ahead of it as a test has moved it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from gemtune.errors import InvalidArgument, bad_request

__all__ = ["MovableClock"]

FURTHEST = 10**9
"""Seconds, some thirty years: how far ahead it can be moved."""


class MovableClock:
    """Seconds since 1970. Time only moves forward: a job that has ended never lives again. Shared by threads."""

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        """Shows what `base` shows until it is moved."""
        self._base = base
        self._ahead = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """The time."""
        return self._base() + self._ahead

    @property
    def ahead(self) -> float:
        """By how many seconds it has been moved."""
        return self._ahead

    def advance(self, seconds: float) -> float:
        """Moves it, and returns by how many seconds it has been moved in all.

        Raises:
            InvalidArgument: That is back, or more than thirty years.
        """
        with self._lock:
            if not (math.isfinite(seconds) and 0 <= seconds <= FURTHEST - self._ahead):
                problem = f"the clock cannot be moved by {seconds:g} s; it moves forward, up to {FURTHEST} s in all"
                raise InvalidArgument(problem, details=[bad_request([("advance", problem)])])
            self._ahead += seconds
            return self._ahead
