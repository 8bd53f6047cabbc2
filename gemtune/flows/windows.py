"""What the calls of one client know of each other's creates: who is at work under an id, and what may still appear."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Key", "Windows"]

Key: TypeAlias = tuple[str, str]
"""What names a submission at the service: the parent, and the value of its request label."""


class Windows:
    """The settle windows of what was sent, and whose turn it is under an id. Shared by threads and tasks.

    Whatever ends a call (an exception of a signal handler between any two lines of it included), no later one waits
    for its turn in vain: a turn lasts no longer than the object that has it lives.

    Attributes:
        ends: Submission -> when what was sent under it can appear no more, in seconds of the monotonic clock.
    """

    def __init__(self, ends: dict[Key, float] | None = None, *, now: Callable[[], float] | None = None) -> None:
        """Knows of nothing, or of what `ends` says, which is kept up to date.

        Args:
            ends: Another owner's windows.
            now: The monotonic clock, for when a flow is interrupted and cannot ask for the time; None: what it was
                waiting for then counts as under way up to its deadline.
        """
        self.ends: dict[Key, float] = {} if ends is None else ends
        self._now = now
        self.renew()

    def renew(self) -> None:
        """In a forked child: no call of the parent's goes on here, and its lock may have been held."""
        # One that may be taken twice: the end of a flow that is collected as garbage meanwhile takes it too.
        self._lock = threading.RLock()
        self._turns: weakref.WeakValueDictionary[Key, object] = weakref.WeakValueDictionary()

    # -- whose turn it is -------------------------------------------------------------------------------------------

    def enter(self, key: Key, owner: object) -> bool:
        """Takes the turn under a submission; False while another one has it."""
        with self._lock:
            return self._turns.setdefault(key, owner) is owner

    def leave(self, key: Key, owner: object) -> None:
        """Gives the turn back, if this one has it."""
        with self._lock:
            if self._turns.get(key) is owner:
                del self._turns[key]

    # -- what may still appear --------------------------------------------------------------------------------------

    def left(self, key: Key, now: float) -> float:
        """How many seconds longer something sent under a submission may appear; 0: not at all."""
        return max(self.ends.get(key, now) - now, 0.0)

    def note(self, key: Key, ends: float, now: float) -> float | None:
        """Something was, or is about to be, sent that may appear until then; returns what was known before."""
        with self._lock:
            before = self.ends.pop(key, None)
            while self.ends:  # the oldest ones stand first: those that have ended are forgotten
                oldest = next(iter(self.ends))
                if self.ends[oldest] >= now:
                    break
                del self.ends[oldest]
            self.ends[key] = max(ends, before or ends)
            return before

    def restore(self, key: Key, before: float | None) -> None:
        """What was about to be sent proved to be nothing: only what was known before stands."""
        with self._lock:
            if before is None:
                self.ends.pop(key, None)
            else:
                self.ends[key] = before

    def interrupted(self, key: Key, window: float) -> None:
        """What was under way was broken off now."""
        if self._now is not None:
            with self._lock:
                self.ends[key] = self._now() + window
