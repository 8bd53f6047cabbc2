"""A clock for tests."""

from __future__ import annotations


class Time:
    """Seconds since 1970 that stand still until they are set."""

    def __init__(self, seconds: float = 1_790_000_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds
